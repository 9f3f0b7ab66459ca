/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every interface, member, type and word of interfaces.md 1 and 2 (and of style-anchors.md D2 where that file
 * is silent), written down here once more and compared with what the running service says and does. */
#include <string.h>

#include "tests/e2e/bus-world.h"

/* What a property may say. */
enum sense {
    ANY,     /* its type is all that is asked */
    TEXT,    /* not empty */
    WORD,    /* one of `words` */
    TIME,    /* microseconds since the epoch, 0 = unset; not milliseconds or seconds by mistake */
    PATH,    /* "/" or an object that is there */
    PATHS,   /* objects that are there */
    ERROR,   /* ("", "") or an error of the closed list with a sentence */
    MATTERS, /* Manager.Attention */
};

struct row {
    const char *interface, *name;
    enum { M, P, S } kind;
    const char *in, *out; /* property: type and access */
    enum sense sense;
    const char *words;
};

#define NODE_STATES "configured processing ready failed inconsistent expired deleting"

static const struct row rows[] = {
    {I("Manager"), "Reload", M, "", ""},
    {I("Manager"), "GetRegistration", M, "ss", "o"},
    {I("Manager"), "GetJob", M, "u", "o"},
    {I("Manager"), "CancelJob", M, "u", ""},
    {I("Manager"), "Dump", M, "sa{sv}", "s"},
    {I("Manager"), "RetrieveKey", M, "sa{sv}", "o"},
    {I("Manager"), "JobNew", S, "uo", ""},
    {I("Manager"), "JobRemoved", S, "uos", ""},
    {I("Manager"), "Version", P, "s", "r", TEXT},
    {I("Manager"), "ApiLevel", P, "u", "r"},
    {I("Manager"), "Features", P, "as", "r"},
    {I("Manager"), "State", P, "s", "r", WORD, "starting ready degraded stopping"},
    {I("Manager"), "NeedsAttention", P, "b", "r"},
    {I("Manager"), "Attention", P, "a(sos)", "r", MATTERS},
    {I("Manager"), "Registrations", P, "ao", "r", PATHS},
    {I("Manager"), "Jobs", P, "ao", "r", PATHS},
    {I("Manager"), "TokenState", P, "s", "r", WORD, "present absent locked full error"},

    {I("Tree"), "Generation", P, "t", "r"},
    {I("Tree"), "Resolve", M, "s", "o"},
    {I("Tree"), "Add", M, "sssa{sv}a{sv}", "oo"},
    {I("Tree"), "AddMefClientRegCfg", M, "ssa{sv}", "oo"},
    {I("Tree"), "AddMafClientRegCfg", M, "ssa{sv}", "oo"},
    {I("Tree"), "AddTrustAnchor", M, "sa{sv}", "oo"},
    {I("Tree"), "AddTrustAnchorByUri", M, "ssa{sv}", "oo"},
    {I("Tree"), "Begin", M, "a{sv}", "u"},
    {I("Tree"), "Apply", M, "aa{sv}a{sv}", "ao"},
    {I("Tree"), "Commit", M, "u", "t"},
    {I("Tree"), "Rollback", M, "u", ""},
    {I("Tree"), "Import", M, "sa{sv}", "t"},
    {I("Tree"), "Export", M, "a{sv}", "s"},
    {I("Tree"), "Committed", S, "tsao", ""},

    {I("Node"), "Name", P, "s", "r", TEXT},
    {I("Node"), "Path", P, "s", "r", TEXT},
    {I("Node"), "Type", P, "s", "r", WORD,
     "registration dataCollection authenticationProfile myCertFileCred trustAnchorCred MAFClientRegCfg "
     "MEFClientRegCfg"},
    {I("Node"), "TypeId", P, "u", "r", WORD, "1020 1021 1022 1023 1024 1025 1026"},
    {I("Node"), "Parent", P, "o", "r", PATH},
    {I("Node"), "Children", P, "ao", "r", PATHS},
    {I("Node"), "Origin", P, "s", "r", WORD, "local mef-dm dm bootstrap smartcard"},
    {I("Node"), "ModifiedAt", P, "t", "r", TIME},
    {I("Node"), "Present", P, "as", "r"},
    {I("Node"), "ObjectPaths", P, "as", "r"},
    {I("Node"), "State", P, "s", "r", WORD, NODE_STATES},
    {I("Node"), "LastStatus", P, "u", "r"},
    {I("Node"), "LastStatusName", P, "s", "r"},
    {I("Node"), "Set", M, "a{sv}a{sv}", ""},
    {I("Node"), "Delete", M, "a{sv}", "o"},
    {I("Node"), "Process", M, "a{sv}a{sv}", "us"},

#define REG_CFG(i)                                                                                           \
    {i, "Fqdn", P, "s", "r", TEXT}, {i, "AdminFQDN", P, "s", "r", TEXT}, {i, "HttpPort", P, "q", "r"},       \
        {i, "CoapPort", P, "q", "r"}, {i, "WebsocketPort", P, "q", "r"},                                     \
    {                                                                                                        \
        i, "Registration", P, "o", "r", PATH                                                                 \
    }
#define COMMON(i)                                                                                            \
    {i, "ExpirationTime", P, "t", "r", TIME}, {i, "Labels", P, "as", "r"},                                   \
    {                                                                                                        \
        i, "Description", P, "s", "r"                                                                        \
    }
    REG_CFG(I("MEFClientRegCfg")),
    COMMON(I("MEFClientRegCfg")),
    REG_CFG(I("MAFClientRegCfg")),
    COMMON(I("MAFClientRegCfg")),

    COMMON(I("AuthenticationProfile")),
    {I("AuthenticationProfile"), "SUID", P, "u", "r"},
    {I("AuthenticationProfile"), "TLSCiphersuites", P, "as", "r"},
    {I("AuthenticationProfile"), "SymmKeyID", P, "s", "r"},
    {I("AuthenticationProfile"), "SymmKeyPresent", P, "b", "r"},
    {I("AuthenticationProfile"), "KeyRegDuration", P, "s", "r"},
    {I("AuthenticationProfile"), "KeyRegLabels", P, "as", "r"},
    {I("AuthenticationProfile"), "MyCertFingerprint", P, "s", "r"},
    {I("AuthenticationProfile"), "RawPubKeyID", P, "s", "r"},
    {I("AuthenticationProfile"), "Credential", P, "o", "r", PATH},
    {I("AuthenticationProfile"), "Ready", P, "b", "r"},
    {I("AuthenticationProfile"), "NotReadyReason", P, "s", "r"},
    {I("AuthenticationProfile"), "SetSymmetricKey", M, "ha{sv}", ""},

    COMMON(I("TrustAnchorCred")),
    {I("TrustAnchorCred"), "CertFingerprint", P, "s", "r", TEXT},
    {I("TrustAnchorCred"), "URI", P, "s", "r"},
    {I("TrustAnchorCred"), "Credential", P, "o", "r", PATH},
    {I("TrustAnchorCred"), "State", P, "s", "r", TEXT},
    {I("TrustAnchorCred"), "Fetch", M, "", "o"},

    COMMON(I("MyCertFileCred")),
    {I("MyCertFileCred"), "SUIDs", P, "au", "r"},
    {I("MyCertFileCred"), "MyCertFileFormat", P, "s", "r", TEXT},
    {I("MyCertFileCred"), "Fingerprint", P, "s", "r", TEXT},
    {I("MyCertFileCred"), "Credential", P, "o", "r", PATH},

    COMMON(I("RegistrationCfg")),
    {I("RegistrationCfg"), "OriginatorID", P, "s", "r", TEXT},
    {I("RegistrationCfg"), "PointOfAccess", P, "as", "r"},
    {I("RegistrationCfg"), "CSEBase", P, "s", "r"},
    {I("RegistrationCfg"), "CSEID", P, "s", "r"},
    {I("RegistrationCfg"), "AppID", P, "s", "r"},
    {I("RegistrationCfg"), "ExternalID", P, "s", "r"},
    {I("RegistrationCfg"), "TriggerRecipientID", P, "u", "r"},

    COMMON(I("DataCollection")),
    {I("DataCollection"), "ContainerPath", P, "s", "r", TEXT},
    {I("DataCollection"), "ReportingSchedule", P, "as", "r"},
    {I("DataCollection"), "MeasurementSchedule", P, "as", "r"},
    {I("DataCollection"), "MeasurementInterval", P, "u", "r"},

    {I("Registration"), "Fqdn", P, "s", "r", TEXT},
    {I("Registration"), "AdminFQDN", P, "s", "r", TEXT},
    {I("Registration"), "MefClientRegId", P, "s", "r"},
    {I("Registration"), "State", P, "s", "r", WORD, "new registering registered expired ending failed"},
    {I("Registration"), "ExpiresAt", P, "t", "r", TIME},
    {I("Registration"), "LastContact", P, "t", "r", TIME},
    {I("Registration"), "NextPoll", P, "t", "r", TIME},
    {I("Registration"), "RetryCount", P, "u", "r"},
    {I("Registration"), "Config", P, "o", "r", PATH},
    {I("Registration"), "Credential", P, "o", "r", PATH},
    {I("Registration"), "LastCommand", P, "o", "r", PATH},
    {I("Registration"), "LastCommandId", P, "s", "r"},
    {I("Registration"), "LastStatus", P, "u", "r"},
    {I("Registration"), "LastError", P, "(ss)", "r", ERROR},
    {I("Registration"), "Register", M, "a{sv}", "o"},
    {I("Registration"), "Update", M, "a{sv}", "o"},
    {I("Registration"), "Poll", M, "a{sv}", "o"},
    {I("Registration"), "Deregister", M, "a{sv}", "o"},

    {I("Command"), "CommandId", P, "s", "r", TEXT},
    {I("Command"), "Class", P, "s", "r", WORD, "no-more-commands cert-prov dev-cfg mo-node unknown"},
    {I("Command"), "ClassId", P, "u", "r"},
    {I("Command"), "TargetId", P, "s", "r"},
    {I("Command"), "Arguments", P, "a{sv}", "r"},
    {I("Command"), "Status", P, "s", "r", TEXT},
    {I("Command"), "StatusCode", P, "u", "r"},
    {I("Command"), "Reissued", P, "b", "r"},
    {I("Command"), "Reported", P, "b", "r"},
    {I("Command"), "ReceivedAt", P, "t", "r", TIME},
    {I("Command"), "FinishedAt", P, "t", "r", TIME},
    {I("Command"), "Job", P, "o", "r", PATH},
    {I("Command"), "TransactionId", P, "s", "r", TEXT},

    {I("Job"), "Id", P, "u", "r"},
    {I("Job"), "Operation", P, "s", "r", TEXT},
    {I("Job"), "State", P, "s", "r", WORD, "queued running waiting done failed cancelled timed-out"},
    {I("Job"), "Step", P, "s", "r"},
    {I("Job"), "StepCount", P, "u", "r"},
    {I("Job"), "StepIndex", P, "u", "r"},
    {I("Job"), "Progress", P, "d", "r"},
    {I("Job"), "ProgressValid", P, "b", "r"},
    {I("Job"), "Objects", P, "ao", "r", PATHS},
    {I("Job"), "StartedByUid", P, "u", "r"},
    {I("Job"), "StartedAt", P, "t", "r", TIME},
    {I("Job"), "FinishedAt", P, "t", "r", TIME},
    {I("Job"), "WaitingUntil", P, "t", "r", TIME},
    {I("Job"), "Error", P, "(ss)", "r", ERROR},
    {I("Job"), "TransactionId", P, "s", "r"},
    {I("Job"), "Cancel", M, "a{sv}", ""},
    {I("Job"), "Finished", S, "sss", ""},

    {I("Token"), "Uri", P, "s", "r", TEXT},
    {I("Token"), "Label", P, "s", "r", TEXT},
    {I("Token"), "Manufacturer", P, "s", "r", TEXT},
    {I("Token"), "Model", P, "s", "r", TEXT},
    {I("Token"), "Serial", P, "s", "r", TEXT},
    {I("Token"), "State", P, "s", "r", WORD, "present absent locked full error"},
    {I("Token"), "Mechanisms", P, "as", "r"},
    {I("Token"), "FreeObjects", P, "i", "r"},
    {I("Token"), "Login", M, "ha{sv}", ""},
    {I("Token"), "Logout", M, "", ""},
    {I("Token"), "Rescan", M, "", "o"},

    {I("Credential"), "Kind", P, "s", "r", WORD, "certificate key trust-anchor raw-public-key"},
    {I("Credential"), "CredentialId", P, "s", "r"},
    {I("Credential"), "Uri", P, "s", "r", TEXT},
    {I("Credential"), "Fingerprint", P, "s", "r"},
    {I("Credential"), "Subject", P, "s", "r"},
    {I("Credential"), "Issuer", P, "s", "r"},
    {I("Credential"), "SubjectId", P, "s", "r"},
    {I("Credential"), "NotBefore", P, "t", "r", TIME},
    {I("Credential"), "NotAfter", P, "t", "r", TIME},
    {I("Credential"), "RenewAt", P, "t", "r", TIME},
    {I("Credential"), "UsedBy", P, "ao", "r", PATHS},
    {I("Credential"), "Origin", P, "s", "r"},
    {I("Credential"), "GetCertificate", M, "", "ay"},
    {I("Credential"), "GetChain", M, "", "aay"},
    {I("Credential"), "Renew", M, "a{sv}", "o"},
    {I("Credential"), "Delete", M, "a{sv}", "o"},

    {"org.freedesktop.LogControl1", "LogLevel", P, "s", "rw", WORD,
     "emerg alert crit err warning notice info debug"},
    {"org.freedesktop.LogControl1", "LogTarget", P, "s", "rw", WORD, "auto journal console"},
    {"org.freedesktop.LogControl1", "SyslogIdentifier", P, "s", "r", WORD, "mefclient"},

    {DBUS("Properties"), "Get", M, "ss", "v"},
    {DBUS("Properties"), "Set", M, "ssv", ""},
    {DBUS("Properties"), "GetAll", M, "s", "a{sv}"},
    {DBUS("Properties"), "PropertiesChanged", S, "sa{sv}as", ""},
    {DBUS("Introspectable"), "Introspect", M, "", "s"},
    {DBUS("Peer"), "Ping", M, "", ""},
    {DBUS("Peer"), "GetMachineId", M, "", "s"},
    {DBUS("ObjectManager"), "GetManagedObjects", M, "", "a{oa{sa{sv}}}"},
    {DBUS("ObjectManager"), "InterfacesAdded", S, "oa{sa{sv}}", ""},
    {DBUS("ObjectManager"), "InterfacesRemoved", S, "oas", ""},
};

