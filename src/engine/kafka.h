/* SPDX-License-Identifier: Apache-2.0
 * Kafka as the settings name it: what opens the log, and what the command line asks of topics without opening it. Thread: one at a
 * time. */
#ifndef WEIRI_ENGINE_KAFKA_H
#define WEIRI_ENGINE_KAFKA_H

#include "engine/settings.h"
#include "log/kafka/kafka.h"

typedef struct weiri_kafka_setup {
    weiri_kafka_config config; /* without dir, schema, partitions and world */
    char **options;
} weiri_kafka_setup;
/* Borrows module and settings. */
void weiri_kafka_setup_init(weiri_kafka_setup *setup, const char *module, const weiri_settings *settings);
void weiri_kafka_setup_fini(weiri_kafka_setup *setup);

#endif
