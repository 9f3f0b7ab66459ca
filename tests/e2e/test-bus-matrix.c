/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every method of every object that the service has, as introspection finds them: with every wrong signature,
 * and by nobody with polkit absent, saying no, failing, asking for a password and silent. Nothing of it
 * changes anything, and reading works all the while. A method that is new is in here without a line of its
 * own; one that nobody may call is refused, one that reads must be named below. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "tests/e2e/bus-world.h"

#define NOBODY    65534
#define AT_ONCE   8   /* parked questions of one caller: LIMIT_AUTH_PER_SENDER */
#define IN_FLIGHT 100 /* the bus lets a connection wait for 128 replies */

/* Who may be called by everybody, and with what it must succeed. %job: number of the waiting job. */
static const struct {
    const char *interface, *member, *args;
} reading[] = {
    {DBUS("Properties"), "Get", NULL},
    {DBUS("Properties"), "GetAll", "('',)"},
    {DBUS("Introspectable"), "Introspect", "()"},
    {DBUS("Peer"), "Ping", "()"},
    {DBUS("Peer"), "GetMachineId", "()"},
    {DBUS("ObjectManager"), "GetManagedObjects", "()"},
    {I("Manager"), "GetRegistration", "('" E2E_FQDN "', '" E2E_ADMIN "')"},
    {I("Manager"), "GetJob", "(uint32 %job,)"},
    {I("Tree"), "Resolve", "('./DCFG/dataCollection/dc1',)"},
    {I("Credential"), "GetCertificate", "()"}, /* NotSupported for a symmetric key */
    {I("Credential"), "GetChain", "()"},
};

/* The polkit action of everything else (style-anchors.md D1); interface NULL: any. */
static const struct {
    const char *interface, *member, *action;
} actions[] = {
    {I("Manager"), "Dump", "inspect"},
    {I("Tree"), "Export", "inspect"},
    {I("Registration"), NULL, "register"},
    {I("Token"), "Rescan", "register"},
    {I("Token"), NULL, "token-login"},
    {I("Manager"), "CancelJob", "cancel-others-jobs"}, /* root's job */
    {I("Job"), "Cancel", "cancel-others-jobs"},
    {I("Manager"), "RetrieveKey", "enroll"},
    {I("Node"), "Process", "enroll"},
    {I("AuthenticationProfile"), "SetSymmetricKey", "enroll"},
    {I("TrustAnchorCred"), "Fetch", "enroll"},
    {I("Credential"), "Renew", "enroll"},
    {I("Credential"), "Delete", "delete-credential"},
    {I("Manager"), "Reload", "configure"},
    {I("Tree"), NULL, "configure"},
    {I("Node"), NULL, "configure"},
    {DBUS("Properties"), "Set", "configure"}, /* of LogControl1 */
};

struct matrix {
    struct bus_world w;
    GPtrArray *members;
    guint32 job;
    unsigned calls;
    GUnixFDList *fds; /* for arguments of the type h */
};

/* ---- one call ----------------------------------------------------------------------------------------- */

struct shot {
    const struct bus_member *m;
    char *error, *text;
    gboolean done;
};

static void shot_free(gpointer data)
{
    struct shot *s = data;

    g_free(s->error);
    g_free(s->text);
    g_free(s);
}

static void on_reply(GObject *source, GAsyncResult *res, gpointer data)
{
    struct shot *s = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v =
        g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, res, &error);

    s->done = TRUE;
    s->error = v ? NULL : g_dbus_error_get_remote_error(error);
    s->text = v ? NULL : g_strdup(error->message);
    if (!v && !s->error)
        s->error = g_strdup("(local)");
}

static gboolean all_done(struct e2e *e, void *data)
{
    GPtrArray *list = data;

    for (guint i = 0; i < list->len; i++)
        if (!((struct shot *)list->pdata[i])->done)
            return FALSE;
    return TRUE;
}

