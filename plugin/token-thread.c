/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token work on behalf of the loop (design.md 4: a token call never blocks the loop). Tasks run in order;
 * when there is none the token is looked at every few seconds. */
#include "plugin/token-thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pkcs11/index.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"

/* PKCS#11 modules do not tell: a token that is not there is looked for more often than one that is. */
#define LOOK_ABSENT_S  2
#define LOOK_PRESENT_S 5
#define LISTED_MAX     256 /* Credential objects on the bus; ours come first */

struct task {
    struct task *next;
    int (*work)(void *ctx, struct mef_error *reterr);
    void (*done)(void *ctx, int r, const struct mef_error *err);
    void *ctx;
    int r;
    struct mef_error err;
};

struct token_thread {
    struct token_thread_params p;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct task *first, **last;
    bool stop, rescan, ended, woken;
    pthread_t self; /* as the thread sees itself, before any other uses the token */
    /* Of the thread alone. */
    struct shown { /* certificates of the last listing: the same fingerprint needs no reading again */
        uint8_t sha256[32];
        struct der cert;
        struct cert_info info;
    } * shown;
    size_t n_shown;
    enum token_state seen, told;
    bool told_any;
    char told_why[MEF_ERROR_TEXT_MAX]; /* the reason changes, too: it says what to do */
};

struct report {
    struct token_thread *t;
    enum token_state state;
    struct mef_error why;
    struct token_listing listing;
};

void token_listing_clear(struct token_listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->item[i].label);
        free(l->item[i].cert.data);
        cert_info_clear(&l->item[i].info);
        strv_free(l->item[i].owners);
    }
    free(l->item);
    *l = (struct token_listing){0};
}

static void report_free(void *data)
{
    struct report *r = data;

    token_listing_clear(&r->listing);
    free(r);
}

/* ---- listing ---------------------------------------------------------------------------------------- */

/* One pass over the index; what is looked up for each object is sorted or hashed, since a token may hold
 * thousands that are not ours. */
struct lister {
    struct token_listing l; /* candidates; each is small until it is chosen */
    size_t room;
    struct vault_row *rows; /* sorted by what they are found by */
    size_t n_rows;
    struct object_index keys; /* private keys, by CKA_ID */
};

static int add_item(struct lister *g, const struct token_object *o)
{
    if (g->l.n == g->room) {
        size_t room = g->room * 2 + 64;
        struct listed *more = reallocarray(g->l.item, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        g->l.item = more;
        g->room = room;
    }
    struct listed *c = &g->l.item[g->l.n];
    *c = (struct listed){.kind = o->class == TOKEN_SECRET_KEY ? LISTED_KEY : LISTED_CERTIFICATE};
    c->label = strdup(o->label);
    if (!c->label)
        return -ENOMEM;
    g->l.n++;
    if (o->id_len > 0 && o->id_len <= sizeof c->id) {
        memcpy(c->id, o->id, o->id_len);
        c->id_len = o->id_len;
    }
    if (o->sha256)
        memcpy(c->sha256, o->sha256, sizeof c->sha256);
    return 0;
}

static int collect(void *ctx, const struct token_object *o)
{
    struct lister *g = ctx;

    switch (o->class) {
    case TOKEN_PRIVATE_KEY:
        return o->id_len ? index_add(&g->keys, 0, TOKEN_PRIVATE_KEY, o->id, o->id_len, NULL, 0, NULL) : 0;
    case TOKEN_PUBLIC_KEY:
        return 0;
    case TOKEN_CERTIFICATE: /* one without a value that we take has no name on the bus */
        return o->sha256 ? add_item(g, o) : 0;
    default:
        return *o->label ? add_item(g, o) : 0;
    }
}

/* A certificate is found by the CKA_ID of its pair or by its fingerprint, a key by its label. */
static const void *row_key(const struct vault_row *row, size_t *ret_len)
{
    *ret_len = row->kind == VAULT_KEY ? strlen(row->label) : row->id_len;
    return row->kind == VAULT_KEY ? (const void *)row->label : row->id;
}

static int add_owners(struct lister *g, const struct object_index *rows, struct listed *c)
{
    const struct object_key by[] = {
        {.mask = 1u << VAULT_PAIR, .id = c->id, .id_len = c->id_len},
        {.mask = 1u << VAULT_CA | 1u << VAULT_ANCHOR, .id = c->sha256, .id_len = sizeof c->sha256},
        {.mask = 1u << VAULT_KEY, .id = (const uint8_t *)c->label, .id_len = strlen(c->label)},
    };
    size_t first = c->kind == LISTED_KEY ? 2 : 0, end = c->kind == LISTED_KEY ? 3 : 2;

    for (size_t k = first; k < end; k++)
        for (uint32_t at = by[k].id_len ? index_find(rows, &by[k], OBJECT_NONE) : OBJECT_NONE;
             at != OBJECT_NONE; at = index_find(rows, &by[k], at))
            if (strv_push(&c->owners, g->rows[rows->item[at].handle].owner) < 0)
                return -ENOMEM;
    return 0;
}

static int mark_ours(struct lister *g)
{
    struct object_index rows = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < g->n_rows; i++) {
        size_t len;
        const void *key = row_key(&g->rows[i], &len);
        r = index_add(&rows, i, 1u << g->rows[i].kind, key, len, NULL, 0, NULL);
    }
    for (size_t i = 0; r == 0 && i < g->l.n; i++) {
        struct listed *c = &g->l.item[i];
        const struct object_key own = {.mask = TOKEN_PRIVATE_KEY, .id = c->id, .id_len = c->id_len};
        c->has_key =
            c->kind != LISTED_KEY && c->id_len && index_find(&g->keys, &own, OBJECT_NONE) != OBJECT_NONE;
        r = add_owners(g, &rows, c);
    }
    index_clear(&rows);
    return r;
}

