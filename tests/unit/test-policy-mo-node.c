/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mo-tree.md 3.6 over the whole cross product: SUID, parents, child, each attribute, suites, switches. The
 * oracle is the second table of 3.6 ("row by row"), copied as data; the code follows the first one (C1 to
 * C12). */
#include <glib.h>

#include "policy/mo-node.h"
#include "policy/suid.h"

#define REG MGMT_REGISTRATION
#define DC  MGMT_DATA_COLLECTION
#define MAF MGMT_MAF_CLIENT_REG_CFG
#define MEF MGMT_MEF_CLIENT_REG_CFG
#define TA  MGMT_TRUST_ANCHOR_CRED

static const struct row {
    uint32_t suid, parent, child;
    char attribute; /* k symmKeyID, d keyRegDuration, f myCertFingerprint */
    char suites;    /* p PSK, c certificate, - not checked */
    char next;
} table[] = {
    {11, MAF, 0, 'k', 'p', 'A'},   {12, REG, 0, 'k', 'p', 'A'},   {13, DC, 0, 'k', '-', 'A'},
    {21, MAF, MEF, 'd', 'p', 'B'}, {22, REG, MEF, 'd', 'p', 'B'}, {23, DC, MEF, 'd', '-', 'B'},
    {31, MAF, MAF, 'd', 'p', 'C'}, {32, REG, MAF, 'd', 'p', 'C'}, {33, DC, MAF, 'd', '-', 'C'},
    {41, MAF, TA, 'f', 'c', 'D'},  {42, REG, TA, 'f', 'c', 'D'},  {43, DC, TA, 'f', 'c', 'D'},
};

static const struct list {
    const char *items[4];
    bool psk_tls, psk_dtls, cert_tls, cert_dtls;
} lists[] = {
    {{NULL}, false, false, false, false}, /* absent */
    {{"00AE"}, true, false, false, false},          {{"C0A8"}, false, true, false, false},
    {{"C023"}, false, false, true, false},          {{"C0AE"}, false, false, false, true},
    {{"00AE", "C0A8"}, true, true, false, false},   {{"C023", "C0AE"}, false, false, true, true},
    {{"1301", "C02B"}, false, false, false, false},
};

static bool suites_pass(char want, const struct list *l, enum suite_rule rule, unsigned transports)
{
    bool tls = want == 'p' ? l->psk_tls : l->cert_tls, dtls = want == 'p' ? l->psk_dtls : l->cert_dtls;

    if (want == '-')
        return true;
    if (rule == SUITE_RULE_ALL)
        return tls && dtls;
    if (rule == SUITE_RULE_TRANSPORT && transports)
        return (!(transports & 1) || tls) && (!(transports & 2) || dtls);
    return tls || dtls;
}

struct point {
    uint32_t suid, parent, second_parent, child;
    unsigned attributes; /* bits: 1 symmKeyID, 2 keyRegDuration, 4 myCertFingerprint, 8 rawPubKeyID */
    const struct list *list;
    struct mo_node_switches sw;
    bool coap; /* the relatives speak CoAP, else HTTP */
};

/* What the table says; *ret_next 'A'..'D'. */
static int oracle(const struct point *p, char *ret_next)
{
    const struct row *row = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].suid == p->suid)
            row = &table[i];
    if (!row)
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    bool child = p->child == row->child;
    if (row->child == TA)
        child = p->sw.trust_anchor == TRUST_ANCHOR_OPTIONAL ||
                (p->sw.trust_anchor == TRUST_ANCHOR_REQUIRED ? child || (p->attributes & 8) : !child);
    else if (!row->child)
        child = true;
    unsigned want = row->attribute == 'k' ? 1 : row->attribute == 'd' ? 2 : 4;
    unsigned transports = 0;
    if (p->parent == MAF || p->parent == REG || p->child == MAF || p->child == MEF || p->second_parent == MAF)
        transports = p->coap ? 2 : 1;
    if (p->parent != row->parent || p->second_parent || !child || !(p->attributes & want) ||
        (row->suites != '-' && !p->list->items[0]) ||
        !suites_pass(row->suites, p->list, p->sw.suites, transports))
        return CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG;
    *ret_next = row->next;
    return 0;
}

