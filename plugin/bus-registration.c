/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Registration and .Command (interfaces.md 2): snapshots of what the workers told, and the
 * procedures that a person can ask for. Thread: the loop's. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/command-arguments.h"
#include "plugin/registrations.h"
#include "policy/status.h"

/* ---- Registration ----------------------------------------------------------------------------------- */

enum registration_property {
    REG_FQDN,
    REG_ADMIN_FQDN,
    REG_ID,
    REG_STATE,
    REG_EXPIRES_AT,
    REG_LAST_CONTACT,
    REG_NEXT_POLL,
    REG_RETRY_COUNT,
    REG_CONFIG,
    REG_CREDENTIAL,
    REG_LAST_COMMAND,
    REG_LAST_COMMAND_ID,
    REG_LAST_STATUS,
    REG_LAST_ERROR,
};

static const struct shown_command *last_command(const struct registration *r)
{
    for (size_t i = r->n_commands; i > 0; i--)
        if (!cmd_record_by_hand(&r->commands[i - 1]->rec))
            return r->commands[i - 1];
    return NULL;
}

/* The number of the last command that has one. */
static uint32_t last_status(const struct registration *r)
{
    for (size_t i = r->n_commands; i > 0; i--)
        if (!cmd_record_by_hand(&r->commands[i - 1]->rec) && r->commands[i - 1]->rec.state >= CMD_DONE &&
            r->commands[i - 1]->rec.csc)
            return cmd_status_number((enum cmd_status)r->commands[i - 1]->rec.csc,
                                     r->e->settings.status_table);
    return 0;
}

static void write_config_path(struct registration *r, struct bus_writer *w)
{
    const struct mo_node *n = r->ending ? NULL : registration_node(r->e, r->config.node);
    _cleanup_(freep) char *path = n ? node_bus_path(n) : NULL;

    bus_write_o(w, path ? path : "/");
}

static int get_registration(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct registration *r = object;
    const struct shown_command *c = last_command(r);

    switch ((enum registration_property)p->aux) {
    case REG_FQDN:
        bus_write_s(w, r->config.fqdn);
        break;
    case REG_ADMIN_FQDN:
        bus_write_s(w, r->config.admin_fqdn);
        break;
    case REG_ID:
        bus_write_s(w, r->rec.reg_id);
        break;
    case REG_STATE:
        bus_write_s(w, reg_state_name(r->ending ? REG_ENDING : r->rec.state));
        break;
    case REG_EXPIRES_AT:
        bus_write_u(w, (uint64_t)r->rec.expires);
        break;
    case REG_LAST_CONTACT:
        bus_write_u(w, (uint64_t)r->rec.last_contact);
        break;
    case REG_NEXT_POLL:
        bus_write_u(w, (uint64_t)r->rec.next_poll);
        break;
    case REG_RETRY_COUNT:
        bus_write_u(w, r->rec.retry_count);
        break;
    case REG_CONFIG:
        write_config_path(r, w);
        break;
    case REG_CREDENTIAL: {
        _cleanup_(freep) char *path = r->credential ? credential_path(r->credential) : NULL;
        bus_write_o(w, path ? path : "/");
        break;
    }
    case REG_LAST_COMMAND:
        bus_write_o(w, c && c->object ? bus_object_path(c->object) : "/");
        break;
    case REG_LAST_COMMAND_ID: {
        _cleanup_(freep) char *id = c ? command_id_text(c->rec.cid) : NULL;
        bus_write_s(w, id);
        break;
    }
    case REG_LAST_STATUS:
        bus_write_u(w, last_status(r));
        break;
    case REG_LAST_ERROR: {
        char name[64] = "";
        if (r->last_error.word)
            (void)snprintf(name, sizeof name, BUS_ERROR_PREFIX "%s", mef_error_name(r->last_error.word));
        bus_write(w, "(ss)", name, r->last_error.text);
        break;
    }
    }
    return 0;
}

static const struct bus_option ask_options[] = {{"BindToCaller", "b"}, {NULL, NULL}};

static int ask(struct bus_call *call, enum mef_procedure proc, const char *operation,
               struct mef_error *reterr)
{
    struct registration *r = bus_call_object(call);
    const char *path = NULL;
    uint32_t job = 0;
    int e = bus_call_options(call, 0, ask_options, reterr);

