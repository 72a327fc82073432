/* SPDX-License-Identifier: Apache-2.0
 * The embedded engine for the contract's tests: a reserve of one byte, so that a full disk of the build machine is no
 * failure of the log. */
#include "log_embedded.h"
#include "log/embedded/embedded.h"

static weir_status
open_embedded(const char *place, const char *module, uint32_t partitions, bool read_only, weiri_log **ret_log, weir_error *err)
{
    const weiri_embedded_config config = {
        .dir = place,
        .module = module,
        .partitions = partitions,
        .read_only = read_only,
        .reserve_bytes = 1,
        .world = &weiri_world_real,
    };

    return weiri_embedded_open(&config, ret_log, err);
}

const log_contract log_embedded = { "the log's contract, embedded", true, open_embedded };
