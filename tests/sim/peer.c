/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See peer.h. Every socket has a deadline, so that a silent server fails the test and does not hang it. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/str.h"
#include "tests/sim/peer.h"

#define PEER_TIMEOUT_S 20

struct peer {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    char *identity;
    uint8_t psk[64];
    size_t psk_len;
};

static unsigned on_psk(SSL *ssl, const char *hint, char *identity, unsigned max_identity, unsigned char *psk,
                       unsigned max_psk)
{
    struct peer *p = SSL_get_app_data(ssl);
    if (strlen(p->identity) >= max_identity || p->psk_len > max_psk)
        return 0;
    strcpy(identity, p->identity);
    memcpy(psk, p->psk, p->psk_len);
    return (unsigned)p->psk_len;
}

static void set_up(struct peer *p, const struct peer_how *how)
{
    int version = how->version ? how->version : TLS1_2_VERSION;
    const char *ciphers = how->psk ? "PSK-AES128-CBC-SHA256" : "ECDHE-ECDSA-AES128-SHA256";
    p->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(p->ctx, version);
    SSL_CTX_set_max_proto_version(p->ctx, version);
    SSL_CTX_set_security_level(p->ctx, 0); /* tests offer what nobody should */
    g_assert_true(SSL_CTX_set_cipher_list(p->ctx, how->ciphers ? how->ciphers : ciphers));
    if (how->psk) {
        p->identity = g_strdup(how->identity);
        p->psk_len = sizeof p->psk;
        g_assert_cmpint(hex_decode(how->psk, strlen(how->psk), p->psk, &p->psk_len), ==, 0);
        SSL_CTX_set_psk_client_callback(p->ctx, on_psk);
    }
    if (how->ca) {
        g_assert_true(SSL_CTX_load_verify_locations(p->ctx, how->ca, NULL));
        SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
    }
    if (how->cert) {
        g_assert_true(SSL_CTX_use_certificate(p->ctx, how->cert));
        g_assert_true(SSL_CTX_use_PrivateKey(p->ctx, how->key));
    }
    p->ssl = SSL_new(p->ctx);
    SSL_set_app_data(p->ssl, p);
    if (how->sni)
        SSL_set_tlsext_host_name(p->ssl, how->sni);
    if (how->ca && how->sni)
        SSL_set1_host(p->ssl, how->sni);
    SSL_set_fd(p->ssl, p->fd);
}

struct peer *peer_open(const struct peer_how *how, char **ret_error)
{
    struct peer *p = g_new0(struct peer, 1);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)how->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = PEER_TIMEOUT_S};
    int one = 1;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(p->fd, >=, 0);
    g_assert_cmpint(connect(p->fd, (struct sockaddr *)&to, sizeof to), ==, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_up(p, how);
    ERR_clear_error();
    if (SSL_connect(p->ssl) == 1)
        return p;
    if (ret_error) {
        const char *why = ERR_reason_error_string(ERR_peek_error());
        *ret_error = g_strdup(why ? why : "connection ended");
    }
    peer_close(p);
    return NULL;
}

void peer_close(struct peer *p)
{
    if (!p)
        return;
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    close(p->fd);
    g_free(p->identity);
    g_free(p);
}

const char *peer_cipher(struct peer *p)
{
    return SSL_get_cipher_name(p->ssl);
}

X509 *peer_certificate(struct peer *p)
{
    return SSL_get1_peer_certificate(p->ssl);
}

SSL *peer_ssl(struct peer *p)
{
    return p->ssl;
}

void peer_send(struct peer *p, const void *data, size_t n)
{
    ERR_clear_error();
    g_assert_cmpint(SSL_write(p->ssl, data, (int)n), ==, (int)n);
}

char *peer_answer(struct peer *p, gboolean *ret_ended)
{
    GString *s = g_string_new(NULL);
    size_t whole = 0;
    gboolean ended = FALSE;
    while (whole == 0 || s->len < whole) {
        char octets[4096];
        size_t want = whole ? MIN(sizeof octets, whole - s->len) : 1; /* no octet of the next answer */
        ERR_clear_error();
        int n = SSL_read(p->ssl, octets, (int)want);
        if (n <= 0) {
            ended = TRUE;
            break;
        }
        g_string_append_len(s, octets, n);
        if (!whole && g_str_has_suffix(s->str, "\r\n\r\n")) {
            g_autofree char *length = answer_header(s->str, "Content-Length");
            whole = s->len + (length ? (size_t)atoi(length) : 0);
        }
    }
    if (ret_ended)
        *ret_ended = ended;
    return g_string_free(s, FALSE);
}

GByteArray *peer_rest(struct peer *p, size_t max, gboolean *ret_clean)
{
    GByteArray *all = g_byte_array_new();
    while (all->len < max) {
        uint8_t octets[16384];
        ERR_clear_error();
        int n = SSL_read(p->ssl, octets, sizeof octets);
        if (n <= 0) {
            if (ret_clean)
                *ret_clean = SSL_get_error(p->ssl, n) == SSL_ERROR_ZERO_RETURN;
            break;
        }
        g_byte_array_append(all, octets, (guint)n);
    }
    return all;
}

char *peer_exchange(struct peer *p, const char *request)
{
    peer_send(p, request, strlen(request));
    return peer_answer(p, NULL);
}

int answer_status(const char *answer)
{
    return g_str_has_prefix(answer, "HTTP/1.1 ") ? atoi(answer + 9) : 0;
}

char *answer_header(const char *answer, const char *name)
{
    g_autofree char *start = g_strdup_printf("\n%s:", name);
    g_autofree char *lower = g_ascii_strdown(answer, -1), *wanted = g_ascii_strdown(start, -1);
    char *end = strstr(lower, "\r\n\r\n"), *at = strstr(lower, wanted);
    if (!at || (end && at > end))
        return NULL;
    const char *value = answer + (at - lower) + strlen(wanted);
    return g_strstrip(g_strndup(value, strcspn(value, "\r\n")));
}

const char *answer_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}
