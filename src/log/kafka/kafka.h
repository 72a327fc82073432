/* SPDX-License-Identifier: Apache-2.0
 * Opening Apache Kafka as the log: topics APP.commands, .events, .outcomes, .dead-letters, .schemas, and a local copy in a
 * directory. docs/decisions/0301 says how it works; docs/formats/kafka.md what is in the topics. Threads: a follower, a reader of
 * commands, a member of the group, and a writer for each partition it serves. */
#ifndef WEIRI_KAFKA_H
#define WEIRI_KAFKA_H

#include "base/world.h"
#include "log/log.h"
#include "log/shared.h"
#include "log/versions.h"
#include "message/schema.h"

typedef struct weiri_kafka_config {
    const char *brokers; /* bootstrap servers: HOST:PORT[,HOST:PORT...] */
    const char *app;     /* the topics' prefix, and that of transactional ids and of the group */
    const char *module;
    const char *dir;            /* of the local copy: lock and log/, as the embedded engine's */
    const char *const *options; /* librdkafka's own: "name=value" each, ends with NULL; may be NULL */
    const weiri_schema *schema; /* borrowed; for JSON. NULL: reading and checking topics only */
    bool json;                  /* events are written as JSON, else Protobuf */
    bool allow_weak;            /* replication below 3, min.insync.replicas below 2 */
    uint64_t reserve_bytes;     /* of the local copy's disk; 0: 256 MiB */
    uint32_t transaction_ms;    /* transaction.timeout.ms; 0: 10,000 */
    uint32_t partitions;        /* 0: what the topics have; another number is refused */
    const weiri_world *world;
} weiri_kafka_config;

/* Connects, checks the topics (all that is wrong with them in err, with the commands that mend it), reads or writes the log's
 * identity in APP.schemas, opens the local copy and begins to follow. The local copy of another log is refused.
 * Errors: IO (no broker reached within 10 s; not allowed), INVALID (topics, identity, options), NOT_FOUND (no topics: says
 * `weir topics apply`), and those of weiri_embedded_open. */
WEIR_MUST_USE weir_status weiri_kafka_open(const weiri_kafka_config *config, weiri_log **ret_log, weir_error *err);

/* As weiri_log_versions, in APP.schemas; the log needn't be open, only its topics be there. Errors: those, and IO. */
WEIR_MUST_USE weir_status weiri_kafka_versions(
    const weiri_kafka_config *config, weiri_versions_fn *decide, void *user, bool *ret_added, weir_error *err);

/* ---- from an embedded log (transfer.c) --------------------------------------------------------------------- */

typedef struct weiri_transfer_report {
    uint64_t commands, events, outcomes; /* in the topics, all partitions together; commands with their outcomes */
    bool was_done;                       /* before this call */
} weiri_transfer_report;
typedef void weiri_transfer_told_fn(void *user, const char *words); /* how far it is, for people */

/* Copies `from`, an embedded log that nobody writes meanwhile, into the app's empty topics, or goes on with a copy that was begun:
 * id, offsets and order of commands, ids, versions and times are kept. config->dir becomes the local copy. Until it is done, nobody
 * opens the topics. Durable: each step; interrupted anywhere, the same call goes on.
 * Errors: those of weiri_kafka_open; INVALID: the topics aren't empty and hold no copy begun of this log, or have another P. */
WEIR_MUST_USE weir_status weiri_kafka_transfer(const weiri_kafka_config *config, weiri_log *from, weiri_transfer_told_fn *told, void *user,
    weiri_transfer_report *ret_report, weir_error *err);

/* ---- topics, without opening the log (topics.c) ------------------------------------------------------------ */

typedef struct weiri_topic_plan {
    uint32_t partitions;  /* 0: 4, or what the topics have */
    uint32_t replication; /* 0: 3, or the number of brokers if less */
} weiri_topic_plan;

/* One line a topic or setting that is not as it must be: what it is, what it must be, and the command of Kafka's own tools that
 * mends it. `found` is called for each; none: all is well. Errors: IO. */
typedef void weiri_topic_found_fn(void *user, const char *words);
WEIR_MUST_USE weir_status weiri_kafka_plan(
    const weiri_kafka_config *config, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user, weir_error *err);
/* Makes what is missing and alters what can be altered without loss. `found` is told what was done. */
WEIR_MUST_USE weir_status weiri_kafka_apply(
    const weiri_kafka_config *config, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user, weir_error *err);

#endif