static int rows_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct lister *g = ctx;
    return vault_rows(sql, &g->rows, &g->n_rows, reterr);
}

/* Ours first, then those with a key, then the rest: what is beyond the cap is somebody else's. */
static int rank(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    int rx = x->owners ? 0 : x->kind == LISTED_KEY || x->has_key ? 1 : 2;
    int ry = y->owners ? 0 : y->kind == LISTED_KEY || y->has_key ? 1 : 2;
    return rx - ry;
}

static void cut(struct token_listing *l, size_t n)
{
    while (l->n > n) {
        struct listed *c = &l->item[--l->n];
        free(c->label);
        free(c->cert.data);
        cert_info_clear(&c->info);
        strv_free(c->owners);
    }
}

static struct der der_dup(const struct der *d)
{
    struct der copy = {malloc(d->len), d->len};

    if (copy.data)
        memcpy(copy.data, d->data, d->len);
    return copy;
}

static bool shown_before(struct token_thread *t, struct listed *c)
{
    for (size_t i = 0; i < t->n_shown; i++)
        if (memcmp(t->shown[i].sha256, c->sha256, sizeof c->sha256) == 0) {
            c->cert = der_dup(&t->shown[i].cert);
            return c->cert.data && cert_info_copy(&t->shown[i].info, &c->info) == 0;
        }
    return false;
}

static void shown_clear(struct token_thread *t)
{
    for (size_t i = 0; i < t->n_shown; i++) {
        free(t->shown[i].cert.data);
        cert_info_clear(&t->shown[i].info);
    }
    free(t->shown);
    t->shown = NULL;
    t->n_shown = 0;
}

static void shown_keep(struct token_thread *t, const struct token_listing *l)
{
    shown_clear(t);
    t->shown = calloc(l->n ? l->n : 1, sizeof *t->shown);
    for (size_t i = 0; t->shown && i < l->n; i++) {
        struct shown *s = &t->shown[t->n_shown];
        if (!l->item[i].cert.data || !(s->cert = der_dup(&l->item[i].cert)).data)
            continue;
        if (cert_info_copy(&l->item[i].info, &s->info) < 0) {
            free(s->cert.data);
            s->cert.data = NULL;
            continue;
        }
        memcpy(s->sha256, l->item[i].sha256, sizeof s->sha256);
        t->n_shown++;
    }
}

/* The certificate itself, of those that are shown. It is read and parsed once as long as it is there. */
static void read_cert(struct token_thread *t, struct listed *c)
{
    if (c->kind == LISTED_KEY)
        return;
    if (!shown_before(t, c)) {
        free(c->cert.data);
        c->cert = (struct der){0};
        if (token_find_cert(t->p.token, c->sha256, 32, NULL, NULL, &c->cert, NULL) < 0 ||
            cert_info_get(&c->cert, &c->info) < 0)
            return;
    }
    if (c->info.ca && !c->has_key)
        c->kind = LISTED_ANCHOR;
}

/* `fresh`: the token is read again, for what other programs have done in it. Our own index knows what we did.
 */
