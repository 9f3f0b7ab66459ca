/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO nodes on the bus: org.mefclient1.Node and one typed interface for each specialization (interfaces.md 1,
 * 2; mo-tree.md 5.4). The typed properties are rows: each names its attribute, one getter serves them all.
 * Ownership: the engine's list owns a `struct bus_node` per exported node. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/bus-input.h"
#include "plugin/bus-node.h"
#include "plugin/bus-tree.h"
#include "plugin/cert-files.h"
#include "plugin/registrations.h"
#include "policy/fingerprint.h"
#include "policy/status.h"

struct bus_node {
    struct bus_node *next;
    struct engine *e;
    uint64_t id;
    struct bus_object *object;
};

char *node_bus_path(const struct mo_node *n)
{
    _cleanup_(freep) char *esc = str_bus_escape(mo_node_name(n));
    char *path = NULL;

    if (!esc || asprintf(&path, BUS_ROOT "/mo/%s/%s", mo_type_info(mo_node_type(n))->name, esc) < 0)
        return NULL;
    return path;
}

static const struct mo_node *node_of(const struct bus_node *b)
{
    return mo_tree_by_id(b->e->tree, b->id);
}

/* ---- org.mefclient1.Node ---------------------------------------------------------------------------- */

enum node_property {
    NODE_NAME,
    NODE_PATH,
    NODE_TYPE,
    NODE_TYPE_ID,
    NODE_PARENT,
    NODE_CHILDREN,
    NODE_ORIGIN,
    NODE_MODIFIED_AT,
    NODE_PRESENT,
    NODE_OBJECT_PATHS,
    NODE_STATE,
    NODE_LAST_STATUS,
    NODE_LAST_STATUS_NAME,
};

static void write_ids(struct bus_writer *w, struct engine *e, const uint64_t *ids, size_t n)
{
    _cleanup_(strv_freep) char **paths = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct mo_node *t = mo_tree_by_id(e->tree, ids[i]);
        _cleanup_(freep) char *path = t ? node_bus_path(t) : NULL;
        if (path)
            (void)strv_push(&paths, path);
    }
    bus_write_strv(w, paths);
}

static void write_present(struct bus_writer *w, const struct mo_node *n)
{
    uint64_t set = mo_node_present(n);
    size_t links = 0;

    (void)mo_node_links(n, &links);
    bus_write_open(w);
    for (unsigned a = 0; a < MO_ATTR_MAX_; a++)
        if (set & MO_BIT(a))
            bus_write_s(w, mo_attr_info((enum mo_attr)a)->name);
    if (links)
        bus_write_s(w, "mgmtLink");
    bus_write_close(w);
}

static int get_node(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct bus_node *b = object;
    const struct mo_node *n = node_of(b);
    size_t count = 0;

    if (!n)
        return -ENOENT;
    switch ((enum node_property)p->aux) {
    case NODE_NAME:
        bus_write_s(w, mo_node_name(n));
        break;
    case NODE_PATH: {
        _cleanup_(freep) char *path = mo_node_path(n);
        bus_write_s(w, path);
        break;
    }
    case NODE_TYPE:
        bus_write_s(w, mo_type_info(mo_node_type(n))->name);
        break;
    case NODE_TYPE_ID:
        bus_write_u(w, mo_type_info(mo_node_type(n))->definition);
        break;
    case NODE_PARENT: {
        const struct mo_node *parent = mo_tree_by_id(b->e->tree, mo_node_parent_after(b->e->tree, n, 0));
        _cleanup_(freep) char *path = parent ? node_bus_path(parent) : NULL;
        bus_write_o(w, path ? path : "/");
        break;
    }
    case NODE_CHILDREN: {
        const uint64_t *ids = mo_node_links(n, &count);
        write_ids(w, b->e, ids, count);
        break;
    }
    case NODE_ORIGIN:
        bus_write_s(w, mo_origin_name(mo_node_origin(n)));
        break;
    case NODE_MODIFIED_AT:
        bus_write_u(w, (uint64_t)mo_node_mtime(n));
        break;
    case NODE_PRESENT:
        write_present(w, n);
        break;
    case NODE_OBJECT_PATHS: {
        _cleanup_(strv_freep) char **paths = mo_node_object_paths(b->e->tree, n);
        bus_write_strv(w, paths);
        break;
    }
    case NODE_STATE:
        bus_write_s(w, mo_state_name(mo_node_state(n)));
        break;
    case NODE_LAST_STATUS:
        bus_write_u(w,
                    cmd_status_number((enum cmd_status)mo_node_last_status(n), b->e->settings.status_table));
        break;
    case NODE_LAST_STATUS_NAME:
        bus_write_s(w,
                    mo_node_last_status(n) ? cmd_status_name((enum cmd_status)mo_node_last_status(n)) : "");
        break;
    }
    return 0;
}

