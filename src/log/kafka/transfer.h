/* SPDX-License-Identifier: Apache-2.0
 * Copying an embedded log into empty topics: what the files that do it share. docs/decisions/0310 says why it goes as it goes. One
 * thread does it all; the Kafka engine's own threads call back into transfer_records.c alone. */
#ifndef WEIRI_KAFKA_TRANSFER_H
#define WEIRI_KAFKA_TRANSFER_H

#include "log/kafka/internal.h"

typedef struct weiri_transfer {
    const weiri_kafka_config *config;
    const weiri_log_identity *identity; /* of the log that is copied */
    weiri_log *from;
    weiri_transfer_told_fn *told;
    void *user;
    weiri_transfer_report report;
} weiri_transfer;

void weiri_transfer_tell(weiri_transfer *t, const char *format, ...) WEIR_PRINTF(2, 3);

/* transfer_commands.c: each command gets the offset that it has. Whatever is there already is read and compared. Errors: INVALID (the
 * topic has something else), IO. */
WEIR_MUST_USE weir_status weiri_transfer_commands(weiri_transfer *t, weir_error *err);

/* transfer_records.c: events and outcomes, as a lane writes them, from where `to` ends. Errors: those of claiming, IO. */
WEIR_MUST_USE weir_status weiri_transfer_records(weiri_transfer *t, weiri_log *to, weir_error *err);

#endif
