/* SPDX-License-Identifier: Apache-2.0
 * From the columns of a file to the fields of a command: found once from the header, then applied to each record. Thread: one at a time. */
#ifndef WEIRI_CLI_LOAD_MAP_H
#define WEIRI_CLI_LOAD_MAP_H

#include <jansson.h>
#include "cli/csv.h"
#include "cli/load_convert.h"

/* A command type as GET /types tells it. */
typedef struct weiri_load_type {
    char *name; /* in full */
    size_t key; /* index of the key field */
    weiri_load_field *fields;
    size_t n;
} weiri_load_type; /* zero-initialise */

/* Finds command `name` (full, or short where unique). Errors: NOT_FOUND with the nearest, INVALID (ambiguous; not an answer of weir). */
WEIR_MUST_USE weir_status weiri_load_type_find(const json_t *types, const char *name, weiri_load_type *ret_type, weir_error *err);
void weiri_load_type_fini(weiri_load_type *type);

typedef struct weiri_load_map {
    const weiri_load_type *type; /* borrowed */
    weiri_convert convert;
    size_t columns;
    int *field_of;          /* columns: index of the field, or -1 */
    weiri_buffer *constant; /* type->n: the JSON of a --set, or empty */
    weiri_buffer unmatched; /* names of the columns that no field takes, comma separated */
    weiri_buffer key;       /* text of the key where it is a constant; of the record's otherwise */
    bool key_constant;
} weiri_load_map; /* zero-initialise; type and convert are set before weiri_load_map_make */

/* `--set field=value`, before the header is read. Errors: INVALID. */
WEIR_MUST_USE weir_status weiri_load_map_set(weiri_load_map *map, const char *assignment, weir_error *err);
/* Matches the header, the last record of `csv`; `maps`: n of "field=Column". Errors: INVALID: no column matches, one column or field
 * twice, nothing for the key, an unknown field or column (with the nearest). */
WEIR_MUST_USE weir_status weiri_load_map_make(
    weiri_load_map *map, const weiri_csv *csv, const char *const *maps, size_t n, weir_error *err);
/* Appends the command of the record in `csv` as JSON to `data`; the key's text is in map->key. Errors: INVALID: the number of
 * columns, a value, no key: `data` may have grown. */
WEIR_MUST_USE weir_status weiri_load_map_record(weiri_load_map *map, const weiri_csv *csv, weiri_buffer *data, weir_error *err);
/* The same for a line of JSON: checks that it is one object and adds it as it stands, with the constants. */
WEIR_MUST_USE weir_status weiri_load_map_json(weiri_load_map *map, weiri_bytes line, weiri_buffer *data, weir_error *err);
void weiri_load_map_fini(weiri_load_map *map);

#endif
