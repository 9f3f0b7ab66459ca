/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scripted TLS server over GnuTLS for tests; one connection at a time, on the loopback, port of the
 * kernel's. */
#include "tests/unit/tls-peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRIORITY_PSK                                                                                         \
    "NONE:+VERS-TLS1.2:+PSK:+ECDHE-PSK:+AES-128-CBC:+SHA256:+COMP-NULL:+GROUP-SECP256R1:+SIGN-ALL"
#define PRIORITY_CERT "NORMAL:-VERS-ALL:+VERS-TLS1.2:+AES-128-CBC:+SHA256"

static ssize_t pull(gnutls_transport_ptr_t ctx, void *data, size_t n)
{
    struct peer *p = ctx;
    struct pollfd fds[] = {{.fd = p->fd, .events = POLLIN}, {.fd = p->stop_fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (fds[1].revents) {
        errno = ECONNRESET;
        return -1;
    }
    return recv(p->fd, data, n, 0);
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *data, size_t n)
{
    struct peer *p = ctx;

    for (;;) {
        struct pollfd fds[] = {{.fd = p->fd, .events = POLLOUT}, {.fd = p->stop_fd, .events = POLLIN}};
        ssize_t r = send(p->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (r >= 0 || errno != EAGAIN)
            return r;
        poll(fds, 2, -1);
        if (fds[1].revents) {
            errno = ECONNRESET;
            return -1;
        }
    }
}

static int psk_of(gnutls_session_t tls, const char *identity, gnutls_datum_t *key)
{
    struct peer *p = gnutls_session_get_ptr(tls);

    if (strcmp(identity, p->spec.psk_identity) != 0)
        return -1;
    key->size = (unsigned)strlen(p->spec.psk);
    key->data = gnutls_malloc(key->size);
    memcpy(key->data, p->spec.psk, key->size);
    return 0;
}

static int check_client(gnutls_session_t tls)
{
    unsigned status = 0;

    return gnutls_certificate_verify_peers2(tls, &status) < 0 || status ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static void note_handshake(struct peer *p)
{
    size_t n = sizeof p->sni;
    unsigned type = 0;
    gnutls_datum_t unique = {0};

    g_mutex_lock(&p->lock);
    p->handshakes++;
    if (gnutls_server_name_get(p->tls, p->sni, &n, &type, 0) < 0)
        p->sni[0] = '\0';
    g_snprintf(p->suite, sizeof p->suite, "%s/%s-%s",
               gnutls_protocol_get_name(gnutls_protocol_get_version(p->tls)),
               gnutls_kx_get_name(gnutls_kx_get(p->tls)), gnutls_cipher_get_name(gnutls_cipher_get(p->tls)));
    p->ems = gnutls_session_ext_master_secret_status(p->tls) != 0;
    p->etm = gnutls_session_etm_status(p->tls) != 0;
    if (gnutls_session_channel_binding(p->tls, GNUTLS_CB_TLS_UNIQUE, &unique) == 0) {
        p->unique_len = unique.size;
        memcpy(p->unique, unique.data, unique.size);
        gnutls_free(unique.data);
    }
    g_cond_broadcast(&p->changed);
    g_mutex_unlock(&p->lock);
}

static void serve_tls(struct peer *p, gnutls_certificate_credentials_t cert,
                      gnutls_psk_server_credentials_t psk)
{
    const char *priority = p->spec.priority ? p->spec.priority : p->spec.chain ? PRIORITY_CERT : PRIORITY_PSK;
    int r;

    gnutls_init(&p->tls, GNUTLS_SERVER);
    r = gnutls_priority_set_direct(p->tls, priority, NULL);
    g_assert_cmpint(r, ==, 0);
    gnutls_session_set_ptr(p->tls, p);
    if (p->spec.chain)
        gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, cert);
    if (p->spec.psk)
        gnutls_credentials_set(p->tls, GNUTLS_CRD_PSK, psk);
    if (p->spec.client_ca) {
        gnutls_certificate_server_set_request(p->tls, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_function(p->tls, check_client);
    }
    gnutls_transport_set_ptr(p->tls, p);
    gnutls_transport_set_pull_function(p->tls, pull);
    gnutls_transport_set_push_function(p->tls, push);
    gnutls_transport_set_pull_timeout_function(p->tls, gnutls_system_recv_timeout);
    do
        r = gnutls_handshake(p->tls);
    while (r < 0 && !gnutls_error_is_fatal(r));
    if (r < 0) {
        g_mutex_lock(&p->lock);
        p->last_error = r;
        g_mutex_unlock(&p->lock);
        gnutls_alert_send_appropriate(p->tls, r);
    } else {
        int n;

        note_handshake(p);
        n = p->handshakes - 1;
        if (p->spec.serve)
            p->spec.serve(p, n);
        else
            while (peer_read_request(p) && peer_send(p, p->spec.answer))
                ;
        if (p->fd >= 0)
            gnutls_bye(p->tls, GNUTLS_SHUT_WR);
    }
    gnutls_deinit(p->tls);
    p->tls = NULL;
}

static gpointer run(gpointer data)
{
    struct peer *p = data;
    gnutls_certificate_credentials_t cert;
    gnutls_psk_server_credentials_t psk;

    gnutls_certificate_allocate_credentials(&cert);
    gnutls_psk_allocate_server_credentials(&psk);
    gnutls_psk_set_server_credentials_function(psk, psk_of);
    if (p->spec.chain) {
        gnutls_datum_t key = {p->spec.key->data, (unsigned)p->spec.key->len};
        gnutls_x509_crt_t list[8];
        gnutls_x509_privkey_t private;

        for (size_t i = 0; i < p->spec.chain->n; i++) {
            gnutls_datum_t der = {p->spec.chain->item[i].data, (unsigned)p->spec.chain->item[i].len};

            gnutls_x509_crt_init(&list[i]);
            g_assert_cmpint(gnutls_x509_crt_import(list[i], &der, GNUTLS_X509_FMT_DER), ==, 0);
        }
        gnutls_x509_privkey_init(&private);
        g_assert_cmpint(
            gnutls_x509_privkey_import_pkcs8(private, &key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN), ==,
            0);
        g_assert_cmpint(gnutls_certificate_set_x509_key(cert, list, (int)p->spec.chain->n, private), >=, 0);
        for (size_t i = 0; i < p->spec.chain->n; i++)
            gnutls_x509_crt_deinit(list[i]);
        gnutls_x509_privkey_deinit(private);
    }
    if (p->spec.client_ca) {
        gnutls_datum_t ca = {p->spec.client_ca->data, (unsigned)p->spec.client_ca->len};

        g_assert_cmpint(gnutls_certificate_set_x509_trust_mem(cert, &ca, GNUTLS_X509_FMT_DER), ==, 1);
    }
    for (;;) {
        struct pollfd fds[] = {{.fd = p->listen_fd, .events = POLLIN}, {.fd = p->stop_fd, .events = POLLIN}};

        while (poll(fds, 2, -1) < 0 && errno == EINTR)
            ;
        if (fds[1].revents)
            break;
        p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (p->fd < 0)
            continue;
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        g_mutex_lock(&p->lock);
        p->accepted++;
        g_cond_broadcast(&p->changed);
        g_mutex_unlock(&p->lock);
        if (p->spec.silent)
            peer_pause(p, -1);
        else if (!p->spec.hang_up)
            serve_tls(p, cert, psk);
        if (p->fd >= 0)
            close(p->fd);
        p->fd = -1;
    }
    gnutls_certificate_free_credentials(cert);
    gnutls_psk_free_server_credentials(psk);
    return NULL;
}

struct peer *peer_start(const struct peer_spec *spec)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct peer *p = g_new0(struct peer, 1);

    p->spec = *spec;
    p->fd = -1;
    p->received = g_string_new(NULL);
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(p->listen_fd, (struct sockaddr *)&at, sizeof at), ==, 0);
    g_assert_cmpint(listen(p->listen_fd, 16), ==, 0);
    g_assert_cmpint(getsockname(p->listen_fd, (struct sockaddr *)&at, &n), ==, 0);
    p->port = ntohs(at.sin_port);
    p->thread = g_thread_new("peer", run, p);
    return p;
}

void peer_stop(struct peer *p)
{
    g_assert_cmpint(eventfd_write(p->stop_fd, 1), ==, 0);
    g_thread_join(p->thread);
    close(p->listen_fd);
    close(p->stop_fd);
    g_string_free(p->received, TRUE);
    g_free(p);
}

bool peer_read_request(struct peer *p)
{
    gsize start = p->received->len;

    for (;;) {
        const char *text = p->received->str + start, *end = strstr(text, "\r\n\r\n");
        char data[4096];
        ssize_t n;

        if (end) {
            const char *length = strstr(text, "\r\nContent-Length: ");
            gsize body = length && length < end ? (gsize)atol(length + 18) : 0;

            if (p->received->len - start >= (gsize)(end + 4 - text) + body) {
                g_mutex_lock(&p->lock);
                p->requests++;
                g_cond_broadcast(&p->changed);
                g_mutex_unlock(&p->lock);
                return true;
            }
        }
        n = gnutls_record_recv(p->tls, data, sizeof data);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            return false;
        g_mutex_lock(&p->lock);
        p->records++;
        g_string_append_len(p->received, data, n);
        g_mutex_unlock(&p->lock);
    }
}

bool peer_send(struct peer *p, const char *text)
{
    size_t n = strlen(text);

    while (n) {
        ssize_t r = gnutls_record_send(p->tls, text, n);

        if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
            continue;
        if (r < 0)
            return false;
        text += r;
        n -= (size_t)r;
    }
    return true;
}

bool peer_pause(struct peer *p, int ms)
{
    struct pollfd fds[] = {{.fd = p->stop_fd, .events = POLLIN}};

    return poll(fds, 1, ms) == 0;
}

void peer_reset(struct peer *p)
{
    struct linger off = {.l_onoff = 1, .l_linger = 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    close(p->fd);
    p->fd = -1;
}

void peer_wait_requests(struct peer *p, int n)
{
    gint64 by = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    g_mutex_lock(&p->lock);
    while (p->requests < n)
        g_assert_true(g_cond_wait_until(&p->changed, &p->lock, by));
    g_mutex_unlock(&p->lock);
}

int peer_count(struct peer *p, const int *what)
{
    int n;

    g_mutex_lock(&p->lock);
    n = *what;
    g_mutex_unlock(&p->lock);
    return n;
}
