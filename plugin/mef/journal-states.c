/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two tables that "exactly once" rests on (design.md 4). Pure; thread: any. */
#include "plugin/mef/journal-states.h"

#include <errno.h>

#include "policy/status.h"

#define NO (-EPROTO)

static const int next[CMD_STATE_MAX_][JOURNAL_EVENT_MAX_] = {
    /*                  START        ENROLLED       FINISH    PROVEN    REFUSED   LOST         REPORT AGAIN */
    [CMD_RECEIVED] = {CMD_RUNNING, NO, CMD_DONE, NO, NO, NO, CMD_REPORTED, NO},
    [CMD_RUNNING] = {CMD_RUNNING, CMD_TENTATIVE, CMD_DONE, NO, NO, NO, CMD_REPORTED, NO},
    [CMD_TENTATIVE] = {NO, NO, NO, CMD_DONE, CMD_DONE, CMD_RUNNING, CMD_REPORTED, NO},
    [CMD_DONE] = {NO, NO, NO, NO, CMD_DONE, NO, CMD_REPORTED, NO},
    [CMD_REPORTED] = {NO, NO, NO, NO, NO, NO, NO, CMD_DONE},
};

static const struct {
    const char *name;
    enum journal_todo todo;
} states[CMD_STATE_MAX_] = {
    [CMD_RECEIVED] = {"RECEIVED", TODO_EXECUTE},  [CMD_RUNNING] = {"RUNNING", TODO_EXECUTE},
    [CMD_TENTATIVE] = {"TENTATIVE", TODO_PROVE},  [CMD_DONE] = {"DONE", TODO_UPDATE},
    [CMD_REPORTED] = {"REPORTED", TODO_RETRIEVE},
};

int journal_next(enum cmd_state s, enum journal_event e)
{
    if ((unsigned)s >= CMD_STATE_MAX_ || (unsigned)e >= JOURNAL_EVENT_MAX_)
        return -EPROTO;
    return next[s][e];
}

enum journal_todo journal_todo(enum cmd_state s)
{
    return (unsigned)s < CMD_STATE_MAX_ ? states[s].todo : TODO_RETRIEVE;
}

const char *journal_state_name(enum cmd_state s)
{
    return (unsigned)s < CMD_STATE_MAX_ ? states[s].name : "?";
}

enum command_decision command_decide(const struct decision_input *in)
{
    if (in->reissued && in->no_more && in->arguments_ok && !in->has_status)
        return DECIDE_NO_MORE;
    if (in->reissued && in->has_status)
        return in->no_more && in->status == CMD_STATUS_BAD_ARGUMENTS && in->is_last_update ? DECIDE_HOLD
                                                                                           : DECIDE_KNOWN;
    if (in->is_last_update)
        return DECIDE_REPEATED;
    return in->no_more && in->arguments_ok ? DECIDE_NO_MORE : DECIDE_RUN;
}
