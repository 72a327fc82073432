/* SPDX-License-Identifier: Apache-2.0
 * What a binding gives as JSON: a message, and a repeated field as a whole, with all fields written, so that SQL finds 0
 * and '' where an event left them out. Thread: any. */
#include "query/binding.h"
#include "message/json.h"
#include "message/json_write.h"

static weiri_bytes
into_arena(weiri_buffer *text, weiri_arena *arena)
{
    weiri_bytes copy = { weiri_arena_text(arena, weiri_buffer_bytes(text)), text->size };

    weiri_buffer_fini(text);
    return copy;
}

weiri_bytes
weiri_binding_json(const ProtobufCMessage *message, weiri_arena *arena)
{
    weiri_buffer text = { 0 };

    weiri_json_add_message(&text, message, WEIRI_JSON_DEFAULTS);
    return into_arena(&text, arena);
}

weiri_bytes
weiri_binding_json_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, weiri_arena *arena)
{
    weiri_buffer text = { 0 };

    weiri_json_add_field(&text, message, field, WEIRI_JSON_DEFAULTS);
    return into_arena(&text, arena);
}
