/* SPDX-License-Identifier: Apache-2.0
 * What deciding (lane_decide.c) and staging (lane_stage.c) say to each other about the command in hand. */
#ifndef WEIRI_LANE_STAGE_H
#define WEIRI_LANE_STAGE_H

#include "command/lane.h"

typedef struct weiri_subject {
    const weiri_request *request;
    const weiri_type *type; /* NULL: one of weir's own, or none that is known here */
    uint16_t aggregate;     /* WEIRI_NO_TYPE: not known */
    const char *key_text;
    weiri_bytes key, scope, id, source, headers, payload;
    weiri_state_entry *entry; /* NULL: no events yet */
    uint64_t version;
    weiri_source *known; /* NULL: the source is new here, or none was given */
    uint64_t at;         /* the command's offset, once staged */
} weiri_subject;

/* An end without events. */
typedef struct weiri_ending {
    const char *type; /* of the outcome record */
    weir_status status;
    const char *code, *text; /* code "": none; of a domain's rejection: the decision's */
    bool of_domain;          /* the code is the decision's */
    bool remembered;         /* the window keeps it, if the id is a client's and no source was given */
    bool moves;              /* a source goes on past it */
    bool repeats;
    const weiri_window_entry *first; /* what it repeats, where the window has it */
    bool names;                      /* the outcome names another command, as a repeat does ... */
    uint64_t original;               /* ... which is this one */
    const uint64_t *last;            /* of a gap: where its source is */
    uint64_t attempt;                /* 0, or what the attempt file calls it, for whoever releases it */
    bool discards;
    const char *unanswered; /* a rejection that reaches no process: of a command of this type; else NULL */
} weiri_ending;

weiri_answer_kind weiri_lane_kind_of(const weiri_request *request); /* what its answer is */
weiri_pending *weiri_lane_answer(weiri_lane *lane, const weiri_request *request, weir_status status);
/* The words of an answer; `code` NULL: it is the decision's, and goes in front of them. */
void weiri_lane_answer_words(weiri_lane *lane, weiri_pending *pending, const char *code, const char *text);
/* Stores the command with an outcome record, and answers. */
weiri_pending *weiri_lane_end(weiri_lane *lane, weiri_subject *s, const weiri_ending *end);
/* What is refused leaves no trace, and may be sent again; but on a shared log it has been consumed, and leaves an outcome. `last`: of a
 * gap, where the source is; else NULL. */
weiri_pending *weiri_lane_refuse(
    weiri_lane *lane, weiri_subject *s, weir_status status, const char *code, const char *text, const uint64_t *last);
/* Stores the command with the events of lane->decision, evolves by them, and answers. */
void weiri_lane_end_with_events(weiri_lane *lane, weiri_subject *s);
/* Stores that a view is never to take in an event: for the views alone. */
void weiri_lane_discard(weiri_lane *lane, weiri_subject *s);

/* ---- lane_step.c */
void weiri_lane_step(weiri_lane *lane, weiri_subject *s, uint64_t command); /* `command`: as the attempt file calls it */

/* ---- lane_process.c */
/* The rows of weiri_commands_ask_processes. */
void weiri_lane_tell_processes(weiri_lane *lane, const weiri_request *request);
/* Into lane->headers, where a process is concerned: what its router needs to tell it. True: nobody will hear. */
bool weiri_lane_add_rejection(weiri_lane *lane, const weiri_subject *s, const weiri_ending *end);

/* ---- lane_quarantine.c */
/* True: its aggregate takes no commands, and it is answered so. `attempt`: what the attempt file calls it. */
bool weiri_lane_kept_out(weiri_lane *lane, weiri_subject *s, uint64_t attempt);
/* Answers a command of a source that came before and is held. */
void weiri_lane_repeat_held(weiri_lane *lane, weiri_subject *s, const weiri_held *held);
/* It has killed too often, or is a step that can't be done: nothing comes of it, and its aggregate takes no commands until a person
 * releases it. `code`: static. */
void weiri_lane_hold(weiri_lane *lane, weiri_subject *s, uint64_t attempt, const char *code, const char *text);
void weiri_lane_release(weiri_lane *lane, weiri_subject *s);
/* Fills the answer if the command looked up is one that killed and is held. */
void weiri_lane_look_up_held(weiri_lane *lane, const weiri_subject *s, weiri_pending *pending);
void weiri_lane_tell_held(weiri_lane *lane, const weiri_request *request);

#endif
