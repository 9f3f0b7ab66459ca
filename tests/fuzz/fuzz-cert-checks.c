/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: the checks on what an EST server delivered. The input is one PKCS#7 whose certificates are both the
 * answer and the CA certificates. What passes is for the identity and no CA. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "plugin/base/when.h"
#include "plugin/cert/chain.h"
#include "plugin/cert/est-codec.h"
#include "tests/fuzz/fuzz.h"

/* The public half is enough; that of the seeds' leaf. */
static const unsigned char spki[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x92, 0x0d, 0xef, 0x1b, 0x80,
    0xf9, 0x3a, 0x29, 0xbb, 0xa0, 0x64, 0xa5, 0x21, 0xd9, 0x09, 0x38, 0x42, 0xd9, 0x72, 0x41, 0x38,
    0xcb, 0xc1, 0xd6, 0xc5, 0x4a, 0xdf, 0x85, 0xfb, 0xf3, 0xa5, 0xc5, 0x83, 0x64, 0xd1, 0xa3, 0xc9,
    0x24, 0xd5, 0x97, 0x45, 0x02, 0xc0, 0xa9, 0xbb, 0xb6, 0x48, 0x42, 0x75, 0x59, 0xa6, 0xeb, 0x21,
    0x1b, 0xf1, 0xca, 0x99, 0x0f, 0x93, 0x45, 0xac, 0xbe, 0xe8, 0x22};

#define NOW (INT64_C(1893456000) * (int64_t)USEC_PER_SEC) /* 2030 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct san sans[] = {{SAN_DNS, "gw42.in-cse.m2m.example.com"},
                                      {SAN_URI, "//m2m.example.com/S563423"},
                                      {SAN_RID, "1.3.6.1.4.1.99999.7"}};
    static EVP_PKEY *key;
    struct der_list list = {0}, ca = {0}, chain = {0};
    const unsigned char *p = spki;

    if (!key)
        key = d2i_PUBKEY(NULL, &p, sizeof spki);
    FUZZ_CHECK(key);
    if (est_certs_decode(data, size, &list) < 0)
        return 0;
    if (chain_pick_ca(&list, NOW, &ca, NULL) == 0)
        for (size_t i = 0; i < ELEMENTS(sans); i++) {
            struct chain_want want = {.key = key, .san = &sans[i], .now = NOW};
            struct cert_info info = {0};

            if (chain_check(&want, &list, &ca, &chain, NULL) != 0) {
                FUZZ_CHECK(!chain.item);
                continue;
            }
            FUZZ_CHECK(chain.n >= 1 && cert_is_for(&chain.item[0], &sans[i], NOW));
            FUZZ_CHECK(cert_info_get(&chain.item[0], &info) == 0 && !info.ca);
            cert_info_clear(&info);
            der_list_clear(&chain);
        }
    der_list_clear(&ca);
    der_list_clear(&list);
    return 0;
}
