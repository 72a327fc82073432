/* SPDX-License-Identifier: Apache-2.0
 * The quarantine of one partition: aggregates that a command has killed the process at, until a person releases them. What is held
 * is a function of the log (outcomes[p]) alone: the command itself, and those of bulk sources that came for its aggregate later, so
 * that each can be tried again under its own sequence. docs/decisions/0101. Thread: its lane (recovery: the one that recovers it). */
#ifndef WEIRI_QUARANTINE_H
#define WEIRI_QUARANTINE_H

#include "base/error.h"
#include "command/window.h"

enum { WEIRI_HELD_MOST = 16384 }; /* held in a partition */

/* As it lies in the checkpoint and in answers; then the key, then the source's name. Little-endian. */
typedef struct weiri_held_row {
    uint64_t command, outcome; /* its offsets in commands[p] and outcomes[p] */
    uint64_t sequence;         /* in its source; 0: it has none */
    uint64_t attempt;          /* a cause: what the attempt file calls it */
    weiri_id_hash id;
    uint16_t aggregate;
    uint8_t key_size, source_size;
    uint8_t cause;    /* 1: it killed; 0: it came behind one that did */
    uint8_t released; /* 1: it may be tried again, and its aggregate takes commands */
    uint8_t zero[2];
} weiri_held_row;
_Static_assert(sizeof(weiri_held_row) == 56, "docs/formats/checkpoint.md");

typedef struct weiri_held {
    struct weiri_held *next, *previous; /* in the order they came */
    struct weiri_held *next_of_key, *next_of_source;
    uint64_t key_hash, source_hash;
    weiri_held_row row;
    char names[]; /* key, source */
} weiri_held;

enum { WEIRI_HELD_BUCKETS = 256 };
typedef struct weiri_quarantine {
    weiri_held *first, *last;
    uint32_t count, aggregates; /* aggregates: that take no commands */
    weiri_held *by_key[WEIRI_HELD_BUCKETS], *by_source[WEIRI_HELD_BUCKETS];
} weiri_quarantine; /* zero-initialise */

void weiri_quarantine_fini(weiri_quarantine *quarantine);

/* The command for which an aggregate takes no others, `hash` of weiri_states_hash; NULL: it takes them. */
weiri_held *weiri_quarantine_of_key(const weiri_quarantine *quarantine, uint64_t hash, uint16_t aggregate, weiri_bytes key);
/* The command of a source with this sequence, held or released; NULL: neither. */
weiri_held *weiri_quarantine_of_source(const weiri_quarantine *quarantine, weiri_bytes source, uint64_t sequence);

/* The sizes in `row` are filled in. It takes the place of a released one with its id. The caller looks at WEIRI_HELD_MOST. */
void weiri_quarantine_add(weiri_quarantine *quarantine, const weiri_held_row *row, weiri_bytes key, weiri_bytes source);
/* A command of a source has an outcome: if it was held, it is so no more. */
void weiri_quarantine_settle(weiri_quarantine *quarantine, weiri_bytes source, uint64_t sequence);
/* The same for one with an id; `hash`: of its aggregate. */
void weiri_quarantine_settle_id(weiri_quarantine *quarantine, uint64_t hash, weiri_id_hash id);
/* The aggregate takes commands again. What is held of it waits, released, to be tried again; `discard`: it is forgotten instead, and
 * what was released too. Returns how many that were. */
uint32_t weiri_quarantine_release(weiri_quarantine *quarantine, uint64_t hash, uint16_t aggregate, weiri_bytes key, bool discard);

/* All of them as rows, in order; and back into an empty quarantine of a module with so many aggregates. Errors: CORRUPT. */
void weiri_quarantine_write(const weiri_quarantine *quarantine, weiri_buffer *to);
WEIR_MUST_USE weir_status weiri_quarantine_read(weiri_quarantine *quarantine, size_t aggregates, weiri_bytes rows);
/* The row at *at, which moves on; false: no more, or damaged. Names are borrowed. */
bool weiri_held_next(weiri_bytes rows, size_t *at, weiri_held_row *ret_row, weiri_bytes *ret_key, weiri_bytes *ret_source);

#endif