static void wait_all(struct matrix *x, GPtrArray *list)
{
    e2e_wait(&x->w.e, "all calls are answered", all_done, list, E2E_WAIT_S);
}

static void fire(struct matrix *x, GDBusConnection *c, const struct bus_member *m, GVariant *args,
                 GPtrArray *list)
{
    struct shot *s = g_new0(struct shot, 1);

    if (list->len % IN_FLIGHT == IN_FLIGHT - 1)
        wait_all(x, list);
    s->m = m;
    g_ptr_array_add(list, s);
    x->calls++;
    g_dbus_connection_call_with_unix_fd_list(c, "org.mefclient1", m->path, m->interface, m->name, args, NULL,
                                             G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, x->fds, NULL,
                                             on_reply, s);
}

static void expect(const struct shot *s, const char *error, const char *when)
{
    if (g_strcmp0(s->error, error) != 0)
        g_error("%s %s.%s(%s), %s: %s (%s), not %s", s->m->path, s->m->interface, s->m->name, s->m->in, when,
                s->error ? s->error : "success", s->text ? s->text : "", error ? error : "success");
}

/* ---- arguments ---------------------------------------------------------------------------------------- */

static GVariant *sample(const GVariantType *t)
{
    static const char *const words = "sog";
    const char *sig = g_variant_type_peek_string(t);

    if (*sig == 'v')
        return g_variant_new_variant(g_variant_new_string("x"));
    if (*sig == 'h')
        return g_variant_new_handle(0);
    if (*sig == 'a')
        return g_variant_new_array(g_variant_type_element(t), NULL, 0);
    if (*sig == '(') {
        GPtrArray *in = g_ptr_array_new();
        for (const GVariantType *i = g_variant_type_first(t); i; i = g_variant_type_next(i))
            g_ptr_array_add(in, sample(i));
        GVariant *v = g_variant_new_tuple((GVariant *const *)in->pdata, in->len);
        g_ptr_array_free(in, TRUE);
        return v;
    }
    if (strchr(words, *sig))
        return *sig == 's'   ? g_variant_new_string("x")
               : *sig == 'o' ? g_variant_new_object_path("/")
                             : g_variant_new_signature("");
    g_autofree char *text = g_strdup_printf("@%c %s", *sig, *sig == 'b' ? "false" : "0");
    return g_variant_new_parsed(text);
}

static GVariant *sample_of(const char *signature)
{
    g_autofree char *tuple = g_strdup_printf("(%s)", signature);
    g_autoptr(GVariantType) t = g_variant_type_new(tuple);

    return sample(t);
}

/* The same tuple as calls want it; g_variant_parse() gives a full reference. */
static GVariant *floating(GVariant *tuple)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, g_variant_get_type(tuple));
    for (gsize i = 0; i < g_variant_n_children(tuple); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(tuple, i);
        g_variant_builder_add_value(&b, child);
    }
    return g_variant_builder_end(&b);
}

static GVariant *right_args(struct matrix *x, const struct bus_member *m)
{
    g_autofree char *number = g_strdup_printf("%u", x->job);

    for (size_t i = 0; i < G_N_ELEMENTS(reading); i++)
        if (strcmp(reading[i].interface, m->interface) == 0 && strcmp(reading[i].member, m->name) == 0 &&
            reading[i].args) {
            g_auto(GStrv) parts = g_strsplit(reading[i].args, "%job", -1);
            g_autofree char *text = g_strjoinv(number, parts);
            GError *error = NULL;
            g_autoptr(GVariant) v = g_variant_parse(NULL, text, NULL, NULL, &error);
            g_assert_no_error(error);
            return floating(v);
        }
    if (strcmp(m->name, "CancelJob") == 0)
        return g_variant_new("(u)", x->job);
    if (strcmp(m->interface, DBUS("Properties")) == 0 && strcmp(m->name, "Set") == 0)
        return g_variant_new_parsed("('org.freedesktop.LogControl1', 'LogLevel', <'debug'>)");
    return sample_of(m->in);
}

