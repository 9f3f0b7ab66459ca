/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/ports.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"

void key_list_clear(struct key_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->item[i].name);
        free(l->item[i].path);
    }
    free(l->item);
    *l = (struct key_list){0};
}

void der_list_clear(struct der_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->item[i].data);
    free(l->item);
    *l = (struct der_list){0};
}

int der_list_add(struct der_list *l, const void *data, size_t len)
{
    struct der *item = reallocarray(l->item, l->n + 1, sizeof *item);

    if (!item)
        return -ENOMEM;
    l->item = item;
    item[l->n].data = malloc(len ? len : 1);
    if (!item[l->n].data)
        return -ENOMEM;
    if (len)
        memcpy(item[l->n].data, data, len);
    item[l->n++].len = len;
    return 0;
}

int der_list_copy(const struct der_list *from, struct der_list *to)
{
    struct der_list copy = {0};

    for (size_t i = 0; i < from->n; i++) {
        int r = der_list_add(&copy, from->item[i].data, from->item[i].len);
        if (r < 0) {
            der_list_clear(&copy);
            return r;
        }
    }
    *to = copy;
    return 0;
}

void answer_clear(struct answer *a)
{
    free(a->rqi);
    free(a->content_location);
    free(a->content_type);
    buf_clear(&a->body);
    *a = (struct answer){0};
}

void http_response_clear(struct http_response *r)
{
    free(r->content_type);
    buf_clear(&r->body);
    *r = (struct http_response){0};
}

const char *reg_state_name(enum reg_state s)
{
    static const char *const names[REG_STATE_MAX_] = {
        [REG_NEW] = "new",         [REG_REGISTERING] = "registering", [REG_REGISTERED] = "registered",
        [REG_EXPIRED] = "expired", [REG_ENDING] = "ending",           [REG_FAILED] = "failed",
    };
    return s < REG_STATE_MAX_ ? names[s] : "failed";
}

/* The strings of a record, so that clear and copy cannot forget one. */
static char **reg_strings(struct reg_record *r, size_t i)
{
    char **all[] = {&r->node,        &r->reg_id,          &r->cmd_to,      &r->client_id,    &r->create_rqi,
                    &r->create_body, &r->last_update_cid, &r->config_json, &r->assigned_key, &r->assigned_for,
                    &r->asked};
    return i < ELEMENTS(all) ? all[i] : NULL;
}

static char **cmd_strings(struct cmd_record *c, size_t i)
{
    char **all[] = {&c->node, &c->cid, &c->body, &c->transaction, &c->detail};
    return i < ELEMENTS(all) ? all[i] : NULL;
}

void reg_record_clear(struct reg_record *r)
{
    for (size_t i = 0; reg_strings(r, i); i++)
        free(*reg_strings(r, i));
    *r = (struct reg_record){0};
}

int reg_record_copy(const struct reg_record *from, struct reg_record *to)
{
    struct reg_record copy = *from;
    bool ok = true;

    for (size_t i = 0; reg_strings(&copy, i); i++) {
        char **s = reg_strings(&copy, i);
        if (*s && !(*s = strdup(*s)))
            ok = false;
    }
    if (!ok) {
        reg_record_clear(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

bool cmd_record_by_hand(const struct cmd_record *c)
{
    return c->cid && strncmp(c->cid, CMD_BY_HAND, strlen(CMD_BY_HAND)) == 0;
}

void cmd_record_clear(struct cmd_record *c)
{
    for (size_t i = 0; cmd_strings(c, i); i++)
        free(*cmd_strings(c, i));
    *c = (struct cmd_record){0};
}

int cmd_record_copy(const struct cmd_record *from, struct cmd_record *to)
{
    struct cmd_record copy = *from;
    bool ok = true;

    for (size_t i = 0; cmd_strings(&copy, i); i++) {
        char **s = cmd_strings(&copy, i);
        if (*s && !(*s = strdup(*s)))
            ok = false;
    }
    if (!ok) {
        cmd_record_clear(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}
