/* SPDX-License-Identifier: Apache-2.0
 * One command being decided: what the author's decide sees as weir_decision. Deterministic: its only time is given, its
 * only chance comes from the command's id. Used by lanes and by stories. Reused from command to command, so that deciding
 * allocates nothing. Thread: one at a time. */
#ifndef WEIRI_DECISION_H
#define WEIRI_DECISION_H

#include <weir/domain.h>
#include "base/bytes.h"
#include "message/schema.h"

enum { WEIRI_DECISION_MOST = 2 << 20 }; /* bytes of all events of one decision */

typedef struct weiri_emitted {
    const weiri_type *type;
    size_t start, size; /* of its packed bytes in packed */
} weiri_emitted;

struct weir_decision {
    const weiri_schema *schema;
    const weiri_type *command;
    const char *key; /* with a NUL; borrowed */
    weiri_bytes id;  /* seeds weir_random; borrowed */
    uint64_t version;
    int64_t time_ms;
    uint64_t draws;
    weiri_buffer packed;      /* the emitted events' bytes */
    weiri_buffer copy;        /* the event being packed, with its key filled in */
    const weiri_type *recent; /* what was emitted last, of this schema: saves the look-up by name */
    weiri_emitted *emitted;
    size_t n_emitted, room;
    weir_status status; /* OK, REJECTED, or INVALID: the author's mistake, which sticks */
    char code[64];
    char text[512];
};

/* Zero-initialise a decision once; then begin, for each command. */
void weiri_decision_begin(weir_decision *d, const weiri_schema *schema, const weiri_type *command, const char *key, weiri_bytes id,
    uint64_t version, int64_t time_ms);
/* Runs decide. Returns what became of it: OK (0 or more emitted events), REJECTED (code, text), INVALID (the author's mistake in
 * text: undeclared event, foreign key, emit after reject, WEIR_REJECTED without weir_reject, an event above WEIRI_MESSAGE_MOST or
 * events above WEIRI_DECISION_MOST together). */
WEIR_MUST_USE weir_status weiri_decision_run(weir_decision *d, const void *state, const ProtobufCMessage *command);
/* An event that is packed already, as if it had been emitted: of a step of a process. */
void weiri_decision_add(weir_decision *d, const weiri_type *type, weiri_bytes packed);
weiri_bytes weiri_decision_event(const weir_decision *d, size_t i);
void weiri_decision_fini(weir_decision *d);

#endif
