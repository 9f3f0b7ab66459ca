/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim as a MEF: the worked example octet for octet, and the MEF-side rules of mef-protocol.md 3.3, 3.4.7.
 */
#include <string.h>

#include "plugin/base/str.h"
#include "tests/lib/sim-process.h"
#include "tests/sim/peer.h"

#define FQDN   "mef.example.com"
#define KPM_ID "gw42-kpm@mef.example.com"
#define KPM    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define CLIENT "//m2m.example.com/gw42"
#define REG    "/_/mef.example.com/-/mecr-7f3a21"

static const char example_scenario[] = "{\"clock\":\"20260301T080000\","
                                       "\"registration\":{\"id\":\"mecr-7f3a21\",\"et\":\"20261201T000000\","
                                       "\"key-id\":\"9F0C3A5D7E1B42688A90B1C2D3E4F506\"},"
                                       "\"commands\":[{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://"
                                       "mef.example.com:8443/.well-known/est\"}},"
                                       "{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}]}";

struct fixture {
    char *dir;
    struct sim_process *sim;
    struct peer *peer;
    unsigned rqi;
};

static struct peer *connect_as(struct fixture *f, const char *identity, const char *psk)
{
    g_autofree char *error = NULL;
    struct peer *p = peer_open(
        &(struct peer_how){.port = sim_port(f->sim), .identity = identity, .psk = psk, .sni = FQDN}, &error);
    if (!p)
        g_error("handshake: %s", error);
    return p;
}

static void set_up(struct fixture *f, const char *scenario)
{
    static const char *const args[] = {"--psk=" KPM_ID "=" KPM,
                                       "--psk=other@mef.example.com=00112233445566778899aabbccddeeff", NULL};
    f->dir = g_dir_make_tmp("mef-sim.XXXXXX", NULL);
    f->sim = sim_start(f->dir, FQDN, scenario, args);
    f->peer = connect_as(f, KPM_ID, KPM);
    f->rqi = 0;
}

static void tear_down(struct fixture *f)
{
    peer_close(f->peer);
    g_assert_cmpint(sim_stop(f->sim), ==, 0);
    g_free(f->dir);
}

/* A primitive with everything right about it. */
static char *primitive_from(struct fixture *f, struct peer *p, const char *fr, const char *method,
                            const char *path, const char *body, int ty)
{
    GString *s = g_string_new(NULL);
    g_string_printf(
        s, "%s %s HTTP/1.1\r\nHost: " FQDN ":%u\r\nX-M2M-Origin: %s\r\nX-M2M-RI: %08x\r\nX-M2M-RVI: 2a\r\n",
        method, path, sim_port(f->sim), fr, ++f->rqi);
    g_string_append(s, "Accept: application/vnd.onem2m-res+json, application/json;q=0.9\r\n");
    if (body) {
        g_string_append(s, "Content-Type: application/vnd.onem2m-res+json");
        if (ty)
            g_string_append_printf(s, ";ty=%d", ty);
        g_string_append_printf(s, "\r\nContent-Length: %zu\r\n", strlen(body));
    }
    g_string_append_printf(s, "\r\n%s", body ? body : "");
    char *answer = peer_exchange(p, s->str);
    g_string_free(s, TRUE);
    return answer;
}

static char *primitive(struct fixture *f, const char *method, const char *path, const char *body, int ty)
{
    return primitive_from(f, f->peer, CLIENT, method, path, body, ty);
}

/* Sends, and demands the code in header and status line; the body's only member, or the empty object. */
static json_t *demand_from(struct fixture *f, struct peer *p, const char *fr, int rsc, const char *method,
                           const char *path, const char *body, int ty)
{
    static const struct {
        int rsc, status;
    } map[] = {{2000, 200}, {2001, 201}, {2002, 200}, {2004, 200}, {4000, 400}, {4001, 501}, {4004, 404},
               {4005, 405}, {4015, 415}, {4102, 400}, {4103, 403}, {4106, 403}, {4117, 403}, {5207, 406}};
    g_autofree char *answer = primitive_from(f, p, fr, method, path, body, ty);
    g_autofree char *code = answer_header(answer, "X-M2M-RSC"), *rqi = answer_header(answer, "X-M2M-RI");
    g_autofree char *sent = g_strdup_printf("%08x", f->rqi);
    json_error_t e;
    g_assert_nonnull(code);
    if (atoi(code) != rsc)
        g_test_message("%s", answer_body(answer));
    g_assert_cmpint(atoi(code), ==, rsc);
    g_assert_cmpstr(rqi, ==, sent);
    for (size_t i = 0; i < G_N_ELEMENTS(map); i++)
        if (map[i].rsc == rsc)
            g_assert_cmpint(answer_status(answer), ==, map[i].status);
    json_t *whole =
        *answer_body(answer) ? json_loads(answer_body(answer), JSON_REJECT_DUPLICATES, &e) : json_object();
    g_assert_nonnull(whole);
    json_t *inner = json_object_iter_value(json_object_iter(whole));
    json_t *result = json_is_object(inner) ? json_incref(inner) : json_incref(whole);
    json_decref(whole);
    return result;
}

