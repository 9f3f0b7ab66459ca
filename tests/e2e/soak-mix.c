/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/soak-mix.h"

#define A "./DCFG/authenticationProfile/"
#define NODE(path, type, suid)                                                                               \
    "\"class\":\"MO_NODE\",\"args\":{\"obp\":\"" path "\",\"obt\":" #type ",\"obsa\":{\"suid\":" #suid "}}"
#define CERT(args) "\"class\":\"CERT_PROV\",\"args\":{" args "}"
#define DEV(uri)   "\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"" uri "\"}"

/* Most are cheap: what is looked for is what is left behind by each, however little. */
static const struct soak_kind kinds[] = {
    {"unknown-class", 214, "\"ccid\":77,\"args\":{}", REPORT_ONCE, FALSE, FALSE, {41}},
    {"unknown-class-no-args", 100, "\"cdsc\":{\"ccid\":9}", REPORT_ONCE, FALSE, FALSE, {41}},
    {"cert-no-uri", 100, CERT("\"uri\":null"), REPORT_ONCE, FALSE, FALSE, {42}},
    {"cert-protocol-9", 50, CERT("\"cpp\":9"), REPORT_ONCE, FALSE, FALSE, {43}},
    {"cert-other-subject", 60, CERT("\"csbi\":\"//m2m.example.com/no\""), REPORT_ONCE, FALSE, FALSE, {43}},
    {"cert-elsewhere", 60, CERT("\"uri\":\"https://evil.example.com/\""), REPORT_ONCE, FALSE, FALSE, {43}},
    {"cert-other-target",
     30,
     "\"class\":\"CERT_PROV\",\"tgid\":\"//m2m.example.com/other\"",
     REPORT_ONCE,
     FALSE,
     FALSE,
     {43}},
    {"cert", 7, "\"class\":\"CERT_PROV\"", REPORT_ONCE, FALSE, TRUE, {20, 100}},
    {"no-more",
     5,
     "\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":\"PT1H\"}",
     REPORT_NEVER,
     FALSE,
     FALSE,
     {0}},
    {"no-more-no-args",
     20,
     "\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":null}",
     REPORT_ONCE_AT_MOST,
     FALSE,
     FALSE,
     {42}},
    {"dev-elsewhere", 50, DEV("3:coaps://other.example.com:5684"), REPORT_ONCE, FALSE, FALSE, {43}},
    {"dev-not-offered", 30, DEV("4:https://mef.example.com/acs"), REPORT_ONCE, FALSE, FALSE, {43}},
    {"dev", 18, DEV("3:coaps://mef.example.com:5684"), REPORT_ONCE, TRUE, FALSE, {0}},
    {"node-type-4", 40, NODE(A "ap-11", 4, 11), REPORT_ONCE, FALSE, FALSE, {42}},
    {"node-none", 50, NODE(A "nothing", 1, 11), REPORT_ONCE, FALSE, FALSE, {300}},
    {"node-other-type", 30, NODE(A "ap-11", 2, 11), REPORT_ONCE, FALSE, FALSE, {301}},
    {"node-suid-20", 20, NODE(A "ap-11", 1, 20), REPORT_ONCE, FALSE, FALSE, {302}},
    {"node-other-suid", 20, NODE(A "ap-11", 1, 12), REPORT_ONCE, FALSE, FALSE, {303}},
    {"node-alone", 20, NODE(A "ap-alone", 1, 11), REPORT_ONCE, FALSE, FALSE, {304}},
    {"node-no-key", 20, NODE(A "ap-12", 1, 12), REPORT_ONCE, FALSE, FALSE, {305}},
    {"node", 20, NODE(A "ap-11", 1, 11), REPORT_ONCE, FALSE, FALSE, {20}},
    {"node-21", 5, NODE(A "ap-21", 1, 21), REPORT_ONCE, FALSE, TRUE, {20, 305}},
    {"node-22", 8, NODE(A "ap-22", 1, 22), REPORT_ONCE, FALSE, TRUE, {20, 305}},
    {"node-23", 5, NODE(A "ap-23", 1, 23), REPORT_ONCE, FALSE, TRUE, {20, 305}},
    {"node-31", 5, NODE(A "ap-31", 1, 31), REPORT_ONCE, FALSE, TRUE, {20, 305}},
    {"node-32", 8, NODE(A "ap-32", 1, 32), REPORT_ONCE, FALSE, TRUE, {20, 305}},
    {"node-33", 5, NODE(A "ap-33", 1, 33), REPORT_ONCE, FALSE, TRUE, {20, 305}},
};

const char soak_tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"maf1.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"km-0042@maf.example.net\"},\"links\":[]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-12\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-12\",\"attrs\":{\"SUID\":12,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"nobody@psa.example.net\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-alone\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"km-0042@maf.example.net\"},\"links\":[]}]}";

