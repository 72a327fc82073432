/* SPDX-License-Identifier: Apache-2.0
 * Messages by chance, for property tests: every kind of field, with a liking for limits. Deterministic. Thread: one at a time. */
#ifndef WEIRI_RANDOM_MESSAGE_H
#define WEIRI_RANDOM_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"

typedef struct random_source {
    uint64_t state; /* any seed but 0 */
} random_source;

uint64_t random_next(random_source *random);
/* For protobuf_c_message_free_unpacked(m, NULL). */
ProtobufCMessage *random_message(random_source *random, const ProtobufCMessageDescriptor *descriptor);
/* Whether both pack to the same bytes. */
bool packs_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

#endif
