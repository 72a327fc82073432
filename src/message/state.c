/* SPDX-License-Identifier: Apache-2.0
 * The helpers of include/weir/state.h, all but weir_assign: strings, bytes and lists of a message that owns what it holds.
 * Invariant: every pointer in such a message is NULL, protobuf-c's shared empty string, or from malloc, so that
 * protobuf_c_message_free_unpacked may free it. How much room a list has is asked of malloc: nothing is kept beside it. */
#include <weir/state.h>
#include "base/memory.h"
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { REUSE_MOST = 256 }; /* a larger string gives its memory back when a shorter one follows it */

static bool
owned(const char *text)
{
    return text != NULL && text != protobuf_c_empty_string;
}

void
weir_string_set(char **field, const char *value)
{
    const char *text = value == NULL ? "" : value;
    const size_t size = strlen(text);
    char *old = *field;

    if (owned(old)) {
        const size_t old_size = strlen(old);
        if (size <= old_size && old_size <= REUSE_MOST) {
            memmove(old, text, size + 1); /* `value` may be a part of the field itself */
            return;
        }
    } else if (old != NULL && size == 0) {
        return;
    }
    /* NULL is a oneof's string: protobuf-c leaves the shared empty string out when it packs one, so it gets its own. */
    *field = weiri_text_copy_n(text, size);
    if (owned(old))
        free(old);
}

void
weir_bytes_set(ProtobufCBinaryData *field, const void *data, size_t size)
{
    uint8_t *old = field->data, *copy = NULL;

    if (size > 0) {
        copy = weiri_reallocate(NULL, size);
        memcpy(copy, data, size);
    }
    *field = (ProtobufCBinaryData){ .len = size, .data = copy };
    free(old);
}

/* `list` with room for element `n`; grows by doubling. */
static void *
grown(void *list, size_t n, size_t element_size)
{
    if (list != NULL && malloc_usable_size(list) / element_size > n)
        return list;
    size_t room = 1;
    while (room <= n)
        room *= 2;
    return weiri_reallocate(list, room * element_size);
}

/* Lists are reached through the address of a pointer whose type is not known here: copied, not cast. */
static void *
list_at(const void *list)
{
    void *elements;

    memcpy(&elements, list, sizeof elements);
    return elements;
}

void *
weir_list_add(size_t *n, void *list, const ProtobufCMessageDescriptor *element)
{
    ProtobufCMessage *message = weiri_reallocate(NULL, element->sizeof_message);
    ProtobufCMessage **elements = grown(list_at(list), *n, sizeof *elements);

    protobuf_c_message_init(element, message);
    elements[(*n)++] = message;
    memcpy(list, &elements, sizeof elements);
    return message;
}

void
weir_strings_add(size_t *n, char ***list, const char *value)
{
    char *copy = weiri_text_copy(value == NULL ? "" : value);

    *list = grown(*list, *n, sizeof **list);
    (*list)[(*n)++] = copy;
}

void
weir_int64s_add(size_t *n, int64_t **list, int64_t value)
{
    *list = grown(*list, *n, sizeof **list);
    (*list)[(*n)++] = value;
}

static void
close_gap(size_t *n, void *elements, size_t i, size_t element_size)
{
    uint8_t *at = (uint8_t *)elements + i * element_size;

    (*n)--;
    memmove(at, at + element_size, (*n - i) * element_size);
}

void
weir_list_remove(size_t *n, void *list, size_t i)
{
    ProtobufCMessage **elements = list_at(list);

    if (i >= *n)
        return;
    protobuf_c_message_free_unpacked(elements[i], NULL);
    close_gap(n, elements, i, sizeof *elements);
}

void
weir_strings_remove(size_t *n, char ***list, size_t i)
{
    if (i >= *n)
        return;
    if (owned((*list)[i]))
        free((*list)[i]);
    close_gap(n, *list, i, sizeof **list);
}

void
weir_int64s_remove(size_t *n, int64_t **list, size_t i)
{
    if (i < *n)
        close_gap(n, *list, i, sizeof **list);
}
