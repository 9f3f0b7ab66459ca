/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fault matrix as data. The letters stand for what mef-protocol.md 2.3, 3.3, 3.4 and 3.6 say; which
 * letter a cell has was taken from there (and, where the text leaves the choice to us, from
 * docs/decisions.md), not from what the client does. */
#include <glib.h>

#include "tests/e2e/fault-table.h"
#include "tests/lib/e2e-fixture.h"

/* ---- the messages ------------------------------------------------------------------------------------- */

static const struct fault_message messages[] = {
    {"create", "create", "base", "Register", MUST_BE_NEW, ANY_CREDENTIAL, COMMANDS_NONE, TRUE},
    {"retrieve", "retrieve", "command", "Poll", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_ONE, TRUE},
    {"update", "update", "command", "Poll", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_TWO, FALSE},
    {"registration-update", "update", "registration", "Update", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_NONE,
     TRUE},
    {"registration-retrieve", "retrieve", "registration", "Register", MUST_BE_LIVE, ANY_CREDENTIAL,
     COMMANDS_NONE, FALSE},
    {"delete", "delete", "registration", "Deregister", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_NONE, TRUE},
    {"cacerts", "cacerts", "est", "Poll", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_CERT, FALSE},
    {"csrattrs", "csrattrs", "est", "Poll", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_CERT, FALSE},
    {"simpleenroll", "simpleenroll", "est", "Poll", MUST_BE_LIVE, NO_CERTIFICATE, COMMANDS_CERT, FALSE},
    {"simplereenroll", "simplereenroll", "est", "Poll", MUST_BE_LIVE, WITH_CERTIFICATE, COMMANDS_CERT, FALSE},
    /* The report that a new certificate carries. */
    {"report-by-new-certificate", "update", "command", "Poll", MUST_BE_LIVE, ANY_CREDENTIAL, COMMANDS_CERT,
     FALSE},
};

/* ---- what the text says ------------------------------------------------------------------------------- */

static const struct fault_expectation expectations[] = {
    {'o', 1, 1, JOB_DONE, 0, FALSE, "no harm: one request, and its result"},
    {'r', 2, 3, JOB_DONE, 750, FALSE, "no answer: the same again after the back-off (2.3, 3.4.4)"},
    {'f', 2, 3, JOB_FAILED, 2800, FALSE, "refused: the job fails, again after the long back-off (2.3)"},
    {'g', 1, 1, JOB_FAILED, 0, TRUE, "refused: the job fails, not repeated by itself (2.3)"},
    {'u', 1, 2, JOB_DONE, 0, FALSE, "unparsable: nothing executed, retrieved again at once (3.4.1)"},
    {'a', 2, 2, JOB_DONE, 0, FALSE, "asked again once in another form (2.3)"},
    {'c', 2, 2, JOB_DONE, 0, FALSE, "one retrieve, and on with what it brings (3.4.4)"},
    {'n', 2, 2, JOB_ANY, 4800, FALSE, "closed; asked again after default-retry (2.3, 3.4.4)"},
    {'l', 1, 2, JOB_ANY, 0, FALSE, "the registration is gone: registers again (2.3)"},
    {'1', 1, 3, JOB_DONE, 0, FALSE, "ends with 100, reported once; the former credential stays (3.6.2)"},
    {'e', 1, 3, JOB_DONE, 0, FALSE, "ends with 100, or with 20 on a replaced connection (3.6.2)"},
    {'x', 1, 1, JOB_DONE, 0, FALSE, "answered 41 CLASS_NOT_SUPPORTED (3.4.1)"},
    {'b', 1, 1, JOB_DONE, 0, FALSE, "answered 42 BAD_ARGUMENTS (3.4.1)"},
    {'v', 1, 1, JOB_DONE, 0, FALSE, "answered 43 UNACCEPTABLE_ARGUMENTS (3.4.1)"},
    {'i', 2, 2, JOB_DONE, 0, FALSE, "REISSUED: the stored status is sent again (3.4.1)"},
    {'p', 2, 2, JOB_DONE, 0, FALSE, "REPEATED_CMD_ID: not executed again (3.4.1)"},
    {'h', 1, 3, JOB_ANY, 0, FALSE, "not an answer: bounded attempts, and in the end the result"},
    {'s', 1, 10, JOB_ANY, 0, TRUE, "bounded attempts while it lasts, the result afterwards (2.3, MC-05)"},
    {'k', 0, 0, JOB_ANY, 0, TRUE, "no authenticated MEF: nothing is sent (3.1, MC-51)"},
};