static json_t *demand(struct fixture *f, int rsc, const char *method, const char *path, const char *body,
                      int ty)
{
    return demand_from(f, f->peer, CLIENT, rsc, method, path, body, ty);
}

static void expect(struct fixture *f, int rsc, const char *method, const char *path, const char *body, int ty)
{
    json_decref(demand(f, rsc, method, path, body, ty));
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int number_of(const json_t *o, const char *key)
{
    return (int)json_integer_value(json_object_get(o, key));
}

#define CREATE "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"admin.example.org\"}}"
#define BASE   "/_/mef.example.com/-"

/* Registers; the path of the registration, g_free. */
static char *register_client(struct fixture *f)
{
    json_t *reg = demand(f, 2001, "POST", BASE, CREATE, 4);
    char *path = g_strdup_printf(BASE "/%s", text_of(reg, "ri"));
    json_decref(reg);
    return path;
}

/* Retrieves or reports, and demands the next command's cmdID and cmdStatusCode. */
static void demand_command(struct fixture *f, const char *reg, const char *report, const char *cid, int csc)
{
    g_autofree char *path = g_strdup_printf("%s/cmd", reg);
    json_t *c = report ? demand(f, 2004, "PUT", path, report, 0) : demand(f, 2000, "GET", path, NULL, 0);
    g_assert_cmpstr(text_of(c, "cid"), ==, cid);
    g_assert_cmpint(number_of(c, "csc"), ==, csc);
    json_decref(c);
}

static json_t *reports(struct fixture *f)
{
    json_t *state = sim_state(f->sim);
    json_t *list = json_incref(json_object_get(json_object_get(state, "state"), "reports"));
    json_decref(state);
    return list;
}

static void assert_reports(struct fixture *f, size_t all, size_t recorded)
{
    json_t *list = reports(f), *one;
    size_t i, n = 0;
    json_array_foreach(list, i, one) n += json_is_true(json_object_get(one, "recorded"));
    g_assert_cmpuint(json_array_size(list), ==, all);
    g_assert_cmpuint(n, ==, recorded);
    json_decref(list);
}

/* ---- the worked example ---- */

#define COMMON                                                                                               \
    "Host: mef.example.com:8443\r\nX-M2M-Origin: //m2m.example.com/gw42\r\nX-M2M-RI: 5f1c09ae-000000%s\r\n"  \
    "X-M2M-RVI: 2a\r\nAccept: application/vnd.onem2m-res+json, application/json;q=0.9\r\n"
#define ANSWER(status, rsc, length)                                                                          \
    "HTTP/1.1 " status " \r\nX-M2M-RI: 5f1c09ae-000000%s\r\nX-M2M-RSC: " rsc "\r\nX-M2M-RVI: 2a\r\n"         \
    "Content-Type: application/vnd.onem2m-res+json\r\nContent-Length: " length "\r\n"
#define MECC "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\","

static const struct step {
    const char *rqi, *line, *type, *body, *head, *answer;
    const char *clock;
} steps[] = {
    {"01", "POST /_/mef.example.com/- HTTP/1.1\r\n", ";ty=4",
     "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"adfq\":\"admin.example."
     "org\"}}",
     ANSWER("201", "2001", "276") "Content-Location: /_/mef.example.com/-/mecr-7f3a21\r\n",
     "{\"sec:mecr\":{\"ty\":4,\"ri\":\"mecr-7f3a21\",\"rn\":\"mecr-7f3a21\",\"pi\":\"-\",\"ct\":"
     "\"20260301T080000\","
     "\"lt\":\"20260301T080000\",\"et\":\"20261201T000000\",\"lbl\":[\"gateway\",\"site:42\"],"
     "\"cr\":\"//m2m.example.com/gw42\",\"adfq\":\"admin.example.org\","
     "\"ch\":[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"-/mecr-7f3a21/cmd\"}]}}",
     NULL},
    {"02", "GET " REG "/cmd HTTP/1.1\r\n", NULL, NULL, ANSWER("200", "2000", "236"),
     MECC "\"cid\":\"c-0001\",\"cdsc\":{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,"
          "\"uri\":\"https://mef.example.com:8443/.well-known/est\",\"csty\":2,\"csbi\":\"//m2m.example.com/"
          "gw42\"}}},"
          "\"csc\":10}}",
     NULL},
    {"03", "PUT " REG "/cmd HTTP/1.1\r\n", "", "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20}}",
     ANSWER("200", "2004", "173"),
     MECC "\"cid\":\"c-0002\",\"cdsc\":{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://"
          "mef.example.com:5684\"}}},"
          "\"csc\":10}}",
     NULL},
    {"04", "PUT " REG "/cmd HTTP/1.1\r\n", "", "{\"sec:mecc\":{\"cid\":\"c-0002\",\"csc\":20}}",
     ANSWER("200", "2004", "178"),
     MECC "\"cid\":\"c-0003\",\"cdsc\":{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,"
          "\"obsa\":{\"suid\":21}}}},\"csc\":10}}",
     NULL},
    {"05", "POST /_/mef.example.com/- HTTP/1.1\r\n", ";ty=5",
     "{\"sec:skr\":{\"et\":\"20260530T080310\",\"lbl\":[\"gw42-maf\"],\"adfq\":\"admin.example.org\","
     "\"suid\":21,"
     "\"tgis\":[\"maf.example.com\"]}}",
     ANSWER("201", "2001",
            "291") "Content-Location: /_/mef.example.com/-/9F0C3A5D7E1B42688A90B1C2D3E4F506\r\n",
     "{\"sec:skr\":{\"ty\":5,\"ri\":\"9F0C3A5D7E1B42688A90B1C2D3E4F506\",\"rn\":"
     "\"9F0C3A5D7E1B42688A90B1C2D3E4F506\","
     "\"pi\":\"-\",\"ct\":\"20260301T080311\",\"lt\":\"20260301T080311\",\"et\":\"20260530T080310\","
     "\"lbl\":[\"gw42-maf\"],\"cr\":\"//m2m.example.com/gw42\",\"adfq\":\"admin.example.org\",\"suid\":21,"
     "\"tgis\":[\"maf.example.com\"]}}",
     "20260301T080311"},
    {"06", "PUT " REG "/cmd HTTP/1.1\r\n", "", "{\"sec:mecc\":{\"cid\":\"c-0003\",\"csc\":20}}",
     ANSWER("200", "2004", "148"),
     MECC "\"cid\":\"c-0004\",\"cdsc\":{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"}}},\"csc\":10}}",
     NULL},
    {"0a", "PUT " REG "/cmd HTTP/1.1\r\n", "", "{\"sec:mecc\":{\"cid\":\"c-0005\"}}",
     ANSWER("400", "4000", "35"), "{\"m2m:dbg\":\"cmdStatusCode missing\"}", NULL},
};

