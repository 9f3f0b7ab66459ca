/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entries of one transaction as a sequence: who said what to whom, and how long it took. Pure; what is
 * drawn is what `--json` prints. The entries come from timeline-journal.c; anybody can write into a journal,
 * so their text is taken for text only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

/* From left to right as they are drawn. The first two only when something goes there. */
enum party { DM_CLIENT, TOKEN, DEVICE, MEF, PARTY_MAX_ };

static const struct {
    const char *word, *head;
} parties[PARTY_MAX_] = {
    [DM_CLIENT] = {"dm-client", "DM client"},
    [TOKEN] = {"token", "token"},
    [DEVICE] = {"device", "device"},
    [MEF] = {"mef", "MEF"},
};

/* Which way an event goes. What is not here happens in the device. The first row that fits counts. */
static const struct way {
    const char *event;
    const char *part; /* the sentence holds that; NULL: any */
    enum party from, to;
    bool failed;
} ways[] = {
    {"REGISTRATION_STARTED", NULL, DEVICE, MEF, false},
    {"REGISTRATION_DONE", NULL, MEF, DEVICE, false},
    {"REGISTRATION_FAILED", NULL, DEVICE, MEF, true},
    {"REGISTRATION_ENDING", NULL, DEVICE, MEF, false},
    {"DEREGISTRATION_PENDING", NULL, DEVICE, MEF, true},
    {"HANDSHAKE_FAILED", NULL, DEVICE, MEF, true},
    {"EXCHANGE_RETRY", NULL, DEVICE, MEF, true},
    {"COMMAND_RECEIVED", NULL, MEF, DEVICE, false},
    {"COMMAND_UNPARSABLE", NULL, MEF, DEVICE, true},
    {"COMMAND_REPORTED", NULL, DEVICE, MEF, false},
    {"REPORT_DELAYED", NULL, DEVICE, MEF, true},
    {"NO_MORE_COMMANDS", NULL, MEF, DEVICE, false},
    /* Of the steps of an enrolment one is for the token and one for nobody else. */
    {"ENROLMENT_STEP", "key pair", DEVICE, TOKEN, false},
    {"ENROLMENT_STEP", "checks", DEVICE, DEVICE, false},
    {"ENROLMENT_STEP", NULL, DEVICE, MEF, false},
    {"CERTIFICATE_STORED", NULL, DEVICE, TOKEN, false},
    {"CERTIFICATE_PROVEN", NULL, MEF, DEVICE, false},
    {"CERTIFICATE_REFUSED", NULL, MEF, DEVICE, true},
    {"KEY_STORED", NULL, DEVICE, TOKEN, false},
    {"KEY_FAILED", NULL, DEVICE, MEF, true},
    {"CREDENTIALS_DELETED", NULL, DEVICE, TOKEN, false},
    {"TOKEN_FAILED", NULL, DEVICE, TOKEN, true},
    {"DM_SESSION_STARTED", NULL, DEVICE, DM_CLIENT, false},
    {"DM_SESSION_FAILED", NULL, DM_CLIENT, DEVICE, true},
};

static struct way way_of(const char *event, const char *sentence)
{
    for (size_t i = 0; i < ELEMENTS(ways); i++)
        if (streq(ways[i].event, event) && (!ways[i].part || strstr(sentence, ways[i].part)))
            return ways[i];
    return (struct way){.from = DEVICE, .to = DEVICE};
}

/* Copies a text field under another name, when it is there. */
static bool copy(json_t *to, const char *name, json_t *from, const char *field)
{
    const char *s = property_text(from, field);
    return !*s || json_object_set_new(to, name, json_string(s)) == 0;
}

