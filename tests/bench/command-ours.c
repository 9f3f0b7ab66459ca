/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our side, with a key that is at hand. */
#include <string.h>

#include "plugin/journal-store.h"
#include "tests/bench/command.h"
#include "tests/bench/worker.h"

static int get_psk(void *ctx, const char *key_id, struct secret **ret, struct mef_error *reterr)
{
    return secret_copy(COMMAND_PSK, strlen(COMMAND_PSK), ret);
}

static int list_keys(void *ctx, const char *owner, struct key_list *ret, struct mef_error *reterr)
{
    return 0;
}

void command_ours(const char *dir, uint16_t port)
{
    struct bench_worker w = {.vault = {.get_psk = get_psk, .list_keys = list_keys}};

    bench_worker_open(&w, dir, &journal_piece, 1);
    bench_worker_run(&w, port);
    bench_worker_close(&w);
}