static void run_step(struct fixture *f, const struct step *s)
{
    GString *request = g_string_new(s->line);
    g_string_append_printf(request, COMMON, s->rqi);
    if (s->body)
        g_string_append_printf(request,
                               "Content-Type: application/vnd.onem2m-res+json%s\r\nContent-Length: %zu\r\n",
                               s->type, strlen(s->body));
    g_string_append_printf(request, "\r\n%s", s->body ? s->body : "");
    GString *wanted = g_string_new(s->head);
    g_string_replace(wanted, "%s", s->rqi, 1);
    g_string_append_printf(wanted, "\r\n%s", s->answer);
    if (s->clock) {
        g_autofree char *body = g_strdup_printf("{\"clock\":\"%s\"}", s->clock);
        json_decref(sim_post(f->sim, "/sim/scenario", body));
    }
    g_autofree char *answer = peer_exchange(f->peer, request->str);
    g_assert_cmpstr(answer, ==, wanted->str);
    g_string_free(request, TRUE);
    g_string_free(wanted, TRUE);
}

static void test_worked_example(void)
{
    struct fixture f;
    set_up(&f, example_scenario);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        run_step(&f, &steps[i]);
    g_autofree char *gone = peer_exchange(f.peer, "DELETE " REG " HTTP/1.1\r\nHost: mef.example.com:8443\r\n"
                                                  "X-M2M-Origin: //m2m.example.com/gw42\r\n"
                                                  "X-M2M-RI: 5f1c09ae-00000009\r\nX-M2M-RVI: 2a\r\n\r\n");
    g_assert_cmpstr(
        gone, ==,
        "HTTP/1.1 200 \r\nX-M2M-RI: 5f1c09ae-00000009\r\nX-M2M-RSC: 2002\r\nContent-Length: 0\r\n\r\n");
    assert_reports(&f, 3, 3);
    tear_down(&f);
}

/* ---- registration ---- */

static void test_child(void)
{
    struct fixture f;
    set_up(&f, "{}");
    json_t *reg = demand(&f, 2001, "POST", BASE, CREATE, 4);
    g_autofree char *path = g_strdup_printf(BASE "/%s", text_of(reg, "ri")),
                    *cmd = g_strdup_printf("%s/cmd", path);
    g_assert_null(json_object_get(reg, "ch")); /* none waits: none named */
    json_decref(reg);
    json_decref(sim_post(f.sim, "/sim/commands", "{\"class\":\"DEV_CFG\",\"cid\":\"late\"}"));
    reg = demand(&f, 2000, "GET", path, NULL, 0);
    json_t *ch = json_array_get(json_object_get(reg, "ch"), 0);
    g_assert_cmpstr(text_of(ch, "nm"), ==, "cmd");
    g_assert_cmpint(number_of(ch, "typ"), ==, 6);
    g_autofree char *named = g_strdup_printf("/_/mef.example.com/%s", text_of(ch, "val"));
    g_assert_cmpstr(named, ==, cmd);
    json_decref(reg);
    demand_command(&f, path, NULL, "late", 10);
    reg = demand(&f, 2004, "PUT", path, "{\"sec:mecr\":{\"lbl\":[\"x\"]}}", 0);
    g_assert_nonnull(json_object_get(reg, "ch")); /* issued but not reported: it still waits */
    json_decref(reg);
    json_decref(demand(&f, 2004, "PUT", cmd, "{\"sec:mecc\":{\"cid\":\"late\",\"csc\":41}}", 0));
    reg = demand(&f, 2000, "GET", path, NULL, 0);
    g_assert_null(json_object_get(reg, "ch"));
    json_decref(reg);
    sim_assert_no_violation(f.sim);
    tear_down(&f);
}

