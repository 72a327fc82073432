/* SPDX-License-Identifier: Apache-2.0
 * All messages that a module's tables lead to, nested ones too, each once, in the order in which they are first met.
 * What weir can't do with a message (maps, proto2, no names) is found on the way. Thread: one at a time. */
#ifndef WEIRI_DESCRIPTORS_H
#define WEIRI_DESCRIPTORS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include "base/error.h"

typedef struct weiri_descriptor_entry {
    const ProtobufCMessageDescriptor *message;
    bool told; /* that there is another message of its name */
} weiri_descriptor_entry;

typedef struct weiri_descriptors {
    weiri_descriptor_entry *list;
    size_t n, room;
    uint32_t *slots; /* one more than an index of list, by full name; 0: free */
    size_t n_slots;  /* a power of two */
    bool nameless;   /* a message without a name has been told */
} weiri_descriptors; /* zero-initialise */

/* Adds `descriptor` and what it leads to; what is wrong with any of them goes to `problems`, once. */
void weiri_descriptors_add(weiri_descriptors *all, const ProtobufCMessageDescriptor *descriptor, weiri_problems *problems);
void weiri_descriptors_fini(weiri_descriptors *all);

/* Folds into `hash` what makes up the bytes of all of them: names, and numbers, types, labels of fields, values of enums. */
uint64_t weiri_descriptors_hash(const weiri_descriptors *all, uint64_t hash);

#endif
