/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which DEV_CFG may run, and which DM client serves which protocol: tables beside the text (TS-0003 8.3.9.8;
 * interfaces.md 3). */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/dm/internal.h"
#include "policy/admit-dev-cfg.h"

#define MEF "mef.example.com"

static void test_protocol(void)
{
    for (uint32_t p = 0; p <= 10; p++) {
        struct mef_error why = {0};
        const struct dev_cfg_args args = {p, p == DEV_MGMT_LWM2M ? "coaps://" MEF : "https://" MEF};
        g_assert_cmpint(admit_dev_cfg(&args, MEF, true, &why), ==, p >= 1 && p <= 4 ? 0 : 43);
        g_assert_cmpint(admit_dev_cfg(&args, MEF, false, &why), ==, 43);
        g_assert_cmpint(why.word, ==, MEF_ERROR_NOT_SUPPORTED);
    }
    const struct dev_cfg_args odd = {UINT32_MAX, "https://" MEF};
    g_assert_cmpint(admit_dev_cfg(&odd, MEF, true, NULL), ==, 43);
}

/* The protocol is judged before the URI: the first failure is the sentence. */
static void test_order(void)
{
    struct mef_error why = {0};
    const struct dev_cfg_args args = {DEV_MGMT_LWM2M, "http://other.example.com"};
    g_assert_cmpint(admit_dev_cfg(&args, MEF, false, &why), ==, 43);
    g_assert_nonnull(strstr(why.text, "devMgmtID 3"));
    g_assert_cmpint(admit_dev_cfg(&args, MEF, true, &why), ==, 43);
    g_assert_nonnull(strstr(why.text, "coaps"));
}

static void test_uri(void)
{
    static const struct {
        uint32_t protocol;
        const char *uri;
        int r;
    } row[] = {
        {3, "coaps://mef.example.com", 0},
        {3, "coaps://mef.example.com:5684", 0},
        {3, "coaps://MEF.Example.COM.:1/bs?ep=x", 0},
        {3, "coap://mef.example.com", 43},
        {3, "https://mef.example.com", 43},
        {3, "coaps+tcp://mef.example.com", 43},
        {3, "coaps://mef.example.co", 43},
        {3, "coaps://mef.example.com.evil.org", 43},
        {3, "coaps://a.mef.example.com", 43},
        {3, "coaps://x@mef.example.com", 43},
        {3, "coaps://mef.example.com@evil.org", 43},
        {3, "coaps://192.0.2.1", 43},
        {3, "coaps://[2001:db8::1]", 43},
        {3, "coaps://mef.example.com/#x", 43},
        {3, "coaps:///x", 43},
        {3, "coaps:mef.example.com", 43},
        {3, "mef.example.com", 43},
        {3, "", 43},
        {3, NULL, 43},
        {3, "coaps://mef.example.com:0", 43},
        {3, "coaps://mef.example.com:65536", 43},
        {1, "https://mef.example.com/dm", 0},
        {1, "http://mef.example.com/dm", 43},
        {2, "https://mef.example.com:8443/dm", 0},
        {2, "coaps://mef.example.com", 43},
        {4, "https://mef.example.com/acs?x=1", 0},
        {4, "https://acs.example.com/acs", 43},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct mef_error why = {0};
        const struct dev_cfg_args args = {row[i].protocol, row[i].uri};
        g_test_message("%u %s", row[i].protocol, row[i].uri ? row[i].uri : "(null)");
        g_assert_cmpint(admit_dev_cfg(&args, MEF, true, &why), ==, row[i].r);
        g_assert_true((row[i].r == 0) == (why.text[0] == '\0'));
    }
}