    if (e < 0)
        return e;
    if (r->ending)
        return mef_fail(reterr, MEF_ERROR_IN_PROGRESS, "the registration '%s' is being ended",
                        r->config.node);
    if (proc != MEF_PROC_REGISTER && r->rec.state != REG_REGISTERED)
        return mef_fail(reterr, MEF_ERROR_NOT_REGISTERED, "'%s' is not registered at its MEF (state %s)",
                        r->config.node, reg_state_name(r->rec.state));
    e = registration_request(r, proc, operation, bus_call_uid(call), &job, &path, reterr);
    if (e < 0)
        return e;
    /* Who cannot be watched has left already, or is one of too many: then nobody waits for this job. */
    if (bus_dict_b(bus_call_dict(call, 0), "BindToCaller", false) &&
        job_bind(r->e->jobs, job, bus_call_sender(call)) < 0)
        (void)job_cancel(r->e->jobs, job, NULL);
    return bus_reply(call, "o", path);
}

static int do_register(struct bus_call *call, struct mef_error *reterr)
{
    return ask(call, MEF_PROC_REGISTER, "register", reterr);
}

static int do_update(struct bus_call *call, struct mef_error *reterr)
{
    return ask(call, MEF_PROC_UPDATE, "update", reterr);
}

static int do_poll(struct bus_call *call, struct mef_error *reterr)
{
    return ask(call, MEF_PROC_POLL, "poll", reterr);
}

static int do_deregister(struct bus_call *call, struct mef_error *reterr)
{
    return ask(call, MEF_PROC_DEREGISTER, "deregister", reterr);
}

static const struct bus_method registration_methods[] = {
    {"Register", "a{sv}", "o", BUS_ACTION("register"), do_register},
    {"Update", "a{sv}", "o", BUS_ACTION("register"), do_update},
    {"Poll", "a{sv}", "o", BUS_ACTION("register"), do_poll},
    {"Deregister", "a{sv}", "o", BUS_ACTION("register"), do_deregister},
    {NULL},
};

static const struct bus_property registration_properties[] = {
    {"Fqdn", "s", BUS_EMITS_CONST, get_registration, .aux = REG_FQDN},
    {"AdminFQDN", "s", BUS_EMITS_CONST, get_registration, .aux = REG_ADMIN_FQDN},
    {"MefClientRegId", "s", BUS_EMITS_TRUE, get_registration, .aux = REG_ID},
    {"State", "s", BUS_EMITS_TRUE, get_registration, .aux = REG_STATE},
    {"ExpiresAt", "t", BUS_EMITS_TRUE, get_registration, .aux = REG_EXPIRES_AT},
    {"LastContact", "t", BUS_EMITS_TRUE, get_registration, .aux = REG_LAST_CONTACT},
    {"NextPoll", "t", BUS_EMITS_TRUE, get_registration, .aux = REG_NEXT_POLL},
    {"RetryCount", "u", BUS_EMITS_TRUE, get_registration, .aux = REG_RETRY_COUNT},
    {"Config", "o", BUS_EMITS_TRUE, get_registration, .aux = REG_CONFIG},
    {"Credential", "o", BUS_EMITS_TRUE, get_registration, .aux = REG_CREDENTIAL},
    {"LastCommand", "o", BUS_EMITS_TRUE, get_registration, .aux = REG_LAST_COMMAND},
    {"LastCommandId", "s", BUS_EMITS_TRUE, get_registration, .aux = REG_LAST_COMMAND_ID},
    {"LastStatus", "u", BUS_EMITS_TRUE, get_registration, .aux = REG_LAST_STATUS},
    {"LastError", "(ss)", BUS_EMITS_TRUE, get_registration, .aux = REG_LAST_ERROR},
    {NULL},
};

const struct bus_interface registration_interface = {.name = BUS_INTERFACE("Registration"),
                                                     .methods = registration_methods,
                                                     .properties = registration_properties};

/* ---- Command ---------------------------------------------------------------------------------------- */

enum command_property {
    COMMAND_ID,
    COMMAND_CLASS,
    COMMAND_CLASS_ID,
    COMMAND_TARGET_ID,
    COMMAND_ARGUMENTS,
    COMMAND_STATUS,
    COMMAND_STATUS_CODE,
    COMMAND_REISSUED,
    COMMAND_REPORTED,
    COMMAND_RECEIVED_AT,
    COMMAND_FINISHED_AT,
    COMMAND_JOB,
    COMMAND_TRANSACTION_ID,
};