static const char *const error_words[] = {
    "InvalidArguments", "NotFound",      "AlreadyExists",      "NotAuthorized",  "NotSupported",
    "InProgress",       "NotRegistered", "InconsistentConfig", "LimitExceeded",  "TokenUnavailable",
    "TokenLocked",      "TokenFull",     "ServerUnreachable",  "ServerRejected", "DmUnavailable",
    "Cancelled",        "TimedOut",      "ReadOnly",           "Failed"};

/* interfaces.md 1: which object has which interfaces; %: one path element. */
static const struct {
    const char *path, *interfaces;
} places[] = {
    {ROOT_PATH, "Manager"},
    {TREE_PATH, "Tree"},
    {TREE_PATH "/MEFClientRegCfg/%", "Node MEFClientRegCfg"},
    {TREE_PATH "/MAFClientRegCfg/%", "Node MAFClientRegCfg"},
    {TREE_PATH "/authenticationProfile/%", "Node AuthenticationProfile"},
    {TREE_PATH "/trustAnchorCred/%", "Node TrustAnchorCred"},
    {TREE_PATH "/myCertFileCred/%", "Node MyCertFileCred"},
    {TREE_PATH "/registration/%", "Node RegistrationCfg"},
    {TREE_PATH "/dataCollection/%", "Node DataCollection"},
    {ROOT_PATH "/registration/%", "Registration"},
    {ROOT_PATH "/registration/%/command/%", "Command"},
    {ROOT_PATH "/job/%", "Job"},
    {ROOT_PATH "/token/%", "Token"},
    {ROOT_PATH "/credential/%", "Credential"},
};

