/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See token-cells.h. */
#include "tests/e2e/token-cells.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pkcs11/token.h"
#include "tests/lib/e2e-token.h"

#define PREFIX    "org.mefclient1."
#define NODE_PATH "/org/mefclient1/mo/MEFClientRegCfg/mef_2eexample_2ecom"
#define SHIM_PATH TOP_BUILDDIR "/tests/token/.libs/shim-module.so"
#define SETTINGS                                                                                             \
    "connect-timeout=5\nresponse-timeout=5\n[mef]\nbackoff-min=1\nbackoff-max=2\ndefault-retry=5\n"
#define SCENARIO "{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\"}"
#define REST_S   15 /* by itself; then Poll */
#define ORDER_S  15
#define MANY     20 /* requests in one cell: more is a busy loop */

const char *token_cells_function(int f)
{
    static const char *const names[SHIM_MAX] = {
#define X(name) "C_" #name,
        SHIM_FUNCTIONS
#undef X
    };
    return f >= 0 && f < SHIM_MAX ? names[f] : "-";
}

const char *token_cells_ckr(CK_RV rv)
{
    static char buf[32];
    return token_ckr_name(rv, buf);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static struct shim_control *map_control(struct token_cells *c)
{
    g_autofree char *path = g_build_filename(c->e.dir, "shim", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, sizeof(struct shim_control)), ==, 0);
    void *p = mmap(NULL, sizeof(struct shim_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(p != MAP_FAILED);
    close(fd);
    g_ptr_array_add(c->e.agent_env, g_strdup_printf(SHIM_FILE "=%s", path));
    return p;
}

void token_cells_prepare(struct token_cells *c)
{
    memset(c, 0, sizeof *c);
    e2e_up(&c->e, SCENARIO);
    c->shim = map_control(c);
}

void token_cells_start(struct token_cells *c, const char *module)
{
    const char *own = c->e.token.module;
    c->e.token.module = module;
    e2e_configure(&c->e, SETTINGS);
    c->e.token.module = own; /* token-tool sees the token as it is */
    e2e_agent_start_ready(&c->e);
}

void token_cells_open(struct token_cells *c)
{
    token_cells_prepare(c);
    token_cells_start(c, SHIM_PATH);
}

int token_cells_close(struct token_cells *c)
{
    int status = c->e.agent ? e2e_agent_stop(&c->e, NULL) : -1;
    if (status > 0)
        e2e_dump(&c->e);
    munmap(c->shim, sizeof *c->shim);
    e2e_down(&c->e);
    g_free(c->reg);
    g_free(c->job);
    memset(c, 0, sizeof *c);
    return status;
}

/* ---- what is so --------------------------------------------------------------------------------------- */

static unsigned count_reports(struct token_cells *c, int *ret_csc)
{
    json_t *list = e2e_sim_records(&c->e, "reports"), *one;
    unsigned n = 0;
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (!json_is_true(json_object_get(one, "recorded")))
            continue;
        n++;
        if (ret_csc)
            *ret_csc = (int)json_integer_value(json_object_get(one, "csc"));
    }
    json_decref(list);
    return n;
}

static size_t live_at_mef(struct token_cells *c)
{
    json_t *list = e2e_sim_records(&c->e, "registrations");
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

static json_int_t requests(struct token_cells *c)
{
    json_t *state = sim_state(c->e.sim);
    json_int_t n = json_integer_value(json_object_get(state, "requests"));
    json_decref(state);
    return n;
}

char *token_cells_attention(struct token_cells *c)
{
    g_autoptr(GVariant) v = e2e_get(&c->e, "/org/mefclient1", "Manager", "Attention");
    return v ? g_variant_print(v, FALSE) : g_strdup("");
}

struct holding {
    unsigned psk, private_keys, public_keys, certificates, cas;
};

static struct holding look(struct token_cells *c)
{
    g_autofree char *list = e2e_token_list(&c->e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    struct holding h = {0};
    for (char **l = lines; *l; l++) {
        g_auto(GStrv) word = g_strsplit(*l, "\t", 4);
        if (g_strv_length(word) < 4)
            continue;
        if (strcmp(word[0], "secret-key") == 0) {
            h.psk++;
            continue;
        }
        gboolean ours = strcmp(word[2], E2E_CLIENT) == 0;
        h.private_keys += ours && strcmp(word[0], "private-key") == 0;
        h.public_keys += ours && strcmp(word[0], "public-key") == 0;
        h.certificates += ours && strcmp(word[0], "certificate") == 0;
        h.cas += strcmp(word[2], E2E_FQDN " CA") == 0;
    }
    return h;
}

struct order {
    struct token_cells *c;
    unsigned pairs;
    char *why;
};

static gboolean in_order(struct e2e *e, void *data)
{
    struct order *o = data;
    g_autofree char *state = e2e_get_string(e, "/org/mefclient1", "Manager", "TokenState"),
                    *attention = token_cells_attention(o->c);
    struct holding h = look(o->c);
    unsigned n = o->pairs;
    g_free(o->why);
    o->why = e2e_token_disorder(e, NULL);
    if (o->why)
        return FALSE;
    if (h.psk != 1)
        o->why = g_strdup_printf("%u pre-shared keys", h.psk);
    else if (h.private_keys != n || h.public_keys != n || h.certificates != n || (h.cas > 0) != (n > 0))
        o->why = g_strdup_printf("%u private keys, %u public keys, %u certificates, %u CA certificates",
                                 h.private_keys, h.public_keys, h.certificates, h.cas);
    else if (strcmp(state, "present") != 0)
        o->why = g_strdup_printf("the token is %s", state);
    else if (e2e_get_number(e, "/org/mefclient1", "Manager", "NeedsAttention"))
        o->why = g_strdup_printf("attention %s", attention);
    return o->why == NULL;
}

char *token_cells_order(struct token_cells *c, unsigned pairs)
{
    struct order o = {c, pairs, NULL};
    if (e2e_try(&c->e, in_order, &o, ORDER_S))
        return NULL;
    return o.why ? o.why : g_strdup("the agent has ended");
}

/* ---- steps -------------------------------------------------------------------------------------------- */

void token_cells_add(struct token_cells *c)
{
    c->reports = count_reports(c, NULL);
    g_free(c->reg);
    c->reg = e2e_add_mef(&c->e);
}

gboolean token_cells_call(struct token_cells *c, const char *path, const char *interface, const char *method)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *full = g_strconcat(PREFIX, interface, NULL);
    g_clear_pointer(&c->job, g_free);
    gboolean plain = strcmp(interface, "Token") == 0;
    g_autoptr(GVariant) reply =
        e2e_call(&c->e, path, full, method, plain ? NULL : g_variant_new("(a{sv})", NULL), &error);
    if (!reply)
        return FALSE;
    g_variant_get(reply, "(o)", &c->job);
    return TRUE;
}

struct resting {
    struct token_cells *c;
    unsigned reports;
    int csc;
};

static gboolean at_rest(struct e2e *e, void *data)
{
    struct resting *r = data;
    g_autofree char *state = e2e_get_string(e, r->c->reg, "Registration", "State");
    return strcmp(state, "registered") == 0 && e2e_get_number(e, r->c->reg, "Registration", "NextPoll") > 0 &&
           count_reports(r->c, &r->csc) >= r->c->reports + r->reports;
}

int token_cells_rest(struct token_cells *c, unsigned reports, unsigned seconds)
{
    struct resting r = {c, reports, 0};
    return e2e_try(&c->e, at_rest, &r, seconds) ? r.csc : 0;
}

static gboolean has_ended(struct e2e *e, void *data)
{
    struct token_cells *c = data;
    g_autofree char *state = e2e_get_string(e, c->reg, "Registration", "State");
    return *state == '\0' && live_at_mef(c) == 0;
}

gboolean token_cells_gone(struct token_cells *c)
{
    return e2e_try(&c->e, has_ended, c, REST_S);
}

gboolean token_cells_delete(struct token_cells *c)
{
    return token_cells_call(c, NODE_PATH, "Node", "Delete") && token_cells_gone(c);
}

/* ---- one cell ----------------------------------------------------------------------------------------- */

void token_cells_lay(struct token_cells *c, const struct token_fault *f)
{
    atomic_store(&c->shim->total, 0);
    atomic_store(&c->shim->total_of, f->of);
    atomic_store(&c->shim->total_hit, 0);
    atomic_store(&c->shim->total_with, f->rv);
    atomic_store(&c->shim->total_at, f->at);
}

void token_cells_remove(struct token_cells *c)
{
    atomic_store(&c->shim->removed, true);
    atomic_fetch_add(&c->shim->epoch, 1);
}

void token_cells_return(struct token_cells *c)
{
    atomic_store(&c->shim->trip_at, 0);
    atomic_fetch_add(&c->shim->slot_shift, 5);
    atomic_store(&c->shim->removed, false);
}

static void complain(GString *why, gboolean bad, const char *text)
{
    if (bad)
        g_string_append_printf(why, "; %s", text);
}

/* Until the MEF has OK for a CERT_PROV; a failure that it was told is followed by another command. */
static void enrol(struct token_cells *c, GString *story, GString *why)
{
    int csc;
    token_cells_add(c);
    csc = token_cells_rest(c, 1, REST_S);
    if (!csc && c->e.agent) {
        g_string_append(story, "Poll, ");
        complain(why, !token_cells_call(c, c->reg, "Registration", "Register"), "Register was refused");
        csc = token_cells_rest(c, 1, REST_S);
    }
    g_string_append_printf(story, "status %d", csc);
    if (csc == 101) {
        json_decref(sim_post(c->e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
        complain(why, !token_cells_call(c, c->reg, "Registration", "Poll"), "Poll was refused");
        csc = token_cells_rest(c, 2, REST_S);
        g_string_append_printf(story, ", then %d", csc);
    }
    complain(why, csc != 20, "no enrolment");
    complain(why, live_at_mef(c) != 1, "not one registration at the MEF");
}

static void restart_client(struct token_cells *c)
{
    token_cells_close(c);
    token_cells_open(c);
}

gboolean token_cells_run(struct token_cells *c, const struct token_fault *f, unsigned *ret_calls,
                         char **ret_seen)
{
    GString *story = g_string_new(NULL), *why = g_string_new(NULL);
    gint64 begin = g_get_monotonic_time();
    json_int_t before = requests(c);
    char *wrong;

    token_cells_lay(c, f);
    enrol(c, story, why);
    if (c->e.agent && (wrong = token_cells_order(c, 1)) != NULL) {
        complain(why, TRUE, wrong);
        g_free(wrong);
    }
    complain(why, requests(c) - before > MANY, "a busy loop");
    if (c->e.agent) {
        gboolean gone = token_cells_delete(c);
        complain(why, !gone, "the deletion did not end");
        wrong = gone ? token_cells_order(c, 0) : NULL;
        complain(why, wrong != NULL, wrong ? wrong : "");
        g_free(wrong);
    }
    complain(why, !c->e.agent, "the agent has ended");
    if (ret_calls)
        *ret_calls = atomic_load(&c->shim->total);
    gboolean ok = why->len == 0;
    *ret_seen =
        g_strdup_printf("%s, %s, %.1f s%s", token_cells_function(atomic_load(&c->shim->total_hit) - 1),
                        story->str, (double)(g_get_monotonic_time() - begin) / 1e6, why->str);
    if (!ok) {
        e2e_dump(&c->e);
        restart_client(c);
    }
    g_string_free(story, TRUE);
    g_string_free(why, TRUE);
    return ok;
}
