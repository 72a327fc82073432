/* SPDX-License-Identifier: Apache-2.0
 * From `:name.name` in a statement to a value of an event: compiled once against a message's descriptor, so that no name
 * is looked up when events are applied. Thread: a compiled binding, any. */
#ifndef WEIRI_BINDING_H
#define WEIRI_BINDING_H

#include "message/record.h"
#include "message/schema.h"
#include "base/arena.h"
#include "query/query.h"

typedef enum weiri_binding_kind {
    WEIRI_BINDING_FIELD,
    WEIRI_BINDING_KEY,
    WEIRI_BINDING_VERSION,
    WEIRI_BINDING_TIME,
    WEIRI_BINDING_PARTITION,
    WEIRI_BINDING_OFFSET,
    WEIRI_BINDING_TYPE,
    WEIRI_BINDING_COMMAND_ID,
    WEIRI_BINDING_INDEX,
} weiri_binding_kind;

typedef enum weiri_time_part {
    WEIRI_TIME_WHOLE,
    WEIRI_TIME_MINUTE,
    WEIRI_TIME_HOUR,
    WEIRI_TIME_DAY,
    WEIRI_TIME_DATE,
    WEIRI_TIME_TEXT,
} weiri_time_part;

enum { WEIRI_BINDING_DEPTH = 8 };
typedef struct weiri_binding {
    weiri_binding_kind kind;
    weiri_time_part part;
    bool in_each; /* the path begins at the element of the run's each, which is fields[0] */
    uint8_t depth;
    const ProtobufCFieldDescriptor *fields[WEIRI_BINDING_DEPTH];
} weiri_binding;

/* Compiles `path` for events of `type`; each: the repeated field that the statement runs over, or NULL.
 * Errors: INVALID in the words of docs/load-checks.md. */
WEIR_MUST_USE weir_status weiri_binding_compile(const char *path, const ProtobufCMessageDescriptor *type,
    const ProtobufCFieldDescriptor *each, weiri_binding *ret_binding, weir_error *err);

/* One event as bindings see it. */
typedef struct weiri_bound_event {
    const weiri_record *record;
    const weiri_type *type; /* the newest */
    const ProtobufCMessage *message;
    uint32_t partition;
    uint64_t offset;
    size_t index;       /* of the element, in each */
    weiri_arena *arena; /* for text that is made */
} weiri_bound_event;

/* The value borrows the event and the arena. Errors: INVALID: an unsigned number that no integer column can hold. */
WEIR_MUST_USE weir_status weiri_binding_value(
    const weiri_binding *binding, const weiri_bound_event *event, weiri_value *ret_value, weir_error *err);

/* How many elements the repeated field has. */
size_t weiri_repeated_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
/* Where its element stands, and the size of one element in memory. */
const void *weiri_repeated_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i);

/* A message, or a whole repeated field, as JSON text in the arena. */
weiri_bytes weiri_binding_json(const ProtobufCMessage *message, weiri_arena *arena);
weiri_bytes weiri_binding_json_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, weiri_arena *arena);

#endif
