/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim misbehaves on demand: each fault does what docs/mef-sim.md says, to the octet where it matters, and
 * leaves the MEF's state as it says. Then TLS itself, and the control port. */
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/sim-process.h"
#include "tests/sim/peer.h"

#define FQDN   "mef.example.com"
#define KPM_ID "gw42-kpm@mef.example.com"
#define KPM    "000102030405060708090a0b0c0d0e0f"
#define CLIENT "//m2m.example.com/gw42"
#define REG    "/_/mef.example.com/-/reg"

struct fixture {
    char *dir;
    struct sim_process *sim;
    struct peer *peer;
};

static struct peer *connect_psk(struct fixture *f, char **ret_error)
{
    return peer_open(
        &(struct peer_how){.port = sim_port(f->sim), .identity = KPM_ID, .psk = KPM, .sni = FQDN}, ret_error);
}

static void reconnect(struct fixture *f)
{
    peer_close(f->peer);
    f->peer = connect_psk(f, NULL);
    g_assert_nonnull(f->peer);
}

static char *primitive(const char *method, const char *path, const char *type, const char *body)
{
    return g_strdup_printf("%s %s HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: " CLIENT
                           "\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 2a\r\n"
                           "%s%s%sContent-Length: %zu\r\n\r\n%s",
                           method, path, type ? "Content-Type: application/vnd.onem2m-res+json" : "",
                           type ? type : "", type ? "\r\n" : "", body ? strlen(body) : 0, body ? body : "");
}

static char *ask(struct fixture *f, const char *method, const char *path, const char *type, const char *body)
{
    g_autofree char *request = primitive(method, path, type, body);
    return peer_exchange(f->peer, request);
}

static void set_up(struct fixture *f)
{
    static const char *const args[] = {"--psk=" KPM_ID "=" KPM, NULL};
    f->dir = g_dir_make_tmp("mef-sim.XXXXXX", NULL);
    f->sim = sim_start(
        f->dir, FQDN,
        "{\"registration\":{\"id\":\"reg\"},\"commands\":[{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}]}",
        args);
    f->peer = connect_psk(f, NULL);
    g_assert_nonnull(f->peer);
    g_autofree char *answer = ask(f, "POST", "/_/" FQDN "/-", ";ty=4",
                                  "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"a.example\"}}");
    g_assert_cmpint(answer_status(answer), ==, 201);
}

static void tear_down(struct fixture *f)
{
    peer_close(f->peer);
    g_assert_cmpint(sim_stop(f->sim), ==, 0);
    g_free(f->dir);
}

static void fault(struct fixture *f, const char *text)
{
    json_decref(sim_post(f->sim, "/sim/faults", text));
}

static char *retrieve(struct fixture *f)
{
    return ask(f, "GET", REG "/cmd", NULL, NULL);
}

static char *report(struct fixture *f, const char *cid)
{
    g_autofree char *body = g_strdup_printf("{\"sec:mecc\":{\"cid\":\"%s\",\"csc\":41}}", cid);
    return ask(f, "PUT", REG "/cmd", "", body);
}

/* Sends the retrieve and gives what comes until the end of the connection. */
static GByteArray *retrieve_rest(struct fixture *f, size_t max, gboolean *ret_clean)
{
    g_autofree char *request = primitive("GET", REG "/cmd", NULL, NULL);
    peer_send(f->peer, request, strlen(request));
    return peer_rest(f->peer, max, ret_clean);
}

static void assert_body(const char *answer, const char *part)
{
    if (!strstr(answer_body(answer), part))
        g_error("'%s' is not in: %s", part, answer);
}

static size_t recorded(struct fixture *f)
{
    json_t *state = sim_state(f->sim), *one;
    size_t i, n = 0;
    json_array_foreach(json_object_get(json_object_get(state, "state"), "reports"), i, one) n +=
        json_is_true(json_object_get(one, "recorded"));
    json_decref(state);
    return n;
}

/* ---- the connection ---- */