static int gone(struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the node is no longer in the tree");
}

static const struct bus_option set_options[] = {{"Transaction", "u"}, {"Remove", "as"}, {NULL, NULL}};

static int node_set(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_node *b = bus_call_object(call);
    struct bus_dict *options = bus_call_dict(call, 1);
    struct bus_inputs in = {0};
    struct tree_work w;
    struct tree_result result = {.answer = ANSWER_NOTHING};
    int r = bus_call_options(call, 1, set_options, reterr);

    if (r == 0)
        r = tree_work_begin(b->e, call, options, &w, reterr);
    if (r < 0)
        return r;
    r = mo_tx_by_id(w.tx, b->id) ? bus_inputs_make(bus_call_dict(call, 0), &in) : gone(reterr);
    if (r == 0)
        r = mo_tx_set(w.tx, b->id, in.item, in.n, bus_dict_strv(options, "Remove"), reterr);
    bus_inputs_clear(&in);
    if (r < 0) {
        tree_work_fail(&w, reterr);
        return r;
    }
    return tree_work_finish(&w, call, &result, reterr);
}

static const struct bus_option delete_options[] = {{"Transaction", "u"}, {NULL, NULL}};

static int node_delete(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_node *b = bus_call_object(call);
    struct engine *e = b->e;
    struct tree_work w;
    struct tree_result result = {.answer = ANSWER_JOB};
    int r = bus_call_options(call, 0, delete_options, reterr);

    if (r == 0)
        r = tree_work_begin(e, call, bus_call_dict(call, 0), &w, reterr);
    if (r < 0)
        return r;
    r = mo_tx_by_id(w.tx, b->id) ? mo_tx_delete(w.tx, b->id, reterr) : gone(reterr);
    if (r == 0 && !w.held) {
        char *const objects[] = {(char *)(uintptr_t)bus_object_path(b->object), NULL};
        r = job_new(e->jobs, "delete", bus_call_uid(call), objects, NULL, registration_job_cancel, e,
                    &result.job, NULL, reterr);
    }
    if (r < 0) {
        tree_work_fail(&w, reterr);
        return r;
    }
    r = tree_work_finish(&w, call, &result, reterr);
    if (r < 0 && result.job)
        job_finish(e->jobs, result.job, JOB_FAILED, reterr);
    return r;
}

static int node_process(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_node *b = bus_call_object(call);
    const struct mo_node *n = b ? node_of(b) : NULL;

    return n ? node_process_start(b->e, n, call, reterr) : gone(reterr);
}

static const char *action_by(struct bus_call *call, size_t options)
{
    struct bus_node *b = bus_call_object(call);

    return tree_action(b ? b->e : NULL, call,
                       (uint32_t)bus_dict_u(bus_call_dict(call, options), "Transaction", 0));
}

static const char *set_action(struct bus_call *call)
{
    return action_by(call, 1);
}

static const char *delete_action(struct bus_call *call)
{
    return action_by(call, 0);
}

