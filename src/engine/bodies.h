/* SPDX-License-Identifier: Apache-2.0
 * A command's message from the three forms a body may have. Thread: any. */
#ifndef WEIRI_BODIES_H
#define WEIRI_BODIES_H

#include "engine/service.h"
#include "message/schema.h"

/* Owns: gives *ret_message, for protobuf_c_message_free_unpacked(m, NULL). Errors: INVALID with the field's path. */
WEIR_MUST_USE weir_status weiri_body_read(
    const weiri_type *type, weiri_body form, weiri_bytes body, ProtobufCMessage **ret_message, weir_error *err);

#endif