static const struct row *row_of(const struct bus_member *m)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].interface, m->interface) == 0 && strcmp(rows[i].name, m->name) == 0 &&
            (int)rows[i].kind == (int)m->kind)
            return &rows[i];
    return NULL;
}

static gboolean listed(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    return g_strv_contains((const char *const *)list, word);
}

static gboolean at_place(const char *pattern, const char *path)
{
    g_auto(GStrv) a = g_strsplit(pattern, "/", -1), b = g_strsplit(path, "/", -1);
    guint i = 0;

    for (; a[i] && b[i]; i++)
        if (strcmp(a[i], b[i]) != 0 && (strcmp(a[i], "%") != 0 || !*b[i]))
            return FALSE;
    return !a[i] && !b[i];
}

/* Members and signatures: nothing missing, nothing more. */
static void check_members(GPtrArray *members)
{
    gboolean seen[G_N_ELEMENTS(rows)] = {FALSE};

    for (guint i = 0; i < members->len; i++) {
        const struct bus_member *m = members->pdata[i];
        const struct row *r = row_of(m);
        if (!r)
            g_error("%s has %s.%s, which no text knows", m->path, m->interface, m->name);
        if (strcmp(r->in, m->in) != 0 || strcmp(r->out, m->out) != 0)
            g_error("%s.%s is '%s' '%s', not '%s' '%s'", m->interface, m->name, m->in, m->out, r->in, r->out);
        seen[r - rows] = TRUE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (!seen[i])
            g_error("%s.%s is nowhere", rows[i].interface, rows[i].name);
}

static void check_places(GPtrArray *members)
{
    gboolean seen[G_N_ELEMENTS(places)] = {FALSE};

    for (guint i = 0; i < members->len; i++) {
        const struct bus_member *m = members->pdata[i];
        gboolean ok = g_str_has_prefix(m->interface, "org.freedesktop.");
        for (size_t k = 0; k < G_N_ELEMENTS(places) && !ok; k++)
            if (at_place(places[k].path, m->path)) {
                seen[k] = TRUE;
                ok = listed(places[k].interfaces, m->interface + strlen("org.mefclient1."));
            }
        if (!ok)
            g_error("%s must not have the interface %s", m->path, m->interface);
        if (strcmp(m->interface, "org.freedesktop.LogControl1") == 0)
            g_assert_cmpstr(m->path, ==, LOG_PATH);
    }
    for (size_t k = 0; k < G_N_ELEMENTS(places); k++)
        if (!seen[k])
            g_error("there is no object like %s", places[k].path);
}

static gboolean there(GPtrArray *members, const char *path)
{
    for (guint i = 0; i < members->len; i++) {
        const struct bus_member *m = members->pdata[i];
        if (strcmp(m->path, path) == 0 && g_str_has_prefix(m->interface, "org.mefclient1."))
            return TRUE;
    }
    return FALSE;
}

static gboolean good_error(GVariant *v)
{
    const char *name, *text;

    g_variant_get(v, "(&s&s)", &name, &text);
    if (!*name)
        return !*text;
    if (!g_str_has_prefix(name, "org.mefclient1.Error.") || !*text)
        return FALSE;
    return g_strv_contains(error_words, name + strlen("org.mefclient1.Error."));
}

static gboolean good_matters(GPtrArray *members, GVariant *v)
{
    GVariantIter it;
    const char *reason, *path, *text;

    g_variant_iter_init(&it, v);
    while (g_variant_iter_next(&it, "(&s&o&s)", &reason, &path, &text))
        if (!*reason || !*text || (strcmp(path, "/") != 0 && !there(members, path)))
            return FALSE;
    return TRUE;
}

static gboolean good_time(guint64 t)
{
    return t == 0 || (t > UINT64_C(1500000000) * 1000000 && t < UINT64_C(8000000000) * 1000000);
}

static gboolean makes_sense(GPtrArray *members, const struct row *r, GVariant *v)
{
    g_autofree char *text =
        g_variant_is_of_type(v, G_VARIANT_TYPE_STRING) || g_variant_is_of_type(v, G_VARIANT_TYPE_OBJECT_PATH)
            ? g_strdup(g_variant_get_string(v, NULL))
            : g_variant_print(v, FALSE);
    g_autofree const char **paths = NULL;

    switch (r->sense) {
    case ANY:
        return TRUE;
    case TEXT:
        return *text != '\0';
    case WORD:
        return listed(r->words, text);
    case TIME:
        return good_time(g_variant_get_uint64(v));
    case PATH:
        return strcmp(text, "/") == 0 || there(members, text);
    case PATHS:
        paths = g_variant_get_objv(v, NULL);
        for (const char **p = paths; *p; p++)
            if (!there(members, *p))
                return FALSE;
        return TRUE;
    case ERROR:
        return good_error(v);
    case MATTERS:
        return good_matters(members, v);
    }
    return FALSE;
}

/* Get of each property of each object: the type that introspection says, a value that can be. */
static void check_values(struct bus_world *w, GPtrArray *members)
{
    for (guint i = 0; i < members->len; i++) {
        const struct bus_member *m = members->pdata[i];
        g_autoptr(GVariant) v = NULL;
        if (m->kind != BUS_PROPERTY)
            continue;
        g_autoptr(GVariant) reply = bus_world_call(w, m->path, DBUS("Properties"), "Get",
                                                   g_variant_new("(ss)", m->interface, m->name));
        g_variant_get(reply, "(v)", &v);
        g_assert_cmpstr(g_variant_get_type_string(v), ==, m->in);
        if (!makes_sense(members, row_of(m), v)) {
            g_autofree char *text = g_variant_print(v, FALSE);
            g_error("%s %s.%s is %s", m->path, m->interface, m->name, text);
        }
        /* Structs are no type that anybody could send. */
        g_autoptr(GVariant) sent = g_variant_ref_sink(strchr(m->in, '(') ? g_variant_new_string("") : v);
        g_autofree char *error = bus_world_error(w, m->path, DBUS("Properties"), "Set",
                                                 g_variant_new("(ssv)", m->interface, m->name, sent));
        if (strcmp(m->out, "r") == 0)
            g_assert_cmpstr(error, ==, DBUS("Error.PropertyReadOnly"));
        else
            g_assert_null(error);
    }
}

/* Each object has one path, which follows from its names (interfaces.md 1). */
static void check_esc(struct bus_world *w)
{
    g_autofree char *name = e2e_get_string(&w->e, TREE_PATH "/authenticationProfile/ap_2d11", "Node", "Name");
    g_assert_cmpstr(name, ==, "ap-11");
    g_assert_cmpstr(w->reg, ==, ROOT_PATH "/registration/mef_2eexample_2ecom");
    g_autofree char *label = e2e_get_string(&w->e, ROOT_PATH "/token/e2e", "Token", "Label");
    g_assert_cmpstr(label, ==, "e2e");
    g_autofree char *id = e2e_get_string(&w->e, ROOT_PATH "/credential/gw42_2dkpm_40mef_2eexample_2ecom",
                                         "Credential", "CredentialId");
    g_assert_cmpstr(id, ==, "10-" E2E_KPM_ID);
    g_autofree char *last = e2e_get_string(&w->e, w->reg, "Registration", "LastCommand");
    g_assert_true(at_place(ROOT_PATH "/registration/mef_2eexample_2ecom/command/%", last));
    g_autofree char *credential = e2e_get_string(&w->e, w->reg, "Registration", "Credential");
    g_assert_cmpuint(strspn(strrchr(credential, '/') + 1, "0123456789abcdef"), ==, 64);
}

static void test_surface(void)
{
    struct bus_world w;

    bus_world_start(&w, NULL);
    bus_world_fill(&w);
    g_autoptr(GPtrArray) members = bus_world_members(&w);
    check_members(members);
    check_places(members);
    check_values(&w, members);
    check_esc(&w);
    bus_world_stop(&w);
}

/* ---- standard errors ---------------------------------------------------------------------------------- */

static void test_standard_errors(void)
{
    static const struct {
        const char *path, *interface, *member, *arg1, *arg2, *error;
    } calls[] = {
        {ROOT_PATH "/nothing", DBUS("Properties"), "Get", I("Manager"), "State", "UnknownObject"},
        {ROOT_PATH "/job/4711", I("Job"), "Nothing", NULL, NULL, "UnknownObject"},
        {ROOT_PATH, I("Nothing"), "Nothing", NULL, NULL, "UnknownInterface"},
        {ROOT_PATH, I("Tree"), "Export", NULL, NULL, "UnknownInterface"},
        {ROOT_PATH, I("Manager"), "Nothing", NULL, NULL, "UnknownMethod"},
        {ROOT_PATH, DBUS("Properties"), "Get", I("Manager"), "Nothing", "UnknownProperty"},
        {ROOT_PATH, DBUS("Properties"), "Get", I("Nothing"), "State", "UnknownInterface"},
        {ROOT_PATH, DBUS("Properties"), "Nothing", NULL, NULL, "UnknownMethod"},
    };
    struct bus_world w;

    bus_world_start(&w, NULL);
    e2e_agent_start_ready(&w.e);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        GVariant *params = calls[i].arg1 ? g_variant_new("(ss)", calls[i].arg1, calls[i].arg2) : NULL;
        g_autofree char *error =
            bus_world_error(&w, calls[i].path, calls[i].interface, calls[i].member, params);
        g_autofree char *wanted = g_strconcat(DBUS("Error."), calls[i].error, NULL);
        g_assert_cmpstr(error, ==, wanted);
    }
    bus_world_stop(&w);
}