static const struct bus_method node_methods[] = {
    {"Set", "a{sv}a{sv}", "", .fn = node_set, .action_of = set_action},
    {"Delete", "a{sv}", "o", .fn = node_delete, .action_of = delete_action},
    {"Process", "a{sv}a{sv}", "us", BUS_ACTION("enroll"), node_process},
    {NULL},
};

static const struct bus_property node_properties[] = {
    {"Name", "s", BUS_EMITS_CONST, get_node, .aux = NODE_NAME},
    {"Path", "s", BUS_EMITS_CONST, get_node, .aux = NODE_PATH},
    {"Type", "s", BUS_EMITS_CONST, get_node, .aux = NODE_TYPE},
    {"TypeId", "u", BUS_EMITS_CONST, get_node, .aux = NODE_TYPE_ID},
    {"Parent", "o", BUS_EMITS_TRUE, get_node, .aux = NODE_PARENT},
    {"Children", "ao", BUS_EMITS_TRUE, get_node, .aux = NODE_CHILDREN},
    {"Origin", "s", BUS_EMITS_TRUE, get_node, .aux = NODE_ORIGIN},
    {"ModifiedAt", "t", BUS_EMITS_TRUE, get_node, .aux = NODE_MODIFIED_AT},
    {"Present", "as", BUS_EMITS_TRUE, get_node, .aux = NODE_PRESENT},
    {"ObjectPaths", "as", BUS_EMITS_TRUE, get_node, .aux = NODE_OBJECT_PATHS},
    {"State", "s", BUS_EMITS_TRUE, get_node, .aux = NODE_STATE},
    {"LastStatus", "u", BUS_EMITS_TRUE, get_node, .aux = NODE_LAST_STATUS},
    {"LastStatusName", "s", BUS_EMITS_TRUE, get_node, .aux = NODE_LAST_STATUS_NAME},
    {NULL},
};

const struct bus_interface node_interface = {
    .name = BUS_INTERFACE("Node"), .methods = node_methods, .properties = node_properties};

/* ---- typed interfaces ------------------------------------------------------------------------------- */

enum {
    SPECIAL_REGISTRATION = 1000,
    SPECIAL_KEY_PRESENT,
    SPECIAL_CREDENTIAL,
    SPECIAL_READY,
    SPECIAL_NOT_READY_REASON,
    SPECIAL_STATE,
    SPECIAL_FINGERPRINT
};

static int file_fingerprint(const struct mo_node *n, struct fingerprint *ret)
{
    ret->len = sizeof ret->octets;
    return cert_file_first(n, ret->octets);
}

/* Path of the credential that a node names, else of the one that processing tied to it; NULL: it is not in
 * the token. malloc'ed. */
static char *node_credential(struct engine *e, const struct mo_node *n)
{
    const char *key = mo_node_text(n, MO_SYMM_KEY_ID);
    const char *text = mo_node_text(n, mo_node_type(n) == MO_TRUST_ANCHOR_CRED ? MO_CERT_FINGERPRINT
                                                                               : MO_MY_CERT_FINGERPRINT);
    const struct binding *b = binding_find(e, mo_node_id(n));
    struct fingerprint fp;

    if (key)
        return credential_path_by_name(e, key);
    if (mo_node_type(n) == MO_MY_CERT_FILE_CRED && !(b && b->credential) && file_fingerprint(n, &fp) == 0)
        return credential_path_by_fingerprint(e, &fp);
    if (text && fingerprint_parse(text, &fp) == 0)
        return credential_path_by_fingerprint(e, &fp);
    return b && b->credential ? credential_path_by_name(e, b->credential) : NULL;
}

/* Why a profile cannot be used, NULL = it can. */
static const char *not_ready(struct engine *e, const struct mo_node *n, const char *credential)
{
    const struct binding *b = binding_find(e, mo_node_id(n));
    enum mo_state state = mo_node_state(n);

    if (state == MO_FAILED || state == MO_INCONSISTENT)
        return b && b->why ? b->why : "the last processing of the node failed";
    if (state == MO_EXPIRED)
        return "expirationTime of the node has passed";
    return credential ? NULL : "the token does not hold the credential that this node names";
}