/* ---- the faults --------------------------------------------------------------------------------------- */

#define STATUS(http, rsc) "\"do\":\"status\",\"status\":" #http ",\"rsc\":" #rsc
#define ONLY(http)        "\"do\":\"status\",\"status\":" #http
#define SET(x)            "\"do\":\"field\",\"set\":{" x "}"
#define REMOVE(x)         "\"do\":\"field\",\"remove\":[" x "]"
#define ARGS(x)           SET("\"cdsc\":{\"ccid\":1,\"cmda\":{\"cpca\":{" x "}}}")
#define GOOD_URI                                                                                             \
    "\"uri\":\"https://mef.example.com/.well-known/est\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\""
#define TWICE_COMMAND                                                                                        \
    "\"do\":\"body\",\"body\":\"{\\\"sec:mecc\\\":{\\\"cid\\\":\\\"twice\\\",\\\"cdsc\\\":{\\\"ccid\\\":9,"  \
    "\\\"cmda\\\":{}},\\\"csc\\\":10,\\\"csc\\\":10}}\""
#define TWICE_REGISTRATION                                                                                   \
    "\"do\":\"body\",\"body\":\"{\\\"sec:mecr\\\":{\\\"ri\\\":\\\"twice\\\",\\\"ri\\\":\\\"twice\\\","       \
    "\\\"et\\\":\\\"20400101T000000\\\",\\\"cr\\\":\\\"//m2m.example.com/"                                   \
    "gw42\\\",\\\"adfq\\\":\\\"admin.example.org\\\"}}\""
#define NESTED                                                                                               \
    "\"do\":\"body\",\"body\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" \
    "["                                                                                                      \
    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\""