/* clang-format off */
#define PROFILE(name, suid, suites, below)                                                                   \
    "{\"type\":\"authenticationProfile\",\"name\":\"" name "\",\"attrs\":{\"SUID\":" #suid suites            \
    ",\"keyRegDuration\":\"P7D\"},\"links\":[\"./DCFG/" below "\"]}"
#define PSK    ",\"TLSCiphersuites\":[\"00AE\"]"
#define AT_MEF "MEFClientRegCfg/mef.example.com"
#define AT_MAF "MAFClientRegCfg/maf2"
#define MAF(name, fqdn, port, link)                                                                          \
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"" name "\",\"attrs\":{\"fqdn\":\"" fqdn                         \
    "\",\"adminFQDN\":\"admin.example.org\",\"httpPort\":" port "},\"links\":[\"" A link "\"]},"
#define CSE(name, link)                                                                                      \
    "{\"type\":\"registration\",\"name\":\"" name "\",\"attrs\":{\"originatorID\":\"/gw-0042\","              \
    "\"CSE-ID\":\"//sp.example.net/in-cse\"},\"links\":[\"" A link "\"]},"
#define DATA(name, link)                                                                                     \
    "{\"type\":\"dataCollection\",\"name\":\"" name "\",\"attrs\":{\"containerPath\":"                         \
    "\"//sp.example.net/in-cse/in-name/c\"},\"links\":[\"" A link "\"]},"

static const char key_tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-km\",\"attrs\":{\"SUID\":11" PSK
    ",\"symmKeyID\":\"" SOAK_KM_ID "\"},\"links\":[]},"
    MAF("maf2", SOAK_MAF_FQDN, "%u", "ap-km")
    MAF("maf3", "maf3.example.net", "8443", "ap-21")
    MAF("maf4", "maf4.example.net", "8443", "ap-31")
    CSE("reg2", "ap-22")
    CSE("reg3", "ap-32")
    DATA("dc2", "ap-23")
    DATA("dc3", "ap-33")
    PROFILE("ap-21", 21, PSK, AT_MEF) ","
    PROFILE("ap-22", 22, PSK, AT_MEF) ","
    PROFILE("ap-23", 23, "", AT_MEF) ","
    PROFILE("ap-31", 31, PSK, AT_MAF) ","
    PROFILE("ap-32", 32, PSK, AT_MAF) ","
    PROFILE("ap-33", 33, "", AT_MAF) "]}";
/* clang-format on */

char *soak_key_tree(unsigned maf_port)
{
    return g_strdup_printf(key_tree, maf_port);
}

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
#define CREATE            "\"op\":\"create\",\"resource\":\"base\"" /* of a key, or of a registration at the MAF */
#define STATUS(http, rsc) "\"do\":\"status\",\"status\":" #http ",\"rsc\":" #rsc
#define FIELD(x)          "\"do\":\"field\"," x
#define COUNTED(x)        "\"do\":\"" x "\""

/* Each is survived by the text (2.3, 3.4.1, 3.4.4, 3.5.3, 3.5.4, 3.6.2) without a command being lost or done
 * twice. */