static void test_drop(void)
{
    struct fixture f;
    set_up(&f);
    g_autofree char *first = retrieve(&f);
    assert_body(first, "\"c-0001\"");
    fault(&f, "{\"at\":{\"op\":\"update\",\"resource\":\"command\"},\"do\":\"drop\"}");
    g_autofree char *nothing = report(&f, "c-0001");
    g_assert_cmpstr(nothing, ==, "");
    g_assert_cmpuint(recorded(&f), ==, 0); /* before it was processed */
    reconnect(&f);
    fault(&f, "[{\"at\":{\"op\":\"update\"},\"do\":\"drop-after\"}]");
    g_autofree char *nothing2 = report(&f, "c-0001");
    g_assert_cmpstr(nothing2, ==, "");
    g_assert_cmpuint(recorded(&f), ==, 1); /* after */
    reconnect(&f);
    g_autofree char *next = retrieve(&f);
    assert_body(next, "\"c-0002\"");
    assert_body(next, "\"csc\":11"); /* it had been issued in the answer that was lost */
    tear_down(&f);
}

static void test_truncate(void)
{
    struct fixture f;
    gboolean clean = TRUE;
    set_up(&f);
    g_autofree char *whole = retrieve(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"truncate\",\"bytes\":40}");
    GByteArray *a = retrieve_rest(&f, 1 << 20, &clean);
    g_assert_cmpuint(a->len, ==, 40);
    g_assert_cmpint(memcmp(a->data, whole, 40), ==, 0);
    g_assert_false(clean);
    g_byte_array_unref(a);
    reconnect(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"truncate\"}");
    a = retrieve_rest(&f, 1 << 20, &clean);
    size_t head = (size_t)(answer_body(whole) - whole), body = strlen(whole) - head;
    g_assert_cmpuint(a->len, ==, head + body / 2);
    g_byte_array_unref(a);
    tear_down(&f);
}

static void test_noise(void)
{
    struct fixture f;
    gboolean clean = FALSE;
    set_up(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"garbage\",\"bytes\":1000}");
    GByteArray *a = retrieve_rest(&f, 1 << 20, &clean);
    g_assert_cmpuint(a->len, ==, 1000);
    g_assert_cmpint(memcmp(a->data, "HTTP/1.1", 8), !=, 0);
    g_assert_true(clean);
    g_byte_array_unref(a);
    reconnect(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"huge\",\"bytes\":300000}");
    a = retrieve_rest(&f, 1 << 24, &clean);
    g_byte_array_append(a, (const guint8 *)"", 1);
    g_autofree char *length = answer_header((char *)a->data, "Content-Length");
    g_assert_cmpstr(length, ==, "300000");
    g_assert_cmpuint(strlen(answer_body((char *)a->data)), ==, 300000);
    json_error_t e;
    json_t *j = json_loads(answer_body((char *)a->data), 0, &e);
    g_assert_nonnull(j);
    json_decref(j);
    g_byte_array_unref(a);
    tear_down(&f);
}

static void test_endless(void)
{
    static const char *const words[] = {"endless", "endless-header"};
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *text = g_strdup_printf("{\"at\":{\"op\":\"retrieve\"},\"do\":\"%s\"}", words[i]);
        fault(&f, text);
        GByteArray *a = retrieve_rest(&f, 8 << 20, NULL);
        g_assert_cmpuint(a->len, >=, 8 << 20);
        gboolean header_ends = memmem(a->data, a->len, "\r\n\r\n", 4) != NULL;
        g_assert_cmpint(header_ends, ==, i == 0);
        g_byte_array_unref(a);
        reconnect(&f);
    }
    g_autofree char *after = retrieve(&f);
    assert_body(after, "\"csc\":10"); /* none of them was processed */
    tear_down(&f);
}

static void test_slow(void)
{
    struct fixture f;
    set_up(&f);
    g_autofree char *whole = retrieve(&f);
    assert_body(whole, "\"csc\":10");
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"delay\",\"ms\":300}");
    gint64 begin = g_get_monotonic_time();
    g_autofree char *late = retrieve(&f);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 300000);
    assert_body(late, "\"csc\":11");
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"dribble\",\"bytes\":7}");
    g_autofree char *pieces = retrieve(&f);
    g_assert_cmpstr(pieces, ==, late);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"chunked\",\"bytes\":5}");
    g_autofree char *head = retrieve(&f); /* no length: the head only */
    g_autofree char *te = answer_header(head, "Transfer-Encoding"),
                    *length = answer_header(head, "Content-Length");
    g_assert_cmpstr(te, ==, "chunked");
    g_assert_null(length);
    GByteArray *first = peer_rest(f.peer, 1, NULL);
    g_assert_cmpint(memcmp(first->data, "5\r\n{\"sec\r\n", 10), ==, 0);
    g_byte_array_unref(first);
    reconnect(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"silent\"}");
    g_autofree char *request = primitive("GET", REG "/cmd", NULL, NULL);
    peer_send(f.peer, request, strlen(request));
    /* It says nothing until somebody ends it. */
    json_decref(sim_post(f.sim, "/sim/reset-connections", "{}"));
    gboolean clean = TRUE;
    GByteArray *nothing = peer_rest(f.peer, 100, &clean);
    g_assert_cmpuint(nothing->len, ==, 0);
    g_assert_false(clean);
    g_byte_array_unref(nothing);
    tear_down(&f);
}