static void relative(struct mo_snapshot *s, uint32_t definition, bool coap)
{
    static char *const http_poa[] = {(char *)"https://in-cse.example.net:8443", NULL};
    static char *const coap_poa[] = {(char *)"coaps://in-cse.example.net", NULL};

    *s = (struct mo_snapshot){.definition = definition};
    if (definition == MAF || definition == MEF) {
        s->http_port = coap ? 0 : 443;
        s->coap_port = coap ? 5684 : 0;
    }
    if (definition == REG)
        s->points_of_access = (char **)(uintptr_t)(coap ? coap_poa : http_poa);
}

static void check(const struct point *p)
{
    static char text[] = "x", path[] = "./DCFG/authenticationProfile/ap";
    struct mo_snapshot parents[2], child;
    struct mo_snapshot n = {.definition = MGMT_AUTHENTICATION_PROFILE,
                            .path = path,
                            .suid = p->suid,
                            .symm_key_id = p->attributes & 1 ? text : NULL,
                            .key_reg_duration = p->attributes & 2 ? text : NULL,
                            .my_cert_fingerprint = p->attributes & 4 ? text : NULL,
                            .raw_pub_key_id = p->attributes & 8 ? text : NULL,
                            .suites = p->list->items[0] ? (char **)(uintptr_t)p->list->items : NULL,
                            .parents = parents,
                            .children = &child};
    struct mo_node_args args = {.object_path = path,
                                .object_type = OBJECT_AUTHENTICATION_PROFILE,
                                .specific = MO_NODE_SPECIFIC_SUID,
                                .suid = p->suid};
    enum mo_node_case then = MO_NODE_CASE_NONE;
    static const char cases[] = {
        [MO_NODE_CASE_A] = 'A', [MO_NODE_CASE_B] = 'B', [MO_NODE_CASE_C] = 'C', [MO_NODE_CASE_D] = 'D'};
    char next = 0;

    if (p->parent)
        relative(&parents[n.n_parents++], p->parent, p->coap);
    if (p->second_parent)
        relative(&parents[n.n_parents++], p->second_parent, p->coap);
    if (p->child)
        relative(&child, p->child, p->coap), n.n_children = 1;
    int want = oracle(p, &next), got = mo_node_judge(&args, &n, &p->sw, &then, NULL);
    if (want != got || (got == 0 && cases[then] != next))
        g_error("SUID %u parent %u and %u child %u attributes %x list %zu anchors %d suites %d coap %d: %d, "
                "not %d",
                p->suid, p->parent, p->second_parent, p->child, p->attributes, (size_t)(p->list - lists),
                (int)p->sw.trust_anchor, (int)p->sw.suites, p->coap, got, want);
}

static void test_cross_product(void)
{
    static const uint32_t parents[] = {0, REG, DC, MAF, MEF}, children[] = {0, TA, MAF, MEF};
    unsigned rows = 0;

    for (struct point p = {.suid = 0}; p.suid < 100; p.suid++)
        for (size_t parent = 0; suid_valid(p.suid) && parent < G_N_ELEMENTS(parents); parent++)
            for (size_t child = 0; child < G_N_ELEMENTS(children); child++)
                for (p.attributes = 0; p.attributes < 16; p.attributes++)
                    for (size_t l = 0; l < G_N_ELEMENTS(lists); l++)
                        for (unsigned sw = 0; sw < 18; sw++) {
                            p.parent = parents[parent];
                            p.second_parent = p.parent && sw == 17 && l == 5 ? MAF : 0;
                            p.child = children[child];
                            p.list = &lists[l];
                            p.sw.trust_anchor = (enum trust_anchor_rule)(sw % 3);
                            p.sw.suites = (enum suite_rule)(sw / 3 % 3);
                            p.coap = sw >= 9;
                            check(&p);
                            rows++;
                        }
    g_test_message("%u rows", rows);
    g_assert_cmpuint(rows, >, 500000);
}

