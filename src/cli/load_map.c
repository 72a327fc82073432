/* SPDX-License-Identifier: Apache-2.0
 * Matching a header with fields, and records into JSON. A column and a field meet by name without case, '_' and blanks, unless
 * --map says otherwise; an empty cell leaves its field out. Thread: one at a time. */
#include "cli/load_map.h"
#include <ctype.h>
#include "base/memory.h"
#include "base/text.h"
#include "cli/output.h"

static bool
ignored(char c)
{
    return c == '_' || c == ' ' || c == '\t';
}

static bool
same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (ignored(*a))
            a++;
        while (ignored(*b))
            b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (*a == '\0')
            return true;
    }
}

static weir_status
find_field(const weiri_load_type *type, const char *name, size_t *ret_field, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[160];

    for (size_t i = 0; i < type->n; i++) {
        if (strcmp(type->fields[i].name, name) == 0) {
            *ret_field = i;
            return WEIR_OK;
        }
        weiri_nearest_offer(&nearest, name, type->fields[i].name);
    }
    return weiri_error_set(
        err, WEIR_INVALID, "%s has no field '%.100s'%s", type->name, name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

/* Splits "field=text". */
static weir_status
split(const weiri_load_map *map, const char *assignment, const char *option, size_t *ret_field, const char **ret_text, weir_error *err)
{
    const char *equals = strchr(assignment, '=');

    if (equals == NULL || equals == assignment)
        return weiri_error_set(
            err, WEIR_INVALID, "%s %.100s: write it as field=%s", option, assignment, strcmp(option, "--map") == 0 ? "Column" : "value");
    char *name = weiri_text_copy_n(assignment, (size_t)(equals - assignment));
    weir_status status = find_field(map->type, name, ret_field, err);
    weiri_release(name);
    *ret_text = equals + 1;
    return status == WEIR_OK ? WEIR_OK : weiri_error_prefix(err, "%s %.100s", option, assignment);
}

/* The key as the log has it: a string as it is, an integer in decimal. */
static void
keep_key(weiri_load_map *map, weiri_bytes text, weiri_bytes json)
{
    const weiri_load_field *field = &map->type->fields[map->type->key];
    weiri_bytes key = strcmp(field->type, "string") == 0 ? text : json;
    const char *p = key.data;

    if (key.size > 1 && *p == '"' && strcmp(field->type, "string") != 0) /* a 64-bit number beyond int64 */
        key = (weiri_bytes){ p + 1, key.size - 2 };
    weiri_buffer_clear(&map->key);
    weiri_buffer_add_bytes(&map->key, key);
}

weir_status
weiri_load_map_set(weiri_load_map *map, const char *assignment, weir_error *err)
{
    const char *text;
    size_t field;
    const weiri_convert convert = { '.', map->convert.time_format };

    if (map->constant == NULL)
        map->constant = weiri_allocate((map->type->n + 1) * sizeof *map->constant);
    weir_status status = split(map, assignment, "--set", &field, &text, err);
    if (status != WEIR_OK)
        return status;
    if (map->constant[field].size > 0)
        return weiri_error_set(err, WEIR_INVALID, "--set %.100s: that field is set already", assignment);
    status = weiri_convert_field(&convert, &map->type->fields[field], weiri_bytes_of(text), &map->constant[field], err);
    if (status != WEIR_OK)
        return weiri_error_prefix(err, "--set %.100s", assignment);
    if (field == map->type->key) {
        keep_key(map, weiri_bytes_of(text), weiri_buffer_bytes(&map->constant[field]));
        map->key_constant = true;
    }
    return WEIR_OK;
}

/* ---- the header --------------------------------------------------------------------------------------- */

static bool
is_set(const weiri_load_map *map, size_t field)
{
    return map->constant != NULL && map->constant[field].size > 0;
}

static const char *
column_name(const weiri_csv *csv, size_t column)
{
    return weiri_csv_field(csv, column).data;
}

static weir_status
take_column(weiri_load_map *map, const weiri_csv *csv, size_t column, size_t field, weir_error *err)
{
    for (size_t i = 0; i < map->columns; i++)
        if (map->field_of[i] == (int)field)
            return weiri_error_set(err, WEIR_INVALID, "columns '%.60s' and '%.60s' are both for %s: choose with --map %s=COLUMN",
                column_name(csv, i), column_name(csv, column), map->type->fields[field].name, map->type->fields[field].name);
    map->field_of[column] = (int)field;
    return WEIR_OK;
}

static weir_status
map_one(weiri_load_map *map, const weiri_csv *csv, const char *assignment, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    const char *name;
    size_t field;
    char hint[160];

    weir_status status = split(map, assignment, "--map", &field, &name, err);
    if (status != WEIR_OK)
        return status;
    if (is_set(map, field))
        return weiri_error_set(err, WEIR_INVALID, "--map %.100s: that field has a --set", assignment);
    for (size_t i = 0; i < map->columns; i++) {
        if (strcmp(column_name(csv, i), name) == 0)
            return map->field_of[i] < 0 ? take_column(map, csv, i, field, err)
                                        : weiri_error_set(err, WEIR_INVALID, "--map %.100s: that column has a field already", assignment);
        weiri_nearest_offer(&nearest, name, column_name(csv, i));
    }
    return weiri_error_set(
        err, WEIR_INVALID, "--map %.100s: the header has no such column%s", assignment, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static bool
is_mapped(const char *const *maps, size_t n, const char *field)
{
    size_t size = strlen(field);

    for (size_t i = 0; i < n; i++)
        if (strncmp(maps[i], field, size) == 0 && maps[i][size] == '=')
            return true;
    return false;
}

static weir_status
match(weiri_load_map *map, const weiri_csv *csv, const char *const *maps, size_t n, weir_error *err)
{
    for (size_t i = 0; i < map->columns; i++) {
        size_t field = 0;
        while (field < map->type->n && (is_set(map, field) || is_mapped(maps, n, map->type->fields[field].name) ||
                                           !same_name(map->type->fields[field].name, column_name(csv, i))))
            field++;
        if (map->field_of[i] >= 0)
            continue;
        if (field < map->type->n) {
            weir_status status = take_column(map, csv, i, field, err);
            if (status != WEIR_OK)
                return status;
            continue;
        }
        weiri_buffer_add_text(&map->unmatched, map->unmatched.size > 0 ? ", " : "");
        if (*column_name(csv, i) == '\0')
            weiri_buffer_print(&map->unmatched, "(column %zu)", i + 1);
        else
            weiri_output_add_safe(&map->unmatched, weiri_csv_field(csv, i));
    }
    return WEIR_OK;
}

static weir_status
nothing_matches(const weiri_load_map *map, const char *key, weir_error *err)
{
    weiri_buffer names = { 0 };

    for (size_t i = 0; i < map->type->n; i++)
        weiri_buffer_print(&names, "%s%s", i == 0 ? "" : ", ", map->type->fields[i].name);
    weir_status status = key == NULL
                             ? weiri_error_set(err, WEIR_INVALID, "no column of the header (line 1) is a field of %s; its fields: %.400s",
                                   map->type->name, weiri_buffer_text(&names))
                             : weiri_error_set(err, WEIR_INVALID, "no column for the key '%s' of %s: say --map %s=COLUMN or --set %s=VALUE",
                                   key, map->type->name, key, key);
    weiri_buffer_fini(&names);
    return status;
}

weir_status
weiri_load_map_make(weiri_load_map *map, const weiri_csv *csv, const char *const *maps, size_t n, weir_error *err)
{
    const char *key = map->type->fields[map->type->key].name;
    bool any = false, has_key = map->key_constant;
    weir_status status = WEIR_OK;

    map->columns = csv->n;
    map->field_of = weiri_allocate((csv->n + 1) * sizeof *map->field_of);
    for (size_t i = 0; i < csv->n; i++)
        map->field_of[i] = -1;
    for (size_t i = 0; i < n && status == WEIR_OK; i++)
        status = map_one(map, csv, maps[i], err);
    if (status == WEIR_OK)
        status = match(map, csv, maps, n, err);
    if (status != WEIR_OK)
        return status;
    for (size_t i = 0; i < csv->n; i++) {
        any = any || map->field_of[i] >= 0;
        has_key = has_key || map->field_of[i] == (int)map->type->key;
    }
    return any && has_key ? WEIR_OK : nothing_matches(map, any ? key : NULL, err);
}

/* ---- records ------------------------------------------------------------------------------------------ */

static void
add_name(const weiri_load_map *map, size_t field, weiri_buffer *data, bool *first)
{
    weiri_buffer_print(data, "%s\"%s\":", *first ? "" : ",", map->type->fields[field].name);
    *first = false;
}

static void
add_constants(const weiri_load_map *map, weiri_buffer *data, bool *first)
{
    for (size_t i = 0; map->constant != NULL && i < map->type->n; i++)
        if (map->constant[i].size > 0) {
            add_name(map, i, data, first);
            weiri_buffer_add_bytes(data, weiri_buffer_bytes(&map->constant[i]));
        }
}

static weir_status
check_key(const weiri_load_map *map, weir_error *err)
{
    const char *name = map->type->fields[map->type->key].name;

    if (map->key.size == 0)
        return weiri_error_set(err, WEIR_INVALID, "no value for the key '%s'", name);
    if (!weiri_key_valid(weiri_buffer_bytes(&map->key)))
        return weiri_error_set(err, WEIR_INVALID, "the key '%s' must be 1-255 bytes without control characters", name);
    return WEIR_OK;
}

weir_status
weiri_load_map_record(weiri_load_map *map, const weiri_csv *csv, weiri_buffer *data, weir_error *err)
{
    bool first = true;

    if (csv->n != map->columns)
        return weiri_error_set(err, WEIR_INVALID, "%zu column%s where the header has %zu", csv->n, csv->n == 1 ? "" : "s", map->columns);
    if (!map->key_constant)
        weiri_buffer_clear(&map->key);
    weiri_buffer_add_char(data, '{');
    for (size_t i = 0; i < csv->n; i++) {
        weiri_bytes text = weiri_csv_field(csv, i);
        if (map->field_of[i] < 0 || text.size == 0)
            continue;
        size_t field = (size_t)map->field_of[i];
        add_name(map, field, data, &first);
        size_t begin = data->size;
        weir_status status = weiri_convert_field(&map->convert, &map->type->fields[field], text, data, err);
        if (status != WEIR_OK)
            return weiri_error_prefix(err, "%.60s", map->type->fields[field].name);
        if (field == map->type->key)
            keep_key(map, text, (weiri_bytes){ data->data + begin, data->size - begin });
    }
    add_constants(map, data, &first);
    weiri_buffer_add_char(data, '}');
    return check_key(map, err);
}

/* lowerCamelCase of a field's name, as JSON may have it. */
static const json_t *
get_field(const json_t *object, const char *name)
{
    char camel[256];
    size_t n = 0;

    for (const char *p = name; *p != '\0' && n + 1 < sizeof camel; p++)
        if (*p != '_')
            camel[n++] = p > name && p[-1] == '_' ? (char)toupper((unsigned char)*p) : *p;
    camel[n] = '\0';
    const json_t *value = json_object_get(object, camel);
    return value != NULL ? value : json_object_get(object, name);
}

static void
key_of_json(weiri_load_map *map, const json_t *object)
{
    const weiri_load_field *field = &map->type->fields[map->type->key];
    const json_t *value = get_field(object, field->name);
    int64_t number;

    weiri_buffer_clear(&map->key);
    if (json_is_integer(value))
        weiri_buffer_print(&map->key, "%lld", (long long)json_integer_value(value));
    else if (json_is_string(value) && strcmp(field->type, "string") != 0 && weiri_text_to_int64(json_string_value(value), &number))
        weiri_buffer_print(&map->key, "%lld", (long long)number); /* "007" is 7 */
    else if (json_is_string(value))
        weiri_buffer_add(&map->key, json_string_value(value), json_string_length(value));
}

weir_status
weiri_load_map_json(weiri_load_map *map, weiri_bytes line, weiri_buffer *data, weir_error *err)
{
    json_error_t where;
    json_t *json = json_loadb(line.data, line.size, JSON_REJECT_DUPLICATES, &where);
    weir_status status = WEIR_OK;
    const char *end = line.data;

    if (json == NULL)
        return weiri_error_set(err, WEIR_INVALID, "not JSON: %s (column %d)", where.text, where.column);
    if (!json_is_object(json))
        status = weiri_error_set(err, WEIR_INVALID, "not a JSON object");
    for (size_t i = 0; status == WEIR_OK && map->constant != NULL && i < map->type->n; i++)
        if (is_set(map, i) && get_field(json, map->type->fields[i].name) != NULL)
            status = weiri_error_set(err, WEIR_INVALID, "has '%s', and so has --set", map->type->fields[i].name);
    if (status == WEIR_OK && !map->key_constant)
        key_of_json(map, json);
    if (status == WEIR_OK)
        status = check_key(map, err);
    if (status == WEIR_OK) {
        bool first = json_object_size(json) == 0;
        for (end += line.size; end[-1] != '}'; end--)
            ;
        weiri_buffer_add(data, line.data, (size_t)(end - (const char *)line.data) - 1);
        add_constants(map, data, &first);
        weiri_buffer_add_char(data, '}');
    }
    json_decref(json);
    return status;
}

void
weiri_load_map_fini(weiri_load_map *map)
{
    for (size_t i = 0; map->constant != NULL && i < map->type->n; i++)
        weiri_buffer_fini(&map->constant[i]);
    weiri_release(map->constant);
    weiri_release(map->field_of);
    weiri_buffer_fini(&map->unmatched);
    weiri_buffer_fini(&map->key);
}
