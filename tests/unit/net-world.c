/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fixture of the tests of plugin/net. */
#include "tests/unit/net-world.h"

void world_init(struct world *w, uint64_t connect_ms, uint64_t response_ms)
{
    char *const resolve[] = {(char *)FQDN ":127.0.0.1", NULL};
    struct net_params params = {.resolve = resolve,
                                .connect_timeout = connect_ms * USEC_PER_MSEC,
                                .response_timeout = response_ms * USEC_PER_MSEC,
                                .nameservers = "127.0.0.1:1"};

    *w = (struct world){.wait = {.deadline = DEADLINE_NONE}};
    g_assert_cmpint(net_new(&params, &w->net, &w->err), ==, 0);
    w->t = net_transport(w->net);
    g_assert_cmpint(secret_copy(PSK, strlen(PSK), &w->psk), ==, 0);
    w->with = (struct credential){.kind = CREDENTIAL_PSK, .identity = IDENTITY, .psk = w->psk};
}

void world_done(struct world *w)
{
    net_free(w->net);
    secret_free(w->psk);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->server_key);
    EVP_PKEY_free(w->client_key);
    X509_free(w->ca);
    der_list_clear(&w->server_chain);
    der_list_clear(&w->client_chain);
    der_list_clear(&w->anchors);
    free(w->server_pkcs8.data);
    free(w->ca_der.data);
}

/* A CA, a server certificate as `server` says and a client certificate; the credential becomes CERT. */
void world_certs(struct world *w, const struct pki_spec *server, const char *group)
{
    static const struct pki_spec ca = {.cn = "MEF CA", .ca = true},
                                 client = {.cn = "gw42", .san = "DNS:gw42.example"};
    X509 *cert;

    w->ca_key = pki_key(NULL);
    w->server_key = pki_key(group);
    w->client_key = pki_key(NULL);
    w->ca = pki_issue(&ca, w->ca_key, NULL, NULL);
    w->ca_der = pki_der_of(w->ca);
    pki_der(w->ca, &w->anchors);
    cert = pki_issue(server, w->server_key, w->ca, w->ca_key);
    pki_der(cert, &w->server_chain);
    X509_free(cert);
    cert = pki_issue(&client, w->client_key, w->ca, w->ca_key);
    pki_der(cert, &w->client_chain);
    X509_free(cert);
    w->server_pkcs8 = pki_key_der(w->server_key);
    w->with = (struct credential){
        .kind = CREDENTIAL_CERT, .key = w->client_key, .chain = &w->client_chain, .anchors = &w->anchors};
}

struct peer *psk_peer(const char *answer, peer_serve serve)
{
    struct peer_spec spec = {.psk_identity = IDENTITY, .psk = PSK, .answer = answer, .serve = serve};

    return peer_start(&spec);
}

struct peer *cert_peer(struct world *w)
{
    struct peer_spec spec = {
        .chain = &w->server_chain, .key = &w->server_pkcs8, .client_ca = &w->ca_der, .answer = OK_EMPTY};

    return peer_start(&spec);
}

const struct primitive retrieve = {.op = MEF_OP_RETRIEVE,
                                   .to = "//" FQDN "/-/mecr-7f3a21/cmd",
                                   .fr = "//m2m.example.com/gw42",
                                   .rqi = "5f1c09ae-00000002",
                                   .rvi = "2a"};
const struct primitive create = {.op = MEF_OP_CREATE,
                                 .to = "//" FQDN "/-",
                                 .fr = "//m2m.example.com/gw42",
                                 .rqi = "5f1c09ae-00000001",
                                 .rvi = "2a",
                                 .ty = 4,
                                 .body = "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":["
                                         "\"gateway\",\"site:42\"],\"adfq\":\"admin.example.org\"}}"};

int open_at(struct world *w, uint16_t port, struct session **ret)
{
    struct endpoint at = {.fqdn = FQDN, .http_port = port};

    return w->t.open(w->t.ctx, &at, &w->with, &w->wait, ret, &w->err);
}

/* A session and one request on it: what the procedures see of a peer. */
int ask(struct world *w, uint16_t port, const struct primitive *req, struct answer *ret)
{
    struct session *s = NULL;
    int r = open_at(w, port, &s);

    if (r == 0)
        r = w->t.exchange(s, req, &w->wait, ret, &w->err);
    w->t.close(s);
    return r;
}

void assert_says(const struct world *w, const char *part)
{
    if (!strstr(w->err.text, part))
        g_error("'%s' is not in '%s'", part, w->err.text);
}