static void test_close(void)
{
    struct fixture f;
    gboolean clean = FALSE;
    set_up(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"close\"}");
    g_autofree char *answer = retrieve(&f);
    assert_body(answer, "\"c-0001\"");
    GByteArray *rest = peer_rest(f.peer, 100, &clean);
    g_assert_cmpuint(rest->len, ==, 0);
    g_assert_true(clean);
    g_byte_array_unref(rest);
    reconnect(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"tls-alert\",\"alert\":49}");
    GByteArray *alert = retrieve_rest(&f, 100, &clean);
    g_assert_cmpuint(alert->len, ==, 0);
    g_assert_false(clean);
    g_byte_array_unref(alert);
    tear_down(&f);
}

/* ---- the content ---- */

static void test_content(void)
{
    struct fixture f;
    set_up(&f);
    fault(&f, "{\"at\":{\"path\":\"" REG "/cmd\"},\"do\":\"status\",\"rsc\":5000}");
    g_autofree char *error = retrieve(&f), *rsc = answer_header(error, "X-M2M-RSC");
    g_assert_cmpstr(rsc, ==, "5000");
    g_assert_cmpint(answer_status(error), ==, 500);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"status\",\"status\":302}");
    g_autofree char *moved = retrieve(&f), *no_rsc = answer_header(moved, "X-M2M-RSC");
    g_assert_cmpint(answer_status(moved), ==, 302);
    g_assert_null(no_rsc);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"body\",\"body\":\"{\\\"a\\\":\"}");
    g_autofree char *broken = retrieve(&f), *length = answer_header(broken, "Content-Length");
    g_assert_cmpstr(answer_body(broken), ==, "{\"a\":");
    g_assert_cmpstr(length, ==, "5");
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"field\",\"set\":{\"csc\":99,\"cdsc.ccid\":9},"
              "\"remove\":[\"cid\"]}");
    g_autofree char *field = retrieve(&f);
    assert_body(field, "\"ccid\":9");
    assert_body(field, "\"csc\":99");
    g_assert_null(strstr(answer_body(field), "\"cid\""));
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"other\",\"X-M2M-RSC\":"
              "null,\"X-New\":\"1\"}}");
    g_autofree char *headers = retrieve(&f), *ri = answer_header(headers, "X-M2M-RI");
    g_autofree char *gone = answer_header(headers, "X-M2M-RSC"), *extra = answer_header(headers, "X-New");
    g_assert_cmpstr(ri, ==, "other");
    g_assert_null(gone);
    g_assert_cmpstr(extra, ==, "1");
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"media-type\",\"value\":\"text/html\"}");
    g_autofree char *html = retrieve(&f), *type = answer_header(html, "Content-Type");
    g_assert_cmpstr(type, ==, "text/html");
    g_autofree char *well = retrieve(&f), *well_type = answer_header(well, "Content-Type");
    g_assert_cmpstr(well_type, ==, "application/vnd.onem2m-res+json"); /* each struck once */
    tear_down(&f);
}

