/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare side: connect, TLS 1.2 handshake with client certificate and checked peer, close. */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/enrolment.h"
#include "tests/bench/figure.h"

static X509 *parse(const struct der *der)
{
    const unsigned char *p = der->data;

    return d2i_X509(NULL, &p, (long)der->len);
}

static SSL_CTX *make_context(const struct first *f, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    X509 *leaf = parse(&f->chain.item[0]), *anchor = parse(&f->anchors.item[0]);

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    g_assert_true(SSL_CTX_set_cipher_list(ctx, ENROLMENT_SUITE));
    g_assert_true(SSL_CTX_set1_groups_list(ctx, "P-256"));
    g_assert_true(SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256"));
    g_assert_true(SSL_CTX_use_certificate(ctx, leaf));
    g_assert_true(SSL_CTX_use_PrivateKey(ctx, key));
    g_assert_true(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), anchor));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    X509_free(leaf);
    X509_free(anchor);
    return ctx;
}

static void handshake(SSL_CTX *ctx, unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(ctx);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&at, sizeof at), ==, 0);
    g_assert_true(SSL_set_fd(ssl, fd));
    g_assert_true(SSL_set_tlsext_host_name(ssl, ENROLMENT_FQDN));
    g_assert_true(SSL_set1_host(ssl, ENROLMENT_FQDN));
    if (SSL_connect(ssl) != 1)
        g_error("the bare handshake failed");
    g_assert_cmpint(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)), ==, 0xC023);
    g_assert_false(SSL_session_reused(ssl));
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

void enrolment_bare(unsigned rounds, bool context)
{
    char *dir = memory_dir();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct first f = {0};

    first_certificate(&f, dir, ENROLMENT_FQDN, NULL, key);
    SSL_CTX *ctx = context ? NULL : make_context(&f, key);
    for (unsigned i = 0; i < rounds; i++) {
        SSL_CTX *own = context ? make_context(&f, key) : ctx;
        handshake(own, sim_port(f.sim));
        if (context)
            SSL_CTX_free(own);
    }
    SSL_CTX_free(ctx);
    first_done(&f);
    EVP_PKEY_free(key);
    rm_dir(dir);
}
