/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/key-table.h"

#include "tests/lib/e2e-fixture.h"

/* A key registration is never sent again: what was not answered is asked anew over a new handshake, once;
 * then 305 (3.5.3). Everything else here is asked by somebody who waits, so it is tried once and answered. */
static const struct key_expectation expectations[] = {
    {'o', TRUE, 1, FALSE, "no harm: one request, and its result"},
    {'w', TRUE, 2, FALSE, "no answer: once more over a new handshake (3.5.3)"},
    {'a', TRUE, 2, FALSE, "asked again once in another form (2.3)"},
    {'x', FALSE, 2, FALSE, "no answer twice: failed (3.5.3)"},
    {'n', FALSE, 1, FALSE, "failed, not asked again by itself"},
    {'g', FALSE, 1, TRUE, "a field is not as it must be: failed, and given up at the server (3.5.4)"},
    {'d', TRUE, 1, FALSE, "not there any more: that is what was wanted"},
    {'r', TRUE, 2, FALSE, "no answer: the same again after the back-off (2.3)"},
    {'l', TRUE, 2, FALSE, "gone: registered again, and the values are brought (2.3, 8.3.9.9.8)"},
    {'k', FALSE, 0, FALSE, "nobody who is the server: nothing is sent (3.1)"},
};

#define STATUS(http, rsc) "\"do\":\"status\",\"status\":" #http ",\"rsc\":" #rsc
#define ONLY(http)        "\"do\":\"status\",\"status\":" #http
#define SET(x)            "\"do\":\"field\",\"set\":{" x "}"
#define REMOVE(x)         "\"do\":\"field\",\"remove\":[" x "]"
#define WRONG(x)          "#\"do\":\"wrong-cert\",\"certificate\":\"" x "\""
#define BODY(x)           "\"do\":\"body\",\"body\":" x

