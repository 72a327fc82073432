/* SPDX-License-Identifier: Apache-2.0
 * The world of one test: states of aggregates, views in memory, a clock that only a story moves, and what the last step
 * resulted in. Deciding and evolving are the lane's own code. Thread: one. */
#ifndef WEIRI_STORY_WORLD_H
#define WEIRI_STORY_WORLD_H

#include "command/decision.h"
#include "query/query.h"

typedef struct weiri_story_state {
    uint16_t aggregate;
    char *key;
    ProtobufCMessage *message;
    uint64_t version;
} weiri_story_state;

typedef struct weiri_story_result {
    const weiri_type *type;    /* an event; NULL: a rejection */
    ProtobufCMessage *message; /* of the event, as it was recorded */
    char *code, *text;         /* of the rejection */
} weiri_story_result;

typedef struct weiri_story_world {
    const weiri_schema *schema; /* borrowed */
    weiri_views *views;         /* owned; NULL: none */
    weiri_story_state *states;
    size_t n_states;
    weiri_story_result *results;
    size_t n_results;
    int64_t time_ms;
    uint64_t commands, events; /* so far: sources and offsets */
} weiri_story_world;

/* Takes `views` (NULL: none). 2026-01-01T00:00Z, nothing in it. */
void weiri_story_world_init(weiri_story_world *world, const weiri_schema *schema, weiri_views *views);
void weiri_story_world_fini(weiri_story_world *world);

/* An event that has happened: takes it into its aggregate's state and the views. Errors: INVALID (key, a view's statement). */
WEIR_MUST_USE weir_status weiri_story_world_happen(
    weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *event, uint32_t index, weir_error *err);
/* A command is decided, and what it records happens. The results replace those of the step before.
 * Errors: INVALID: the author's mistakes (an undeclared event, ...), a bad key, a view's statement. */
WEIR_MUST_USE weir_status weiri_story_world_decide(
    weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *command, weir_error *err);
void weiri_story_world_forget_results(weiri_story_world *world);

/* NULL: nothing has happened to it. */
const weiri_story_state *weiri_story_world_state(const weiri_story_world *world, uint16_t aggregate, const char *key);

#endif