static void test_create(void)
{
    static const struct {
        const char *body;
        int ty, rsc;
    } bad[] = {
        {"{\"sec:mecr\":{\"adfq\":\"admin.example.org\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"tomorrow\",\"adfq\":\"admin.example.org\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20200101T000000\",\"adfq\":\"admin.example.org\"}}", 4, 4102},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"https://admin\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"a\",\"lbl\":\"x\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"a\",\"lbl\":[1]}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"a\",\"ri\":\"mine\"}}", 4, 4000},
        {"{\"sec:mecr\":{\"et\":\"20990101T000000\",\"et\":\"20990101T000000\",\"adfq\":\"a\"}}", 4, 4000},
        {"{\"mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"a\"}}", 4, 4000},
        {"[]", 4, 4000},
        {"{\"sec:mecr\":", 4, 4000},
        {CREATE, 0, 4000},
        {CREATE, 6, 4005},
        {CREATE, 17, 4000},
    };
    struct fixture f;
    set_up(&f, "{\"registration\":{\"lifetime\":\"P10D\"}}");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        expect(&f, bad[i].rsc, "POST", BASE, bad[i].body, bad[i].ty);
    json_t *state = sim_state(f.sim);
    g_assert_cmpuint(json_array_size(json_object_get(json_object_get(state, "state"), "registrations")), ==,
                     0);
    json_decref(state);
    json_t *reg = demand(&f, 2001, "POST", BASE "/", CREATE, 4); /* trailing "/" is the base too */
    g_assert_cmpstr(text_of(reg, "cr"), ==, CLIENT);
    g_assert_cmpstr(text_of(reg, "et"), <, "20990101T000000"); /* shortened to ten days */
    json_decref(reg);
    tear_down(&f);
}

static void test_create_again(void)
{
    struct fixture f;
    set_up(&f, "{}");
    g_autofree char *first = primitive(&f, "POST", BASE, CREATE, 4);
    f.rqi--; /* the same request, because its answer was lost */
    g_autofree char *again = primitive(&f, "POST", BASE, CREATE, 4);
    g_assert_cmpstr(again, ==, first);
    g_autofree char *other = primitive(&f, "POST", BASE, CREATE, 4);
    g_autofree char *code = answer_header(other, "X-M2M-RSC"),
                    *where = answer_header(other, "Content-Location");
    g_autofree char *first_where = answer_header(first, "Content-Location");
    g_assert_cmpstr(code, ==, "4117");
    g_assert_cmpint(answer_status(other), ==, 403);
    g_assert_cmpstr(where, ==, first_where);
    /* Another stakeholder is another registration. */
    expect(&f, 2001, "POST", BASE,
           "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"other.example.org\"}}", 4);
    tear_down(&f);
}

static void test_update(void)
{
    static const struct {
        const char *body;
        int rsc;
    } bad[] = {{"{\"sec:mecr\":{}}", 4000},
               {"{\"sec:mecr\":{\"adfq\":\"b.example.org\"}}", 4000},
               {"{\"sec:mecr\":{\"et\":\"20200101T000000\"}}", 4102},
               {"{\"sec:mecc\":{\"et\":\"20990101T000000\"}}", 4000},
               {"", 4000}};
    struct fixture f;
    set_up(&f, "{\"registration\":{\"et\":\"20980101T000000\"}}");
    g_autofree char *path = register_client(&f);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        expect(&f, bad[i].rsc, "PUT", path, bad[i].body, 0);
    json_t *reg = demand(&f, 2004, "PUT", path, "{\"sec:mecr\":{\"et\":\"20970101T000000\"}}", 0);
    g_assert_cmpstr(text_of(reg, "et"), ==, "20970101T000000");
    g_assert_cmpuint(json_object_size(reg), ==, 1); /* only what was sent */
    json_decref(reg);
    reg = demand(&f, 2004, "PUT", path, "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"lbl\":[\"a\"]}}", 0);
    g_assert_cmpstr(text_of(reg, "et"), ==, "20980101T000000");
    g_assert_cmpuint(json_object_size(reg), ==, 2);
    json_decref(reg);
    expect(&f, 2002, "DELETE", path, NULL, 0);
    expect(&f, 4004, "GET", path, NULL, 0);
    expect(&f, 4004, "DELETE", path, NULL, 0);
    tear_down(&f);
}

