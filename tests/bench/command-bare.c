/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare side: a loop of libcurl, jansson and SQLite in one thread, with the requests, headers, suite,
 * parses and commits of ours, and nothing that looks whether an answer is right. */
#include <curl/curl.h>
#include <glib.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <string.h>

#include "tests/bench/bare-store.h"
#include "tests/bench/command.h"

#define BASE "/_/" COMMAND_FQDN "/-"
#define CMD  BASE "/" COMMAND_REG "/cmd"

struct loop {
    CURL *easy;
    GString *answer;
    unsigned rqi;
    struct bare_store store;
};

static unsigned int give_psk(SSL *ssl, const char *hint, char *identity, unsigned int identity_max,
                             unsigned char *psk, unsigned int psk_max)
{
    g_strlcpy(identity, COMMAND_KPM, identity_max);
    memcpy(psk, COMMAND_PSK, strlen(COMMAND_PSK));
    return (unsigned int)strlen(COMMAND_PSK);
}

static CURLcode set_context(CURL *easy, void *ctx, void *data)
{
    SSL_CTX_set_psk_client_callback(ctx, give_psk);
    return SSL_CTX_set_cipher_list(ctx, "PSK-AES128-CBC-SHA256") ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    g_string_append_len(ctx, data, (gssize)n);
    return n;
}

static void send_it(struct loop *l, const char *method, const char *path, const char *type, const char *body)
{
    struct curl_slist *headers = NULL;
    char rqi[64];
    long status = 0;

    g_snprintf(rqi, sizeof rqi, "X-M2M-RI: 5f1c09ae-%08u", ++l->rqi);
    headers = curl_slist_append(headers, "X-M2M-Origin: " COMMAND_CLIENT);
    headers = curl_slist_append(headers, rqi);
    headers = curl_slist_append(headers, "X-M2M-RVI: 2a");
    headers = curl_slist_append(headers, "Accept: application/vnd.onem2m-res+json, application/json;q=0.9");
    if (type)
        headers = curl_slist_append(headers, type);
    curl_easy_setopt(l->easy, CURLOPT_REQUEST_TARGET, path);
    curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, headers);
    if (body) {
        curl_easy_setopt(l->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(l->easy, CURLOPT_POSTFIELDS, body);
    } else
        curl_easy_setopt(l->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(l->easy, CURLOPT_CUSTOMREQUEST, method);
    g_string_truncate(l->answer, 0);
    CURLcode code = curl_easy_perform(l->easy);
    curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status >= 300)
        g_error("%s %s: %s, HTTP %ld: %s", method, path, curl_easy_strerror(code), status, l->answer->str);
    curl_slist_free_all(headers);
}

static void set_up(struct loop *l, uint16_t port)
{
    g_autofree char *url = g_strdup_printf("https://" COMMAND_FQDN ":%u/", port),
                    *at = g_strdup_printf(COMMAND_FQDN ":%u:127.0.0.1", port);
    struct curl_slist *resolve = curl_slist_append(NULL, at);

    l->easy = curl_easy_init();
    l->answer = g_string_new(NULL);
    curl_easy_setopt(l->easy, CURLOPT_URL, url);
    curl_easy_setopt(l->easy, CURLOPT_RESOLVE, resolve);
    curl_easy_setopt(l->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(l->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(l->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(l->easy, CURLOPT_SSLVERSION,
                     (long)(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2));
    curl_easy_setopt(l->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(l->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(l->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(l->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(l->easy, CURLOPT_SSL_CTX_FUNCTION, set_context);
    curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l->answer);
    send_it(l, "POST", BASE, "Content-Type: application/vnd.onem2m-res+json;ty=4",
            "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"admin.example.org\"}}");
    curl_easy_setopt(l->easy, CURLOPT_RESOLVE, NULL);
    curl_slist_free_all(resolve);
}

void command_bare(const char *dir, uint16_t port)
{
    struct loop l = {0};

    bare_store_open(&l.store, dir);
    set_up(&l, port);
    send_it(&l, "GET", CMD, NULL, NULL);
    for (int64_t serial = 1;; serial++) {
        json_t *doc = json_loadb(l.answer->str, l.answer->len, JSON_REJECT_DUPLICATES, NULL), *arguments;
        json_t *content = json_object_get(doc, "sec:mecc");
        const char *cid = json_string_value(json_object_get(content, "cid"));
        g_autofree char *body = g_strdup_printf("{\"sec:mecc\":{\"cid\":\"%s\",\"csc\":41}}", cid);

        arguments = json_object_get(json_object_get(content, "cdsc"), "ccid");
        gboolean last = json_integer_value(arguments) == 0;
        bare_store_save(&l.store, serial, cid, l.answer->str, 0);
        if (!last) {
            bare_store_save(&l.store, serial, cid, l.answer->str, 3);
            g_autofree char *command = g_strdup(l.answer->str);
            send_it(&l, "PUT", CMD, "Content-Type: application/vnd.onem2m-res+json", body);
            bare_store_save(&l.store, serial, cid, command, 4);
        }
        json_decref(doc);
        if (last)
            break;
    }
    curl_easy_cleanup(l.easy);
    g_string_free(l.answer, TRUE);
    bare_store_close(&l.store);
}
