/* SPDX-License-Identifier: Apache-2.0
 * Single records read back from the log, and the words of a rejection that stands there. Thread: one at a time. */
#ifndef WEIRI_RECALL_H
#define WEIRI_RECALL_H

#include "command/command.h"

typedef struct weiri_recall {
    weiri_log *log;
    weiri_chunk chunk;
    weiri_topic topic; /* of the chunk, with the next two */
    uint32_t partition;
    uint64_t passed; /* the iterator is behind this offset; WEIRI_NO_OFFSET: the chunk is empty */
    char code[64], words[1024];
} weiri_recall; /* begin with { .log = ..., .passed = WEIRI_NO_OFFSET } */

/* The record at an offset; borrowed from the chunk. Repeats often come in the order of their originals: then one chunk serves many. */
bool weiri_recall_record(weiri_recall *recall, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_record *ret_record);
/* Code and text of an outcome, into `answer`; they lie in `recall`. */
void weiri_recall_words(weiri_recall *recall, const weiri_record *record, weiri_answer *answer);
/* The same of the outcome at an offset. */
void weiri_recall_words_at(weiri_recall *recall, uint32_t partition, uint64_t offset, weiri_answer *answer);
void weiri_recall_fini(weiri_recall *recall);

#endif
