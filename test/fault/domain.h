/* SPDX-License-Identifier: Apache-2.0
 * The domain of the fault tests, and its commands by number: what command i is and what it must have recorded can be told
 * from i alone, so that a log can be checked without having seen it made. */
#ifndef FAULT_DOMAIN_H
#define FAULT_DOMAIN_H

#include <weir/weir.h>
#include "testing.pb-c.h"

extern const weir_module fault_module; /* Add: 0 is accepted without events, below 0 rejected "negative", else 1 to 4 Added */

enum { FAULT_KEYS = 41, FAULT_NOTE_MOST = 6000 };

typedef struct fault_command {
    Testing__V1__Add message;
    char id[24], key[16], note[FAULT_NOTE_MOST + 1];
} fault_command;

void fault_command_make(fault_command *command, unsigned i);
unsigned fault_events_of(int64_t amount); /* how many events it makes */

/* What the workload has heard of one command: written whole, in one write. partition -1: accepted, and no more was said. */
typedef struct fault_heard {
    uint32_t i, events;
    int32_t status, partition;
    uint64_t version, source;
} fault_heard;
_Static_assert(sizeof(fault_heard) == 32, "test_fault.py counts by size");

#endif
