/* SPDX-License-Identifier: Apache-2.0
 * JSON text straight into messages, for the readers of this room that begin in the middle. Thread: any. */
#ifndef WEIRI_JSON_TEXT_H
#define WEIRI_JSON_TEXT_H

#include "message/build.h"

/* Reads all of `text` as the value of one field into `message`, which the caller frees whatever comes. Errors: as of
 * weiri_json_to_message, with the path from `build`. */
WEIR_MUST_USE weir_status weiri_json_read_field(
    weiri_build *build, weiri_bytes text, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

#endif
