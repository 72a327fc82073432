/* SPDX-License-Identifier: Apache-2.0
 * Versions of the module, as the log has them: what is read writes to bytes that read back to the same, differs from itself in nothing,
 * and can be compared with a real module both ways. */
#include "engine/guard.h"
#include "fuzz.h"
#include "message/json.h"

static void
write_and_read(const weiri_shapes *shapes)
{
    weiri_buffer first = { 0 }, second = { 0 };
    weiri_shapes again;
    json_t *json = NULL;

    weiri_shapes_write(shapes, &first);
    weiri_assert(weiri_json_parse(weiri_buffer_bytes(&first), &json, NULL) == WEIR_OK);
    weiri_assert(weiri_shapes_read(json, &again, NULL) == WEIR_OK);
    weiri_shapes_write(&again, &second);
    weiri_assert(weiri_bytes_equal(weiri_buffer_bytes(&first), weiri_buffer_bytes(&second)));
    weiri_shapes_fini(&again);
    json_decref(json);
    weiri_buffer_fini(&first);
    weiri_buffer_fini(&second);
}

static size_t
count_changes(const weiri_shapes *old, const weiri_shapes *fresh)
{
    weiri_changes changes = { 0 };

    weiri_shapes_compare(old, fresh, NULL, &changes);
    size_t n = changes.n;
    weiri_changes_fini(&changes);
    return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_version version;
    weiri_shapes real;
    weir_error err = { 0 };

    weir_status status = weiri_version_read((weiri_bytes){ data, size }, &version, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
        return 0;
    }
    weiri_shapes_of(&testing_module, &real);
    write_and_read(&version.shapes);
    weiri_assert(count_changes(&version.shapes, &version.shapes) == 0);
    (void)count_changes(&version.shapes, &real);
    (void)count_changes(&real, &version.shapes);
    weiri_shapes_fini(&real);
    weiri_shapes_fini(&version.shapes);
    return 0;
}