/* All signatures that are wrong for `in`: one missing, all missing, one too many, each of another type. */
static GPtrArray *wrong_signatures(const char *in)
{
    static const char *const others[] = {"s", "u",  "i",  "t",     "b",     "d", "y",  "o",
                                         "v", "as", "ay", "a{sv}", "a{ss}", "h", "(s)"};
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *tuple = g_strdup_printf("(%s)", in);
    g_autoptr(GVariantType) t = g_variant_type_new(tuple);
    const char *begin = g_variant_type_peek_string(t) + 1;

    g_ptr_array_add(list, g_strconcat(in, "s", NULL));
    g_ptr_array_add(list, g_strconcat(in, "a{sv}", NULL));
    if (*in)
        g_ptr_array_add(list, g_strdup(""));
    for (const GVariantType *i = g_variant_type_first(t); i; i = g_variant_type_next(i)) {
        gsize at = (gsize)(g_variant_type_peek_string(i) - begin), n = g_variant_type_get_string_length(i);
        g_ptr_array_add(list, g_strdup_printf("%.*s%s", (int)at, in, in + at + n)); /* this one missing */
        for (size_t k = 0; k < G_N_ELEMENTS(others); k++)
            g_ptr_array_add(list, g_strdup_printf("%.*s%s%s", (int)at, in, others[k], in + at + n));
    }
    for (guint i = list->len; i > 0; i--)
        if (strcmp(list->pdata[i - 1], in) == 0)
            g_ptr_array_remove_index(list, i - 1);
    return list;
}

/* ---- what must not change ----------------------------------------------------------------------------- */

struct picture {
    char *tree, *token, *level, *target;
    guint64 generation;
    size_t requests;
    char **registrations, **jobs;
};

static char **paths(struct matrix *x, const char *name)
{
    g_autoptr(GVariant) v = e2e_get(&x->w.e, ROOT_PATH, "Manager", name);

    return g_variant_dup_objv(v, NULL);
}

static char *log_word(struct matrix *x, const char *name)
{
    g_autoptr(GVariant) v = bus_world_call(&x->w, LOG_PATH, DBUS("Properties"), "Get",
                                           g_variant_new("(ss)", "org.freedesktop.LogControl1", name));
    return g_variant_print(v, FALSE);
}

static struct picture take(struct matrix *x)
{
    struct picture p = {.token = e2e_token_list(&x->w.e),
                        .level = log_word(x, "LogLevel"),
                        .target = log_word(x, "LogTarget"),
                        .generation = e2e_get_number(&x->w.e, TREE_PATH, "Tree", "Generation"),
                        .requests = e2e_sim_count(&x->w.e, NULL, NULL),
                        .registrations = paths(x, "Registrations"),
                        .jobs = paths(x, "Jobs")};
    g_autoptr(GVariant) v =
        bus_world_call(&x->w, TREE_PATH, I("Tree"), "Export", g_variant_new("(a{sv})", NULL));
    g_variant_get(v, "(s)", &p.tree);
    return p;
}

static void same(struct matrix *x, const struct picture *before)
{
    struct picture now = take(x);

    g_assert_cmpstr(now.tree, ==, before->tree);
    g_assert_cmpstr(now.token, ==, before->token);
    g_assert_cmpstr(now.level, ==, before->level);
    g_assert_cmpstr(now.target, ==, before->target);
    g_assert_cmpuint(now.generation, ==, before->generation);
    g_assert_cmpuint(now.requests, ==, before->requests);
    g_assert_true(
        g_strv_equal((const char *const *)now.registrations, (const char *const *)before->registrations));
    /* Finished ones may go by themselves; none has come, and the waiting one waits. */
    for (char **j = now.jobs; *j; j++)
        g_assert_true(g_strv_contains((const char *const *)before->jobs, *j));
    g_autofree char *state = e2e_get_string(&x->w.e, x->w.job, "Job", "State");
    g_assert_true(strcmp(state, "waiting") == 0 || strcmp(state, "running") == 0);
    g_free(now.tree);
    g_free(now.token);
    g_free(now.level);
    g_free(now.target);
    g_strfreev(now.registrations);
    g_strfreev(now.jobs);
}

