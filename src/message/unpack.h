/* SPDX-License-Identifier: Apache-2.0
 * Unpacking a Protobuf message that comes from outside. protobuf-c follows nesting by recursion and sets no bound to it, so a body
 * of a recursive type could use up the stack; here the depth is looked at first. Thread: any. */
#ifndef WEIRI_UNPACK_H
#define WEIRI_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"
#include "base/error.h"

/* Owns: gives *ret_message, for protobuf_c_message_free_unpacked(m, NULL). Errors: INVALID: no message of this type, or messages
 * within each other deeper than WEIRI_DEPTH_MOST; NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_message_unpack(
    const ProtobufCMessageDescriptor *descriptor, weiri_bytes bytes, ProtobufCMessage **ret_message, weir_error *err);
/* The same for bytes that weir itself has packed. Errors: CORRUPT: no message of this type; NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_message_unpack_stored(
    const ProtobufCMessageDescriptor *descriptor, weiri_bytes bytes, ProtobufCMessage **ret_message);

#endif
