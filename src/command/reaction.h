/* SPDX-License-Identifier: Apache-2.0
 * One step of one process instance: what the author's functions see as weir_reaction. Pure: (process, instance, trigger, time) to the
 * packed event weir.process-stepped, which says all that the step does. Used by lanes and by stories. Reused from step to step.
 * Thread: one at a time. */
#ifndef WEIRI_REACTION_H
#define WEIRI_REACTION_H

#include <weir/domain.h>
#include "base/bytes.h"
#include "message/process.pb-c.h"
#include "message/schema.h"

enum {
    WEIRI_SENDS_MOST = 1024,     /* commands of one step */
    WEIRI_HOPS_MOST = 4096,      /* steps, one because of the other, without a timer between: then it is a loop (header weir-hops) */
    WEIRI_TIMERS_MOST = 1000000, /* pending in a partition */
};

typedef enum weiri_trigger_kind {
    WEIRI_TRIGGER_EVENT,
    WEIRI_TRIGGER_REJECTION,
    WEIRI_TRIGGER_TIMER,
} weiri_trigger_kind; /* as in Weir__StepProcess__Kind */

/* What reaches an instance. All borrowed. */
typedef struct weiri_trigger {
    weiri_trigger_kind kind;
    const weiri_type *type;  /* EVENT: as stored, old or new; REJECTION: of the command */
    weiri_bytes payload;     /* its bytes */
    const char *code, *text; /* REJECTION: as the process is told */
    const char *timer;       /* TIMER */
    uint64_t set_by;         /* TIMER: position of the step that set it */
} weiri_trigger;

/* A command that the step sends. */
typedef struct weiri_sent {
    const weiri_type *type;
    weiri_bytes key, payload; /* borrowed until the next step */
} weiri_sent;

typedef enum weiri_reacted {
    WEIRI_STEPPED,    /* there is an event to store */
    WEIRI_PASSED_BY,  /* nothing happens: no such instance, or it has finished; a timer that isn't that very one, or not due yet */
    WEIRI_UNANSWERED, /* a rejection that nobody hears: no row, no instance, or it has finished. Nothing happens, but it is listed */
} weiri_reacted;

struct weir_reaction {
    const weiri_schema *schema;
    const weir_process *process;
    uint16_t aggregate;
    const char *key;                       /* with a NUL; borrowed */
    const Weir__ProcessInstance *instance; /* NULL: there is none yet */
    uint64_t at;
    int64_t time_ms;
    weiri_buffer bytes; /* keys and payloads of what is sent */
    weiri_buffer sends; /* where they are: sent_at each */
    size_t n_sends;
    bool timer_set[WEIR_TIMERS], timer_cleared[WEIR_TIMERS];
    int64_t due_ms[WEIR_TIMERS];
    bool finished;
    weir_status status; /* OK, or INVALID: the author's mistake, which sticks */
    char text[512];
    weiri_buffer stepped;
};

/* Zero-initialise a reaction once; then begin, for each step. `aggregate`: of the process, in the schema; `instance` NULL: no step of it
 * yet; `at`: position of the command that brings the trigger, which names the timers that the step sets. */
void weiri_reaction_begin(weir_reaction *r, const weiri_schema *schema, uint16_t aggregate, const char *key,
    const ProtobufCMessage *instance, uint64_t at, int64_t time_ms);
/* Runs the row of the trigger. Errors: INVALID (the author's mistake, in r->text: no row for a timer, an unknown command, no key; then
 * nothing happens), CORRUPT (the kept state or the trigger's bytes can't be read), NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_reaction_run(weir_reaction *r, const weiri_trigger *trigger, weiri_reacted *ret_reacted);
/* After WEIRI_STEPPED: Weir__ProcessStepped, packed. */
static inline weiri_bytes
weiri_reaction_stepped(const weir_reaction *r)
{
    return weiri_buffer_bytes(&r->stepped);
}
weiri_sent weiri_reaction_sent(const weir_reaction *r, size_t i); /* i < r->n_sends */
void weiri_reaction_fini(weir_reaction *r);

/* The row of a process for an event (of today), a rejected command, a timer; NULL: it has none. */
weir_event_fn *weiri_process_row(const weir_process *process, const ProtobufCMessageDescriptor *event, bool *ret_starts);
weir_rejected_fn *weiri_process_rejection(const weir_process *process, const ProtobufCMessageDescriptor *command);
int weiri_process_timer(const weir_process *process, const char *name); /* index of its row; -1: none */
/* Which instance an event is for: the text of its key field, "" where it passes by. `digits` holds it if it is a number.
 * A key that no record can have (255 bytes, UTF-8) is "" as well. */
weiri_bytes weiri_process_key(const weir_process *process, const ProtobufCMessage *event, char digits[WEIRI_KEY_DIGITS]);

#endif
