/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare side of a key registration: a connection of its own with a full handshake, one POST on it, the
 * exporter; around it the command on the kept connection and the commits of ours. Nothing looks whether an
 * answer is right, and no token is written. */
#include <jansson.h>

#include "tests/bench/bare-http.h"
#include "tests/bench/bare-store.h"
#include "tests/bench/command.h"
#include "tests/bench/key.h"

/* RelativeKeyID of a new key (free), over a connection of its own. */
static char *register_key(struct bare_http *h)
{
    json_t *body =
        json_pack("{s:{s:s,s:[s],s:s,s:i,s:[s]}}", "sec:skr", "et", "20990101T000000", "lbl", KEY_BENCH_LABEL,
                  "adfq", "admin.example.org", "suid", KEY_BENCH_SUID, "tgis", KEY_BENCH_TARGET);
    char *text = json_dumps(body, JSON_COMPACT);

    bare_http_send(h, "POST", COMMAND_BASE, COMMAND_TYPE ";ty=5", text);
    json_t *answer = json_loadb(h->answer->str, h->answer->len, JSON_REJECT_DUPLICATES, NULL);
    char *id = g_strdup(json_string_value(json_object_get(json_object_get(answer, "sec:skr"), "ri")));
    g_assert_nonnull(id);
    json_decref(answer);
    json_decref(body);
    free(text);
    return id;
}

void key_bare(const char *dir, uint16_t port)
{
    /* The second one keeps its handle, but no connection. */
    struct bare_http h = {0}, keys = {.rqi = 1u << 20, .export_label = "EXPORTER-oneM2M-Bootstrap"};
    struct bare_store store;

    bare_store_open(&store, dir);
    bare_http_open(&h, port);
    bare_http_open(&keys, port);
    curl_easy_setopt(keys.easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(keys.easy, CURLOPT_FORBID_REUSE, 1L);
    bare_http_register(&h);
    bare_http_send(&h, "GET", COMMAND_PATH, NULL, NULL);
    for (int64_t serial = 1;; serial++) {
        json_t *doc = json_loadb(h.answer->str, h.answer->len, JSON_REJECT_DUPLICATES, NULL), *class;
        json_t *content = json_object_get(doc, "sec:mecc");
        const char *cid = json_string_value(json_object_get(content, "cid"));
        g_autofree char *body = g_strdup_printf("{\"sec:mecc\":{\"cid\":\"%s\",\"csc\":20}}", cid);
        g_autofree char *command = g_strdup(h.answer->str);

        class = json_object_get(json_object_get(content, "cdsc"), "ccid");
        gboolean last = json_integer_value(class) == 0;
        bare_store_save(&store, serial, cid, command, 0);
        if (!last) {
            bare_store_save(&store, serial, cid, command, 1);
            g_autofree char *id = register_key(&keys), *name = g_strdup_printf("%s@" COMMAND_FQDN, id);
            bare_store_key(&store, serial, name, FALSE);
            bare_store_key(&store, serial, name, TRUE);
            bare_store_save(&store, serial, cid, command, 3);
            bare_http_send(&h, "PUT", COMMAND_PATH, COMMAND_TYPE, body);
            bare_store_save(&store, serial, cid, command, 4);
        }
        json_decref(doc);
        if (last)
            break;
    }
    bare_http_close(&keys);
    bare_http_close(&h);
    bare_store_close(&store);
}
