/* SPDX-License-Identifier: Apache-2.0
 * APP.schemas, the topic that says who the log is (identity.c) and which messages it was written with (versions.c): read from its
 * beginning, and written by one at a time, whatever number of processes starts at the same moment. Thread: one at a time. */
#ifndef WEIRI_KAFKA_REGISTRY_H
#define WEIRI_KAFKA_REGISTRY_H

#include "log/kafka/client.h"

typedef struct weiri_registry {
    const weiri_kafka_config *config;
    weiri_kafka_client reader;
    rd_kafka_topic_t *topic;
    weiri_kafka_client writer; /* between begin and end */
    rd_kafka_topic_t *to;
} weiri_registry;

/* For weiri_registry_close, on failure too. Errors: INVALID (options), IO. */
WEIR_MUST_USE weir_status weiri_registry_open(weiri_registry *registry, const weiri_kafka_config *config, weir_error *err);
void weiri_registry_close(weiri_registry *registry);

/* Hears of a record; NOT_FOUND: go on. Anything else ends the reading. */
typedef weir_status weiri_registry_fn(void *user, weiri_bytes key, weiri_bytes value, weir_error *err);
/* Reads up to the record that weiri_registry_begin wrote; `until` NULL: to what looks like the end, and may not be it. NOT_FOUND: all
 * was read. Errors: IO, and what `each` returned. */
WEIR_MUST_USE weir_status weiri_registry_read(
    weiri_registry *registry, const char *until, weiri_registry_fn *each, void *user, weir_error *err);

/* Becomes the one writer, so that what is read up to `until` stays all there is until this one has put its records: of two at the same
 * time the later one wins, and the other's put fails. Errors: BUSY (begin anew), IO. */
enum { WEIRI_REGISTRY_MARK = 64 };
WEIR_MUST_USE weir_status weiri_registry_begin(weiri_registry *registry, char until[WEIRI_REGISTRY_MARK], weir_error *err);
/* One record in a transaction of its own. Errors: BUSY: another is at it, or it is not known: begin anew. */
WEIR_MUST_USE weir_status weiri_registry_put(weiri_registry *registry, const char *key, const char *value, weir_error *err);
void weiri_registry_end(weiri_registry *registry); /* writes no more; fine when nothing was begun */

#endif