static void test_headers(void)
{
    static const struct {
        const char *head;
        int rsc;
    } cases[] = {
        {"X-M2M-RI: 1\r\n", 4000},
        {"X-M2M-Origin: " CLIENT "\r\n", 4000},
        {"X-M2M-Origin: " CLIENT "\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 9\r\n", 4001},
        {"X-M2M-Origin: " CLIENT "\r\nX-M2M-RI: 1\r\nAccept: application/xml\r\n", 5207},
        {"X-M2M-Origin: " CLIENT "\r\nX-M2M-RI: 1\r\n", 2000},
    };
    struct fixture f;
    set_up(&f, "{}");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *request =
            g_strdup_printf("GET " BASE " HTTP/1.1\r\nHost: x\r\n%s\r\n", cases[i].head);
        g_autofree char *answer = peer_exchange(f.peer, request), *code = answer_header(answer, "X-M2M-RSC");
        g_assert_cmpint(atoi(code), ==, cases[i].rsc);
    }
    g_autofree char *xml = peer_exchange(f.peer, "POST " BASE " HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: " CLIENT
                                                 "\r\nX-M2M-RI: 1\r\nContent-Type: application/xml;ty=4\r\n"
                                                 "Content-Length: 3\r\n\r\n<a>");
    g_autofree char *code = answer_header(xml, "X-M2M-RSC");
    g_assert_cmpstr(code, ==, "4015");
    expect(&f, 4004, "GET", "/_/other.example.com/-", NULL, 0);
    expect(&f, 4004, "GET", BASE "/nothing", NULL, 0);
    expect(&f, 4005, "PUT", BASE, "{}", 0);
    expect(&f, 4005, "DELETE", BASE, NULL, 0);
    tear_down(&f);
}

/* What is wrong but can be served is noted. */
static void test_violations(void)
{
    static const struct {
        const char *head, *word;
    } cases[] = {
        {"", "Accept"},
        {"Accept: application/vnd.onem2m-res+json\r\nX-M2M-OT: 20260301T080000\r\n", "X-M2M-OT"},
        {"Accept: application/vnd.onem2m-res+json\r\nExpect: 100-continue\r\n", "Expect"},
        {"Accept: application/vnd.onem2m-res+json\r\nTransfer-Encoding: chunked\r\n", "chunked"},
    };
    struct fixture f;
    set_up(&f, "{}");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *request = g_strdup_printf(
            "GET " BASE " HTTP/1.1\r\nHost: mef.example.com:%u\r\nX-M2M-Origin: " CLIENT
            "\r\nX-M2M-RI: v%zu\r\n%s\r\n%s",
            sim_port(f.sim), i, cases[i].head, strstr(cases[i].head, "chunked") ? "0\r\n\r\n" : "");
        g_autofree char *answer = peer_exchange(f.peer, request);
        if (answer_status(answer) == 100) {
            g_free(answer);
            answer = peer_answer(f.peer, NULL);
        }
        g_assert_cmpint(answer_status(answer), ==, 200);
        json_t *log = sim_log(f.sim);
        json_t *list = json_object_get(json_array_get(log, json_array_size(log) - 1), "violation");
        g_assert_cmpuint(json_array_size(list), ==, 1);
        g_assert_nonnull(strstr(json_string_value(json_array_get(list, 0)), cases[i].word));
        json_decref(log);
    }
    f.rqi = 100;
    expect(&f, 2000, "GET", BASE, NULL, 0);
    f.rqi = 100; /* the same identifier for another request */
    expect(&f, 4004, "GET", BASE "/other", NULL, 0);
    json_t *log = sim_log(f.sim);
    json_t *list = json_object_get(json_array_get(log, json_array_size(log) - 1), "violation");
    g_assert_nonnull(strstr(json_string_value(json_array_get(list, 0)), "another request"));
    json_decref(log);
    tear_down(&f);
}

static void test_identity(void)
{
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"DEV_CFG\"}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    struct peer *other = connect_as(&f, "other@mef.example.com", "00112233445566778899aabbccddeeff");
    /* This identity is bound to its origin; that origin is bound to this identity. */
    json_decref(demand_from(&f, f.peer, "//m2m.example.com/gw43", 4106, "GET", path, NULL, 0));
    json_decref(demand_from(&f, other, CLIENT, 4106, "GET", path, NULL, 0));
    json_decref(demand_from(&f, other, "//m2m.example.com/gw43", 4103, "GET", path, NULL, 0));
    json_decref(demand_from(&f, other, "//m2m.example.com/gw43", 4103, "GET", cmd, NULL, 0));
    json_decref(demand_from(&f, other, "//m2m.example.com/gw43", 4103, "DELETE", path, NULL, 0));
    expect(&f, 2000, "GET", path, NULL, 0);
    peer_close(other);
    /* Without a credential in the handshake nobody is authenticated. */
    g_autofree char *error = NULL;
    other =
        peer_open(&(struct peer_how){.port = sim_port(f.sim), .sni = FQDN, .ca = sim_ca_path(f.sim)}, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_cmpstr(peer_cipher(other), ==, "ECDHE-ECDSA-AES128-SHA256");
    json_decref(demand_from(&f, other, "//m2m.example.com/gw44", 4106, "GET", BASE, NULL, 0));
    peer_close(other);
    tear_down(&f);
}

/* ---- commands ---- */

static void test_update_unparsable(void)
{
    static const char *const bad[] = {
        "{\"sec:mecc\":{\"cid\":\"c-0001\"}}",
        "{\"sec:mecc\":{\"csc\":20}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":\"20\"}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":999}}",
        "{\"sec:mecc\":{\"cid\":\"\",\"csc\":20}}",
        "{\"sec:mecc\":{\"cid\":[\"c-0001\"],\"csc\":20}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20,\"csc\":20}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20,\"cdsc\":{}}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20}",
        "{\"sec:mecr\":{\"cid\":\"c-0001\",\"csc\":20}}",
        "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20},\"x\":1}",
        "[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]",
        "\"\xff\"",
        "",
    };
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    demand_command(&f, path, NULL, "c-0001", 10);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        json_t *answer = demand(&f, 4000, "PUT", cmd, bad[i], 0);
        g_assert_null(json_object_get(answer, "cid")); /* no next command either */
        json_decref(answer);
    }
    assert_reports(&f, 0, 0);
    demand_command(&f, path, NULL, "c-0001", 11);
    tear_down(&f);
}

