/* SPDX-License-Identifier: Apache-2.0
 * From a command as a message to its packed bytes, and its key as text. Thread: any. */
#ifndef WEIRI_PACK_H
#define WEIRI_PACK_H

#include "message/schema.h"

enum { WEIRI_KEY_ROOM = 256 }; /* of a key and its NUL */

/* Into `to`, which is cleared first; nothing is written on failure. Errors: INVALID: no key, bad UTF-8 (protobuf-c does not look), too
 * large; NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_message_pack(
    const weiri_type *type, const ProtobufCMessage *message, char ret_key[WEIRI_KEY_ROOM], weiri_buffer *to, weir_error *err);

#endif
