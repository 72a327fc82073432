/* SPDX-License-Identifier: Apache-2.0
 * What every engine of the log must do, as one suite: the engine gives a place and a way to open it. */
#ifndef LOG_CONTRACT_H
#define LOG_CONTRACT_H

#include "log/log.h"

typedef struct log_contract {
    const char *name;
    bool commands; /* appends hold commands, too; else they come from elsewhere (log/shared.h) */
    /* Opens the log in `place` (which testing_directory made). partitions 0: the engine's default, or what the log has. */
    weir_status (*open)(const char *place, const char *module, uint32_t partitions, bool read_only, weiri_log **ret_log, weir_error *err);
} log_contract;

/* Runs the suite. Returns the number of failed tests. */
int log_contract_run(const log_contract *engine);

#endif