static int get_special(struct bus_node *b, const struct mo_node *n, uintptr_t what, struct bus_writer *w)
{
    _cleanup_(freep) char *credential = node_credential(b->e, n);

    switch (what) {
    case SPECIAL_REGISTRATION: {
        _cleanup_(freep) char *name = registration_name(n);
        struct registration *r = name ? registration_find(b->e, name) : NULL;
        bus_write_o(w, r && !r->ending ? registration_path(r) : "/");
        return 0;
    }
    case SPECIAL_KEY_PRESENT:
        bus_write_b(w, credential && !mo_node_text(n, MO_MY_CERT_FINGERPRINT));
        return 0;
    case SPECIAL_CREDENTIAL:
        bus_write_o(w, credential ? credential : "/");
        return 0;
    case SPECIAL_READY:
        bus_write_b(w, not_ready(b->e, n, credential) == NULL);
        return 0;
    case SPECIAL_NOT_READY_REASON:
        bus_write_s(w, not_ready(b->e, n, credential));
        return 0;
    case SPECIAL_STATE:
        bus_write_s(w, credential ? "present" : mo_node_state(n) == MO_FAILED ? "failed" : "absent");
        return 0;
    case SPECIAL_FINGERPRINT: {
        struct fingerprint fp;
        char text[64] = "";
        if (file_fingerprint(n, &fp) == 0)
            fingerprint_format_ni(fp.octets, text);
        bus_write_s(w, text);
        return 0;
    }
    default:
        return -EINVAL;
    }
}

static int get_attribute(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct bus_node *b = object;
    const struct mo_node *n = node_of(b);

    if (!n)
        return -ENOENT;
    if (p->aux >= SPECIAL_REGISTRATION)
        return get_special(b, n, p->aux, w);
    enum mo_attr a = (enum mo_attr)p->aux;
    const struct mo_value *v = mo_node_get(n, a);
    if (streq(p->sig, "s"))
        bus_write_s(w, v && v->text ? v->text : "");
    else if (streq(p->sig, "t"))
        bus_write_u(w, (uint64_t)mo_node_time(n, a));
    else if (streq(p->sig, "as"))
        bus_write_strv(w, v ? v->texts : NULL);
    else if (streq(p->sig, "au"))
        bus_write_au(w, v ? v->uints : NULL, v ? v->n : 0);
    else
        bus_write_u(w, mo_node_uint(n, a, 0));
    return 0;
}

#define ATTR(name, sig, attr)                                                                                \
    {                                                                                                        \
        name, sig, BUS_EMITS_TRUE, get_attribute, .aux = (attr)                                              \
    }
#define COMMON                                                                                               \
    ATTR("ExpirationTime", "t", MO_EXPIRATION_TIME), ATTR("Labels", "as", MO_LABELS),                        \
        ATTR("Description", "s", MO_DESCRIPTION)

static const struct bus_property reg_cfg_properties[] = {ATTR("Fqdn", "s", MO_FQDN),
                                                         ATTR("AdminFQDN", "s", MO_ADMIN_FQDN),
                                                         ATTR("HttpPort", "q", MO_HTTP_PORT),
                                                         ATTR("CoapPort", "q", MO_COAP_PORT),
                                                         ATTR("WebsocketPort", "q", MO_WEBSOCKET_PORT),
                                                         COMMON,
                                                         ATTR("Registration", "o", SPECIAL_REGISTRATION),
                                                         {NULL}};
static const struct bus_property profile_properties[] = {
    ATTR("SUID", "u", MO_SUID),
    ATTR("TLSCiphersuites", "as", MO_TLS_CIPHERSUITES),
    ATTR("SymmKeyID", "s", MO_SYMM_KEY_ID),
    ATTR("SymmKeyPresent", "b", SPECIAL_KEY_PRESENT),
    ATTR("KeyRegDuration", "s", MO_KEY_REG_DURATION),
    ATTR("KeyRegLabels", "as", MO_KEY_REG_LABELS),
    ATTR("MyCertFingerprint", "s", MO_MY_CERT_FINGERPRINT),
    ATTR("RawPubKeyID", "s", MO_RAW_PUB_KEY_ID),
    COMMON,
    ATTR("Credential", "o", SPECIAL_CREDENTIAL),
    ATTR("Ready", "b", SPECIAL_READY),
    ATTR("NotReadyReason", "s", SPECIAL_NOT_READY_REASON),
    {NULL}};
