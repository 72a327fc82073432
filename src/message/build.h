/* SPDX-License-Identifier: Apache-2.0
 * Filling a protobuf-c message field by field from any source: finding fields by name, refusing what is given twice, growing lists,
 * and the path to where one is, for errors. The message can be freed with protobuf_c_message_free_unpacked(m, NULL) at any
 * moment. Thread: one at a time. */
#ifndef WEIRI_BUILD_H
#define WEIRI_BUILD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include "base/bytes.h"
#include "base/error.h"

enum { WEIRI_DEPTH_MOST = 64 }; /* messages within each other, with the outermost */

typedef struct weiri_build_step {
    const ProtobufCFieldDescriptor *field;
    size_t index; /* of the element in the list; SIZE_MAX: the field itself */
} weiri_build_step;

typedef struct weiri_build {
    unsigned depth; /* steps in use */
    weiri_build_step path[WEIRI_DEPTH_MOST];
    weir_error *err;
    bool stored; /* json_tree.c: what the type doesn't know is passed by */
} weiri_build;

/* The fields of one message that were given. */
typedef struct weiri_given {
    unsigned hint; /* the field likely to come next */
    uint64_t few[2], *all;
} weiri_given;

ProtobufCMessage *weiri_build_message(const ProtobufCMessageDescriptor *descriptor);

void weiri_given_init(weiri_given *given, const ProtobufCMessageDescriptor *descriptor);
void weiri_given_fini(weiri_given *given);

/* Finds the field called `name` (its own name or its lowerCamelCase) and notes that it is given. Errors: INVALID: no such field, given
 * before. */
WEIR_MUST_USE weir_status weiri_build_field(weiri_build *build, const ProtobufCMessageDescriptor *descriptor, weiri_bytes name,
    weiri_given *given, const ProtobufCFieldDescriptor **ret_field);
bool weiri_build_knows(const ProtobufCMessageDescriptor *descriptor, weiri_bytes name); /* is there a field called so? */
/* Goes one step down, from the message into the field; weiri_build_leave goes up. */
void weiri_build_enter(weiri_build *build, const ProtobufCFieldDescriptor *field);
void weiri_build_leave(weiri_build *build);

/* The place of a single field, marked as present. Errors: INVALID: another case of its oneof is there. */
WEIR_MUST_USE weir_status weiri_build_member(
    weiri_build *build, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, void **ret_member);
/* Makes the message of a field that is entered, in its `member`. Errors: INVALID: too deep. */
WEIR_MUST_USE weir_status weiri_build_nested(
    weiri_build *build, const ProtobufCFieldDescriptor *field, void *member, ProtobufCMessage **ret_message);
/* The place of a new element of a repeated field, zeroed; sets the index of the last step. */
void *weiri_build_element(weiri_build *build, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Bytes of one value of a type in a message or list. */
size_t weiri_build_member_size(ProtobufCType type);

/* INVALID with the path in front of `format`, or of what the error already says. */
weir_status weiri_build_fail(weiri_build *build, const char *format, ...) WEIR_PRINTF(2, 3);
weir_status weiri_build_locate(weiri_build *build, weir_status status);

#endif