static json_t *entry_of(json_t *raw)
{
    const char *event = property_text(raw, "MEF_EVENT"), *sentence = property_text(raw, "MESSAGE");
    struct way way = way_of(event, sentence);
    json_t *e = json_pack(
        "{s:I, s:I, s:s, s:s, s:s, s:b, s:s}", "Time", (json_int_t)property_number(raw, "Time"), "Elapsed",
        (json_int_t)property_number(raw, "Elapsed"), "Event", event, "From", parties[way.from].word, "To",
        parties[way.to].word, "Failed", way.failed, "Message", sentence);
    uint64_t status = 0;

    if (e && str_to_u64(property_text(raw, "MEF_STATUS"), UINT32_MAX, &status) == 0 &&
        json_object_set_new(e, "Status", json_integer((json_int_t)status)) < 0) {
        json_decref(e);
        return NULL;
    }
    if (e && !(copy(e, "Error", raw, "MEF_ERROR") && copy(e, "Node", raw, "MEF_NODE") &&
               copy(e, "Job", raw, "MEF_JOB"))) {
        json_decref(e);
        return NULL;
    }
    return e;
}

/* What the transaction is about is in some of its entries: the first that has it says so. */
static bool about(json_t *timeline, json_t *raw)
{
    static const struct {
        const char *name, *field;
    } rows[] = {{"Fqdn", "MEF_FQDN"},
                {"Registration", "MEF_REGISTRATION"},
                {"CommandId", "MEF_CMD_ID"},
                {"Class", "MEF_CMD_CLASS"}};
    for (size_t i = 0; i < ELEMENTS(rows); i++)
        if (!json_object_get(timeline, rows[i].name) && !copy(timeline, rows[i].name, raw, rows[i].field))
            return false;
    return true;
}

json_t *timeline_make(const char *transaction, json_t *entries)
{
    json_t *list = json_array(), *raw;
    json_t *t = json_pack("{s:s}", "Transaction", transaction);
    uint64_t duration = 0;
    bool ok = list && t;
    size_t i;

    json_array_foreach(entries, i, raw) if (ok)
    {
        json_t *e = entry_of(raw), *status = json_object_get(e, "Status");
        duration += property_number(raw, "Elapsed");
        ok = e && json_array_append_new(list, e) == 0 && about(t, raw) &&
             (!status || json_object_set(t, "Status", status) == 0);
    }
    ok = ok && json_object_set_new(t, "Duration", json_integer((json_int_t)duration)) == 0 &&
         json_object_set_new(t, "Entries", json_incref(list)) == 0;
    json_decref(list);
    if (!ok) {
        json_decref(t);
        return NULL;
    }
    return t;
}

/* ---- drawn -------------------------------------------------------------------------------------------- */

#define GAP  12 /* from one line of life to the next */
#define EDGE 5  /* before the first one, and behind the last */
#define WIDE (2 * EDGE + 3 * GAP + 1)

enum cell { SPACE, LIFE, DASH, LEFT, RIGHT, CROSS, HERE, CELL_MAX_ };

static const char *const cells[2][CELL_MAX_] = {
    {" ", "|", "-", "<", ">", "x", "*"},
    {" ", "\u2502", "\u2500", "\u25c0", "\u25b6", "\u2715", "\u25cf"},
};

struct sheet {
    int at[PARTY_MAX_]; /* column of the line of life; -1: not drawn */
    int width;
    bool utf8;
    FILE *to;
};

static enum party party_of(const char *word)
{
    for (unsigned p = 0; p < PARTY_MAX_; p++)
        if (streq(parties[p].word, word))
            return (enum party)p;
    return DEVICE;
}

static void draw_cells(const struct sheet *s, enum party from, enum party to, bool failed)
{
    enum cell row[WIDE] = {SPACE};
    int a = s->at[from], b = s->at[to], low = a < b ? a : b, high = a < b ? b : a;

    for (unsigned p = 0; p < PARTY_MAX_; p++)
        if (s->at[p] >= 0)
            row[s->at[p]] = LIFE;
    for (int k = low + 1; k < high; k++)
        row[k] = DASH;
    if (a == b)
        row[a] = failed ? CROSS : HERE;
    else if (failed)
        row[a < b ? b - 1 : b + 1] = CROSS;
    else
        row[a < b ? b - 1 : b + 1] = a < b ? RIGHT : LEFT;
    for (int k = 0; k < s->width; k++)
        fputs(cells[s->utf8][row[k]], s->to);
}