static void test_sections(void)
{
    static const struct {
        const char *pairs[5];
        const char *bad; /* what the sentence names; NULL: whole */
    } row[] = {
        {{NULL}, NULL},
        {{"a.protocol=3", "a.bus-name=org.example.A"}, NULL},
        {{"a.b.protocol=3", "a.b.bus-name=org.example.A"}, NULL},
        {{"a.protocol=3"}, "[dm-client a] bus-name"},
        {{"a.bus-name=org.example.A"}, "[dm-client a] protocol"},
        {{"a.protocol=5", "a.bus-name=org.example.A"}, "protocol"},
        {{"a.protocol=33", "a.bus-name=org.example.A"}, "protocol"},
        {{"a.protocol=", "a.bus-name=org.example.A"}, "protocol"},
        {{"a.protocol=3", "a.bus-name=:1.5"}, "bus-name"},
        {{"a.protocol=3", "a.bus-name=org"}, "bus-name"},
        {{"a.protocol=3", "a.bus-name=org..A"}, "bus-name"},
        {{"a.protocol=3", "a.bus-name=org.1a"}, "bus-name"},
        {{"a.protocol=3", "a.bus-name=org.a."}, "bus-name"},
        {{"a.protocol=3", "a.bus-name=org.a b"}, "bus-name"},
        {{"a.protocol=9", "a.bus-name=org.example.A", "a.protocol=1"}, NULL}, /* a drop-in mends it */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct mef_error why = {0};
        int r = dm_clients_check((char *const *)(gpointer)row[i].pairs, NULL, &why);
        g_test_message("%zu: %s", i, why.text);
        g_assert_cmpint(r, ==, row[i].bad ? -EINVAL : 0);
        if (row[i].bad)
            g_assert_nonnull(strstr(why.text, row[i].bad));
    }
}

static void test_roots(void)
{
    static char *const pairs[] = {(char *)"a.root=/one",      (char *)"b.c.root=./Two/DCFG",
                                  (char *)"a.bus-name=org.A", (char *)"a.root=/three",
                                  (char *)"b.root=four",      NULL};
    char **mounts = NULL, **prefixes = NULL;
    g_assert_cmpint(dm_clients_roots(pairs, &mounts, &prefixes), ==, 0);
    g_assert_cmpuint(g_strv_length(mounts), ==, 1);
    g_assert_cmpstr(mounts[0], ==, "./Two/DCFG");
    g_assert_cmpuint(g_strv_length(prefixes), ==, 2); /* the tree refuses what is no root */
    g_assert_cmpstr(prefixes[0], ==, "/three");
    g_assert_cmpstr(prefixes[1], ==, "four");
    for (char **s = mounts; *s; s++)
        free(*s);
    for (char **s = prefixes; *s; s++)
        free(*s);
    free(mounts);
    free(prefixes);
}

static void test_choice(void)
{
    static char *const pairs[] = {(char *)"acs.protocol=4", (char *)"acs.bus-name=org.example.Acs",
                                  (char *)"mine.bus-name=org.example.Mine", (char *)"mine.protocol=3", NULL};
    struct dm_client c;
    g_assert_true(dm_client_find(NULL, 3, &c));
    g_assert_cmpstr(c.bus_name, ==, "org.mefclient1.dm.LwM2M");
    g_assert_true(c.built_in);
    g_assert_true(dm_client_find(NULL, 1, &c));
    g_assert_cmpstr(c.bus_name, ==, "org.mefclient1.dm.OmaDm");
    g_assert_false(dm_client_find(NULL, 2, &c));
    g_assert_false(dm_client_find(NULL, 4, &c));
    g_assert_true(dm_client_find(pairs, 4, &c));
    g_assert_cmpstr(c.bus_name, ==, "org.example.Acs");
    g_assert_false(c.built_in);
    g_assert_true(dm_client_find(pairs, 3, &c)); /* the configuration beats what is built in */
    g_assert_cmpstr(c.bus_name, ==, "org.example.Mine");
    g_assert_true(dm_client_find(pairs, 1, &c));
    g_assert_true(c.built_in);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/dev-cfg/MC-22/protocol", test_protocol);
    g_test_add_func("/policy/dev-cfg/order", test_order);
    g_test_add_func("/policy/dev-cfg/MC-23/uri", test_uri);
    g_test_add_func("/dm/clients/sections", test_sections);
    g_test_add_func("/dm/clients/choice", test_choice);
    g_test_add_func("/dm/clients/roots", test_roots);
    return g_test_run();
}
