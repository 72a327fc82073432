/* SPDX-License-Identifier: Apache-2.0
 * Parts of the JSON writer that field=value uses too. Thread: any. */
#ifndef WEIRI_JSON_WRITE_H
#define WEIRI_JSON_WRITE_H

#include <stdbool.h>
#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"

/* Whether the field is to be written: a case or optional that is there, or a value other than the default. */
bool weiri_message_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
/* The value of a present or default field as JSON: lists and messages too. */
void weiri_json_add_field(weiri_buffer *to, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, unsigned flags);

#endif
