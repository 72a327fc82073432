/* SPDX-License-Identifier: Apache-2.0
 * What fuzz targets share. A target takes any bytes and asserts what must hold of its decoder; weiri_assert is its way to say
 * that it does not. Thread: one. */
#ifndef WEIRI_FUZZ_H
#define WEIRI_FUZZ_H

#include <stdlib.h>
#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "message/schema.h"
#include "testing_module.h"

/* The target: any bytes, which it may read and not keep. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes up to the first NUL as text, in memory of exactly its size, so that a sanitizer sees the first byte read beyond it.
 * For free. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
    size_t n = size == 0 ? 0 : strnlen((const char *)data, size);
    char *text = malloc(n + 1);

    weiri_assert(text != NULL);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

/* A failure says so, with words. */
static inline void
fuzz_said(weir_status status, const weir_error *err)
{
    weiri_assert(status != WEIR_OK && err->status == status && err->text[0] != '\0');
    weiri_assert(strnlen(err->text, sizeof err->text) < sizeof err->text && err->line >= 0);
}

/* The tests' module; the same one each time. */
static inline const weiri_schema *
fuzz_schema(void)
{
    static weiri_schema *schema;

    if (schema == NULL) {
        weiri_problems problems = { 0 };
        weiri_schema_new(&testing_module, &schema, &problems);
        weiri_assert(problems.n == 0 && schema != NULL);
        weiri_problems_fini(&problems);
    }
    return schema;
}

#endif