/* The word of the standard once there is a final number, before that how far it has come. */
static const char *status_word(const struct cmd_record *c)
{
    static const char *const words[CMD_STATE_MAX_] = {"received", "running", "tentative", "done", "reported"};

    if (c->class_id == CMD_NO_MORE_COMMANDS && !c->csc)
        return "done"; /* it has no status of its own */
    return c->csc && c->state >= CMD_DONE ? cmd_status_word((enum cmd_status)c->csc) : words[c->state];
}

static int get_command(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct shown_command *c = object;
    struct cmd_record *rec = &c->rec;
    enum status_table table = c->r->e->settings.status_table;

    switch ((enum command_property)p->aux) {
    case COMMAND_ID: {
        _cleanup_(freep) char *id = command_id_text(rec->cid);
        bus_write_s(w, id);
        break;
    }
    case COMMAND_CLASS:
        bus_write_s(w, cmd_class_word(rec->class_id));
        break;
    case COMMAND_CLASS_ID:
        bus_write_u(w, rec->class_id);
        break;
    case COMMAND_TARGET_ID: {
        _cleanup_(freep) char *target = command_target_id(rec->body);
        bus_write_s(w, target);
        break;
    }
    case COMMAND_ARGUMENTS:
        command_arguments_write(rec->body, w);
        break;
    case COMMAND_STATUS:
        bus_write_s(w, status_word(rec));
        break;
    case COMMAND_STATUS_CODE:
        bus_write_u(w, rec->state >= CMD_DONE ? cmd_status_number((enum cmd_status)rec->csc, table) : 0);
        break;
    case COMMAND_REISSUED:
        bus_write_b(w, rec->reissued);
        break;
    case COMMAND_REPORTED:
        bus_write_b(w, rec->state == CMD_REPORTED && rec->csc);
        break;
    case COMMAND_RECEIVED_AT:
        bus_write_u(w, (uint64_t)rec->received);
        break;
    case COMMAND_FINISHED_AT:
        bus_write_u(w, (uint64_t)rec->finished);
        break;
    case COMMAND_JOB:
        bus_write_o(w, c->job ? job_path(c->r->e->jobs, c->job) : "/");
        break;
    case COMMAND_TRANSACTION_ID:
        bus_write_s(w, rec->transaction);
        break;
    }
    return 0;
}

static const struct bus_property command_properties[] = {
    {"CommandId", "s", BUS_EMITS_CONST, get_command, .aux = COMMAND_ID},
    {"Class", "s", BUS_EMITS_CONST, get_command, .aux = COMMAND_CLASS},
    {"ClassId", "u", BUS_EMITS_CONST, get_command, .aux = COMMAND_CLASS_ID},
    {"TargetId", "s", BUS_EMITS_TRUE, get_command, .aux = COMMAND_TARGET_ID},
    {"Arguments", "a{sv}", BUS_EMITS_TRUE, get_command, .aux = COMMAND_ARGUMENTS},
    {"Status", "s", BUS_EMITS_TRUE, get_command, .aux = COMMAND_STATUS},
    {"StatusCode", "u", BUS_EMITS_TRUE, get_command, .aux = COMMAND_STATUS_CODE},
    {"Reissued", "b", BUS_EMITS_TRUE, get_command, .aux = COMMAND_REISSUED},
    {"Reported", "b", BUS_EMITS_TRUE, get_command, .aux = COMMAND_REPORTED},
    {"ReceivedAt", "t", BUS_EMITS_TRUE, get_command, .aux = COMMAND_RECEIVED_AT},
    {"FinishedAt", "t", BUS_EMITS_TRUE, get_command, .aux = COMMAND_FINISHED_AT},
    {"Job", "o", BUS_EMITS_TRUE, get_command, .aux = COMMAND_JOB},
    {"TransactionId", "s", BUS_EMITS_TRUE, get_command, .aux = COMMAND_TRANSACTION_ID},
    {NULL},
};

const struct bus_interface command_interface = {.name = BUS_INTERFACE("Command"),
                                                .properties = command_properties};
