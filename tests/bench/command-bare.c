/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare side: a loop of libcurl, jansson and SQLite in one thread, with the requests, parses and commits
 * of ours. */
#include <jansson.h>

#include "tests/bench/bare-http.h"
#include "tests/bench/bare-store.h"
#include "tests/bench/command.h"

void command_bare(const char *dir, uint16_t port)
{
    struct bare_http h = {0};
    struct bare_store store;

    bare_store_open(&store, dir);
    bare_http_open(&h, port);
    bare_http_register(&h);
    bare_http_send(&h, "GET", COMMAND_PATH, NULL, NULL);
    for (int64_t serial = 1;; serial++) {
        json_t *doc = json_loadb(h.answer->str, h.answer->len, JSON_REJECT_DUPLICATES, NULL), *arguments;
        json_t *content = json_object_get(doc, "sec:mecc");
        const char *cid = json_string_value(json_object_get(content, "cid"));
        g_autofree char *body = g_strdup_printf("{\"sec:mecc\":{\"cid\":\"%s\",\"csc\":41}}", cid);

        arguments = json_object_get(json_object_get(content, "cdsc"), "ccid");
        gboolean last = json_integer_value(arguments) == 0;
        bare_store_save(&store, serial, cid, h.answer->str, 0);
        if (!last) {
            bare_store_save(&store, serial, cid, h.answer->str, 3);
            g_autofree char *command = g_strdup(h.answer->str);
            bare_http_send(&h, "PUT", COMMAND_PATH, COMMAND_TYPE, body);
            bare_store_save(&store, serial, cid, command, 4);
        }
        json_decref(doc);
        if (last)
            break;
    }
    bare_http_close(&h);
    bare_store_close(&store);
}
