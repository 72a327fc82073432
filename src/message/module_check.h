/* SPDX-License-Identifier: Apache-2.0
 * Everything that can be wrong with a module's tables, found at once. The list, with the words: docs/load-checks.md.
 * Thread: any. */
#ifndef WEIRI_MODULE_CHECK_H
#define WEIRI_MODULE_CHECK_H

#include <stdbool.h>
#include <weir/domain.h>
#include "base/error.h"
#include "message/descriptors.h"

/* Fills `all` with the messages that the tables name and those they lead to; adds what is wrong to `problems`. */
void weiri_module_check(const weir_module *module, weiri_descriptors *all, weiri_problems *problems);

/* A field that can be a key: one string, or one integer of any width, that is always there. */
bool weiri_key_field_valid(const ProtobufCFieldDescriptor *field);

#endif