/* clang-format off */
static const struct fault faults[] = {
    /*                                                                                  CRUGTDasErP */
    {"drop", "\"do\":\"drop\"",                                                        "rrrrrreeeer"},
    {"drop-after", "\"do\":\"drop-after\"",                                            "rrrrrreeeer"},
    {"silent", "\"do\":\"silent\"",                                                    "rrrrrr1111r"},
    {"too-late", "\"do\":\"delay\",\"ms\":5000",                                       "rrrrrr1111r"},
    {"delay", "\"do\":\"delay\",\"ms\":300",                                           "ooooooooooo"},
    {"truncate-head", "\"do\":\"truncate\",\"bytes\":20",                              "rrrrrreeeer"},
    {"truncate-body", "\"do\":\"truncate\"",                                           "rrrrr-eeeer"},
    {"garbage", "\"do\":\"garbage\"",                                                  "rrrrrreeeer"},
    {"huge", "\"do\":\"huge\",\"bytes\":200000,\"process\":true",                      "fuuggg1111u"},
    {"endless", "\"do\":\"endless\",\"process\":true",                                 "fuuggg1111u"},
    {"endless-header", "\"do\":\"endless-header\",\"process\":true",                   "hhhhhg1111h"},
    {"nested", NESTED,                                                                 "fuuggo1111u"},
    {"not-json", "\"do\":\"body\",\"body\":\"no JSON and no base64 either!\"",         "fuuggo1111u"},
    {"empty-body", "\"do\":\"body\",\"body\":\"\"",                                    "fuuhgo1o11u"},
    {"duplicate-keys", TWICE_COMMAND,                                                  "-uu-------u"},
    {"duplicate-keys-registration", TWICE_REGISTRATION,                                "f--gg------"},
    {"two-members", "\"do\":\"body\",\"body\":{\"sec:mecc\":{},\"sec:mecr\":{}}",      "fuugg-----u"},
    {"foreign-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}",      "rurrrr----r"},
    {"no-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":null}",                        "rurrrr----r"},
    {"no-rsc", "\"do\":\"header\",\"set\":{\"X-M2M-RSC\":null}",                       "oooooo----o"},
    {"media-type", "\"do\":\"media-type\",\"value\":\"text/html\"",                    "hhhhhoeeeeh"},
    {"chunked", "\"do\":\"chunked\"",                                                  "ooooo-ooooo"},
    {"dribble", "\"do\":\"dribble\",\"bytes\":64,\"ms\":1",                            "ooooooooooo"},
    {"close", "\"do\":\"close\"",                                                      "ooooooooooo"},
    {"tls-alert-40", "\"do\":\"tls-alert\",\"alert\":40",                              "hhhhhheeeeh"},
    {"tls-alert-42", "\"do\":\"tls-alert\",\"alert\":42",                              "hhhhhheeeeh"},
    {"tls-alert-80", "\"do\":\"tls-alert\",\"alert\":80",                              "hhhhhheeeeh"},
    /* Each status of 2.3. */
    {"4000-bad-request", STATUS(400, 4000),                                            "ggcggg1111c"},
    {"4001-release-version", STATUS(501, 4001),                                        "aaaaaa----a"},
    {"4004-not-found", STATUS(404, 4004),                                              "fnnllo1o11n"},
    {"4005-not-allowed", STATUS(405, 4005),                                            "ggnggg1111n"},
    {"4008-timeout", STATUS(504, 4008),                                                "rrrrrr1111r"},
    {"4015-media-type", STATUS(415, 4015),                                             "agaagg1111a"},
    {"4102-contents", STATUS(400, 4102),                                               "fgnggg----n"},
    {"4103-no-privilege", STATUS(403, 4103),                                           "fgfggg11111"},
    {"4105-conflict", STATUS(409, 4105),                                               "agcggg----c"},
    {"4106-not-authenticated", STATUS(403, 4106),                                      "fgfggg----1"},
    {"4107-security-association", STATUS(403, 4107),                                   "fgfggg----1"},
    {"4117-already-registered", STATUS(403, 4117),                                     "agnggg----n"},
    {"5000-server-error", STATUS(500, 5000),                                           "rrrrrr1111r"},
    {"5001-not-implemented", STATUS(501, 5001),                                        "ggnggg1111n"},
    {"5207-not-acceptable", STATUS(406, 5207),                                         "aaaaaa1111a"},
    {"unknown-4999", STATUS(400, 4999),                                                "fgnggg----n"},
    /* Plain HTTP: without X-M2M-RI it is no answer to our request (2.2). */
    {"http-302", ONLY(302),                                                            "rrrrrr1111r"},
    {"http-400", ONLY(400),                                                            "rurrrr1111r"},
    {"http-401", ONLY(401),                                                            "------1111-"},
    {"http-403", ONLY(403),                                                            "rurrrr1111r"},
    {"http-404", ONLY(404),                                                            "rurrrr1o11r"},
    {"http-500", ONLY(500),                                                            "rurrrr1111r"},
    {"http-503", ONLY(503),                                                            "rurrrr1111r"},
    /* Each field of a registration. */
    {"ri-missing", REMOVE("\"ri\""),                                                   "o--og------"},
    {"ri-wrong", SET("\"ri\":\"../a b\""),                                             "f--gg------"},
    {"ri-number", SET("\"ri\":7"),                                                     "f--gg------"},
    {"et-missing", REMOVE("\"et\""),                                                   "f--og------"},
    {"et-past", SET("\"et\":\"20200101T000000\""),                                     "f--gg------"},
    {"et-wrong", SET("\"et\":\"tomorrow\""),                                           "f--gg------"},
    {"cr-missing", REMOVE("\"cr\""),                                                   "f--og------"},
    {"cr-other", SET("\"cr\":\"//m2m.example.com/other\""),                            "f--gg------"},
    {"adfq-missing", REMOVE("\"adfq\""),                                               "f--og------"},
    {"adfq-other", SET("\"adfq\":\"other.example.org\""),                              "f--gg------"},
    {"ch-wrong", SET("\"ch\":7"),                                                      "f--gg------"},
    {"ch-elsewhere", SET("\"ch\":[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"//evil.example.com/-/x/cmd\"}]"),
                                                                                       "f--gg------"},
    {"unknown-member", SET("\"newer\":{\"a\":[1]}"),                                   "ooooo-----o"},
    /* Each field of a command. */
    {"cid-missing", REMOVE("\"cid\""),                                                 "-uu-------u"},
    {"cid-wrong", SET("\"cid\":[]"),                                                   "-uu-------u"},
    {"cid-empty", SET("\"cid\":\"\""),                                                 "-uu-------u"},
    {"cdsc-missing", REMOVE("\"cdsc\""),                                               "-uu-------u"},
    {"cdsc-wrong", SET("\"cdsc\":7"),                                                  "-uu-------u"},
    {"csc-missing", REMOVE("\"csc\""),                                                 "-uu-------u"},
    {"csc-20", SET("\"csc\":20"),                                                      "-uu-------u"},
    {"csc-text", SET("\"csc\":\"ten\""),                                               "-uu-------u"},
    {"ccid-missing", REMOVE("\"cdsc.ccid\""),                                          "-uu-------u"},
    {"ccid-wrong", SET("\"cdsc\":{\"ccid\":{}}"),                                      "-uu-------u"},
    {"class-unknown", SET("\"cdsc\":{\"ccid\":77,\"cmda\":{}}"),                       "-xx--------"},
    {"class-unknown-no-args", SET("\"cdsc\":{\"ccid\":78}"),                           "-xx--------"},
    {"args-missing", SET("\"cdsc\":{\"ccid\":1}"),                                     "-bb--------"},
    {"args-empty", SET("\"cdsc\":{\"ccid\":1,\"cmda\":{}}"),                           "-bb--------"},
    {"args-of-other-class", SET("\"cdsc\":{\"ccid\":1,\"cmda\":{\"noma\":{\"rtd\":\"PT1H\"}}}"),
                                                                                       "-bb--------"},
    {"args-no-uri", ARGS("\"cpp\":1,\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\""),  "-bb--------"},
    {"args-cpp-9", ARGS("\"cpp\":9," GOOD_URI),                                        "-vv--------"},
    {"args-csbi-other", ARGS("\"cpp\":1,\"uri\":\"https://mef.example.com/\",\"csty\":2,\"csbi\":\"//m2m.example.com/no\""),
                                                                                       "-vv--------"},
    {"args-uri-elsewhere", ARGS("\"cpp\":1,\"uri\":\"https://evil.example.com/\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\""),
                                                                                       "-vv--------"},
    {"target-other", SET("\"cdsc\":{\"ccid\":1,\"tgid\":\"//m2m.example.com/other\",\"cmda\":{\"cpca\":{\"cpp\":1," GOOD_URI "}}}"),
                                                                                       "-vv--------"},
    {"reissue", "\"do\":\"reissue\"",                                                  "--i-------i"},
    {"repeat", "\"do\":\"repeat\"",                                                    "--p-------p"},
    /* Each thing that an EST server says. */
    {"cacerts-other-ca", "={\"cacerts\":\"other-ca\"}",                                "------1----"},
    {"cacerts-empty", "={\"cacerts\":\"empty\"}",                                      "------1----"},
    {"cacerts-garbage", "={\"cacerts\":\"garbage\"}",                                  "------1----"},
    {"csrattrs-garbage", "={\"csrattrs-der\":\"30ff0102\"}",                           "-------1---"},
    {"csrattrs-none", "={\"csrattrs\":\"none\"}",                                      "-------o---"},
    {"csrattrs-empty", "={\"csrattrs\":\"empty\"}",                                    "-------o---"},
    {"cert-wrong-key", "={\"certificate\":\"wrong-key\"}",                             "--------11-"},
    {"cert-other-san", "={\"certificate\":\"other-san\"}",                             "--------11-"},
    {"cert-no-san", "={\"certificate\":\"no-san\"}",                                   "--------11-"},
    {"cert-expired", "={\"certificate\":\"expired\"}",                                 "--------11-"},
    {"cert-not-yet", "={\"certificate\":\"not-yet\"}",                                 "--------11-"},
    {"cert-self-signed", "={\"certificate\":\"self-signed\"}",                         "--------11-"},
    {"cert-other-ca", "={\"certificate\":\"other-ca\"}",                               "--------11-"},
    {"cert-none", "={\"certificate\":\"none\"}",                                       "--------11-"},
    {"pending-once", "={\"pending\":{\"times\":1,\"retry-after\":1}}",                 "--------ee-"},
    {"pending-for-ever", "={\"pending\":{\"times\":9,\"retry-after\":1}}",             "--------++-"},
    /* For as long as it lasts: no more requests than the back-offs allow (MC-05). */
    {"drop-always", "*\"do\":\"drop\"",                                               "sssssssssss"},
    {"drop-after-always", "*\"do\":\"drop-after\"",                                   "s-s----ssss"},
    {"not-json-always", "*\"do\":\"body\",\"body\":\"no JSON\"",                    "sss-s-ss--s"},
    {"huge-always", "*\"do\":\"huge\",\"bytes\":200000",                             "sssssssssss"},
    {"foreign-rqi-always", "*\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"other\"}",  "sssss-----s"},
    {"csc-20-always", "*" SET("\"csc\":20"),                                          "-ss-------s"},
    {"et-past-always", "*" SET("\"et\":\"20200101T000000\""),                         "s--ss------"},
    {"reissue-always", "*\"do\":\"reissue\"",                                         "--s-------s"},
    {"4000-always", "*" STATUS(400, 4000),                                             "sssssssssss"},
    {"4001-always", "*" STATUS(501, 4001),                                             "sssssssssss"},
    {"4004-always", "*" STATUS(404, 4004),                                             "sssss-s-sss"},
    {"4015-always", "*" STATUS(415, 4015),                                             "ssssss----s"},
    {"4103-always", "*" STATUS(403, 4103),                                             "ssssss----s"},
    {"4105-always", "*" STATUS(409, 4105),                                             "ssssss----s"},
    {"4117-always", "*" STATUS(403, 4117),                                             "ssssss----s"},
    {"5000-always", "*" STATUS(500, 5000),                                             "sssssssssss"},
    {"5207-always", "*" STATUS(406, 5207),                                             "ssssss----s"},
    /* A server that is not the MEF; a MEF that does not want us. */
    {"wrong-cert-other-name", "\"do\":\"wrong-cert\",\"certificate\":\"other-name\"",  "kk-k-k-----"},
    {"wrong-cert-no-name", "\"do\":\"wrong-cert\",\"certificate\":\"no-name\"",        "kk-k-k-----"},
    {"wrong-cert-wildcard", "\"do\":\"wrong-cert\",\"certificate\":\"wildcard\"",      "kk-k-k-----"},
    {"wrong-cert-expired", "\"do\":\"wrong-cert\",\"certificate\":\"expired\"",        "kk-k-k-----"},
    {"wrong-cert-not-yet", "\"do\":\"wrong-cert\",\"certificate\":\"not-yet\"",        "kk-k-k-----"},
    {"wrong-cert-self-signed", "\"do\":\"wrong-cert\",\"certificate\":\"self-signed\"", "kk-k-k-----"},
    {"wrong-cert-other-ca", "\"do\":\"wrong-cert\",\"certificate\":\"other-ca\"",      "kk-k-k-----"},
    {"refused-at-handshake", "/sim/refuse-identity {\"identity\":\"" E2E_KPM_ID "\",\"at\":\"handshake\"}",
                                                                                       "--k-k------"},
    {"refused-certificate", "/sim/refuse-identity {\"identity\":\"" E2E_SAN "\",\"at\":\"handshake\"}",
                                                                                       "kk-k-k-----"},
};

/* clang-format on */

/* 202 without an end: four requests at most (3.6.2), then 100. */
static const struct fault_expectation pending = {
    '+', 2, 4, JOB_DONE, 900, FALSE, "202 honoured up to 3 times, then 100 (3.6.2)"};

const struct fault_expectation *fault_expectation(char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expectations); i++)
        if (expectations[i].letter == letter)
            return &expectations[i];
    return &pending;
}

unsigned fault_count(void)
{
    return G_N_ELEMENTS(faults);
}

unsigned fault_messages(void)
{
    return G_N_ELEMENTS(messages);
}

const struct fault *fault_get(unsigned fault)
{
    return &faults[fault];
}

const struct fault_message *fault_message_get(unsigned message)
{
    return &messages[message];
}

char fault_expected(unsigned fault, unsigned message)
{
    return faults[fault].letters[message];
}