/* ---- LogControl1 -------------------------------------------------------------------------------------- */

static char *set_log(struct bus_world *w, const char *name, const char *word)
{
    return bus_world_error(
        w, LOG_PATH, DBUS("Properties"), "Set",
        g_variant_new("(ssv)", "org.freedesktop.LogControl1", name, g_variant_new_string(word)));
}

static char *get_log(struct bus_world *w, const char *name)
{
    g_autoptr(GVariant) inner = NULL,
                        v = bus_world_call(w, LOG_PATH, DBUS("Properties"), "Get",
                                           g_variant_new("(ss)", "org.freedesktop.LogControl1", name));
    g_variant_get(v, "(v)", &inner);
    return g_variant_dup_string(inner, NULL);
}

static gsize log_length(struct bus_world *w)
{
    g_autofree char *text = NULL;
    gsize n = 0;

    g_assert_true(g_file_get_contents(w->e.agent_log, &text, &n, NULL));
    return n;
}

/* A commit of which the journal tells at level info; nothing follows from it. */
static void commit_something(struct bus_world *w)
{
    static unsigned n;
    g_autofree char *name = g_strdup_printf("log%u", n++);

    g_variant_unref(bus_world_call(w, TREE_PATH, I("Tree"), "Add",
                                   g_variant_new_parsed("('', 'MAFClientRegCfg', %s, {'fqdn': <%s>, "
                                                        "'adminFQDN': <'admin.example.org'>}, @a{sv} {})",
                                                        name, name)));
}