static void test_update_match(void)
{
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}]}");
    g_autofree char *path = register_client(&f);
    demand_command(&f, path, NULL, "c-0001", 10);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0002\",\"csc\":20}}", "c-0001", 11);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"C-0001\",\"csc\":20}}", "c-0001", 11);
    assert_reports(&f, 2, 0);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":201}}", "c-0002", 10);
    /* The same report again: c-0002 has been issued since. */
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20}}", "c-0002", 11);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0002\",\"csc\":305}}", "c-0003", 10);
    assert_reports(&f, 5, 2);
    json_t *list = reports(&f);
    g_assert_cmpint(number_of(json_array_get(list, 2), "csc"), ==, 201);
    json_decref(list);
    sim_assert_no_violation(f.sim);
    tear_down(&f);
}

/* A cmdID that is a number comes back as a number, compared by its digits; what is odd is noted. */
static void test_update_number(void)
{
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"DEV_CFG\",\"cid\":7},{\"class\":\"MO_NODE\",\"cid\":\"x\"}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    json_t *c = demand(&f, 2000, "GET", cmd, NULL, 0);
    g_assert_cmpint(number_of(c, "cid"), ==, 7);
    json_decref(c);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":7,\"csc\":20}}", "x", 10);
    sim_assert_no_violation(f.sim);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"x\",\"csc\":100}}", "c-0003",
                   10); /* 100 is not for MO_NODE */
    json_t *log = sim_log(f.sim);
    json_t *last = json_array_get(log, json_array_size(log) - 1);
    g_assert_cmpuint(json_array_size(json_object_get(last, "violation")), ==, 1);
    json_decref(log);
    tear_down(&f);
}

static void test_retrieve(void)
{
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"DEV_CFG\"}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    g_autofree char *by_id = g_strdup_printf("%s-cmd", path);
    expect(&f, 4004, "GET", BASE "/mecr-none/cmd", NULL, 0);
    expect(&f, 4005, "DELETE", cmd, NULL, 0);
    expect(&f, 4005, "POST", cmd, "{\"sec:mecc\":{}}", 6);
    expect(&f, 4005, "POST", path, "{\"sec:mecc\":{}}", 6);
    json_t *c = demand(&f, 2000, "GET", cmd, NULL, 0);
    g_assert_cmpstr(text_of(c, "cid"), ==, "c-0001");
    g_assert_cmpint(number_of(c, "csc"), ==, 10);
    g_assert_cmpint(number_of(json_object_get(c, "cdsc"), "ccid"), ==, 2);
    json_decref(c);
    demand_command(&f, path, NULL, "c-0001", 11);
    expect(&f, 2000, "GET", by_id, NULL, 0); /* the unstructured form is served as well */
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":41}}", "c-0002", 10);
    demand_command(&f, path, NULL, "c-0002", 11); /* NO_MORE_COMMANDS has no update: issued before */
    json_decref(sim_post(f.sim, "/sim/commands", "[{\"class\":\"MO_NODE\"}]"));
    demand_command(&f, path, NULL, "c-0003", 10);
    json_decref(sim_post(f.sim, "/sim/expire", "{}"));
    expect(&f, 4004, "GET", cmd, NULL, 0);
    expect(&f, 4004, "PUT", cmd, "{\"sec:mecc\":{\"cid\":\"c-0003\",\"csc\":41}}", 0);
    expect(&f, 4004, "GET", path, NULL, 0);
    tear_down(&f);
}

/* Gets the next command, reports it with 41, and compares its cmdDescription. */
static void next_description(struct fixture *f, const char *cmd, const char *wanted)
{
    json_t *c = demand(f, 2000, "GET", cmd, NULL, 0);
    char *text = json_dumps(json_object_get(c, "cdsc"), JSON_COMPACT);
    GString *expected = g_string_new(wanted);
    g_autofree char *port = g_strdup_printf("%u", sim_port(f->sim));
    g_string_replace(expected, "PORT", port, 0);
    g_assert_cmpstr(text, ==, expected->str);
    free(text);
    g_string_free(expected, TRUE);
    g_autofree char *report =
        g_strdup_printf("{\"sec:mecc\":{\"cid\":\"%s\",\"csc\":41}}", text_of(c, "cid"));
    json_decref(c);
    json_decref(demand(f, 2004, "PUT", cmd, report, 0));
}

