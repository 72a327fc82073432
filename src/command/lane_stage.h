/* SPDX-License-Identifier: Apache-2.0
 * What deciding (lane_decide.c) and staging (lane_stage.c) say to each other about the command in hand. */
#ifndef WEIRI_LANE_STAGE_H
#define WEIRI_LANE_STAGE_H

#include "command/lane.h"

typedef struct weiri_subject {
    const weiri_request *request;
    const weiri_type *type; /* NULL: none that is known here */
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
    const weiri_window_entry *first; /* what it repeats; NULL: known by its source alone */
    const uint64_t *last;            /* of a gap: where its source is */
} weiri_ending;

weiri_pending *weiri_lane_answer(weiri_lane *lane, const weiri_request *request, weir_status status);
/* The words of an answer; `code` NULL: it is the decision's, and goes in front of them. */
void weiri_lane_answer_words(weiri_lane *lane, weiri_pending *pending, const char *code, const char *text);
/* Stores the command with an outcome record, and answers. */
weiri_pending *weiri_lane_end(weiri_lane *lane, weiri_subject *s, const weiri_ending *end);
/* Stores the command with the events of lane->decision, evolves by them, and answers. */
void weiri_lane_end_with_events(weiri_lane *lane, weiri_subject *s);

#endif
