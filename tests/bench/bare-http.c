/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/ssl.h>
#include <string.h>

#include "tests/bench/bare-http.h"
#include "tests/bench/command.h"

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

static int take_key(void *ctx, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct bare_http *h = ctx;
    struct curl_tlssessioninfo *info = NULL;

    return curl_easy_getinfo(h->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK &&
                   SSL_export_keying_material(info->internals, h->exported, sizeof h->exported,
                                              h->export_label, strlen(h->export_label), NULL, 0, 0) == 1
               ? CURL_PREREQFUNC_OK
               : CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    g_string_append_len(ctx, data, (gssize)n);
    return n;
}

void bare_http_send(struct bare_http *h, const char *method, const char *path, const char *type,
                    const char *body)
{
    struct curl_slist *headers = NULL;
    char rqi[64];
    long status = 0;

    g_snprintf(rqi, sizeof rqi, "X-M2M-RI: 5f1c09ae-%08u", ++h->rqi);
    headers = curl_slist_append(headers, "X-M2M-Origin: " COMMAND_CLIENT);
    headers = curl_slist_append(headers, rqi);
    headers = curl_slist_append(headers, "X-M2M-RVI: 2a");
    headers = curl_slist_append(headers, "Accept: application/vnd.onem2m-res+json, application/json;q=0.9");
    if (type)
        headers = curl_slist_append(headers, type);
    curl_easy_setopt(h->easy, CURLOPT_REQUEST_TARGET, path);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
    if (body) {
        curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body);
    } else
        curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, method);
    if (h->export_label) {
        curl_easy_setopt(h->easy, CURLOPT_PREREQFUNCTION, take_key);
        curl_easy_setopt(h->easy, CURLOPT_PREREQDATA, h);
    }
    g_string_truncate(h->answer, 0);
    CURLcode code = curl_easy_perform(h->easy);
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status >= 300)
        g_error("%s %s: %s, HTTP %ld: %s", method, path, curl_easy_strerror(code), status, h->answer->str);
    curl_slist_free_all(headers);
}

void bare_http_open(struct bare_http *h, uint16_t port)
{
    g_autofree char *url = g_strdup_printf("https://" COMMAND_FQDN ":%u/", port),
                    *at = g_strdup_printf(COMMAND_FQDN ":%u:127.0.0.1", port);
    static struct curl_slist *resolve;

    if (!resolve)
        resolve = curl_slist_append(NULL, at);
    h->easy = curl_easy_init();
    h->answer = g_string_new(NULL);
    curl_easy_setopt(h->easy, CURLOPT_URL, url);
    curl_easy_setopt(h->easy, CURLOPT_RESOLVE, resolve);
    curl_easy_setopt(h->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(h->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(h->easy, CURLOPT_SSLVERSION,
                     (long)(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2));
    curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(h->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(h->easy, CURLOPT_SSL_CTX_FUNCTION, set_context);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h->answer);
}

void bare_http_register(struct bare_http *h)
{
    bare_http_send(h, "POST", COMMAND_BASE, COMMAND_TYPE ";ty=4",
                   "{\"sec:mecr\":{\"et\":\"20990101T000000\",\"adfq\":\"admin.example.org\"}}");
}

void bare_http_close(struct bare_http *h)
{
    curl_easy_cleanup(h->easy);
    g_string_free(h->answer, TRUE);
}
