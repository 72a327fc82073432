/* SPDX-License-Identifier: Apache-2.0
 * One handle of librdkafka, configured for one of its uses here, and the last thing that went wrong with it, in words. What must be
 * as it is for weir to lose nothing can't be set by options. Thread: callbacks come on librdkafka's threads and guard what they write. */
#ifndef WEIRI_KAFKA_CLIENT_H
#define WEIRI_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include "log/kafka/kafka.h"

typedef enum weiri_kafka_use {
    WEIRI_KAFKA_READER,    /* partitions read by hand: read_committed, explicit offsets */
    WEIRI_KAFKA_LOOKER,    /* asked for ends, of what is not committed too; never reads */
    WEIRI_KAFKA_FOLLOWER,  /* a reader that is told when it stands at an end */
    WEIRI_KAFKA_MEMBER,    /* of the group: membership alone, never fetches */
    WEIRI_KAFKA_WRITER,    /* transactional */
    WEIRI_KAFKA_SENDER,    /* idempotent */
    WEIRI_KAFKA_EVERYTHING /* of topics: admin requests */
} weiri_kafka_use;

/* A writer's request is sent when it has so many records, or so many bytes of keys and values (librdkafka's own limit), or by a flush. */
enum { WEIRI_KAFKA_REQUEST_RECORDS = 2000, WEIRI_KAFKA_REQUEST_BYTES = 1000000 };

typedef struct weiri_kafka_client {
    rd_kafka_t *rk;
    void *user; /* for the callbacks of who opened it */
    weiri_lock lock;
    char last_error[512];   /* guarded by lock */
    _Atomic int last_code;  /* rd_kafka_resp_err_t */
    _Atomic bool down;      /* all brokers are, as far as is known */
    _Atomic bool refused;   /* they answer, and don't let us in: waiting helps nobody */
    weiri_lock *lock_known; /* NULL: lock was not made */
} weiri_kafka_client;       /* zero-initialise */

typedef struct weiri_kafka_callbacks {
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
    void (*rebalance)(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque);
    const char *transactional_id;
    void *user;
} weiri_kafka_callbacks; /* opaque is the client */

/* Makes the handle; no broker is asked yet. Errors: INVALID (an option that isn't one, or is weir's own), NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_kafka_client_open(weiri_kafka_client *client, weiri_kafka_use use, const weiri_kafka_config *config,
    const weiri_kafka_callbacks *callbacks, weir_error *err);
/* Asks for metadata until a broker answers. Errors: IO: none did in time, or they let us not in: which address and why. */
WEIR_MUST_USE weir_status weiri_kafka_client_reach(
    weiri_kafka_client *client, const char *brokers, int timeout_ms, const weiri_world *world, weir_error *err);
/* The last error in words, "" if there was none. */
void weiri_kafka_client_words(weiri_kafka_client *client, char *to, size_t size);
/* Of a consumer: leaves no group (the group's member does that itself). Fine with NULL inside. */
void weiri_kafka_client_close(weiri_kafka_client *client);

/* Metadata of one topic, so that the first produce or fetch doesn't wait a second for it. Errors: IO. */
WEIR_MUST_USE weir_status weiri_kafka_client_topic(
    weiri_kafka_client *client, const char *app, weiri_topic topic, int timeout_ms, rd_kafka_topic_t **ret_topic, weir_error *err);
enum { WEIRI_KAFKA_TOPIC_ROOM = 250 }; /* Kafka's own limit is 249 */
void weiri_kafka_topic_name(const char *app, weiri_topic topic, char to[WEIRI_KAFKA_TOPIC_ROOM]);

#endif