static void test_commands(void)
{
    struct fixture f;
    set_up(&f);
    g_autofree char *first = retrieve(&f);
    assert_body(first, "\"c-0001\"");
    fault(&f, "{\"at\":{\"op\":\"update\"},\"do\":\"reissue\"}");
    g_autofree char *lost = report(&f, "c-0001");
    assert_body(lost, "\"c-0001\"");
    assert_body(lost, "\"csc\":11");
    g_assert_cmpuint(recorded(&f), ==, 0);
    fault(&f, "{\"at\":{\"op\":\"update\"},\"do\":\"repeat\"}");
    g_autofree char *again = report(&f, "c-0001");
    assert_body(again, "\"c-0001\"");
    assert_body(again, "\"csc\":10");
    g_assert_cmpuint(recorded(&f), ==, 1);
    g_autofree char *forty = report(&f, "c-0001"); /* what a client says to it is recorded too */
    assert_body(forty, "\"c-0002\"");
    g_assert_cmpuint(recorded(&f), ==, 2);
    fault(&f, "{\"at\":{\"op\":\"retrieve\"},\"do\":\"repeat\"}");
    g_autofree char *old = retrieve(&f);
    assert_body(old, "\"c-0001\"");
    g_autofree char *then = report(&f, "c-0001");
    assert_body(then, "\"c-0002\""); /* the one in between is not lost */
    tear_down(&f);
}

/* n, times, request numbers, and "process". */
static void test_when(void)
{
    struct fixture f;
    set_up(&f);
    fault(&f, "{\"at\":{\"op\":\"retrieve\",\"n\":2,\"times\":2},\"do\":\"status\",\"rsc\":5000}");
    static const int wanted[] = {200, 500, 500, 200};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *answer = retrieve(&f);
        g_assert_cmpint(answer_status(answer), ==, wanted[i]);
    }
    json_t *state = sim_state(f.sim);
    g_assert_cmpint(
        json_integer_value(json_object_get(json_array_get(json_object_get(state, "faults"), 0), "hits")), ==,
        2);
    g_autofree char *number =
        g_strdup_printf("{\"at\":%d,\"do\":\"status\",\"rsc\":4103}",
                        (int)json_integer_value(json_object_get(state, "requests")) + 2);
    json_decref(state);
    fault(&f, number);
    g_autofree char *one = retrieve(&f), *two = retrieve(&f);
    g_assert_cmpint(answer_status(one), ==, 200);
    g_assert_cmpint(answer_status(two), ==, 403);
    json_decref(sim_call(f.sim, "DELETE", "/sim/faults", NULL, NULL));
    fault(&f, "{\"at\":{\"op\":\"update\",\"times\":0},\"do\":\"status\",\"rsc\":5000,\"process\":true}");
    g_autofree char *update = report(&f, "c-0001"), *update2 = report(&f, "c-0002");
    g_assert_cmpint(answer_status(update), ==, 500);
    g_assert_cmpint(answer_status(update2), ==, 500);
    g_assert_cmpuint(recorded(&f), ==, 2);
    tear_down(&f);
}

/* ---- TLS ---- */

struct handshakes {
    struct sim_process *sim;
    size_t failed, no_sni;
};

/* The sim writes its line after the handshake, when the peer may be through already. */
static gboolean all_logged(json_t *state, void *data)
{
    struct handshakes *h = data;
    json_t *log = sim_log(h->sim), *line;
    size_t i;
    h->failed = h->no_sni = 0;
    json_array_foreach(log, i, line)
    {
        const char *op = json_string_value(json_object_get(line, "op"));
        h->failed += strcmp(op, "handshake-failed") == 0;
        h->no_sni += json_array_size(json_object_get(line, "violation")) > 0 && strcmp(op, "handshake") == 0;
    }
    json_decref(log);
    return h->failed >= 4 && h->no_sni >= 1;
}

static void test_handshake(void)
{
    struct fixture f;
    set_up(&f);
    struct peer_how how = {.port = sim_port(f.sim), .identity = "stranger", .psk = KPM, .sni = FQDN};
    char *error = NULL;
    g_assert_null(peer_open(&how, &error));
    g_assert_nonnull(strstr(error, "unknown psk identity"));
    g_clear_pointer(&error, g_free);
    how.identity = KPM_ID;
    how.psk = "ffff";
    g_assert_null(peer_open(&how, &error));
    g_assert_nonnull(strstr(error, "bad record mac"));
    g_clear_pointer(&error, g_free);
    how.psk = KPM;
    how.ciphers = "PSK-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256";
    g_assert_null(peer_open(&how, &error));
    g_assert_nonnull(strstr(error, "handshake failure"));
    g_clear_pointer(&error, g_free);
    how = (struct peer_how){.port = sim_port(f.sim), .sni = FQDN, .version = TLS1_3_VERSION};
    g_assert_null(peer_open(&how, &error));
    g_test_message("TLS 1.3: %s", error);
    g_clear_pointer(&error, g_free);
    how = (struct peer_how){.port = sim_port(f.sim), .sni = FQDN, .ca = sim_ca_path(f.sim)};
    struct peer *p = peer_open(&how, &error); /* verified, name and all, by OpenSSL */
    g_assert_nonnull(p);
    g_assert_cmpstr(peer_cipher(p), ==, "ECDHE-ECDSA-AES128-SHA256");
    peer_close(p);
    how.sni = NULL;
    p = peer_open(&how, &error);
    g_assert_nonnull(p);
    peer_close(p);
    struct handshakes h = {.sim = f.sim};
    json_t *state = sim_wait(f.sim, all_logged, &h, 20);
    g_assert_nonnull(state);
    json_decref(state);
    g_assert_cmpuint(h.failed, ==, 4);
    g_assert_cmpuint(h.no_sni, ==, 1);
    tear_down(&f);
}

