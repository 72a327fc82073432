/* SPDX-License-Identifier: Apache-2.0
 * Answers in memory: one array of values, one buffer of bytes that they point into. Thread: one at a time. */
#include "query/result.h"
#include "base/memory.h"

void
weiri_result_partitions(weiri_result_maker *maker, uint32_t partitions)
{
    weiri_release(maker->sources);
    maker->sources = weiri_allocate(2 * (size_t)partitions * sizeof *maker->sources);
    maker->parked_from = maker->sources + partitions;
    maker->parked = 0;
    maker->partitions = partitions;
}

void
weiri_result_name(weiri_result_maker *maker, const char *name)
{
    maker->names = weiri_reallocate(maker->names, (maker->columns + 1) * sizeof *maker->names);
    maker->names[maker->columns++] = weiri_text_copy(name);
}

void
weiri_result_add(weiri_result_maker *maker, weiri_value value)
{
    if (value.kind == WEIRI_VALUE_TEXT || value.kind == WEIRI_VALUE_BLOB) {
        value.integer = (int64_t)maker->bytes.size;
        weiri_buffer_add_bytes(&maker->bytes, value.bytes);
    }
    weiri_buffer_add(&maker->values, &value, sizeof value);
}

weiri_result *
weiri_result_make(weiri_result_maker *maker)
{
    weiri_result *result = weiri_allocate(sizeof *result);

    result->columns = maker->columns;
    result->rows = maker->rows;
    result->names = maker->names;
    result->values = (weiri_value *)(void *)maker->values.data;
    result->bytes = maker->bytes;
    result->sources = maker->sources;
    result->parked_from = maker->parked_from;
    result->parked = maker->parked;
    result->partitions = maker->partitions;
    (void)weiri_buffer_text(&result->bytes);
    for (size_t i = 0; i < result->rows * result->columns; i++) {
        weiri_value *v = &result->values[i];
        if (v->kind != WEIRI_VALUE_TEXT && v->kind != WEIRI_VALUE_BLOB)
            continue;
        v->bytes.data = result->bytes.data + v->integer;
        v->integer = 0;
    }
    *maker = (weiri_result_maker){ 0 };
    return result;
}

void
weiri_result_maker_fini(weiri_result_maker *maker)
{
    for (size_t i = 0; i < maker->columns; i++)
        weiri_release(maker->names[i]);
    weiri_release(maker->names);
    weiri_release(maker->sources);
    weiri_buffer_fini(&maker->values);
    weiri_buffer_fini(&maker->bytes);
    *maker = (weiri_result_maker){ 0 };
}

void
weiri_result_free(weiri_result *result)
{
    if (result == NULL)
        return;
    for (size_t i = 0; i < result->columns; i++)
        weiri_release(result->names[i]);
    weiri_release(result->names);
    weiri_release(result->values);
    weiri_release(result->sources);
    weiri_buffer_fini(&result->bytes);
    weiri_release(result);
}
