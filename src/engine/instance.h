/* SPDX-License-Identifier: Apache-2.0
 * States as people see them: an aggregate's message, or a process instance's with its own state unpacked. Thread: any. */
#ifndef WEIRI_INSTANCE_H
#define WEIRI_INSTANCE_H

#include "engine/inside.h"

/* The value of a member "state". `state`: of the type that the schema has for this aggregate. */
void weiri_add_state(weiri_buffer *to, const weiri_schema *schema, const char *aggregate, const ProtobufCMessage *state);

#endif