static void picture_clear(struct picture *p)
{
    g_free(p->tree);
    g_free(p->token);
    g_free(p->level);
    g_free(p->target);
    g_strfreev(p->registrations);
    g_strfreev(p->jobs);
}

/* ---- wrong signatures --------------------------------------------------------------------------------- */

static void wrong_signatures_of_all(struct matrix *x)
{
    g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func(shot_free);

    for (guint i = 0; i < x->members->len; i++) {
        const struct bus_member *m = x->members->pdata[i];
        /* Peer is answered inside libdbus. */
        if (m->kind != BUS_METHOD || strcmp(m->interface, DBUS("Peer")) == 0)
            continue;
        g_autoptr(GPtrArray) wrong = wrong_signatures(m->in);
        for (guint k = 0; k < wrong->len; k++)
            fire(x, e2e_bus(&x->w.e), m, sample_of(wrong->pdata[k]), shots);
    }
    wait_all(x, shots);
    for (guint k = 0; k < shots->len; k++)
        expect(shots->pdata[k], DBUS("Error.InvalidArgs"), "as root");
}

/* ---- nobody ------------------------------------------------------------------------------------------- */

static gboolean reads(const struct bus_member *m)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reading); i++)
        if (strcmp(reading[i].interface, m->interface) == 0 && strcmp(reading[i].member, m->name) == 0)
            return TRUE;
    return FALSE;
}

static char *action_of(const struct bus_member *m)
{
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        if (strcmp(actions[i].interface, m->interface) == 0 &&
            (!actions[i].member || strcmp(actions[i].member, m->name) == 0))
            return g_strconcat("org.mefclient1.", actions[i].action, NULL);
    g_error("%s.%s neither reads nor has an action", m->interface, m->name);
}

/* Properties.Set is worth a call where there is something to set. */
static gboolean changes(const struct bus_member *m)
{
    if (m->kind != BUS_METHOD || reads(m))
        return FALSE;
    return strcmp(m->interface, DBUS("Properties")) != 0 || strcmp(m->path, LOG_PATH) == 0;
}

static void all_read(struct matrix *x, GDBusConnection *c, const char *when)
{
    g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func(shot_free);
    struct bus_member get = {
        .interface = (char *)DBUS("Properties"), .name = (char *)"Get", .in = (char *)"ss"};
    g_autoptr(GPtrArray) gets = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < x->members->len; i++) {
        const struct bus_member *m = x->members->pdata[i];
        if (m->kind == BUS_PROPERTY) {
            struct bus_member *one = g_memdup2(&get, sizeof get);
            one->path = m->path;
            g_ptr_array_add(gets, one);
            fire(x, c, one, g_variant_new("(ss)", m->interface, m->name), shots);
        } else if (m->kind == BUS_METHOD && reads(m) && strcmp(m->name, "Get") != 0) {
            fire(x, c, m, right_args(x, m), shots);
        }
    }
    wait_all(x, shots);
    for (guint i = 0; i < shots->len; i++) {
        const struct shot *s = shots->pdata[i];
        gboolean key = strcmp(s->m->interface, I("Credential")) == 0 &&
                       g_strcmp0(s->error, I("Error.NotSupported")) == 0;
        /* A job that has finished a minute ago has gone since. */
        gboolean gone = g_str_has_prefix(s->m->path, ROOT_PATH "/job/") &&
                        strcmp(s->m->path, x->w.job) != 0 &&
                        g_strcmp0(s->error, DBUS("Error.UnknownObject")) == 0;
        if (!key && !gone)
            expect(s, NULL, when);
    }
}