static void test_wrong_certificate(void)
{
    static const struct {
        const char *word, *reason;
        long verify;
    } cases[] = {
        {"other-name", "", X509_V_ERR_HOSTNAME_MISMATCH},
        {"no-name", "", X509_V_OK},
        {"wildcard", "", X509_V_OK},
        {"expired", "", X509_V_ERR_CERT_HAS_EXPIRED},
        {"not-yet", "", X509_V_ERR_CERT_NOT_YET_VALID},
        {"self-signed", "", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
        {"other-ca", "", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    };
    struct fixture f;
    set_up(&f);
    unsigned connection = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf("{\"at\":{\"connection\":%u},\"do\":\"wrong-cert\",\"certificate\":\"%s\"}",
                            ++connection, cases[i].word);
        g_autofree char *error = NULL;
        g_test_message("%s", cases[i].word);
        fault(&f, text);
        struct peer_how how = {.port = sim_port(f.sim), .sni = FQDN, .ca = sim_ca_path(f.sim)};
        struct peer *p = peer_open(&how, &error);
        g_assert_cmpint(p != NULL, ==, cases[i].verify == X509_V_OK);
        if (p) {
            X509 *cert = peer_certificate(p);
            GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
            g_assert_cmpint(names != NULL, ==, strcmp(cases[i].word, "wildcard") == 0);
            GENERAL_NAMES_free(names);
            X509_free(cert);
        } else {
            g_assert_nonnull(strstr(error, "certificate verify failed"));
        }
        peer_close(p);
        p = peer_open(&how, NULL); /* the next one gets the right certificate */
        g_assert_nonnull(p);
        peer_close(p);
        connection++;
    }
    tear_down(&f);
}

static void test_connection(void)
{
    struct fixture f;
    set_up(&f);
    g_autofree char *error = NULL, *error2 = NULL;
    fault(&f, "[{\"at\":{\"connection\":2},\"do\":\"drop\"},{\"at\":{\"connection\":3},\"do\":\"tls-alert\","
              "\"alert\":80},"
              "{\"at\":{\"connection\":4},\"do\":\"delay\",\"ms\":200}]");
    g_assert_null(connect_psk(&f, &error));
    g_assert_null(connect_psk(&f, &error2));
    g_assert_nonnull(strstr(error2, "internal error"));
    gint64 begin = g_get_monotonic_time();
    reconnect(&f);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 200000);
    tear_down(&f);
}

/* ---- the control port ---- */

