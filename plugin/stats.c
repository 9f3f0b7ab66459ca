/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of the registrations, and the snapshot of them that a host can ask for (host.h, stats()).
 * Ownership: the snapshot holds copies of all that it tells. Thread: the loop's, but for stats_tell() and
 * stats_free(). */
#include "plugin/stats.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/registrations.h"

struct stats {
    struct mefplug_stat *item;
    size_t n;
};

/* ---- counting --------------------------------------------------------------------------------------- */

static void count(struct registration *r, uint32_t csc)
{
    for (size_t i = 0; i < r->n_statuses; i++)
        if (r->statuses[i].csc == csc) {
            r->statuses[i].n++;
            return;
        }
    /* Numbers are our own, so there are not more of them than the standard has. */
    struct status_count *more = reallocarray(r->statuses, r->n_statuses + 1, sizeof *more);
    if (!more)
        return;
    r->statuses = more;
    more[r->n_statuses++] = (struct status_count){.csc = csc, .n = 1};
}

void registration_count_status(struct registration *r, const struct cmd_record *rec)
{
    const struct shown_command *before = registration_command(r, rec->serial);

    if (rec->state == CMD_REPORTED && rec->csc && !cmd_record_by_hand(rec) &&
        !(before && before->rec.state == CMD_REPORTED))
        count(r, rec->csc);
}

/* The record's own number begins again when an attempt succeeds, and when the process does. */
void registration_count_retries(struct registration *r, const struct reg_record *rec)
{
    uint32_t before = r->rec.retry_count, now = rec->retry_count;

    if (now > before)
        r->retries += now - before;
    else if (now < before)
        r->retries += now;
}

/* ---- taking ----------------------------------------------------------------------------------------- */

/* Attention without a registration of that name is the plugin's. */
static bool concerns(struct engine *e, const struct attention *a, const char *label)
{
    bool own = *a->node && registration_find(e, a->node);

    return *label ? streq(a->node, label) : !own;
}

static int take_attention(struct engine *e, const char *label, struct mefplug_stat *s)
{
    struct mefplug_attention *list = NULL;
    size_t n = 0;

    for (const struct attention *a = e->attention; a; a = a->next)
        n += concerns(e, a, label);
    if (n == 0)
        return 0;
    list = calloc(n, sizeof *list);
    if (!list)
        return -ENOMEM;
    s->attention = list;
    s->n_attention = (uint32_t)n;
    for (const struct attention *a = e->attention; a; a = a->next) {
        if (!concerns(e, a, label))
            continue;
        list->reason = strdup(a->reason);
        list->text = strdup(a->text);
        if (!list->reason || !list->text)
            return -ENOMEM;
        list++;
    }
    return 0;
}

static int take_statuses(const struct registration *r, struct mefplug_stat *s)
{
    struct mefplug_count *list;

    if (r->n_statuses == 0)
        return 0;
    list = calloc(r->n_statuses, sizeof *list);
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < r->n_statuses; i++)
        list[i] = (struct mefplug_count){.code = r->statuses[i].csc, .count = r->statuses[i].n};
    s->statuses = list;
    s->n_statuses = (uint32_t)r->n_statuses;
    return 0;
}

/* r NULL: the plugin as a whole. */
static int take_one(struct engine *e, const struct registration *r, struct mefplug_stat *s)
{
    const char *label = r ? r->config.node : "";
    int result;

    s->size = sizeof *s;
    s->label = strdup(label);
    result = s->label ? take_attention(e, label, s) : -ENOMEM;
    if (result < 0 || !r)
        return result;
    if (r->rec.state == REG_REGISTERED && !r->ending)
        s->flags |= MEFPLUG_STAT_REGISTERED;
    s->cert_not_after = r->credential ? credential_not_after(e, r->credential) : 0;
    s->retries = r->retries;
    return take_statuses(r, s);
}

int stats_take(struct engine *e, void *ctx)
{
    struct stats *s = calloc(1, sizeof *s), **ret = ctx;
    size_t n = 1;
    int r = s ? 0 : -ENOMEM;

    for (const struct registration *i = e->registrations; i; i = i->next)
        n++;
    if (r == 0 && !(s->item = calloc(n, sizeof *s->item)))
        r = -ENOMEM;
    for (const struct registration *i = NULL; r == 0 && s->n < n; i = i ? i->next : e->registrations)
        r = take_one(e, i, &s->item[s->n++]);
    if (r < 0) {
        stats_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* ---- telling ---------------------------------------------------------------------------------------- */

void stats_tell(const struct stats *s, mefplug_stat_fn each, void *each_ctx)
{
    for (size_t i = 0; i < s->n; i++)
        each(each_ctx, &s->item[i]);
}

static void drop(const void *p)
{
    free((void *)(uintptr_t)p);
}

void stats_free(struct stats *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        struct mefplug_stat *one = &s->item[i];
        for (size_t k = 0; k < one->n_attention; k++) {
            drop(one->attention[k].reason);
            drop(one->attention[k].text);
        }
        drop(one->attention);
        drop(one->statuses);
        drop(one->label);
    }
    if (s)
        free(s->item);
    free(s);
}
