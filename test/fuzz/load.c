/* SPDX-License-Identifier: Apache-2.0
 * `weir load`: a header that matches and records of it become commands in strict JSON, with a key that weir takes. The first byte:
 * decimal comma, and lines of JSON in place of CSV. */
#include "cli/load_map.h"
#include "base/text.h"
#include "fuzz.h"
#include "message/json.h"

static weiri_load_field fields[] = {
    { (char *)"id", (char *)"string", false },
    { (char *)"i32", (char *)"int32", false },
    { (char *)"i64", (char *)"int64", false },
    { (char *)"u32", (char *)"uint32", false },
    { (char *)"u64", (char *)"fixed64", false },
    { (char *)"price_cents", (char *)"int64", false },
    { (char *)"at_ms", (char *)"int64", false },
    { (char *)"r", (char *)"double", false },
    { (char *)"f", (char *)"float", false },
    { (char *)"yes", (char *)"bool", false },
    { (char *)"raw", (char *)"bytes", false },
    { (char *)"e", (char *)"enum", false },
    { (char *)"m", (char *)"message", false },
    { (char *)"list", (char *)"int32", true },
};
static const weiri_load_type type = { (char *)"t.v1.T", 0, fields, sizeof fields / sizeof *fields };

static void
check_command(const weiri_load_map *map, weiri_buffer *data)
{
    weir_error err;
    json_t *json = NULL;

    weir_status status = weiri_json_parse(weiri_buffer_bytes(data), &json, &err);
    weiri_assert(status == WEIR_OK && json_is_object(json));
    weiri_assert(weiri_key_valid(weiri_buffer_bytes(&map->key)));
    json_decref(json);
}

static void
load_lines(weiri_load_map *map, const uint8_t *data, size_t size)
{
    weiri_buffer command = { 0 };
    weir_error err;

    for (const uint8_t *end = data + size; data < end;) {
        const uint8_t *feed = memchr(data, '\n', (size_t)(end - data));
        size_t line = (size_t)((feed == NULL ? end : feed) - data);
        weiri_buffer_clear(&command);
        weir_status status = weiri_load_map_json(map, (weiri_bytes){ data, line }, &command, &err);
        if (status == WEIR_OK)
            check_command(map, &command);
        else
            fuzz_said(status, &err);
        data += line + (feed != NULL);
    }
    weiri_buffer_fini(&command);
}

static void
load_csv(weiri_load_map *map, const uint8_t *data, size_t size)
{
    FILE *file = size == 0 ? fopen("/dev/null", "re") : fmemopen((void *)(uintptr_t)data, size, "r");
    weiri_buffer command = { 0 };
    weiri_csv csv = { 0 };
    weir_error err;

    weiri_assert(file != NULL);
    weiri_csv_init(&csv, file, map->convert.decimal == ',' ? ';' : ',');
    weir_status status = weiri_csv_next(&csv, &err);
    if (status == WEIR_OK) {
        status = weiri_load_map_make(map, &csv, NULL, 0, &err);
        if (status != WEIR_OK)
            fuzz_said(status, &err);
        while (status == WEIR_OK || status == WEIR_INVALID) {
            if (map->field_of == NULL || (status = weiri_csv_next(&csv, &err)) == WEIR_NOT_FOUND)
                break;
            if (status != WEIR_OK)
                continue;
            weiri_buffer_clear(&command);
            status = weiri_load_map_record(map, &csv, &command, &err);
            if (status == WEIR_OK)
                check_command(map, &command);
            else
                fuzz_said(status, &err);
        }
    }
    weiri_buffer_fini(&command);
    weiri_csv_fini(&csv);
    (void)fclose(file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_load_map map = { .type = &type };
    weir_error err;

    if (size == 0)
        return 0;
    map.convert.decimal = (data[0] & 1) != 0 ? ',' : '.';
    if ((data[0] & 2) == 0) {
        load_csv(&map, data + 1, size - 1);
    } else {
        weir_status status = weiri_load_map_set(&map, "i32=7", &err);
        weiri_assert(status == WEIR_OK);
        load_lines(&map, data + 1, size - 1);
    }
    weiri_load_map_fini(&map);
    return 0;
}