/* "12 us", "27.3 ms", "1.250 s", "130 s" */
static void format_span(uint64_t usec, char *buf, size_t size)
{
    if (usec < 1000)
        snprintf(buf, size, "%u us", (unsigned)usec);
    else if (usec < USEC_PER_SEC)
        snprintf(buf, size, "%u.%u ms", (unsigned)(usec / 1000), (unsigned)(usec % 1000 / 100));
    else if (usec < 100 * USEC_PER_SEC)
        snprintf(buf, size, "%u.%03u s", (unsigned)(usec / USEC_PER_SEC),
                 (unsigned)(usec % USEC_PER_SEC / 1000));
    else
        snprintf(buf, size, "%llu s", (unsigned long long)(usec / USEC_PER_SEC));
}

static void draw_entry(const struct sheet *s, json_t *e)
{
    char day[TIME_TEXT_MAX], span[32];
    uint64_t time = property_number(e, "Time");
    const char *error = property_text(e, "Error"), *clock;
    json_t *status = json_object_get(e, "Status");

    format_time(time, day);
    clock = strchr(day, ' ');
    format_span(property_number(e, "Elapsed"), span, sizeof(span));
    fprintf(s->to, "%s.%03u %10s ", clock ? clock + 1 : day, (unsigned)(time % USEC_PER_SEC / 1000), span);
    draw_cells(s, party_of(property_text(e, "From")), party_of(property_text(e, "To")),
               property_true(e, "Failed"));
    fprintf(s->to, "%s", property_text(e, "Message"));
    if (status)
        fprintf(s->to, " [%lld]", (long long)json_integer_value(status));
    if (*error)
        fprintf(s->to, " (%s)", error);
    fputc('\n', s->to);
}

static void draw_head(const struct sheet *s, json_t *t, json_t *entries)
{
    const char *command = property_text(t, "CommandId"), *class = property_text(t, "Class");
    const char *fqdn = property_text(t, "Fqdn");
    char day[TIME_TEXT_MAX], span[32];
    int column = 0;

    fprintf(s->to, "Transaction %s", property_text(t, "Transaction"));
    if (*command || *class)
        fprintf(s->to, ": command %s%s%s%s", command, *class ? " (" : "", class, *class ? ")" : "");
    if (*fqdn)
        fprintf(s->to, " of %s", fqdn);
    format_time(property_number(json_array_get(entries, 0), "Time"), day);
    format_span(property_number(t, "Duration"), span, sizeof(span));
    fprintf(s->to, "\n%s, %zu entries in %s\n\n%24s", day, json_array_size(entries), span, "");
    for (unsigned p = 0; p < PARTY_MAX_; p++)
        if (s->at[p] >= 0) {
            int begin = s->at[p] - (int)strlen(parties[p].head) / 2;
            fprintf(s->to, "%*s%s", begin - column, "", parties[p].head);
            column = begin + (int)strlen(parties[p].head);
        }
    fputc('\n', s->to);
}

void timeline_draw(json_t *timeline, bool utf8, FILE *to)
{
    json_t *entries = json_object_get(timeline, "Entries"), *e;
    bool used[PARTY_MAX_] = {[DEVICE] = true, [MEF] = true};
    struct sheet s = {.utf8 = utf8, .to = to, .width = EDGE};
    size_t i;

    json_array_foreach(entries, i, e)
    {
        used[party_of(property_text(e, "From"))] = true;
        used[party_of(property_text(e, "To"))] = true;
    }
    for (unsigned p = 0; p < PARTY_MAX_; p++) {
        s.at[p] = used[p] ? s.width : -1;
        s.width += used[p] ? GAP : 0;
    }
    s.width += EDGE - GAP + 1;
    draw_head(&s, timeline, entries);
    json_array_foreach(entries, i, e) draw_entry(&s, e);
}
