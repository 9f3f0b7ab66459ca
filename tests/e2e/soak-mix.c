/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/soak-mix.h"

#define A "./DCFG/authenticationProfile/"
#define NODE(path, type, suid)                                                                               \
    "\"class\":\"MO_NODE\",\"args\":{\"obp\":\"" path "\",\"obt\":" #type ",\"obsa\":{\"suid\":" #suid "}}"
#define CERT(args) "\"class\":\"CERT_PROV\",\"args\":{" args "}"
#define DEV(uri)   "\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"" uri "\"}"

/* Most are cheap: what is looked for is what is left behind by each, however little. */
static const struct soak_kind kinds[] = {
    {"unknown-class", 250, "\"ccid\":77,\"args\":{}", REPORT_ONCE, FALSE, {41}},
    {"unknown-class-no-args", 100, "\"cdsc\":{\"ccid\":9}", REPORT_ONCE, FALSE, {41}},
    {"cert-no-uri", 100, CERT("\"uri\":null"), REPORT_ONCE, FALSE, {42}},
    {"cert-protocol-9", 50, CERT("\"cpp\":9"), REPORT_ONCE, FALSE, {43}},
    {"cert-other-subject", 60, CERT("\"csbi\":\"//m2m.example.com/no\""), REPORT_ONCE, FALSE, {43}},
    {"cert-elsewhere", 60, CERT("\"uri\":\"https://evil.example.com/\""), REPORT_ONCE, FALSE, {43}},
    {"cert-other-target",
     30,
     "\"class\":\"CERT_PROV\",\"tgid\":\"//m2m.example.com/other\"",
     REPORT_ONCE,
     FALSE,
     {43}},
    {"cert", 7, "\"class\":\"CERT_PROV\"", REPORT_ONCE, FALSE, {20, 100}},
    {"no-more", 5, "\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":\"PT1H\"}", REPORT_NEVER, FALSE, {0}},
    {"no-more-no-args",
     20,
     "\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":null}",
     REPORT_ONCE_AT_MOST,
     FALSE,
     {42}},
    {"dev-elsewhere", 50, DEV("3:coaps://other.example.com:5684"), REPORT_ONCE, FALSE, {43}},
    {"dev-not-offered", 30, DEV("4:https://mef.example.com/acs"), REPORT_ONCE, FALSE, {43}},
    {"dev", 18, DEV("3:coaps://mef.example.com:5684"), REPORT_ONCE, TRUE, {0}},
    {"node-type-4", 40, NODE(A "ap-11", 4, 11), REPORT_ONCE, FALSE, {42}},
    {"node-none", 50, NODE(A "nothing", 1, 11), REPORT_ONCE, FALSE, {300}},
    {"node-other-type", 30, NODE(A "ap-11", 2, 11), REPORT_ONCE, FALSE, {301}},
    {"node-suid-20", 20, NODE(A "ap-11", 1, 20), REPORT_ONCE, FALSE, {302}},
    {"node-other-suid", 20, NODE(A "ap-11", 1, 12), REPORT_ONCE, FALSE, {303}},
    {"node-alone", 20, NODE(A "ap-alone", 1, 11), REPORT_ONCE, FALSE, {304}},
    {"node-no-key", 20, NODE(A "ap-12", 1, 12), REPORT_ONCE, FALSE, {305}},
    {"node", 20, NODE(A "ap-11", 1, 11), REPORT_ONCE, FALSE, {20}},
};

const char soak_tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"maf.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"km-0042@maf.example.net\"},\"links\":[]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-12\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-12\",\"attrs\":{\"SUID\":12,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"nobody@psa.example.net\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-alone\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"km-0042@maf.example.net\"},\"links\":[]}]}";

#define ADD                                                                                                  \
    "begin\nadd '' MAFClientRegCfg soak \"fqdn='soak.example.com'\" \"adminFQDN='admin.example.org'\"\n"
const struct soak_outcome soak_outcomes[SOAK_OUTCOMES] = {
    {ADD "rollback\nfinish ok 0 ''\n", 20},
    {"finish ok 0 ''\n", 20},
    {ADD "finish server-error 504 'no answer'\n", 201},
    {ADD "finish client-error 1 'broken'\n", 202},
};

#define UPDATE            "\"op\":\"update\",\"resource\":\"command\""
#define RETRIEVE          "\"op\":\"retrieve\",\"resource\":\"command\""
#define EST               "\"resource\":\"est\""
#define STATUS(http, rsc) "\"do\":\"status\",\"status\":" #http ",\"rsc\":" #rsc
#define FIELD(x)          "\"do\":\"field\"," x
#define COUNTED(x)        "\"do\":\"" x "\""