static void test_forming(void)
{
    struct fixture f;
    set_up(
        &f,
        "{\"retryDuration\":\"PT6H\",\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"},"
        "{\"class\":\"MO_NODE\"},{\"class\":\"MO_NODE\",\"args\":{\"obp\":\"/27023/0\",\"obt\":2}},"
        "{\"class\":\"MO_NODE\",\"args\":{\"obt\":3}},{\"ccid\":1,\"args\":{\"csty\":3,\"csbi\":\"C1\"}}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    next_description(
        &f, cmd,
        "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com:PORT/.well-known/est\","
        "\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\"}}}");
    next_description(&f, cmd,
                     "{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com:5684\"}}}");
    next_description(
        &f, cmd, "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,\"obsa\":{\"suid\":21}}}}");
    next_description(&f, cmd, "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27023/0\",\"obt\":2}}}");
    next_description(&f, cmd, "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":3}}}");
    next_description(
        &f, cmd,
        "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com:PORT/.well-known/est\","
        "\"csty\":3,\"csbi\":\"C1\"}}}");
    json_t *c = demand(&f, 2000, "GET", cmd, NULL, 0);
    char *text = json_dumps(json_object_get(c, "cdsc"), JSON_COMPACT);
    g_assert_cmpstr(text, ==, "{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT6H\"}}}");
    free(text);
    json_decref(c);
    sim_assert_no_violation(f.sim);
    tear_down(&f);
}

/* Each rule of forming can be broken on demand. */
static void test_forming_broken(void)
{
    struct fixture f;
    set_up(&f, "{\"commands\":[{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://evil.example.com/"
               "\",\"csty\":null}},"
               "{\"class\":\"MO_NODE\",\"args\":{\"obsa\":null}},"
               "{\"class\":\"MO_NODE\",\"args\":{\"obt\":2,\"obsa\":{\"suid\":21}}},"
               "{\"ccid\":77,\"args\":{\"a\":\"${client}\"}},{\"cdsc\":{\"ccid\":1,\"cmda\":{\"dcca\":{}}}},"
               "{\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":\"soon\"},\"csc\":99},"
               "{\"content\":{\"cid\":\"only\"}},{\"body\":\"{broken\"}]}");
    g_autofree char *path = register_client(&f), *cmd = g_strdup_printf("%s/cmd", path);
    next_description(&f, cmd,
                     "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://evil.example.com/\","
                     "\"csbi\":\"//m2m.example.com/gw42\"}}}");
    next_description(&f, cmd, "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1}}}");
    next_description(
        &f, cmd, "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":2,\"obsa\":{\"suid\":21}}}}");
    next_description(&f, cmd, "{\"ccid\":77,\"cmda\":{\"a\":\"//m2m.example.com/gw42\"}}");
    next_description(&f, cmd, "{\"ccid\":1,\"cmda\":{\"dcca\":{}}}");
    /* NO_MORE_COMMANDS came as the answer to that report; a retrieve after it brings what waits behind it. */
    json_t *log = sim_log(f.sim);
    g_autofree char *last = g_strdup(text_of(json_array_get(log, json_array_size(log) - 1), "answer"));
    g_assert_nonnull(strstr(last, "{\"nmca\":{\"rtd\":\"soon\"}}},\"csc\":99}"));
    json_decref(log);
    json_t *c = demand(&f, 2000, "GET", cmd, NULL, 0);
    g_assert_cmpuint(json_object_size(c), ==, 1);
    json_decref(c);
    g_autofree char *answer = primitive(&f, "PUT", cmd, "{\"sec:mecc\":{\"cid\":\"only\",\"csc\":41}}", 0);
    g_assert_cmpstr(answer_body(answer), ==, "{broken");
    tear_down(&f);
}

/* ---- keys, state, usage ---- */

static void test_key(void)
{
    struct fixture f;
    set_up(&f, "{}");
    uint8_t exported[48];
    json_t *key = demand(&f, 2001, "POST", BASE,
                         "{\"sec:skr\":{\"et\":\"20990101T000000\",\"adfq\":\"a.example\",\"suid\":22}}", 5);
    g_autofree char *path = g_strdup_printf(BASE "/%s", text_of(key, "ri"));
    static const char label[] = "EXPORTER-oneM2M-Bootstrap";
    g_assert_cmpint(SSL_export_keying_material(peer_ssl(f.peer), exported, sizeof exported, label,
                                               sizeof label - 1, NULL, 0, 0),
                    ==, 1);
    char hex[33];
    hex_encode(exported, 16, hex);
    g_autofree char *upper = g_ascii_strup(hex, -1), *value = g_base64_encode(exported + 16, 32);
    g_assert_cmpstr(text_of(key, "ri"), ==, upper);
    g_assert_null(json_object_get(key, "kv"));
    json_decref(key);
    json_t *state = sim_state(f.sim);
    key = json_array_get(json_object_get(json_object_get(state, "state"), "keys"), 0);
    g_assert_cmpstr(text_of(key, "kv"), ==, value);
    json_decref(state);
    expect(&f, 2004, "PUT", path, "{\"sec:skr\":{\"lbl\":[\"k\"]}}", 0);
    expect(&f, 4000, "PUT", path, "{\"sec:skr\":{\"suid\":23}}", 0);
    expect(&f, 2002, "DELETE", path, NULL, 0);
    expect(&f, 4004, "GET", path, NULL, 0);
    expect(&f, 4102, "POST", BASE,
           "{\"sec:skr\":{\"et\":\"20990101T000000\",\"adfq\":\"a.example\",\"suid\":11}}", 5);
    tear_down(&f);
}

