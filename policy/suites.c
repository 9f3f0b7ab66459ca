/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLSCiphersuites and the rule on the mandatory suites (mo-tree.md 3.2). Pure; thread: any. */
#include "policy/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "policy/suid.h"

#define BLANKS " \t\r\n"

int suite_parse(const char *text, uint16_t *ret)
{
    uint8_t octets[2];
    size_t len = sizeof(octets);

    if (!text || strnlen(text, 5) != 4 || hex_decode(text, 4, octets, &len) < 0 || len != 2)
        return -EINVAL;
    *ret = (uint16_t)(octets[0] << 8 | octets[1]);
    return 0;
}

void suite_format(uint16_t suite, char ret[5])
{
    static const char digits[] = "0123456789ABCDEF";
    for (int i = 0; i < 4; i++)
        ret[i] = digits[(suite >> (12 - 4 * i)) & 15];
    ret[4] = '\0';
}

int suites_normalize(char *const *in, char ***ret)
{
    _cleanup_(strv_freep) char **out = NULL;
    uint16_t seen[LIMIT_LIST];
    size_t n = 0, items = in ? strv_len(in) : 0;

    if (items < 1)
        return -EINVAL;
    if (items > LIMIT_LIST)
        return -E2BIG;
    for (size_t i = 0; i < items; i++) {
        uint16_t suite;
        char text[5];
        bool twice = false;
        int r = suite_parse(in[i], &suite);

        if (r < 0)
            return r;
        for (size_t k = 0; k < n; k++)
            twice = twice || seen[k] == suite;
        if (twice)
            continue;
        seen[n++] = suite;
        suite_format(suite, text);
        r = strv_push(&out, text);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(out);
    return 0;
}

int suites_split(const char *text, char ***ret)
{
    _cleanup_(strv_freep) char **items = NULL;
    size_t count = 0;

    if (!text)
        return -EINVAL;
    for (const char *s = text + strspn(text, BLANKS); *s; s += strspn(s, BLANKS)) {
        size_t n = strcspn(s, BLANKS);
        char item[5];
        int r;

        if (n != 4)
            return -EINVAL;
        if (++count > LIMIT_LIST)
            return -E2BIG;
        memcpy(item, s, 4);
        item[4] = '\0';
        r = strv_push(&items, item);
        if (r < 0)
            return r;
        s += n;
    }
    return suites_normalize(items, ret);
}

const char *suite_name(uint16_t suite)
{
    static const struct {
        uint16_t suite;
        const char *name;
    } names[] = {
        {SUITE_PSK_TLS, "TLS_PSK_WITH_AES_128_CBC_SHA256"},
        {SUITE_PSK_DTLS, "TLS_PSK_WITH_AES_128_CCM_8"},
        {SUITE_CERT_TLS, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
        {SUITE_CERT_DTLS, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"},
        {0xC037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256"},
        {0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    };
    for (size_t i = 0; i < ELEMENTS(names); i++)
        if (names[i].suite == suite)
            return names[i].name;
    return NULL;
}

static const char *const rule_names[] = {
    [SUITE_RULE_ANY] = "any",
    [SUITE_RULE_ALL] = "all",
    [SUITE_RULE_TRANSPORT] = "transport",
};

int suite_rule_from_name(const char *name, enum suite_rule *ret)
{
    for (size_t i = 0; name && i < ELEMENTS(rule_names); i++)
        if (streq(rule_names[i], name)) {
            *ret = (enum suite_rule)i;
            return 0;
        }
    return -EINVAL;
}

const char *suite_rule_name(enum suite_rule rule)
{
    return (size_t)rule < ELEMENTS(rule_names) ? rule_names[rule] : NULL;
}

enum suite_group suites_group_of(uint32_t suid)
{
    if (!suid_has_procedure(suid))
        return SUITES_NONE;
    if (suid_kind(suid) == SUID_CERTIFICATE)
        return SUITES_CERT;
    return suid_scope(suid) == SUID_ESPRIM ? SUITES_NONE : SUITES_PSK;
}

static bool has(const uint16_t *list, size_t n, uint16_t suite)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == suite)
            return true;
    return false;
}

bool suites_satisfy(enum suite_rule rule, enum suite_group group, unsigned transports, const uint16_t *list,
                    size_t n)
{
    bool tls, dtls;

    if (group == SUITES_NONE)
        return true;
    tls = has(list, n, group == SUITES_PSK ? SUITE_PSK_TLS : SUITE_CERT_TLS);
    dtls = has(list, n, group == SUITES_PSK ? SUITE_PSK_DTLS : SUITE_CERT_DTLS);
    if (rule == SUITE_RULE_ALL)
        return tls && dtls;
    if (rule == SUITE_RULE_TRANSPORT && (transports & (SUITE_OVER_TLS | SUITE_OVER_DTLS)))
        return (tls || !(transports & SUITE_OVER_TLS)) && (dtls || !(transports & SUITE_OVER_DTLS));
    return tls || dtls;
}

bool suites_satisfy_strv(enum suite_rule rule, enum suite_group group, unsigned transports, char *const *list)
{
    uint16_t suites[LIMIT_LIST];
    size_t n = 0;

    for (size_t i = 0; list && list[i] && n < LIMIT_LIST; i++)
        if (suite_parse(list[i], &suites[n]) == 0)
            n++;
    return suites_satisfy(rule, group, transports, suites, n);
}