static void test_control(void)
{
    struct fixture f;
    set_up(&f);
    int status;
    g_autofree char *error = NULL;
    static const struct {
        const char *method, *url, *body;
        int status;
    } bad[] = {
        {"GET", "/sim/nothing", NULL, 404},
        {"POST", "/sim/commands", NULL, 400},
        {"POST", "/sim/commands", "{\"class\":\"NONSENSE\"}", 400},
        {"POST", "/sim/commands", "[{\"clas\":\"DEV_CFG\"}]", 400},
        {"POST", "/sim/commands", "{\"registration\":\"none\",\"commands\":[{\"class\":\"DEV_CFG\"}]}", 404},
        {"POST", "/sim/faults", "{\"at\":1}", 400},
        {"POST", "/sim/faults", "{\"at\":{\"operation\":\"x\"},\"do\":\"drop\"}", 400},
        {"POST", "/sim/faults", "{\"at\":{\"op\":\"x\"},\"do\":\"wrong-cert\"}", 400},
        {"POST", "/sim/scenario", "{\"priority\":\"NORMAL\"}", 400},
        {"POST", "/sim/scenario", "{\"est\":{\"certificate\":\"strange\"}}", 400},
        {"POST", "/sim/refuse-identity", "{}", 400},
        {"DELETE", "/sim/refuse-identity", "{\"identity\":\"nobody\"}", 404},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        json_t *body = bad[i].body ? json_loads(bad[i].body, 0, NULL) : NULL;
        json_t *answer = sim_call(f.sim, bad[i].method, bad[i].url, body, &status);
        g_test_message("%s %s", bad[i].url, bad[i].body ? bad[i].body : "");
        g_assert_cmpint(status, ==, bad[i].status);
        g_assert_nonnull(json_object_get(answer, "error"));
        json_decref(answer);
        json_decref(body);
    }
    json_decref(sim_post(f.sim, "/sim/refuse-identity",
                         "{\"identity\":\"" KPM_ID "\",\"at\":\"request\",\"rsc\":4107}"));
    g_autofree char *refused = retrieve(&f), *rsc = answer_header(refused, "X-M2M-RSC");
    g_assert_cmpstr(rsc, ==, "4107");
    json_decref(sim_post(f.sim, "/sim/refuse-identity", "{\"identity\":\"" KPM_ID "\"}"));
    g_assert_null(connect_psk(&f, &error));
    g_assert_nonnull(strstr(error, "access denied"));
    json_decref(sim_call(f.sim, "DELETE", "/sim/refuse-identity", NULL, NULL));
    reconnect(&f);
    g_autofree char *again = retrieve(&f);
    g_assert_cmpint(answer_status(again), ==, 200);
    /* A wait ends at its time. */
    json_t *state = sim_state(f.sim);
    g_autofree char *url = g_strdup_printf("/sim/state?after=%d&timeout=1",
                                           (int)json_integer_value(json_object_get(state, "sequence")));
    gint64 begin = g_get_monotonic_time();
    json_decref(sim_call(f.sim, "GET", url, NULL, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 900000);
    json_decref(state);
    tear_down(&f);
}

/* What is no HTTP, or too much of it. */
static void test_bad_http(void)
{
    struct fixture f;
    set_up(&f);
    g_autofree char *big = g_strnfill(70000, 'x');
    g_autofree char *large = ask(&f, "POST", "/_/" FQDN "/-", ";ty=4", big);
    g_assert_cmpint(answer_status(large), ==, 413);
    g_autofree char *method = ask(&f, "PATCH", REG, NULL, NULL), *rsc = answer_header(method, "X-M2M-RSC");
    g_assert_cmpstr(rsc, ==, "4005");
    g_autofree char *version = peer_exchange(f.peer, "GET / HTTP/9.9\r\n\r\n");
    g_assert_cmpint(answer_status(version), !=, 200);
    json_decref(sim_state(f.sim));
    reconnect(&f);
    g_autofree char *header = g_strdup_printf("GET / HTTP/1.1\r\nX: %s\r\n\r\n", big);
    peer_send(f.peer, header, strlen(header));
    GByteArray *rest = peer_rest(f.peer, 1 << 20, NULL);
    g_assert_cmpint(rest->len > 12 && rest->data[9] == '2', ==, FALSE);
    g_byte_array_unref(rest);
    reconnect(&f);
    g_autofree char *well = retrieve(&f);
    g_assert_cmpint(answer_status(well), ==, 200);
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/fault/drop", test_drop);
    g_test_add_func("/sim/fault/truncate", test_truncate);
    g_test_add_func("/sim/fault/noise", test_noise);
    g_test_add_func("/sim/fault/endless", test_endless);
    g_test_add_func("/sim/fault/slow", test_slow);
    g_test_add_func("/sim/fault/close", test_close);
    g_test_add_func("/sim/fault/content", test_content);
    g_test_add_func("/sim/fault/commands", test_commands);
    g_test_add_func("/sim/fault/when", test_when);
    g_test_add_func("/sim/fault/connection", test_connection);
    g_test_add_func("/sim/tls/handshake", test_handshake);
    g_test_add_func("/sim/tls/wrong-certificate", test_wrong_certificate);
    g_test_add_func("/sim/control", test_control);
    g_test_add_func("/sim/bad-http", test_bad_http);
    return g_test_run();
}
