/* SPDX-License-Identifier: Apache-2.0
 * How much memory a message that owns what it holds takes: as malloc has it, with the room that lists have in reserve.
 * Pure. Thread: any, one object at a time. */
#ifndef WEIRI_WEIGH_H
#define WEIRI_WEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <protobuf-c/protobuf-c.h>

/* Its struct, strings, bytes, lists and nested messages. Walks all of it. */
size_t weiri_message_weigh(const ProtobufCMessage *message);
/* No field holds memory of its own: all messages of this type weigh the same. */
bool weiri_message_flat(const ProtobufCMessageDescriptor *descriptor);

#endif
