/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of the fault matrix (make fault-matrix has all of it): the cells that prove a requirement. */
#include <string.h>

#include "tests/e2e/fault-cells.h"
#include "tests/e2e/key-cells.h"

/* For each: a message, and its faults by name. */
static const struct subset {
    const char *path, *message;
    const char *faults[10];
} subsets[] = {
    {"/e2e/faults/EE-23/create", "create", {"drop-after", "adfq-other", "wrong-cert-other-name"}},
    {"/e2e/faults/MC-05/MC-51/retrieve",
     "retrieve",
     {"duplicate-keys", "csc-20", "endless", "foreign-rqi", "wrong-cert-expired"}},
    {"/e2e/faults/MC-05/MC-06/MC-07/MC-09/MC-53/update",
     "update",
     {"drop", "4000-bad-request", "cid-missing", "args-missing", "class-unknown", "reissue", "repeat"}},
    {"/e2e/faults/EE-23/registration-update", "registration-update", {"5000-server-error", "et-past"}},
    {"/e2e/faults/EE-23/delete", "delete", {"drop-after", "4103-no-privilege"}},
    {"/e2e/faults/MC-21/simplereenroll",
     "simplereenroll",
     {"silent", "garbage", "4103-no-privilege", "cert-other-san"}},
    {"/e2e/faults/EE-16/MC-21/report-by-new-certificate",
     "report-by-new-certificate",
     {"drop-after", "4106-not-authenticated"}},
};

static unsigned message_of(const char *name)
{
    for (unsigned m = 0; m < fault_messages(); m++)
        if (strcmp(fault_message_get(m)->name, name) == 0)
            return m;
    g_assert_not_reached();
}

static void test_subset(gconstpointer data)
{
    const struct subset *s = data;
    struct cells c;
    unsigned tried = 0, wanted = 0;
    cells_open(&c, message_of(s->message));
    for (; s->faults[wanted]; wanted++)
        for (unsigned f = 0; f < fault_count(); f++) {
            g_autofree char *seen = NULL;
            if (strcmp(fault_get(f)->name, s->faults[wanted]) != 0 || fault_expected(f, c.message) == '-')
                continue;
            tried++;
            gboolean ok = cells_run(&c, f, &seen);
            g_test_message("%s: %s", fault_get(f)->name, seen);
            if (!ok)
                g_test_fail();
        }
    g_assert_cmpuint(tried, ==, wanted);
    g_assert_cmpint(cells_close(&c), ==, 0);
}

/* Keys, and the registration at a MAF. */
static const struct subset key_subsets[] = {
    {"/e2e/faults/MC-38/MC-41/key-create",
     "key-create",
     {"drop-after", "drop-always", "ri-of-the-kpm", "cr-other", "tgis-one-more", "wrong-cert-other-name"}},
    {"/e2e/faults/MC-43/maf-key-create", "maf-key-create", {"drop-after", "ri-of-the-km", "suid-other"}},
    {"/e2e/faults/MC-48/maf-create", "maf-create", {"drop-after", "adfq-missing", "aski-with-a-wrong-et"}},
    {"/e2e/faults/MC-47/maf-update", "maf-update", {"4004-not-found", "et-past"}},
    {"/e2e/faults/EE-24/maf-delete", "maf-delete", {"drop-after"}},
    {"/e2e/faults/MC-46/anchor-fetch",
     "anchor-fetch",
     {"huge", "http-302", "certificate-other", "certificate-and-key", "wrong-cert-expired"}},
    {"/e2e/faults/EE-10/key-retrieve", "key-retrieve", {"truncate-body", "et-past", "kv-short"}},
    {"/e2e/faults/EE-24/key-update", "key-update", {"drop-after", "et-past"}},
    {"/e2e/faults/EE-24/key-delete", "key-delete", {"drop-after", "4004-not-found"}},
};

static void tell(void *ctx, const char *fault, gboolean ok, const char *text)
{
    (void)ctx;
    g_test_message("%s: %s", fault, text);
    if (!ok)
        g_test_fail();
}

static void test_key_subset(gconstpointer data)
{
    const struct subset *s = data;
    unsigned m = 0;

    while (strcmp(key_message_name(m), s->message) != 0)
        g_assert_cmpuint(++m, <, key_messages());
    g_assert_cmpuint(key_message_run(m, s->faults, tell, NULL), ==, g_strv_length((char **)s->faults));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(subsets); i++)
        g_test_add_data_func(subsets[i].path, &subsets[i], test_subset);
    for (size_t i = 0; i < G_N_ELEMENTS(key_subsets); i++)
        g_test_add_data_func(key_subsets[i].path, &key_subsets[i], test_key_subset);
    return g_test_run();
}
