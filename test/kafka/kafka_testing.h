/* SPDX-License-Identifier: Apache-2.0
 * For tests of the Kafka log, against the broker that WEIR_KAFKA names: topics of an app of one's own, and lanes that take what they
 * are given, serve it and note what they are told. Without WEIR_KAFKA every test fails, with words. */
#ifndef KAFKA_TESTING_H
#define KAFKA_TESTING_H

#include "log/kafka/kafka.h"
#include "log/log_testing.h"

enum { KAFKA_TESTING_PARTITIONS = 8, KAFKA_TESTING_COMMANDS = 64 };

typedef struct kafka_command {
    uint64_t source;
    char type[64], key[64], id[64], payload[256], flaw[160];
    uint8_t flags;
} kafka_command;

typedef struct kafka_part {
    bool given, serving, hold; /* hold: `given` is noted and not claimed */
    unsigned givens, revokes, claims_closed, claims_failed;
    weir_error failure;
    uint64_t from; /* where commands begin; WEIRI_NO_OFFSET: they don't */
    unsigned commands;
    kafka_command command[KAFKA_TESTING_COMMANDS];
} kafka_part;

typedef struct kafka_lanes {
    weiri_log *log;
    weiri_lock lock;
    weiri_signal changed;
    kafka_part parts[KAFKA_TESTING_PARTITIONS]; /* guarded by lock */
    bool keep;                                  /* `revoked` is not answered with a release: for tests of the 5 s */
} kafka_lanes;

const char *kafka_testing_brokers(void);
/* A name that no other run has; free with weiri_release. */
char *kafka_testing_app(void);
void kafka_testing_topics(const char *app, uint32_t partitions);
weiri_kafka_config kafka_testing_config(const char *app, const char *dir);
/* Opens, and fails the test on errors. */
weiri_log *kafka_testing_open(const char *app, const char *dir);

/* Sends so many commands to a partition, and waits until they are stored. */
void kafka_testing_send(weiri_log *log, uint32_t partition, unsigned n);

/* Joins the group; every partition that is given is claimed and served. */
kafka_lanes *kafka_lanes_join(weiri_log *log, bool commands);
void kafka_lanes_free(kafka_lanes *lanes); /* after the log was closed */
/* Waits until `so` is true of the lanes; fails the test after a minute. */
void kafka_lanes_await(kafka_lanes *lanes, bool (*so)(kafka_lanes *lanes, void *user), void *user);
/* Waits until so many partitions are served. */
void kafka_lanes_await_serving(kafka_lanes *lanes, unsigned partitions);
/* After partition 0, given once, was lost to another writer: claims it, as whoever served it does, and waits until the group has
 * given it again and it is served. The claim is CLOSED, unless the group was faster. */
void kafka_lanes_await_again(kafka_lanes *lanes);

#endif