static const struct soak_fault faults[] = {
    {"drop", FALSE, 12, UPDATE, COUNTED("drop")},
    {"drop-after", FALSE, 12, UPDATE, COUNTED("drop-after")},
    {"silent", FALSE, 2, UPDATE, COUNTED("silent")},
    {"delay", FALSE, 6, UPDATE, "\"do\":\"delay\",\"ms\":200"},
    {"truncate-head", FALSE, 6, UPDATE, "\"do\":\"truncate\",\"bytes\":20"},
    {"truncate-body", FALSE, 6, UPDATE, COUNTED("truncate")},
    {"garbage", FALSE, 6, UPDATE, COUNTED("garbage")},
    {"huge", FALSE, 4, UPDATE, "\"do\":\"huge\",\"bytes\":200000,\"process\":true"},
    {"endless", FALSE, 4, UPDATE, "\"do\":\"endless\",\"process\":true"},
    {"endless-header", FALSE, 4, UPDATE, "\"do\":\"endless-header\",\"process\":true"},
    {"chunked", FALSE, 6, UPDATE, COUNTED("chunked")},
    {"dribble", FALSE, 4, UPDATE, "\"do\":\"dribble\",\"bytes\":64,\"ms\":1"},
    {"close", FALSE, 6, UPDATE, COUNTED("close")},
    {"tls-alert", FALSE, 6, UPDATE, "\"do\":\"tls-alert\",\"alert\":80"},
    {"4000", FALSE, 6, UPDATE, STATUS(400, 4000)},
    {"4005", FALSE, 2, UPDATE, STATUS(405, 4005)},
    {"4008", FALSE, 6, UPDATE, STATUS(504, 4008)},
    {"4103", FALSE, 2, UPDATE, STATUS(403, 4103)},
    {"4105", FALSE, 6, UPDATE, STATUS(409, 4105)},
    {"5000", FALSE, 8, UPDATE, STATUS(500, 5000)},
    {"503", FALSE, 4, UPDATE, "\"do\":\"status\",\"status\":503"},
    {"foreign-rqi", FALSE, 4, UPDATE, "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}"},
    {"no-rsc", FALSE, 4, UPDATE, "\"do\":\"header\",\"set\":{\"X-M2M-RSC\":null}"},
    {"not-json", FALSE, 6, UPDATE, "\"do\":\"body\",\"body\":\"no JSON\""},
    {"csc-20", FALSE, 4, UPDATE, FIELD("\"set\":{\"csc\":20}")},
    {"no-cid", FALSE, 4, UPDATE, FIELD("\"remove\":[\"cid\"]")},
    {"no-cdsc", FALSE, 4, UPDATE, FIELD("\"remove\":[\"cdsc\"]")},
    {"unknown-member", FALSE, 2, UPDATE, FIELD("\"set\":{\"newer\":{\"a\":[1]}}")},
    {"reissue", FALSE, 8, UPDATE, COUNTED("reissue")},
    {"repeat", FALSE, 8, UPDATE, COUNTED("repeat")},
    {"retrieve-drop", FALSE, 3, RETRIEVE, COUNTED("drop-after")},
    {"retrieve-5000", FALSE, 3, RETRIEVE, STATUS(500, 5000)},
    {"retrieve-not-json", FALSE, 3, RETRIEVE, "\"do\":\"body\",\"body\":\"[\""},
    {"retrieve-truncate", FALSE, 3, RETRIEVE, COUNTED("truncate")},
    {"est-drop", FALSE, 5, EST, COUNTED("drop")},
    {"est-garbage", FALSE, 3, EST, COUNTED("garbage")},
    {"est-503", FALSE, 3, EST, "\"do\":\"status\",\"status\":503"},
    {"est-truncate", FALSE, 3, EST, COUNTED("truncate")},
    {"key-drop", FALSE, 6, CREATE, COUNTED("drop")},
    {"key-drop-after", FALSE, 6, CREATE, COUNTED("drop-after")},
    {"key-silent", FALSE, 1, CREATE, COUNTED("silent")},
    {"key-truncate", FALSE, 4, CREATE, COUNTED("truncate")},
    {"key-garbage", FALSE, 3, CREATE, COUNTED("garbage")},
    {"key-5000", FALSE, 4, CREATE, STATUS(500, 5000)},
    {"key-4103", FALSE, 3, CREATE, STATUS(403, 4103)},
    {"key-not-json", FALSE, 3, CREATE, "\"do\":\"body\",\"body\":\"[\""},
    {"key-foreign-rqi", FALSE, 3, CREATE, "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}"},
    {"key-no-et", FALSE, 3, CREATE, FIELD("\"remove\":[\"et\"]")},
    {"key-other-admin", FALSE, 3, CREATE, FIELD("\"set\":{\"adfq\":\"other.example.org\"}")},
    {"key-other-client", FALSE, 3, CREATE, FIELD("\"set\":{\"cr\":\"//m2m.example.com/other\"}")},
    {"maf-drop", TRUE, 6, CREATE, COUNTED("drop")},
    {"maf-drop-after", TRUE, 6, CREATE, COUNTED("drop-after")},
    {"maf-silent", TRUE, 1, CREATE, COUNTED("silent")},
    {"maf-truncate", TRUE, 4, CREATE, COUNTED("truncate")},
    {"maf-garbage", TRUE, 3, CREATE, COUNTED("garbage")},
    {"maf-5000", TRUE, 4, CREATE, STATUS(500, 5000)},
    {"maf-4103", TRUE, 3, CREATE, STATUS(403, 4103)},
    {"maf-not-json", TRUE, 3, CREATE, "\"do\":\"body\",\"body\":\"[\""},
    {"maf-foreign-rqi", TRUE, 3, CREATE, "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}"},
    {"maf-no-et", TRUE, 3, CREATE, FIELD("\"remove\":[\"et\"]")},
    {"maf-other-admin", TRUE, 3, CREATE, FIELD("\"set\":{\"adfq\":\"other.example.org\"}")},
    {"maf-other-client", TRUE, 3, CREATE, FIELD("\"set\":{\"cr\":\"//m2m.example.com/other\"}")},
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