static int list(struct token_thread *t, bool fresh, struct token_listing *ret)
{
    struct lister g = {0};
    struct token *token = t->p.token;
    int r = db_run(t->p.vault->db, rows_work, &g, NULL);

    if (r == 0)
        r = token_enumerate(token, TOKEN_ANY, fresh, collect, &g, NULL);
    if (r == 0)
        r = mark_ours(&g);
    free(g.rows);
    index_clear(&g.keys);
    if (r == 0 && g.l.n > 1)
        qsort(g.l.item, g.l.n, sizeof *g.l.item, rank);
    cut(&g.l, r < 0 ? 0 : LISTED_MAX);
    cert_begin(NULL);
    for (size_t i = 0; i < g.l.n; i++)
        read_cert(t, &g.l.item[i]);
    cert_end();
    shown_keep(t, &g.l);
    if (r < 0)
        token_listing_clear(&g.l);
    else
        *ret = g.l;
    return r;
}

static void tell_listing(void *ctx, void *data)
{
    struct report *r = data;
    r->t->p.on_listing(r->t->p.ctx, &r->listing);
}

static void tell_state(void *ctx, void *data)
{
    struct report *r = data;
    r->t->p.on_state(r->t->p.ctx, r->state, &r->why);
}

static void send_listing(struct token_thread *t, bool fresh)
{
    struct report *r = calloc(1, sizeof *r);

    if (!r)
        return;
    r->t = t;
    if (token_state(t->p.token) != TOKEN_ABSENT && list(t, fresh, &r->listing) < 0) {
        free(r);
        return;
    }
    (void)post_send(t->p.post, tell_listing, NULL, r, report_free);
}

static void send_state(struct token_thread *t, enum token_state state, const struct mef_error *why)
{
    struct report *r = calloc(1, sizeof *r);
    bool news = !t->told_any || t->told != state;

    if (!news && streq(t->told_why, why->text)) {
        free(r);
        return;
    }
    t->told = state;
    t->told_any = true;
    (void)snprintf(t->told_why, sizeof t->told_why, "%s", why->text);
    /* The listing first: who acts on the state finds the certificates there. */
    if (news)
        send_listing(t, false);
    if (r) {
        r->t = t;
        r->state = state;
        r->why = *why;
        (void)post_send(t->p.post, tell_state, NULL, r, report_free);
    }
}

/* ---- the thread ------------------------------------------------------------------------------------- */

static void open_first(struct token_thread *t)
{
    struct mef_error why = {0};
    int r = token_open(t->p.token, &why);

    if (r == 0)
        r = vault_reconcile(t->p.vault, VAULT_START, &why);
    if (r < 0 && why.word == MEF_ERROR_CANCELLED)
        return; /* the stop has overtaken it: nothing is known of the token */
    if (r < 0)
        event_emit(&t->p.vault->sink,
                   &(struct event){.id = EVENT_TOKEN_FAILED, .error = mef_error_name(why.word)}, "%s",
                   why.text);
    t->seen = token_state(t->p.token);
    send_state(t, t->seen, t->seen == TOKEN_PRESENT ? &(struct mef_error){0} : &why);
}

/* What follows a look at the token that found it so. What cannot be settled now stays unsettled. */
static void follow(struct token_thread *t, enum token_state now)
{
    struct mef_error why = {0};
    struct token_info info = {0};
    bool usable = now == TOKEN_PRESENT || now == TOKEN_FULL,
         was = t->seen == TOKEN_PRESENT || t->seen == TOKEN_FULL;

    if (usable && !was)
        (void)vault_reconcile(t->p.vault, VAULT_RETURN, NULL);
    else if (usable && atomic_load(&t->p.vault->unsettled))
        (void)vault_reconcile(t->p.vault, VAULT_AGAIN, NULL);
    t->seen = now;
    now = token_state(t->p.token); /* as reconciling has left it */
    if (now != TOKEN_PRESENT && token_info(t->p.token, &info) == 0) {
        why = info.last;
        token_info_clear(&info);
    }
    send_state(t, now, &why);
}

/* A worker may have seen it go: that is told first, and a reopening in the same look is a return. */
static void look(struct token_thread *t)
{
    if (token_state(t->p.token) != t->told)
        follow(t, token_state(t->p.token));
    follow(t, token_poll(t->p.token));
}

void token_thread_settle(struct token_thread *t)
{
    follow(t, token_state(t->p.token));
}

int token_thread_look_again(struct token_thread *t, struct mef_error *reterr)
{
    look(t);
    /* Asked for by a person: also what would not be tried again by itself. */
    int r = token_open(t->p.token, reterr);
    follow(t, token_state(t->p.token));
    if (r == 0)
        send_listing(t, true);
    return r;
}

/* Some thread's call has changed the state. */
static void wake(void *ctx)
{
    struct token_thread *t = ctx;

    if (pthread_equal(pthread_self(), t->self))
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->woken = true;
    (void)pthread_cond_broadcast(&t->cond);
    (void)pthread_mutex_unlock(&t->lock);
}

