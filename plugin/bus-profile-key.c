/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AuthenticationProfile.SetSymmetricKey: the only way of a key over the bus, as a file descriptor and in one
 * direction (style-anchors.md D1). It goes to the token under symmKeyID, never to the store (EE-21). Who may:
 * whoever polkit lets enrol, but no DM session that a MEF ordered (mo-tree.md 4.4). Thread: the loop's;
 * work() the token's. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/bus-node.h"
#include "plugin/dm/dm.h"
#include "plugin/fd-secret.h"

#define KEY_MIN 16u /* octets (mo-tree.md 5.3); at most LIMIT_PSK */

/* Lives from the call to its reply. */
struct setting {
    struct engine *e;
    struct bus_call *call;
    char *key_id, *profile;
    int fd;
};

static void setting_free(struct setting *s)
{
    bus_call_unref(s->call);
    closep(&s->fd);
    free(s->key_id);
    free(s->profile);
    free(s);
}

static int work(void *ctx, struct mef_error *reterr)
{
    struct setting *s = ctx;
    _cleanup_(secret_freep) struct secret *key = NULL;
    int r = fd_secret_read(s->fd, "the key", LIMIT_PSK, &key, reterr);

    if (r == 0 && key->len < KEY_MIN)
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "the key has %zu octets; it must have %u to %u",
                     key->len, KEY_MIN, LIMIT_PSK);
    if (r == 0)
        r = vault_set_key(&s->e->vault, s->key_id, s->profile, key, reterr);
    if (r == 0)
        token_thread_relist(s->e->token_thread);
    return r;
}

static void done(void *ctx, int r, const struct mef_error *err)
{
    struct setting *s = ctx;

    if (r < 0)
        bus_reply_error(s->call, err);
    else
        (void)bus_reply(s->call, "");
    setting_free(s);
}

static const struct bus_option no_options[] = {{NULL, NULL}};

int profile_set_key(struct engine *e, const struct mo_node *n, struct bus_call *call,
                    struct mef_error *reterr)
{
    const char *key_id = mo_node_text(n, MO_SYMM_KEY_ID);
    struct bus_value *v = bus_call_arg(call, 0);
    int r = bus_call_options(call, 1, no_options, reterr);

    if (r < 0)
        return r;
    if (dm_has_session(e->dm, bus_call_sender(call)))
        return mef_fail(
            reterr, MEF_ERROR_NOT_AUTHORIZED,
            "a DM session that a MEF ordered may not write symmKeyValue; let MO_NODE make the key");
    if (!key_id)
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "'%s' has no symmKeyID, by which the key would be found; set it first",
                        mo_node_name(n));
    struct setting *s = calloc(1, sizeof *s);
    if (!s)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    *s = (struct setting){.e = e,
                          .call = bus_call_ref(call),
                          .key_id = strdup(key_id),
                          .profile = strdup(mo_node_name(n)),
                          .fd = v->fd};
    v->fd = -1;
    if (!s->key_id || !s->profile || token_thread_submit(e->token_thread, work, done, s) < 0) {
        setting_free(s);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    return 0;
}
