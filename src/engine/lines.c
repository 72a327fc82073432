/* SPDX-License-Identifier: Apache-2.0
 * Reading a batch: {"type", "data", "id", "expectedVersion", "source", "sequence", "previous", "fingerprint"} a line.
 * Thread: one at a time. */
#include "engine/lines.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/json.h"
#include <stdlib.h>

/* ---- the lines ----------------------------------------------------------------------------------------- */

static weir_status
find_lines(weiri_bytes body, weiri_lines *source, weir_error *err)
{
    const char *text = body.data;
    size_t room = 0;

    for (size_t at = 0; at < body.size;) {
        const char *end = memchr(text + at, '\n', body.size - at);
        size_t next = end != NULL ? (size_t)(end - text) + 1 : body.size;
        size_t size = (end != NULL ? next - 1 : next) - at, blank = 0;
        while (blank < size && (text[at + blank] == ' ' || text[at + blank] == '\t' || text[at + blank] == '\r'))
            blank++;
        if (blank < size) {
            if (source->n == WEIRI_BATCH_MOST)
                return weiri_error_set(err, WEIR_INVALID, "a batch has at most %d commands: send several requests", WEIRI_BATCH_MOST);
            if (source->n == room) {
                room = room == 0 ? 64 : 2 * room;
                weiri_bytes *pieces = realloc(source->pieces, room * sizeof *pieces);
                if (pieces == NULL)
                    return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for a batch of more than %zu commands", source->n);
                source->pieces = pieces;
            }
            source->pieces[source->n++] = (weiri_bytes){ text + at, size };
        }
        at = next;
    }
    return WEIR_OK;
}

weir_status
weiri_lines_open(bool json_array, weiri_bytes body, weiri_lines *source, weir_error *err)
{
    weir_status status;

    if (body.size > WEIRI_BATCH_BYTES_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a batch has at most %d MB: send several requests", WEIRI_BATCH_BYTES_MOST >> 20);
    if (!json_array)
        status = find_lines(body, source, err);
    else {
        status = weiri_json_parse(body, &source->array, err);
        if (status == WEIR_OK && !json_is_array(source->array))
            status = weiri_error_set(err, WEIR_INVALID, "expected a JSON array of commands (or application/x-ndjson, one a line)");
        source->n = status == WEIR_OK ? json_array_size(source->array) : 0;
        if (source->n > WEIRI_BATCH_MOST)
            status = weiri_error_set(err, WEIR_INVALID, "a batch has at most %d commands: send several requests", WEIRI_BATCH_MOST);
    }
    if (status == WEIR_OK && source->n == 0)
        status = weiri_error_set(err, WEIR_INVALID, "the batch is empty: expected one command a line");
    return status;
}

void
weiri_lines_close(weiri_lines *source)
{
    json_decref(source->array);
    weiri_release(source->pieces);
    *source = (weiri_lines){ 0 };
}

/* ---- members ------------------------------------------------------------------------------------------- */

static weir_status
read_text(const char *name, const json_t *value, const char **ret_text, weir_error *err)
{
    if (!json_is_string(value))
        return weiri_error_set(err, WEIR_INVALID, "%s: expected a string", name);
    *ret_text = json_string_value(value);
    return weiri_check_id(name, *ret_text, err);
}

/* A number, or one in a string, as 64-bit numbers are written in JSON. */
static weir_status
read_number(const char *name, const json_t *value, uint64_t *ret_number, weir_error *err)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret_number = (uint64_t)json_integer_value(value);
        return WEIR_OK;
    }
    if (json_is_string(value) && weiri_text_to_uint64(json_string_value(value), ret_number))
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "%s: expected a whole number, 0 or more", name);
}

static weir_status
unknown_member(const char *name, weir_error *err)
{
    static const char *const known[] = { "type", "data", "id", "expectedVersion", "source", "sequence", "previous", "fingerprint" };
    weiri_nearest nearest = { 0 };
    char hint[96];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        weiri_nearest_offer(&nearest, name, known[i]);
    return weiri_error_set(err, WEIR_INVALID, "a command of a batch has no member '%s'%s", name,
        nearest.word != NULL ? weiri_nearest_hint(&nearest, hint, sizeof hint) : "; the fields of the message belong into \"data\"");
}

static weir_status
read_member(weiri_line *line, const char *name, const json_t *value, weir_error *err)
{
    const struct {
        const char *name;
        uint64_t *number;
        const char **text;
    } members[] = { { "id", NULL, &line->id }, { "source", NULL, &line->source }, { "sequence", &line->sequence, NULL },
        { "previous", &line->previous, NULL }, { "fingerprint", &line->fingerprint, NULL },
        { "expectedVersion", &line->expected_version, NULL } };

    if (strcmp(name, "type") == 0 || strcmp(name, "data") == 0)
        return WEIR_OK;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcmp(members[i].name, name) != 0)
            continue;
        line->expect = line->expect || members[i].number == &line->expected_version;
        return members[i].text != NULL ? read_text(name, value, members[i].text, err) : read_number(name, value, members[i].number, err);
    }
    return unknown_member(name, err);
}

static weir_status
check_line(const weiri_line *line, weir_error *err)
{
    if (line->source == NULL && (line->sequence > 0 || line->previous > 0 || line->fingerprint > 0))
        return weiri_error_set(err, WEIR_INVALID, "sequence, previous and fingerprint belong to a source: \"source\" is missing");
    if (line->source != NULL && line->sequence == 0)
        return weiri_error_set(err, WEIR_INVALID, "sequence: expected a number from 1 on, with the source");
    if (line->source != NULL && line->previous >= line->sequence)
        return weiri_error_set(err, WEIR_INVALID, "previous: must be less than sequence (0: there is none before it)");
    if (line->source != NULL && line->id != NULL)
        return weiri_error_set(err, WEIR_INVALID, "id: give either an id, or source and sequence");
    return WEIR_OK;
}

weir_status
weiri_lines_read(
    const weiri_schema *schema, const weiri_lines *source, size_t i, weiri_line *line, ProtobufCMessage **ret_message, weir_error *err)
{
    weir_status status = WEIR_OK;
    const char *name;
    json_t *value;

    if (source->array != NULL)
        line->json = json_incref(json_array_get(source->array, i));
    else
        status = weiri_json_parse(source->pieces[i], &line->json, err);
    if (status == WEIR_OK && !json_is_object(line->json))
        status = weiri_error_set(err, WEIR_INVALID, "expected a JSON object {\"type\": ..., \"data\": {...}}");
    if (status != WEIR_OK)
        return status;
    json_object_foreach(line->json, name, value)
    {
        status = read_member(line, name, value, err);
        if (status != WEIR_OK)
            return status;
    }
    status = check_line(line, err);
    const char *type = json_string_value(json_object_get(line->json, "type"));
    if (status == WEIR_OK && type == NULL)
        status = weiri_error_set(err, WEIR_INVALID, "type: expected the name of a command");
    if (status == WEIR_OK)
        status = weiri_schema_look_up(schema, WEIRI_TYPE_COMMAND, type, &line->type, err);
    if (status == WEIR_OK && json_object_get(line->json, "data") == NULL)
        status = weiri_error_set(err, WEIR_INVALID, "data: expected an object with the fields of %s", line->type->descriptor->name);
    if (status == WEIR_OK)
        status = weiri_json_to_message(line->type->descriptor, json_object_get(line->json, "data"), ret_message, err);
    return status;
}

void
weiri_line_fini(weiri_line *line)
{
    json_decref(line->json);
    *line = (weiri_line){ 0 };
}
