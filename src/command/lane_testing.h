/* SPDX-License-Identifier: Apache-2.0
 * For tests of lanes: an engine's command side over a real log in a temporary directory, commands of the tests' module, and
 * answers copied out of callbacks. Linked into tests only. */
#ifndef LANE_TESTING_H
#define LANE_TESTING_H

#include "command/command.h"
#include "log/embedded/embedded.h"

typedef struct testing_side {
    char *dir;
    weiri_schema *schema;
    weiri_log *log;
    weiri_commands *commands;
    weiri_commands_config config; /* change it between opens */
    uint32_t partitions;          /* of a new log */
} testing_side;

void testing_side_init(testing_side *side); /* a fresh directory; opens nothing */
void testing_side_open(testing_side *side);
weir_status testing_side_try_open(testing_side *side, weir_error *err); /* on failure nothing is open */
void testing_side_close(testing_side *side);
void testing_side_fini(testing_side *side); /* closes if need be, removes the directory */

/* An answer, kept. */
typedef struct testing_answer {
    weiri_answer answer; /* its pointers point in here */
    char code[64], text[1024];
    uint8_t state[256];
    _Atomic unsigned calls;
} testing_answer;
void testing_answer_init(testing_answer *answer);
void testing_answered(void *user, const weiri_answer *answer); /* a weiri_answer_fn; user: a testing_answer */
void testing_answer_wait(testing_answer *answer);

/* A command of the tests' module, as a request: the key is `counter`'s. id "" : one is made, and is not a client's. */
typedef struct testing_command {
    const char *counter, *id, *source;
    bool reset; /* Reset; else Add */
    bool expect;
    int64_t amount;
    uint64_t expected_version, sequence, previous, fingerprint;
    int64_t timeout_ms;
} testing_command;
weir_status testing_send(testing_side *side, const testing_command *command, testing_answer *answer, weir_error *err);
/* Sends and waits. */
void testing_run(testing_side *side, const testing_command *command, testing_answer *answer);
void testing_ask_state(testing_side *side, const char *counter, testing_answer *answer);
/* Total of a counter as its state says; -1: not there. */
int64_t testing_total(testing_side *side, const char *counter, uint64_t *ret_version);
/* Records in a topic, over all partitions. */
uint64_t testing_records(testing_side *side, weiri_topic topic);
void testing_remove(const char *dir, const char *name); /* rm -r DIR/NAME */
void testing_copy(const char *dir, const char *from, const char *to);

/* The n-th command of a mixed load: accepted, empty, rejected; every third with an id. Over 37 counters. */
testing_command testing_mixed(unsigned n, char counter[16], char id[16]);
/* Sends those from `from` to before `to`, and waits for all. */
void testing_send_mixed(testing_side *side, unsigned from, unsigned to);
/* All that lanes know after `commands` of the mixed load, as text for weiri_release: states, answers to repeats, the source "file". */
char *testing_knowledge(testing_side *side, unsigned commands);
uint64_t testing_recovered(testing_side *side); /* events replayed at opening, in all partitions */

#endif