static const struct bus_property anchor_properties[] = {
    ATTR("CertFingerprint", "s", MO_CERT_FINGERPRINT), ATTR("URI", "s", MO_URI),          COMMON,
    ATTR("Credential", "o", SPECIAL_CREDENTIAL),       ATTR("State", "s", SPECIAL_STATE), {NULL}};
static const struct bus_property cert_file_properties[] = {
    ATTR("SUIDs", "au", MO_SUIDS),
    ATTR("MyCertFileFormat", "s", MO_MY_CERT_FILE_FORMAT),
    ATTR("Fingerprint", "s", SPECIAL_FINGERPRINT),
    COMMON,
    ATTR("Credential", "o", SPECIAL_CREDENTIAL),
    {NULL}};
static const struct bus_property registration_cfg_properties[] = {
    ATTR("OriginatorID", "s", MO_ORIGINATOR_ID),
    ATTR("PointOfAccess", "as", MO_POINT_OF_ACCESS),
    ATTR("CSEBase", "s", MO_CSE_BASE),
    ATTR("CSEID", "s", MO_CSE_ID),
    ATTR("AppID", "s", MO_APP_ID),
    ATTR("ExternalID", "s", MO_EXTERNAL_ID),
    ATTR("TriggerRecipientID", "u", MO_TRIGGER_RECIPIENT_ID),
    COMMON,
    {NULL}};
static const struct bus_property data_collection_properties[] = {
    ATTR("ContainerPath", "s", MO_CONTAINER_PATH),
    ATTR("ReportingSchedule", "as", MO_REPORTING_SCHEDULE),
    ATTR("MeasurementSchedule", "as", MO_MEASUREMENT_SCHEDULE),
    ATTR("MeasurementInterval", "u", MO_MEASUREMENT_INTERVAL),
    COMMON,
    {NULL}};

static int set_symmetric_key(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_node *b = bus_call_object(call);
    const struct mo_node *n = b ? node_of(b) : NULL;

    return n ? profile_set_key(b->e, n, call, reterr) : gone(reterr);
}

static int anchor_fetch(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_node *b = bus_call_object(call);
    const struct mo_node *n = b ? node_of(b) : NULL;

    return n ? anchor_fetch_start(b->e, n, call, reterr) : gone(reterr);
}

static const struct bus_method profile_methods[] = {
    {"SetSymmetricKey", "ha{sv}", "", BUS_ACTION("enroll"), set_symmetric_key}, {NULL}};
static const struct bus_method anchor_methods[] = {{"Fetch", "", "o", BUS_ACTION("enroll"), anchor_fetch},
                                                   {NULL}};

static const struct bus_interface typed[MO_TYPE_MAX_] = {
    [MO_REGISTRATION] = {.name = BUS_INTERFACE("RegistrationCfg"), .properties = registration_cfg_properties},
    [MO_DATA_COLLECTION] = {.name = BUS_INTERFACE("DataCollection"),
                            .properties = data_collection_properties},
    [MO_AUTHENTICATION_PROFILE] = {.name = BUS_INTERFACE("AuthenticationProfile"),
                                   .methods = profile_methods,
                                   .properties = profile_properties},
    [MO_MY_CERT_FILE_CRED] = {.name = BUS_INTERFACE("MyCertFileCred"), .properties = cert_file_properties},
    [MO_TRUST_ANCHOR_CRED] = {.name = BUS_INTERFACE("TrustAnchorCred"),
                              .methods = anchor_methods,
                              .properties = anchor_properties},
    [MO_MAF_CLIENT_REG_CFG] = {.name = BUS_INTERFACE("MAFClientRegCfg"), .properties = reg_cfg_properties},
    [MO_MEF_CLIENT_REG_CFG] = {.name = BUS_INTERFACE("MEFClientRegCfg"), .properties = reg_cfg_properties},
};