static void tell_done(void *ctx, void *data)
{
    struct task *k = data;
    k->done(k->ctx, k->r, k->r ? &k->err : NULL);
}

static void finish(struct token_thread *t, struct task *k)
{
    (void)post_send(t->p.post, tell_done, NULL, k, free);
}

static void *run(void *arg)
{
    struct token_thread *t = arg;

    t->self = pthread_self();
    (void)pthread_setname_np(t->self,
                             "mef-token"); /* for people with top; the one thread that looks by itself */
    open_first(t);
    (void)pthread_mutex_lock(&t->lock);
    while (!t->stop) {
        struct task *k = t->first;
        if (k) {
            if (!(t->first = k->next))
                t->last = &t->first;
            (void)pthread_mutex_unlock(&t->lock);
            k->r = k->work(k->ctx, &k->err);
            finish(t, k);
            (void)pthread_mutex_lock(&t->lock);
            continue;
        }
        bool rescan = t->rescan && !t->woken;
        t->rescan = t->rescan && !rescan;
        t->woken = false;
        (void)pthread_mutex_unlock(&t->lock);
        if (rescan)
            send_listing(t, false);
        else
            look(t);
        (void)pthread_mutex_lock(&t->lock);
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += token_state(t->p.token) == TOKEN_PRESENT ? LOOK_PRESENT_S : LOOK_ABSENT_S;
        int r = 0;
        while (!t->stop && !t->first && !t->rescan && !t->woken && r == 0)
            r = pthread_cond_timedwait(&t->cond, &t->lock, &until);
    }
    struct task *rest = t->first;
    t->first = NULL;
    t->last = &t->first;
    t->ended = true;
    (void)pthread_cond_broadcast(&t->cond);
    (void)pthread_mutex_unlock(&t->lock);
    while (rest) {
        struct task *next = rest->next;
        rest->r = mef_fail(&rest->err, MEF_ERROR_CANCELLED, "the plugin is stopping");
        finish(t, rest);
        rest = next;
    }
    return NULL;
}

int token_thread_new(const struct token_thread_params *p, struct token_thread **ret)
{
    struct token_thread *t = calloc(1, sizeof *t);
    pthread_condattr_t attr;
    sigset_t all, old;

    if (!t)
        return -ENOMEM;
    t->p = *p;
    t->last = &t->first;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&t->cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    token_watch(p->token, wake, t);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = -pthread_create(&t->thread, NULL, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r < 0) {
        token_watch(p->token, NULL, NULL);
        (void)pthread_cond_destroy(&t->cond);
        (void)pthread_mutex_destroy(&t->lock);
        free(t);
        return r;
    }
    *ret = t;
    return 0;
}

int token_thread_submit(struct token_thread *t, int (*work)(void *ctx, struct mef_error *reterr),
                        void (*done)(void *ctx, int r, const struct mef_error *err), void *ctx)
{
    struct task *k = calloc(1, sizeof *k);

    if (!k)
        return -ENOMEM;
    *k = (struct task){.work = work, .done = done, .ctx = ctx};
    (void)pthread_mutex_lock(&t->lock);
    bool late = t->stop;
    if (!late) {
        *t->last = k;
        t->last = &k->next;
        (void)pthread_cond_broadcast(&t->cond);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (late) {
        k->r = mef_fail(&k->err, MEF_ERROR_CANCELLED, "the plugin is stopping");
        finish(t, k);
    }
    return 0;
}

void token_thread_rescan(struct token_thread *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->rescan = true;
    (void)pthread_cond_broadcast(&t->cond);
    (void)pthread_mutex_unlock(&t->lock);
}

void token_thread_relist(struct token_thread *t)
{
    send_listing(t, false);
}

void token_thread_stop(struct token_thread *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->stop = true;
    (void)pthread_cond_broadcast(&t->cond);
    (void)pthread_mutex_unlock(&t->lock);
}

int token_thread_join(struct token_thread *t, uint64_t deadline)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000000),
                             .tv_nsec = (long)(deadline % 1000000) * 1000};
    int r = 0;

    if (!t)
        return 0;
    (void)pthread_mutex_lock(&t->lock);
    while (!t->ended && r == 0)
        r = pthread_cond_timedwait(&t->cond, &t->lock, &until);
    bool ended = t->ended;
    (void)pthread_mutex_unlock(&t->lock);
    if (!ended) {
        (void)pthread_detach(t->thread);
        return -ETIMEDOUT;
    }
    (void)pthread_join(t->thread, NULL);
    return 0;
}

void token_thread_free(struct token_thread *t)
{
    if (!t)
        return;
    token_watch(t->p.token, NULL, NULL);
    shown_clear(t);
    (void)pthread_cond_destroy(&t->cond);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