static void test_restart(void)
{
    struct fixture f = {.dir = g_dir_make_tmp("mef-sim.XXXXXX", NULL)};
    g_autofree char *file = g_strdup_printf("--state=%s/state", f.dir);
    const char *const args[] = {"--psk", KPM_ID "=" KPM, file, NULL};
    f.sim = sim_start(f.dir, FQDN, "{\"commands\":[{\"class\":\"DEV_CFG\"}]}", args);
    f.peer = connect_as(&f, KPM_ID, KPM);
    g_autofree char *path = register_client(&f);
    demand_command(&f, path, NULL, "c-0001", 10);
    peer_close(f.peer);
    sim_kill(f.sim);
    f.sim = sim_start(f.dir, FQDN, "{}", args);
    f.peer = connect_as(&f, KPM_ID, KPM);
    demand_command(&f, path, NULL, "c-0001", 11);
    demand_command(&f, path, "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":41}}", "c-0002", 10);
    tear_down(&f);
}

static void test_usage(void)
{
    static const struct {
        const char *args;
        int status;
    } cases[] = {
        {"--help", 0},
        {"--version", 0},
        {"", 2},
        {"--nonsense", 2},
        {"--listen 127.0.0.1:0 --ca DIR/ca", 2},
        {"--listen nowhere --fqdn a.example --ca DIR/ca", 2},
        {"--listen 127.0.0.1:70000 --fqdn a.example --ca DIR/ca", 2},
        {"--listen 127.0.0.1:0 --fqdn a..example --ca DIR/ca", 2},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --psk x", 2},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --psk x=zz", 2},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --psk-file x=DIR/none", 2},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --scenario DIR/none", 1},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --scenario DIR/word", 1},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --scenario DIR/fault", 1},
        {"--listen 127.0.0.1:0 --fqdn a.example --ca DIR/ca --log DIR/none/log", 1},
    };
    g_autofree char *dir = g_dir_make_tmp("mef-sim.XXXXXX", NULL);
    g_autofree char *word = g_build_filename(dir, "word", NULL),
                    *fault = g_build_filename(dir, "fault", NULL);
    g_assert_true(g_file_set_contents(word, "{\"comands\":[]}", -1, NULL));
    g_assert_true(g_file_set_contents(fault, "{\"faults\":[{\"at\":1,\"do\":\"explode\"}]}", -1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GString *line = g_string_new(cases[i].args);
        g_autofree char *error = NULL, *out = NULL;
        int status;
        g_string_replace(line, "DIR", dir, 0);
        g_string_prepend(line, TOP_BUILDDIR "/tests/sim/mef-sim ");
        g_assert_true(g_spawn_command_line_sync(line->str, &out, &error, &status, NULL));
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, cases[i].status);
        g_assert_cmpuint(strlen(cases[i].status ? error : out), >, 0); /* says why */
        g_string_free(line, TRUE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/mef/EE-25/worked-example", test_worked_example);
    g_test_add_func("/sim/mef/EE-25/child-names-waiting-command", test_child);
    g_test_add_func("/sim/mef/registration/create", test_create);
    g_test_add_func("/sim/mef/registration/create-again", test_create_again);
    g_test_add_func("/sim/mef/registration/update-delete", test_update);
    g_test_add_func("/sim/mef/headers", test_headers);
    g_test_add_func("/sim/mef/identity", test_identity);
    g_test_add_func("/sim/mef/violations", test_violations);
    g_test_add_func("/sim/mef/MC-10/unparsable-update", test_update_unparsable);
    g_test_add_func("/sim/mef/MC-11/update-matches-or-not", test_update_match);
    g_test_add_func("/sim/mef/MC-11/number-as-cmdID", test_update_number);
    g_test_add_func("/sim/mef/MC-56/retrieve", test_retrieve);
    g_test_add_func("/sim/mef/MC-57/forming", test_forming);
    g_test_add_func("/sim/mef/MC-57/broken-on-demand", test_forming_broken);
    g_test_add_func("/sim/mef/key-registration", test_key);
    g_test_add_func("/sim/mef/restart", test_restart);
    g_test_add_func("/sim/usage", test_usage);
    return g_test_run();
}