const struct bus_interface *node_typed_interface(enum mo_type type)
{
    return &typed[type];
}

/* ---- following the tree ----------------------------------------------------------------------------- */

static struct bus_node *bus_node_find(struct engine *e, uint64_t id)
{
    for (struct bus_node *b = e->nodes; b; b = b->next)
        if (b->id == id)
            return b;
    return NULL;
}

static int node_export(struct engine *e, const struct mo_node *n)
{
    static const struct bus_interface *const interfaces[MO_TYPE_MAX_][3] = {
#define BOTH(type) [type] = {&node_interface, &typed[type], NULL}
        BOTH(MO_REGISTRATION),       BOTH(MO_DATA_COLLECTION),   BOTH(MO_AUTHENTICATION_PROFILE),
        BOTH(MO_MY_CERT_FILE_CRED),  BOTH(MO_TRUST_ANCHOR_CRED), BOTH(MO_MAF_CLIENT_REG_CFG),
        BOTH(MO_MEF_CLIENT_REG_CFG),
#undef BOTH
    };
    struct bus_node *b = calloc(1, sizeof *b);
    _cleanup_(freep) char *path = node_bus_path(n);

    if (!b || !path) {
        free(b);
        return -ENOMEM;
    }
    b->e = e;
    b->id = mo_node_id(n);
    int r = bus_object_add(e->bus, path, interfaces[mo_node_type(n)], b, &b->object);
    if (r < 0) {
        free(b);
        return r;
    }
    b->next = e->nodes;
    e->nodes = b;
    return 0;
}

static void node_remove(struct engine *e, uint64_t id)
{
    for (struct bus_node **at = &e->nodes; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct bus_node *b = *at;
            *at = b->next;
            bus_object_remove(b->object);
            free(b);
            return;
        }
}

static void node_changed(struct engine *e, const struct mo_node *n)
{
    struct bus_node *b = bus_node_find(e, mo_node_id(n));

    if (!b)
        return;
    bus_changed(b->object, node_interface.name, NULL);
    bus_changed(b->object, typed[mo_node_type(n)].name, NULL);
}

void node_state_changed(struct engine *e, uint64_t id)
{
    struct bus_node *b = bus_node_find(e, id);

    if (!b)
        return;
    bus_changed(b->object, node_interface.name, "State");
    bus_changed(b->object, node_interface.name, "LastStatus");
    bus_changed(b->object, node_interface.name, "LastStatusName");
}

/* What the token holds has changed: what nodes say of their credentials may be another thing now. */
void nodes_credentials_changed(struct engine *e)
{
    static const char *const names[] = {"Credential", "SymmKeyPresent", "Ready", "NotReadyReason", "State"};

    for (struct bus_node *b = e->nodes; b; b = b->next) {
        const struct mo_node *n = node_of(b);
        for (size_t i = 0; n && i < ELEMENTS(names); i++)
            bus_changed(b->object, typed[mo_node_type(n)].name, names[i]);
    }
}

int nodes_export(struct engine *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < mo_tree_count(e->tree); i++)
        r = node_export(e, mo_tree_nth(e->tree, i));
    return r;
}

void nodes_apply(struct engine *e, const struct mo_diff *diff)
{
    for (size_t i = 0; i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        if (c->kind == MO_DELETED)
            node_remove(e, c->id);
        else if (c->kind == MO_ADDED)
            (void)node_export(e, c->after);
        else
            node_changed(e, c->after);
    }
}

void nodes_free(struct engine *e)
{
    while (e->nodes) {
        struct bus_node *b = e->nodes;
        e->nodes = b->next;
        bus_object_remove(b->object);
        free(b);
    }
}
