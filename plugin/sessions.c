/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DM sessions in the house: what plugin/dm asks of the tree and of the registrations. Thread: the loop's. */
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/bus-tree.h"
#include "plugin/dm/dm.h"
#include "plugin/registrations.h"

static char *registration_object(void *ctx, const char *node)
{
    const struct registration *r = registration_find(ctx, node);
    const char *path = r ? registration_path(r) : NULL;

    return path ? strdup(path) : NULL;
}

static char *credential_object(void *ctx, const char *node)
{
    const struct registration *r = registration_find(ctx, node);

    return r && r->credential ? credential_path(r->credential) : NULL;
}

static bool rollback(void *ctx, uint64_t session)
{
    return tree_session_rollback(ctx, session);
}

int sessions_start(struct engine *e)
{
    static const char *const words[] = {"auto", "register", "bootstrap"};
    const struct config *c = e->config;

    return dm_new(
        &(struct dm_params){.bus = e->bus,
                            .event = e->event,
                            .post = e->post,
                            .clients = c->dm_clients,
                            .timeout = c->devcfg_timeout,
                            .idle = c->devcfg_idle,
                            .lwm2m = c->devcfg_lwm2m < ELEMENTS(words) ? words[c->devcfg_lwm2m] : NULL,
                            .ctx = e,
                            .registration = registration_object,
                            .credential = credential_object,
                            .rollback = rollback},
        &e->dm);
}
