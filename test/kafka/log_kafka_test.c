/* SPDX-License-Identifier: Apache-2.0
 * The log's contract, kept by the Kafka engine against a real broker. A place is a directory; its app has the directory's name. */
#include "../contract/log_contract.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include "kafka_testing.h"
#include "log/embedded/embedded.h"

enum { PARTITIONS = 4, COMMANDS = 400, LANES = 64 };
static kafka_lanes *all_lanes[LANES];
static size_t n_lanes;

/* The suite closes logs, and knows nothing of lanes: they live until the end. Opening is done when the log may be written. */
static weir_status
open_kafka(const char *place, const char *module, uint32_t partitions, bool read_only, weiri_log **ret_log, weir_error *err)
{
    const weiri_embedded_config reading = {
        .dir = place, .module = module, .partitions = partitions, .read_only = true, .world = &weiri_world_real
    };
    const char *slash = strrchr(place, '/');
    weiri_kafka_config config = kafka_testing_config(slash + 1, place);

    if (read_only)
        return weiri_embedded_open(&reading, ret_log, err);
    kafka_testing_topics(config.app, PARTITIONS);
    config.module = module;
    config.partitions = partitions;
    weir_status status = weiri_kafka_open(&config, ret_log, err);
    for (uint32_t p = 0; status == WEIR_OK && p < PARTITIONS; p++) {
        if (weiri_log_next_command(*ret_log, p) == 0)
            kafka_testing_send(*ret_log, p, COMMANDS); /* what the suite's writers answer is there */
    }
    if (status == WEIR_OK) {
        assert_true(n_lanes < LANES);
        all_lanes[n_lanes] = kafka_lanes_join(*ret_log, false);
        kafka_lanes_await_serving(all_lanes[n_lanes++], PARTITIONS);
    }
    return status;
}

int
main(void)
{
    static const log_contract log_kafka = { "the log's contract, Kafka", false, open_kafka };

    const int failed = log_contract_run(&log_kafka);

    while (n_lanes > 0)
        kafka_lanes_free(all_lanes[--n_lanes]);
    return failed;
}
