/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a command in the journal as a table (mef-protocol.md 3.4.4). Every change of cmd_record.state
 * goes through journal_next(); what is left to do with a stored state, after a crash too, is journal_todo().
 * Pure. */
#pragma once

#include <stdint.h>

#include "plugin/base/ports.h"

enum journal_event {
    JOURNAL_START,    /* its execution begins */
    JOURNAL_ENROLLED, /* a certificate was stored that is not proven yet */
    JOURNAL_FINISH,   /* it has its final status */
    JOURNAL_PROVEN,   /* the MEF made a handshake with the new certificate */
    JOURNAL_REFUSED,  /* the MEF does not take the new certificate (also when it says so in the answer to the
                         report) */
    JOURNAL_LOST,     /* the new certificate is not in the token any more and was never proven */
    JOURNAL_REPORT,   /* the report was answered, or nobody is left to take it */
    JOURNAL_AGAIN,    /* REISSUED: the known status is owed once more */
    JOURNAL_EVENT_MAX_,
};

enum journal_todo {
    TODO_EXECUTE,  /* from the journal, without a retrieve (MC-02) */
    TODO_PROVE,    /* a handshake with the new certificate decides */
    TODO_UPDATE,   /* send the status */
    TODO_RETRIEVE, /* nothing is owed: the next command may be asked for */
};

/* The state after `e`, or -EPROTO when the table has no such step. */
int journal_next(enum cmd_state s, enum journal_event e);
enum journal_todo journal_todo(enum cmd_state s);
const char *journal_state_name(enum cmd_state s);

/* What to do with a command that was just received (MC-06, MC-07; 5.3 #22). */
enum command_decision {
    DECIDE_RUN,      /* never seen: judge and execute it */
    DECIDE_NO_MORE,  /* NO_MORE_COMMANDS with good arguments */
    DECIDE_REPEATED, /* answer 40, do not execute */
    DECIDE_KNOWN,    /* answer the stored status, do not execute */
    DECIDE_HOLD,     /* the limit of 42 for NO_MORE_COMMANDS: no update, ask again after default-retry */
};

struct decision_input {
    bool reissued;
    bool no_more;        /* class 0 */
    bool arguments_ok;   /* for class 0 */
    bool is_last_update; /* its cmdID is the one of the last UPDATE of this registration */
    bool has_status;     /* the journal knows its final status */
    uint32_t status;
};
enum command_decision command_decide(const struct decision_input *in);
