/* SPDX-License-Identifier: Apache-2.0
 * What a sound data directory answers: every record of its log byte for byte, a view's rows, answers to commands sent again. Then
 * the same is asked of a damaged copy. One thread. */
#ifndef FAULT_ORACLE_H
#define FAULT_ORACLE_H

#include "domain.h"
#include "log/log.h"

enum { ORACLE_PARTITIONS = 2, ORACLE_WORDS = 400 };

typedef enum oracle_verdict {
    ORACLE_RIGHT,
    ORACLE_FOUND, /* damage was told, and nothing wrong was served */
    ORACLE_WRONG,
} oracle_verdict;

typedef struct oracle {
    weiri_buffer records[WEIRI_TOPICS][ORACLE_PARTITIONS]; /* u32 size, bytes; in order of offsets */
    uint64_t ends[WEIRI_TOPICS][ORACLE_PARTITIONS];
    weiri_buffer rows;   /* of the view */
    weiri_buffer states; /* of every aggregate, as the lanes have them */
    const fault_heard *heard;
    size_t heard_n;
    const char *views;
} oracle;

/* Asks `dir`, which must be sound; ends the program otherwise. It is written to: give it a copy. */
void oracle_make(oracle *o, const char *dir);
/* The log alone, opened as an engine opens it. `more`: newer records may lie behind what is known. `words`: what was found or wrong. */
oracle_verdict oracle_ask_log(const oracle *o, const char *dir, bool more, char words[ORACLE_WORDS]);
/* The engine: its view, old commands sent again, and `fresh` new ones one by one. */
oracle_verdict oracle_ask_engine(const oracle *o, const char *dir, unsigned fresh, char words[ORACLE_WORDS]);

#endif