/* Everything that changes something, AT_ONCE at a time; all of it is refused. */
static void all_refused(struct matrix *x, GDBusConnection *c, const char *when)
{
    g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func(shot_free);
    unsigned n = 0;

    for (guint i = 0; i < x->members->len; i++) {
        const struct bus_member *m = x->members->pdata[i];
        if (!changes(m) || (g_str_has_prefix(m->path, ROOT_PATH "/job/") && strcmp(m->path, x->w.job) != 0))
            continue;
        fire(x, c, m, right_args(x, m), shots);
        if (++n % AT_ONCE == 0)
            wait_all(x, shots);
    }
    wait_all(x, shots);
    for (guint i = 0; i < shots->len; i++) {
        expect(shots->pdata[i], I("Error.NotAuthorized"), when);
        g_assert_nonnull(
            strstr(((struct shot *)shots->pdata[i])->text, "org.mefclient1.")); /* which action */
    }
}

/* Polkit is asked for the right action, and about the sender. */
static void right_actions(struct matrix *x, GDBusConnection *c, struct fake_polkit *polkit)
{
    g_autofree char *subject = g_strconcat("system-bus-name ", g_dbus_connection_get_unique_name(c), NULL);

    for (guint i = 0; i < x->members->len; i++) {
        const struct bus_member *m = x->members->pdata[i];
        g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func(shot_free);
        if (!changes(m) || (g_str_has_prefix(m->path, ROOT_PATH "/job/") && strcmp(m->path, x->w.job) != 0))
            continue;
        unsigned asked = polkit->asked;
        g_autofree char *action = action_of(m);
        fire(x, c, m, right_args(x, m), shots);
        wait_all(x, shots);
        expect(shots->pdata[0], I("Error.NotAuthorized"), "denied");
        g_assert_cmpuint(polkit->asked, ==, asked + 1);
        if (strcmp(polkit->last_action, action) != 0)
            g_error("%s.%s asks for %s, not for %s", m->interface, m->name, polkit->last_action, action);
        g_assert_cmpstr(polkit->last_subject, ==, subject);
        g_assert_cmpuint(polkit->last_flags, ==, 0);
    }
}

/* One call of each method, from as many callers as that takes; polkit does not answer. */
static GPtrArray *begin_slow(struct matrix *x, GPtrArray *callers)
{
    GPtrArray *shots = g_ptr_array_new_with_free_func(shot_free);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < x->members->len; i++) {
        const struct bus_member *m = x->members->pdata[i];
        if (!changes(m) || (g_str_has_prefix(m->path, ROOT_PATH "/job/") && strcmp(m->path, x->w.job) != 0) ||
            !g_hash_table_add(seen, g_strconcat(m->interface, ".", m->name, NULL)))
            continue;
        if (shots->len % AT_ONCE == 0)
            g_ptr_array_add(callers, bus_fixture_connect_as(&x->w.bus, NOBODY));
        fire(x, callers->pdata[callers->len - 1], m, right_args(x, m), shots);
    }
    g_assert_cmpuint(shots->len, <=, 64); /* LIMIT_AUTH_PENDING; more methods need two rounds here */
    return shots;
}

struct enough {
    const struct fake_polkit *polkit;
    unsigned n;
};

static gboolean has_asked(struct e2e *e, void *data)
{
    const struct enough *k = data;
    return k->polkit->asked >= k->n;
}

static gboolean has_cancelled(struct e2e *e, void *data)
{
    const struct enough *k = data;
    return k->polkit->cancelled >= k->n;
}

