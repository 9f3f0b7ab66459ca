/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/command-arguments.h"

#include <jansson.h>
#include <string.h>

#include "plugin/base/when.h"
#include "plugin/mef/command-message.h"

char *command_id_text(const char *cid)
{
    return cid ? cid_decode(cid) : NULL;
}

char *command_target_id(const char *body)
{
    struct command c = {0};
    char *text = NULL;

    if (command_parse(vocabulary_default(), body, strlen(body), &c, NULL) == 0 && json_is_string(c.target))
        text = strdup(json_string_value(c.target));
    command_clear(&c);
    return text;
}

static void write_class(const struct command *c, const union class_args *a, struct bus_writer *w)
{
    uint32_t suid;

    switch (c->class_id) {
    case CMD_NO_MORE_COMMANDS: {
        struct duration d = {.seconds = a->no_more.seconds};
        char text[64];
        duration_format(&d, text, sizeof text);
        bus_write_entry(w, "retryDuration", "s", text);
        break;
    }
    case CMD_CERT_PROV:
        bus_write_entry(w, "certProvProtocolID", "u", a->cert_prov.protocol);
        bus_write_entry(w, "URI", "s", a->cert_prov.uri);
        bus_write_entry(w, "certSubjectType", "u", a->cert_prov.subject_type);
        bus_write_entry(w, "certSubjectID", "s", a->cert_prov.subject_id);
        break;
    case CMD_DEV_CFG:
        bus_write_entry(w, "devMgmtID", "u", a->dev_cfg.protocol);
        bus_write_entry(w, "URI", "s", a->dev_cfg.uri);
        break;
    case CMD_MO_NODE:
        bus_write_entry(w, "objectPath", "s", a->mo_node.object_path);
        bus_write_entry(w, "objectTypeID", "u", a->mo_node.object_type);
        if (a->mo_node.specific && mo_node_suid(vocabulary_default(), &a->mo_node, &suid, NULL) == 0)
            bus_write_entry(w, "SUID", "u", suid);
        break;
    default:
        break;
    }
}

void command_arguments_write(const char *body, struct bus_writer *w)
{
    struct command c = {0};
    union class_args args;

    bus_write_open(w);
    if (command_parse(vocabulary_default(), body, strlen(body), &c, NULL) == 0) {
        const struct command_class *class = class_find(c.class_id);
        if (class && class_args_parse(class, vocabulary_default(), c.args, 0, &args, NULL) == 0)
            write_class(&c, &args, w);
    }
    command_clear(&c);
    bus_write_close(w);
}