/* Each is survived by the text (2.3, 3.4.1, 3.4.4, 3.6.2) without a command being lost or done twice. */
static const struct soak_fault faults[] = {
    {"drop", 12, UPDATE, COUNTED("drop")},
    {"drop-after", 12, UPDATE, COUNTED("drop-after")},
    {"silent", 2, UPDATE, COUNTED("silent")},
    {"delay", 6, UPDATE, "\"do\":\"delay\",\"ms\":200"},
    {"truncate-head", 6, UPDATE, "\"do\":\"truncate\",\"bytes\":20"},
    {"truncate-body", 6, UPDATE, COUNTED("truncate")},
    {"garbage", 6, UPDATE, COUNTED("garbage")},
    {"huge", 4, UPDATE, "\"do\":\"huge\",\"bytes\":200000,\"process\":true"},
    {"endless", 4, UPDATE, "\"do\":\"endless\",\"process\":true"},
    {"endless-header", 4, UPDATE, "\"do\":\"endless-header\",\"process\":true"},
    {"chunked", 6, UPDATE, COUNTED("chunked")},
    {"dribble", 4, UPDATE, "\"do\":\"dribble\",\"bytes\":64,\"ms\":1"},
    {"close", 6, UPDATE, COUNTED("close")},
    {"tls-alert", 6, UPDATE, "\"do\":\"tls-alert\",\"alert\":80"},
    {"4000", 6, UPDATE, STATUS(400, 4000)},
    {"4005", 2, UPDATE, STATUS(405, 4005)},
    {"4008", 6, UPDATE, STATUS(504, 4008)},
    {"4103", 2, UPDATE, STATUS(403, 4103)},
    {"4105", 6, UPDATE, STATUS(409, 4105)},
    {"5000", 8, UPDATE, STATUS(500, 5000)},
    {"503", 4, UPDATE, "\"do\":\"status\",\"status\":503"},
    {"foreign-rqi", 4, UPDATE, "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}"},
    {"no-rsc", 4, UPDATE, "\"do\":\"header\",\"set\":{\"X-M2M-RSC\":null}"},
    {"not-json", 6, UPDATE, "\"do\":\"body\",\"body\":\"no JSON\""},
    {"csc-20", 4, UPDATE, FIELD("\"set\":{\"csc\":20}")},
    {"no-cid", 4, UPDATE, FIELD("\"remove\":[\"cid\"]")},
    {"no-cdsc", 4, UPDATE, FIELD("\"remove\":[\"cdsc\"]")},
    {"unknown-member", 2, UPDATE, FIELD("\"set\":{\"newer\":{\"a\":[1]}}")},
    {"reissue", 8, UPDATE, COUNTED("reissue")},
    {"repeat", 8, UPDATE, COUNTED("repeat")},
    {"retrieve-drop", 3, RETRIEVE, COUNTED("drop-after")},
    {"retrieve-5000", 3, RETRIEVE, STATUS(500, 5000)},
    {"retrieve-not-json", 3, RETRIEVE, "\"do\":\"body\",\"body\":\"[\""},
    {"retrieve-truncate", 3, RETRIEVE, COUNTED("truncate")},
    {"est-drop", 5, EST, COUNTED("drop")},
    {"est-garbage", 3, EST, COUNTED("garbage")},
    {"est-503", 3, EST, "\"do\":\"status\",\"status\":503"},
    {"est-truncate", 3, EST, COUNTED("truncate")},
};

unsigned soak_kinds(void)
{
    return G_N_ELEMENTS(kinds);
}

const struct soak_kind *soak_kind_get(unsigned kind)
{
    return &kinds[kind];
}

unsigned soak_faults(void)
{
    return G_N_ELEMENTS(faults);
}

const struct soak_fault *soak_fault_get(unsigned fault)
{
    return &faults[fault];
}

unsigned soak_kind_draw(GRand *rand)
{
    gint32 sum = 0, at;
    unsigned i = 0;
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++)
        sum += (gint32)kinds[k].weight;
    at = g_rand_int_range(rand, 0, sum);
    while ((at -= (gint32)kinds[i].weight) >= 0)
        i++;
    return i;
}

unsigned soak_fault_draw(GRand *rand)
{
    gint32 sum = 0, at;
    unsigned i = 0;
    for (size_t k = 0; k < G_N_ELEMENTS(faults); k++)
        sum += (gint32)faults[k].weight;
    at = g_rand_int_range(rand, 0, sum);
    while ((at -= (gint32)faults[i].weight) >= 0)
        i++;
    return i;
}