/* What is silent for a minute costs no minute here: the wrong signatures are tried in the meantime. */
static void silent_polkit(struct matrix *x, GDBusConnection *nobody, struct fake_polkit *polkit)
{
    g_autoptr(GPtrArray) callers = g_ptr_array_new_with_free_func((GDestroyNotify)bus_fixture_disconnect);
    struct picture before = take(x);

    polkit->mode = POLKIT_SILENT;
    unsigned asked = polkit->asked, cancelled = polkit->cancelled;
    g_autoptr(GPtrArray) slow = begin_slow(x, callers);
    e2e_wait(&x->w.e, "polkit is asked", has_asked, &(struct enough){polkit, asked + slow->len}, E2E_WAIT_S);
    all_read(x, nobody, "with polkit silent");
    all_read(x, callers->pdata[0], "with eight questions open");
    unsigned calls = x->calls;
    wrong_signatures_of_all(x);
    g_test_message("%u calls with a wrong signature", x->calls - calls);
    g_assert_cmpuint(x->calls - calls, >, 1000);
    same(x, &before);
    wait_all(x, slow);
    for (guint i = 0; i < slow->len; i++) {
        expect(slow->pdata[i], I("Error.NotAuthorized"), "with polkit silent");
        g_assert_nonnull(strstr(((struct shot *)slow->pdata[i])->text, "does not answer"));
    }
    e2e_wait(&x->w.e, "the questions are taken back", has_cancelled,
             &(struct enough){polkit, cancelled + slow->len}, E2E_WAIT_S);
    /* A late yes is none. */
    fake_polkit_answer(polkit, true);
    same(x, &before);
    picture_clear(&before);
}

/* Or all of this would prove that nobody can do anything. */
static void allowed(struct matrix *x, GDBusConnection *nobody, struct fake_polkit *polkit)
{
    const struct bus_member set = {.path = (char *)TREE_PATH "/dataCollection/dc1",
                                   .interface = (char *)I("Node"),
                                   .name = (char *)"Set",
                                   .in = (char *)"a{sv}a{sv}"};
    g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func(shot_free);
    guint64 generation = e2e_get_number(&x->w.e, TREE_PATH, "Tree", "Generation");

    polkit->mode = POLKIT_ALLOW;
    fire(x, nobody, &set, g_variant_new_parsed("({'labels': <['by-nobody']>}, @a{sv} {})"), shots);
    wait_all(x, shots);
    expect(shots->pdata[0], NULL, "allowed");
    g_assert_cmpuint(e2e_get_number(&x->w.e, TREE_PATH, "Tree", "Generation"), ==, generation + 1);
}

static void test_matrix(void)
{
    static const struct {
        enum fake_polkit_mode mode;
        const char *when;
    } modes[] = {{POLKIT_DENY, "denied"},
                 {POLKIT_CHALLENGE, "asked for a password"},
                 {POLKIT_ERROR, "with polkit failing"},
                 {POLKIT_GARBAGE, "with polkit talking nonsense"}};
    struct matrix x = {0};
    struct fake_polkit polkit = {0};
    GError *error = NULL;

    if (getuid() != 0) {
        g_test_skip("only root can call as another user");
        return;
    }
    bus_world_start(&x.w, NULL);
    bus_world_fill(&x.w);
    x.members = bus_world_members(&x.w);
    x.job = (guint32)g_ascii_strtoull(strrchr(x.w.job, '/') + 1, NULL, 10);
    x.fds = g_unix_fd_list_new();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(g_unix_fd_list_append(x.fds, fd, &error), ==, 0);
    g_assert_no_error(error);
    GDBusConnection *nobody = bus_fixture_connect_as(&x.w.bus, NOBODY);
    struct picture before = take(&x);
    all_read(&x, nobody, "without polkit");
    all_refused(&x, nobody, "without polkit");
    same(&x, &before);
    fake_polkit_start(&polkit, &x.w.bus);
    right_actions(&x, nobody, &polkit);
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        polkit.mode = modes[i].mode;
        all_refused(&x, nobody, modes[i].when);
        all_read(&x, nobody, modes[i].when);
    }
    same(&x, &before);
    silent_polkit(&x, nobody, &polkit);
    allowed(&x, nobody, &polkit);
    g_test_message("%u calls", x.calls);
    fake_polkit_stop(&polkit);
    bus_fixture_disconnect(nobody);
    picture_clear(&before);
    g_object_unref(x.fds);
    close(fd);
    g_ptr_array_unref(x.members);
    bus_world_stop(&x.w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/bus/matrix/DC-02/EE-02/every-method", test_matrix);
    return g_test_run();
}