/* clang-format off */
static const struct key_fault faults[] = {
    /*                                                                            CKMTUDREA */
    {"drop", "\"do\":\"drop\"",                                                   "wwnnnnnrn"},
    {"drop-after", "\"do\":\"drop-after\"",                                       "wwnnnnnrn"},
    {"silent", "\"do\":\"silent\"",                                               "wwnnnnnrn"},
    {"too-late", "\"do\":\"delay\",\"ms\":5000",                                  "wwnnnnnrn"},
    {"delay", "\"do\":\"delay\",\"ms\":300",                                      "ooooooooo"},
    {"truncate-head", "\"do\":\"truncate\",\"bytes\":20",                         "wwnnnnnrn"},
    {"truncate-body", "\"do\":\"truncate\"",                                      "wwnnn-n-n"},
    {"garbage", "\"do\":\"garbage\"",                                             "wwnnnnnrn"},
    {"huge", "\"do\":\"huge\",\"bytes\":200000,\"process\":true",                 "nnnnnnnnn"},
    {"endless", "\"do\":\"endless\",\"process\":true",                            "nnnnnnnnn"},
    {"foreign-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}", "wwnnnnnr-"},
    {"no-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":null}",                   "wwnnnnnr-"},
    {"no-rsc", "\"do\":\"header\",\"set\":{\"X-M2M-RSC\":null}",                  "oooooooo-"},
    {"chunked", "\"do\":\"chunked\"",                                             "ooooo-o-o"},
    {"dribble", "\"do\":\"dribble\",\"bytes\":64,\"ms\":1",                       "ooooooooo"},
    {"close", "\"do\":\"close\"",                                                 "ooooooooo"},
    {"endless-header", "\"do\":\"endless-header\",\"process\":true",               "nnnnnnnnn"},
    {"media-type", "\"do\":\"media-type\",\"value\":\"text/html\"",               "ooooooooo"},
    {"tls-alert-40", "\"do\":\"tls-alert\",\"alert\":40",                         "wwnnnnnrn"},
    {"tls-alert-42", "\"do\":\"tls-alert\",\"alert\":42",                         "wwnnnnnrn"},
    {"tls-alert-80", "\"do\":\"tls-alert\",\"alert\":80",                         "wwnnnnnrn"},
    {"drop-always", "*\"do\":\"drop\"",                                           "xxnnnnn-n"},
    {"drop-after-always", "*\"do\":\"drop-after\"",                               "xxnnnnn-n"},
    {"silent-always", "*\"do\":\"silent\"",                                       "xxnnnnn--"},
    {"foreign-rqi-always", "*\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"other\"}", "xxnnnnn--"},
    /* Each status of 2.3. */
    {"4000-bad-request", STATUS(400, 4000),                                       "nnnnnnnnn"},
    {"4001-release-version", STATUS(501, 4001),                                   "aaaaaaaan"},
    {"4004-not-found", STATUS(404, 4004),                                         "nnnnndldn"},
    {"4005-not-allowed", STATUS(405, 4005),                                       "nnnnnnnnn"},
    {"4008-timeout", STATUS(504, 4008),                                           "nnnnnnnrn"},
    {"4015-media-type", STATUS(415, 4015),                                        "aaananann"},
    {"4102-contents", STATUS(400, 4102),                                          "nnnnnnnnn"},
    {"4103-no-privilege", STATUS(403, 4103),                                      "nnnnnnnnn"},
    {"4105-conflict", STATUS(409, 4105),                                          "nnannnnnn"},
    {"4106-not-authenticated", STATUS(403, 4106),                                 "nnnnnnnnn"},
    {"4107-security-association", STATUS(403, 4107),                              "nnnnnnnnn"},
    {"4117-already-registered", STATUS(403, 4117),                                "nnannnnnn"},
    {"5000-server-error", STATUS(500, 5000),                                      "nnnnnnnrn"},
    {"5001-not-implemented", STATUS(501, 5001),                                   "nnnnnnnnn"},
    {"5207-not-acceptable", STATUS(406, 5207),                                    "aaaaaaaan"},
    {"5000-always", "*" STATUS(500, 5000),                                        "nnnnnnn-n"},
    {"unknown-4999", STATUS(400, 4999),                                           "nnnnnnnnn"},
    /* Plain HTTP: without X-M2M-RI it is no answer to our request (2.2). */
    {"http-204", ONLY(204),                                                       "--------n"},
    {"http-302", ONLY(302),                                                       "wwnnnnnrn"},
    {"http-401", ONLY(401),                                                       "wwnnnnnrn"},
    {"http-404", ONLY(404),                                                       "wwnnnnnrn"},
    {"http-500", ONLY(500),                                                       "wwnnnnnrn"},
    {"http-503", ONLY(503),                                                       "wwnnnnnrn"},
    /* The content as a whole. The answer to an update may be empty; that to a deletion is not looked at. */
    {"not-json", BODY("\"no JSON\""),                                             "nnnnnonon"},
    {"empty-body", BODY("\"\""),                                                  "nn-no-o-n"},
    {"empty-object", BODY("{}"),                                                  "nnnnnonon"},
    {"other-resource", BODY("{\"sec:mecc\":{}}"),                                 "nnnnnonon"},
    {"two-members", BODY("{\"sec:skr\":{},\"sec:macr\":{}}"),                     "nnnnnonon"},
    {"unknown-member", SET("\"newer\":{\"a\":[1]}"),                              "ooooo-o--"},
    /* Each field (3.5.1, 3.5.4). */
    {"ri-missing", REMOVE("\"ri\""),                                              "nn----o--"},
    {"ri-empty", SET("\"ri\":\"\""),                                              "nn-------"},
    {"ri-wrong", SET("\"ri\":\"../a b\""),                                        "nnn---n--"},
    {"ri-at", SET("\"ri\":\"a@b\""),                                              "nnn------"},
    {"ri-number", SET("\"ri\":7"),                                                "nnn---n--"},
    {"ri-of-the-kpm", SET("\"ri\":\"gw42-kpm\""),                                 "n--------"},
    {"ri-of-the-km", SET("\"ri\":\"km-0042\""),                                   "-n-------"},
    {"et-missing", REMOVE("\"et\""),                                              "gggno-o--"},
    {"et-past", SET("\"et\":\"20200101T000000\""),                                "gggnn-n--"},
    {"et-wrong", SET("\"et\":\"tomorrow\""),                                      "ggnnn-n--"},
    {"et-number", SET("\"et\":20391231"),                                         "ggnnn-n--"},
    {"cr-missing", REMOVE("\"cr\""),                                              "ggg---o--"},
    {"cr-other", SET("\"cr\":\"//m2m.example.com/other\""),                       "ggg---n--"},
    {"cr-number", SET("\"cr\":7"),                                                "ggn---n--"},
    {"adfq-missing", REMOVE("\"adfq\""),                                          "ggg---o--"},
    {"adfq-other", SET("\"adfq\":\"other.example.org\""),                         "ggg---n--"},
    {"adfq-number", SET("\"adfq\":7"),                                            "ggn---n--"},
    {"suid-missing", REMOVE("\"suid\""),                                          "gg-------"},
    {"suid-other", SET("\"suid\":23"),                                            "gg-------"},
    {"suid-text", SET("\"suid\":\"many\""),                                       "gg-------"},
    {"tgis-missing", REMOVE("\"tgis\""),                                          "gg-------"},
    {"tgis-empty", SET("\"tgis\":[]"),                                            "gg-------"},
    {"tgis-other", SET("\"tgis\":[\"//m2m.example.com/other\"]"),                 "gg-------"},
    {"tgis-one-more", SET("\"tgis\":[\"//sp.example.net/in-cse\",\"//m2m.example.com/other\"]"),
                                                                                  "gg-------"},
    {"tgis-text", SET("\"tgis\":\"//sp.example.net/in-cse\""),                    "gg-------"},
    {"lbl-other", SET("\"lbl\":[\"other\"]"),                                     "ooooo-o--"},
    {"kv-missing", REMOVE("\"kv\""),                                              "---n-----"},
    {"kv-number", SET("\"kv\":7"),                                                "---n-----"},
    {"kv-empty", SET("\"kv\":\"\""),                                              "---n-----"},
    {"kv-short", SET("\"kv\":\"AAECAwQFBgcICQoLDA0ODw==\""),                      "---n-----"},
    {"kv-long", SET("\"kv\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\""),   "---n-----"},
    {"kv-no-base64", SET("\"kv\":\"!AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\""),
                                                                                  "---n-----"},
    {"aski-number", SET("\"aski\":7"),                                            "--n---n--"},
    {"aski-with-a-wrong-et", SET("\"aski\":\"km-9@maf.example.net\",\"et\":\"20200101T000000\""),
                                                                                  "--g---n--"},
    /* The certificate that is fetched (mo-tree.md 3.8). */
    {"certificate-other", "+other",                                               "--------n"},
    {"certificate-twice", "+twice",                                               "--------n"},
    {"certificate-cut", "+cut",                                                   "--------n"},
    {"certificate-damaged", "+damaged",                                           "--------n"},
    {"certificate-and-key", "+key",                                               "--------n"},
    {"certificate-with-text", "+text",                                            "--------o"},
    /* A server that is not who it should be, to a client with a certificate. */
    {"wrong-cert-other-name", WRONG("other-name"),                                "kkkkkkkkk"},
    {"wrong-cert-no-name", WRONG("no-name"),                                      "kkkkkkkkk"},
    {"wrong-cert-expired", WRONG("expired"),                                      "kkkkkkkkk"},
    {"wrong-cert-not-yet", WRONG("not-yet"),                                      "kkkkkkkkk"},
    {"wrong-cert-self-signed", WRONG("self-signed"),                              "kkkkkkkkk"},
    {"wrong-cert-other-ca", WRONG("other-ca"),                                    "kkkkkkkkk"},
};
/* clang-format on */

unsigned key_fault_count(void)
{
    return G_N_ELEMENTS(faults);
}

const struct key_fault *key_fault_get(unsigned fault)
{
    return &faults[fault];
}

const struct key_expectation *key_expectation(char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expectations); i++)
        if (expectations[i].letter == letter)
            return &expectations[i];
    g_error("no letter '%c'", letter);
}