/* What systemctl service-log-level and service-log-target do to a service. */
static void test_log_control(void)
{
    static const char *const levels[] = {"emerg",   "alert",  "crit", "err",
                                         "warning", "notice", "info", "debug"};
    static const char *const targets[] = {"journal", "auto", "console"};
    static const char *const wrong[] = {"", "loud", "INFO", "info ", "7", "syslog"};
    struct bus_world w;

    bus_world_start(&w, "[log]\nlevel=notice\n");
    e2e_agent_start_ready(&w.e);
    g_autofree char *level = get_log(&w, "LogLevel"), *target = get_log(&w, "LogTarget"),
                    *id = get_log(&w, "SyslogIdentifier");
    g_assert_cmpstr(level, ==, "notice");
    g_assert_cmpstr(target, ==, "console"); /* of the command line */
    g_assert_cmpstr(id, ==, "mefclient");
    for (size_t i = 0; i < G_N_ELEMENTS(levels) + G_N_ELEMENTS(targets); i++) {
        gboolean l = i < G_N_ELEMENTS(levels);
        const char *word = l ? levels[i] : targets[i - G_N_ELEMENTS(levels)];
        g_autofree char *error = set_log(&w, l ? "LogLevel" : "LogTarget", word);
        g_autofree char *now = get_log(&w, l ? "LogLevel" : "LogTarget");
        g_assert_null(error);
        g_assert_cmpstr(now, ==, word);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *a = set_log(&w, "LogLevel", wrong[i]), *b = set_log(&w, "LogTarget", wrong[i]);
        g_assert_cmpstr(a, ==, I("Error.InvalidArguments"));
        g_assert_cmpstr(b, ==, I("Error.InvalidArguments"));
    }
    g_autoptr(GError) why = NULL;
    g_assert_null(e2e_call(&w.e, LOG_PATH, DBUS("Properties"), "Set",
                           g_variant_new_parsed("('org.freedesktop.LogControl1', 'LogLevel', <'loud'>)"),
                           &why));
    g_assert_nonnull(strstr(why->message, "'LogLevel' cannot be 'loud'; use one of emerg, alert, "));
    g_autofree char *read_only = set_log(&w, "SyslogIdentifier", "other");
    g_assert_cmpstr(read_only, ==, DBUS("Error.PropertyReadOnly"));
    g_autofree char *type = bus_world_error(
        &w, LOG_PATH, DBUS("Properties"), "Set",
        g_variant_new("(ssv)", "org.freedesktop.LogControl1", "LogLevel", g_variant_new_uint32(7)));
    g_assert_cmpstr(type, ==, DBUS("Error.InvalidArgs"));
    /* It counts: at err a commit is not worth a line, at info it is. */
    g_assert_null(set_log(&w, "LogLevel", "err"));
    gsize before = log_length(&w);
    commit_something(&w);
    g_assert_cmpuint(log_length(&w), ==, before);
    g_assert_null(set_log(&w, "LogLevel", "info"));
    commit_something(&w);
    g_assert_cmpuint(log_length(&w), >, before);
    /* A reload goes back to the file. */
    g_variant_unref(bus_world_call(&w, ROOT_PATH, I("Manager"), "Reload", NULL));
    g_autofree char *after = get_log(&w, "LogLevel");
    g_assert_cmpstr(after, ==, "notice");
    /* And busctl, as a person would. */
    g_autofree char *address = g_strconcat("--address=", w.e.bus_address, NULL), *out = NULL,
                    *busctl = g_find_program_in_path("busctl");
    const char *const argv[] = {"busctl",         address,  "get-property",
                                "org.mefclient1", LOG_PATH, "org.freedesktop.LogControl1",
                                "LogLevel",       NULL};
    if (busctl && g_spawn_sync(NULL, (char **)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                               NULL, NULL, NULL))
        g_assert_cmpstr(out, ==, "s \"notice\"\n");
    bus_world_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/bus/surface/DC-02/members-and-values", test_surface);
    g_test_add_func("/e2e/bus/surface/standard-errors", test_standard_errors);
    g_test_add_func("/e2e/bus/surface/log-control", test_log_control);
    return g_test_run();
}
