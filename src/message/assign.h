/* SPDX-License-Identifier: Apache-2.0
 * What the engine must know of weir_assign (include/weir/state.h): it remembers, for ever, which fields two descriptors
 * share. Thread: any. */
#ifndef WEIRI_ASSIGN_H
#define WEIRI_ASSIGN_H

#include <protobuf-c/protobuf-c.h>

/* Descriptors remembered so far may be gone after this: call it before the object that holds them is unloaded. What is
 * remembered of others is found again when it is next needed. */
void weiri_assign_forget(void);

/* Adds copies of the fields that `from` doesn't know, but for those whose number is a field of `to`: packed, they would be it. */
void weiri_assign_unknown(ProtobufCMessage *to, const ProtobufCMessage *from);

#endif