/* The order of the rows: whatever is wrong behind the first failure does not count (MC-55). */
static void test_order(void)
{
    static char path[] = "./DCFG/authenticationProfile/ap";
    static const struct mo_snapshot bad = {
        .definition = MGMT_AUTHENTICATION_PROFILE, .path = path, .suid = 22};
    static const struct mo_node_switches sw = {0};
    static const struct {
        const char *path;
        uint32_t type;
        bool node;
        enum mo_node_specific specific;
        uint32_t suid;
        int status;
        const char *row;
    } rows[] = {
        {"", 9, false, MO_NODE_SPECIFIC_BAD, 99, CMD_STATUS_BAD_ARGUMENTS, "G1"},
        {"x", 9, false, MO_NODE_SPECIFIC_BAD, 99, CMD_STATUS_BAD_ARGUMENTS, "G1"},
        {"x", 2, false, MO_NODE_SPECIFIC_BAD, 99, CMD_STATUS_MO_NODE_NOT_FOUND, "G2"},
        {"x", 2, true, MO_NODE_SPECIFIC_BAD, 99, CMD_STATUS_MO_NODE_TYPE_CONFLICT, "G3"},
        {"x", 1, true, MO_NODE_SPECIFIC_BAD, 99, CMD_STATUS_MO_NODE_BAD_ARGS, "G4"},
        {"x", 1, true, MO_NODE_SPECIFIC_ABSENT, 22, CMD_STATUS_MO_NODE_BAD_ARGS, "G4"},
        {"x", 1, true, MO_NODE_SPECIFIC_SUID, 23, CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS, "G6"},
        {"x", 1, true, MO_NODE_SPECIFIC_SUID, 22, CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG, "C2"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct mo_node_args args = {rows[i].path, rows[i].type, rows[i].specific, rows[i].suid};
        enum mo_node_case then;
        struct mef_error err = {0};
        g_assert_cmpint(mo_node_judge(&args, rows[i].node ? &bad : NULL, &sw, &then, &err), ==,
                        rows[i].status);
        g_assert_true(g_str_has_prefix(err.text, rows[i].row));
    }
}

/* MC-39 and 3.7. */
static void test_targets(void)
{
    static const struct {
        uint32_t parent;
        const char *value, *sp, *target; /* NULL: cannot be derived */
    } rows[] = {
        {REG, "//sp.example.net/in-cse", NULL, "//sp.example.net/in-cse"},
        {REG, "/in-cse", "//SP.example.net", "//sp.example.net/in-cse"},
        {REG, "/in-cse", NULL, "/in-cse"},
        {REG, NULL, NULL, NULL},
        {DC, "//sp.example.net/in-cse/in-name/meter/readings", NULL, "//sp.example.net/in-cse"},
        {DC, "/in-cse/in-name/c", NULL, "/in-cse"},
        {DC, "/in-cse/in-name/c", "sp.example.net", "//sp.example.net/in-cse"},
        {DC, "/in-cse", NULL, "/in-cse"},
        {DC, "in-name/meter", NULL, NULL},
        {DC, "//sp.example.net", NULL, NULL},
        {DC, "//sp.example.net/", NULL, NULL},
        {DC, "///x/y", NULL, NULL},
        {DC, "/", NULL, NULL},
        {DC, "", NULL, NULL},
        {DC, NULL, NULL, NULL},
        {MAF, "maf2.example.net", NULL, "maf2.example.net"},
        {MAF, NULL, NULL, NULL},
        {MEF, "mef.example.com", NULL, NULL},
        {0, NULL, NULL, NULL},
    };
    static char path[] = "./DCFG/authenticationProfile/ap";

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *value = (char *)(uintptr_t)rows[i].value, target[LIMIT_M2M_ID + 1];
        struct mo_snapshot parent = {.definition = rows[i].parent};
        struct mo_snapshot n = {.path = path, .parents = &parent, .n_parents = rows[i].parent ? 1 : 0};
        *(rows[i].parent == REG  ? &parent.cse_id
          : rows[i].parent == DC ? &parent.container_path
                                 : &parent.fqdn) = value;
        g_test_message("row %zu", i);
        int r = mo_node_target(&n, rows[i].sp, target, NULL);
        g_assert_cmpint(r == 0, ==, rows[i].target != NULL);
        if (r == 0)
            g_assert_cmpstr(target, ==, rows[i].target);
    }
}

static void test_names(void)
{
    enum trust_anchor_rule rule;

    g_assert_cmpint(trust_anchor_rule_from_name("literal", &rule), ==, 0);
    g_assert_cmpint(rule, ==, TRUST_ANCHOR_LITERAL);
    g_assert_cmpint(trust_anchor_rule_from_name("Literal", &rule), <, 0);
    g_assert_cmpint(trust_anchor_rule_from_name(NULL, &rule), <, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/mo-node/MC-31/MC-32/MC-33/MC-34/MC-35/MC-36/cross-product", test_cross_product);
    g_test_add_func("/policy/mo-node/MC-55/order", test_order);
    g_test_add_func("/policy/mo-node/MC-39/targets", test_targets);
    g_test_add_func("/policy/mo-node/trust-anchor-rule", test_names);
    return g_test_run();
}
