/* SPDX-License-Identifier: Apache-2.0
 * Numbers in the grammar of JSON (RFC 8259, section 6), read and written exactly whatever the locale: integers without a
 * detour over double, doubles and floats in the fewest digits that read back the same. Thread: any. */
#ifndef WEIRI_NUMBER_H
#define WEIRI_NUMBER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

/* Bytes of the longest number that begins at `at`; 0: none does. Never reads at `end`. */
size_t weiri_number_scan(const char *at, const char *end);
/* The same, and nothing stands behind it. */
bool weiri_number_is(weiri_bytes text);

/* `number` is one by weiri_number_is. False: it isn't integral ("1.50", "1e-1"; "1.0" and "1e2" are), or its magnitude is beyond 64 bits. */
bool weiri_number_to_integer(weiri_bytes number, bool *ret_negative, uint64_t *ret_magnitude);
/* Correctly rounded. False: too large for the type. What is too small becomes 0. */
bool weiri_number_to_double(weiri_bytes number, double *ret_value);
bool weiri_number_to_float(weiri_bytes number, float *ret_value);

void weiri_number_add_int64(weiri_buffer *to, int64_t value);
void weiri_number_add_uint64(weiri_buffer *to, uint64_t value);
/* Not-a-number and infinities are written as NaN, Infinity, -Infinity, without quotes; -0 as -0.0, which no reader takes for an integer. */
void weiri_number_add_double(weiri_buffer *to, double value);
/* The same, and always with a point or an exponent: 3 is written 3.0, so that a real number stays one. */
void weiri_number_add_real(weiri_buffer *to, double value);
void weiri_number_add_float(weiri_buffer *to, float value);

#endif
