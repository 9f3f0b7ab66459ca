/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MEF's other client, of e2e-nodes.h. Its own file, since the programs with a tls-peer of tests/unit have
 * functions of the same names. */
#include <openssl/ssl.h>
#include <string.h>

#include "tests/lib/e2e-nodes.h"
#include "tests/sim/peer.h"

char *e2e_other_request(struct e2e *e, const char *method, const char *path, const char *body, guint8 out[48])
{
    g_autofree char *error = NULL;
    static unsigned rqi;
    const struct peer_how how = {
        .port = sim_port(e->sim), .identity = E2E_OTHER_ID, .psk = E2E_OTHER_KEY, .sni = E2E_FQDN};
    struct peer *p = peer_open(&how, &error);

    if (!p)
        g_error("handshake: %s", error);
    g_autofree char *content = body ? g_strdup_printf("Content-Type: application/vnd.onem2m-res+json;ty=5\r\n"
                                                      "Content-Length: %zu\r\n",
                                                      strlen(body))
                                    : g_strdup("");
    g_autofree char *request =
        g_strdup_printf("%s %s HTTP/1.1\r\nHost: " E2E_FQDN ":%u\r\nX-M2M-Origin: //m2m.example.com/gw43\r\n"
                        "X-M2M-RI: other-%u\r\nX-M2M-RVI: 2a\r\nAccept: application/vnd.onem2m-res+json, "
                        "application/json;q=0.9\r\n%s\r\n%s",
                        method, path, how.port, ++rqi, content, body ? body : "");
    char *answer = peer_exchange(p, request);
    static const char label[] = "EXPORTER-oneM2M-Bootstrap";
    g_assert_cmpint(SSL_export_keying_material(peer_ssl(p), out, 48, label, sizeof label - 1, NULL, 0, 0), ==,
                    1);
    peer_close(p);
    return answer;
}

int e2e_status(const char *answer)
{
    return answer_status(answer);
}
