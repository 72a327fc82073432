/* SPDX-License-Identifier: Apache-2.0
 * The log's contract, kept by the embedded engine. */
#include "log_contract.h"
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

int
main(void)
{
    const log_contract embedded = { "the log's contract, embedded", open_embedded };

    return log_contract_run(&embedded);
}
