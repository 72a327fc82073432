/* SPDX-License-Identifier: Apache-2.0
 * Inside the room: one test while it runs, and the words whose meaning stands in files of their own. Thread: one. */
#ifndef WEIRI_STORY_INSIDE_H
#define WEIRI_STORY_INSIDE_H

#include "story/story_file.h"
#include "story/story_world.h"

typedef struct weiri_story_running {
    const char *path;
    const weiri_step *step;
    weiri_story_world *world;
    weiri_buffer *talk;
    size_t named; /* results that a `then` has named */
    bool thens;   /* there was one since the last step that had results */
    int thens_line;
    bool through; /* the last step that did something was `run`: what follows is carried out, too */
} weiri_story_running;

/* Says FILE:LINE: text. Both return false: the test ends here. */
bool weiri_story_differs(weiri_story_running *r, const char *format, ...) WEIR_PRINTF(2, 3);
/* An error of a step; one with a place of its own (a view's statement) keeps it behind the story's. */
bool weiri_story_fails(weiri_story_running *r, const weir_error *err);

/* "Type field=value ...": the type looked up, the message read; the type alone gives *ret_bare (NULL: not asked). Owns: gives *ret_message.
 * Errors: INVALID, NOT_FOUND. */
WEIR_MUST_USE weir_status weiri_story_read_message(const weiri_schema *schema, weiri_type_kind kind, const char *text,
    const weiri_type **ret_type, ProtobufCMessage **ret_message, bool *ret_bare, weir_error *err);
bool weiri_story_same_message(const ProtobufCMessage *a, const ProtobufCMessage *b);
/* "30min": a whole number and ms, s, min, h or d. False: it is none. */
bool weiri_story_span_read(const char *text, int64_t *ret_ms);

bool weiri_story_then(weiri_story_running *r);
bool weiri_story_all_named(weiri_story_running *r); /* once one `then` is there, all results must be named */
bool weiri_story_rows(weiri_story_running *r);

#endif
