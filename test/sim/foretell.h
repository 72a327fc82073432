/* SPDX-License-Identifier: Apache-2.0
 * What foretelling (foretell.c) and reading the log (model.c) say to each other about the command in hand. */
#ifndef SIM_FORETELL_H
#define SIM_FORETELL_H

#include "sim.h"

typedef struct sim_command { /* a command in hand */
    sim *s;
    uint32_t p;
    sim_partition *part;
    sim_submission *sub;
    sim_aggregate *aggregate;
    sim_outcome out;
    bool remembered, moves;
    bool names;         /* the outcome names another command, the original */
    bool held;          /* it is a repeat of one in quarantine */
    int64_t amounts[3]; /* of the events */
    uint64_t original;
    int64_t time_ms;
} sim_command;

/* What must become of it: t->out, and what else is said of that. What is in quarantine changes by it. */
void sim_foretell(sim_command *t);
/* Its outcome has been read: the window and the sources keep what they must. */
void sim_remember(sim_command *t);

#endif
