/* SPDX-License-Identifier: Apache-2.0
 * Events as JSON, and folding them into a state. For the engine's rooms and for reading a log beside it. Thread: any. */
#ifndef WEIRI_EVENTS_H
#define WEIRI_EVENTS_H

#include "base/error.h"
#include "message/record.h"
#include "message/schema.h"

/* Members "type", "version" and, with `data`, "data" of an event, upcast to its newest type (then "was" names the stored one).
 * schema NULL: nothing is known of the payload, and it is left out. Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_event_write_type(
    weiri_buffer *to, const weiri_schema *schema, const weiri_record *event, bool data, weir_error *err);
/* All members of it, beginning with aggregate and key; the object stays open. */
WEIR_MUST_USE weir_status weiri_event_write(
    weiri_buffer *to, const weiri_schema *schema, const weiri_record *event, uint32_t partition, uint64_t offset, weir_error *err);

/* An empty state of an aggregate, for protobuf_c_message_free_unpacked. */
ProtobufCMessage *weiri_state_new(const weiri_type *type);
/* Evolves the state by a stored event. Errors: CORRUPT (unreadable), INVALID (this module does not know its type). */
WEIR_MUST_USE weir_status weiri_state_fold(ProtobufCMessage *state, const weiri_schema *schema, const weiri_record *event, weir_error *err);

/* Which events to show: a comma separated list of full or unique short names. Zero-initialise. */
typedef struct weiri_type_filter {
    char **names; /* full ones, of newest types; NULL: all */
    size_t n;
} weiri_type_filter;
/* schema NULL: the names are full ones, and are not checked. Errors: NOT_FOUND (with the nearest), INVALID. */
WEIR_MUST_USE weir_status weiri_type_filter_parse(
    const weiri_schema *schema, const char *names, weiri_type_filter *ret_filter, weir_error *err);
bool weiri_type_filter_has(const weiri_type_filter *filter, const weiri_schema *schema, weiri_bytes type);
/* The same for the name of a newest type, or of one that the module doesn't know. */
bool weiri_type_filter_names(const weiri_type_filter *filter, weiri_bytes newest);
void weiri_type_filter_fini(weiri_type_filter *filter);

#endif
