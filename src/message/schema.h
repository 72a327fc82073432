/* SPDX-License-Identifier: Apache-2.0
 * A module's messages and tables, compiled for look-up and checked as a whole. Immutable once made.
 * Thread: any. Owns: descriptors and functions are borrowed from the module, which must outlive it. */
#ifndef WEIRI_SCHEMA_H
#define WEIRI_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>
#include <weir/domain.h>
#include "base/bytes.h"
#include "base/error.h"

typedef struct weiri_schema weiri_schema;

typedef enum weiri_type_kind {
    WEIRI_TYPE_COMMAND,
    WEIRI_TYPE_EVENT,
    WEIRI_TYPE_STATE,
} weiri_type_kind;

typedef struct weiri_type {
    const ProtobufCMessageDescriptor *descriptor;
    weiri_type_kind kind;
    uint16_t number;                     /* its index in the schema: weiri_schema_type(schema, number) */
    uint16_t aggregate;                  /* index of its aggregate in the schema */
    const weir_process *process;         /* of weir's own types, which say what happens to an instance; else NULL */
    const ProtobufCFieldDescriptor *key; /* NULL for states, and for old events without it */
    weir_decide_fn *decide;              /* commands */
    weir_evolve_fn *evolve;              /* events; NULL: the state stays */
    const weir_upcast_row *upcast;       /* old events; NULL: of today */
    const struct weiri_type *next;       /* old events: what upcast makes */
    const struct weiri_type *newest;     /* what the chain of upcasts ends in; itself for all others */
} weiri_type;

/* Compiles `module`, adding everything that is wrong with it to `problems` (see docs/load-checks.md).
 * Owns: gives *ret_schema, for weiri_schema_free, only if nothing is wrong (else NULL). */
void weiri_schema_new(const weir_module *module, weiri_schema **ret_schema, weiri_problems *problems);
void weiri_schema_free(weiri_schema *schema); /* NULL is fine */

const weir_module *weiri_schema_module(const weiri_schema *schema);
size_t weiri_schema_types(const weiri_schema *schema);
const weiri_type *weiri_schema_type(const weiri_schema *schema, size_t number);
/* The module's, and behind them its processes: an instance is kept as an aggregate is. */
size_t weiri_schema_aggregates(const weiri_schema *schema);
const weir_aggregate *weiri_schema_aggregate(const weiri_schema *schema, size_t index);
const weiri_type *weiri_schema_state(const weiri_schema *schema, size_t aggregate);
/* -1: there is none of that name. */
int weiri_schema_aggregate_find(const weiri_schema *schema, weiri_bytes name);

/* Processes, by index in the module. */
size_t weiri_schema_processes(const weiri_schema *schema);
/* The process that an aggregate of the schema is; NULL: it is an aggregate of the module. */
const weir_process *weiri_schema_process(const weiri_schema *schema, size_t aggregate);
uint16_t weiri_schema_process_aggregate(const weiri_schema *schema, size_t process);
/* Of a process, by its aggregate: the command that something has reached an instance, and the event that it leaves. Each process has
 * its own types of these names. */
#define WEIRI_COMMAND_STEP "weir.StepProcess"
#define WEIRI_EVENT_STEPPED "weir.process-stepped"
const weiri_type *weiri_schema_step(const weiri_schema *schema, size_t aggregate);
const weiri_type *weiri_schema_stepped(const weiri_schema *schema, size_t aggregate);
/* As weiri_schema_find; of the types that each process has, that of the process called `aggregate`. */
const weiri_type *weiri_schema_find_of(const weiri_schema *schema, weiri_bytes full_name, weiri_bytes aggregate);

/* By full name; NULL: not in this module. Constant time; no allocation. */
const weiri_type *weiri_schema_find(const weiri_schema *schema, weiri_bytes full_name);
/* By full name or unique short name, as people write it. Errors: NOT_FOUND with the nearest name, INVALID (ambiguous). */
WEIR_MUST_USE weir_status weiri_schema_look_up(
    const weiri_schema *schema, weiri_type_kind kind, const char *name, const weiri_type **ret_type, weir_error *err);

/* The same for equal descriptors of all aggregates (names, numbers, types, labels of all fields, nested ones too), whatever
 * the build. For checkpoints, together with the build id of the object that holds the module. */
uint64_t weiri_schema_fingerprint(const weiri_schema *schema);

/* The key of `message` as text: a string field as it is, an integer in decimal into `digits`. Not checked. */
enum { WEIRI_KEY_DIGITS = 24 };
weiri_bytes weiri_type_key(const weiri_type *type, const void *message, char digits[WEIRI_KEY_DIGITS]);
/* The same, checked: one that a record can have (weiri_key_valid). Errors: INVALID, naming the field and the message. */
WEIR_MUST_USE weir_status weiri_type_check_key(
    const weiri_type *type, const void *message, char digits[WEIRI_KEY_DIGITS], weiri_bytes *ret_key, weir_error *err);
/* Puts `key` into an empty key field of `message`; the field borrows `key` (a string: with a NUL behind it).
 * Errors: INVALID when the field holds another key. */
WEIR_MUST_USE weir_status weiri_type_set_key(const weiri_type *type, void *message, const char *key, weir_error *err);

/* Unpacks an event and takes it through its upcasts. *ret_type is the newest type and *ret_message of that type.
 * `allocator` NULL: malloc. Owns: gives *ret_message, for protobuf_c_message_free_unpacked with the same allocator.
 * Fields that an old type doesn't know are kept where the next one has no field of that number. Errors, in words: CORRUPT (these
 * bytes are no such message), INVALID (an upcast failed), NO_MEMORY. Upcasting always uses the default allocator: an upcast message was
 * made by the author; *ret_upcast tells which to free with. */
WEIR_MUST_USE weir_status weiri_type_unpack_event(const weiri_type *type, weiri_bytes payload, ProtobufCAllocator *allocator,
    const weiri_type **ret_type, ProtobufCMessage **ret_message, bool *ret_upcast, weir_error *err);

#endif
