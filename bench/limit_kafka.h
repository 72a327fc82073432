/* SPDX-License-Identifier: Apache-2.0
 * The bare loop beside weir on Kafka: consume, decide, produce, commit, with nothing kept, checked, remembered or answered; and topics
 * for both. A loop writes either what weir writes, record for record and header for header, or the event alone without any header. */
#ifndef BENCH_LIMIT_KAFKA_H
#define BENCH_LIMIT_KAFKA_H

#include "log/kafka/kafka.h"

/* Fresh topics of one partition; the app's name is made. */
void bare_topics(const char *brokers, char app[32]);
/* Puts n commands into APP.commands, as any client would: key, ce_type, Protobuf. */
void bare_fill(const char *brokers, const char *app, unsigned n);

typedef enum bare_kind {
    BARE_LIKE,  /* an event and an outcome a command, with the headers of docs/formats/kafka.md */
    BARE_PLAIN, /* an event a command: key and value */
} bare_kind;
/* Commands a second from the end of the first transaction to that of the last, at most `batch` a transaction. */
double bare_rate(const char *brokers, const char *app, bare_kind kind, unsigned n, unsigned batch);

/* A loop that runs on a thread of its own, and somebody who sends to it. */
typedef struct bare_loop bare_loop;
bare_loop *bare_loop_start(const char *brokers, const char *app, bare_kind kind, unsigned batch);
void bare_loop_send(bare_loop *loop, unsigned i);
/* Waits until n commands are done; when each was, in the order of sending. */
const int64_t *bare_loop_wait(bare_loop *loop, unsigned n);
void bare_loop_stop(bare_loop *loop);

/* Bytes of a record (key, value, headers' names and values), the mean of the last `n` of APP.events or APP.outcomes; 0: there are none. */
double bare_weigh(const char *brokers, const char *app, const char *topic, unsigned n);

/* Seconds from the start of a member of a fresh group until it has the partition, after its predecessor was killed: what a session's
 * end costs anybody. Runs `self` "member" as the killed one. */
double bare_take_over(const char *brokers, const char *app, const char *self);
void bare_member(const char *brokers, const char *app); /* says "given" and stays */

#endif
