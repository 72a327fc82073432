/* SPDX-License-Identifier: Apache-2.0
 * Numbers of JSON. A number is mantissa * 10^scale; where both are small one operation of the machine rounds correctly
 * (W. D. Clinger, "How to read floating point numbers accurately", 1990), both ways; the C library does the rest, and
 * its decimal point, which depends on the locale, is put right. Thread: any. */
#include "base/number.h"
#include "base/assert.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 20, EXPONENT_MOST = 100000000, PLACES_MOST = 6, PRINTED_MOST = 64 };

static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22 };

typedef struct decimal {
    bool negative, fits; /* fits: the mantissa is exact */
    uint64_t mantissa;   /* ends in no 0 */
    long scale;
} decimal;

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *
skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

size_t
weiri_number_scan(const char *at, const char *end)
{
    const char *begin = at, *next;

    if (at < end && *at == '-')
        at++;
    if (at >= end || !is_digit(*at))
        return 0;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        next = skip_digits(at + 1, end);
        if (next == at + 1)
            return (size_t)(at - begin);
        at = next;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-'))
            digits++;
        next = skip_digits(digits, end);
        if (next > digits)
            at = next;
    }
    return (size_t)(at - begin);
}

bool
weiri_number_is(weiri_bytes text)
{
    return text.size > 0 && weiri_number_scan(text.data, (const char *)text.data + text.size) == text.size;
}

/* Appends `zeros` zeros and one digit to the mantissa; false when it would pass 64 bits. */
static bool
push_digit(uint64_t *mantissa, size_t zeros, unsigned digit)
{
    uint64_t value = *mantissa;

    if (value == 0)
        zeros = 0;
    for (; zeros > 0; zeros--)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value))
            return false;
    if (__builtin_mul_overflow(value, UINT64_C(10), &value) || __builtin_add_overflow(value, (uint64_t)digit, &value))
        return false;
    *mantissa = value;
    return true;
}

static decimal
take_apart(weiri_bytes number)
{
    const char *at = number.data, *end = at + number.size;
    decimal d = { .negative = *at == '-', .fits = true };
    long places = 0, exponent = 0;
    size_t zeros = 0;
    bool fraction = false;

    for (at += d.negative; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        places += fraction;
        if (*at == '0') {
            zeros++;
            continue;
        }
        d.fits = d.fits && push_digit(&d.mantissa, zeros, (unsigned)(*at - '0'));
        zeros = 0;
    }
    if (at < end) {
        bool down = *++at == '-';
        for (at += down || *at == '+'; at < end; at++)
            if (exponent < EXPONENT_MOST)
                exponent = exponent * 10 + (*at - '0');
        exponent = down ? -exponent : exponent;
    }
    d.scale = exponent - places + (long)zeros;
    return d;
}

bool
weiri_number_to_integer(weiri_bytes number, bool *ret_negative, uint64_t *ret_magnitude)
{
    decimal d = take_apart(number);

    if (d.fits && d.mantissa == 0)
        d.scale = 0;
    if (!d.fits || d.scale < 0 || d.scale > DIGITS_MOST)
        return false;
    for (; d.scale > 0; d.scale--)
        if (__builtin_mul_overflow(d.mantissa, UINT64_C(10), &d.mantissa))
            return false;
    *ret_negative = d.negative && d.mantissa != 0;
    *ret_magnitude = d.mantissa;
    return true;
}

/* A copy for strtod, with the locale's decimal point. */
static const char *
localised(weiri_buffer *to, weiri_bytes number)
{
    const char *point = memchr(number.data, '.', number.size);

    if (point == NULL) {
        weiri_buffer_add_bytes(to, number);
    } else {
        size_t before = (size_t)(point - (const char *)number.data);
        weiri_buffer_add(to, number.data, before);
        weiri_buffer_add_text(to, localeconv()->decimal_point);
        weiri_buffer_add(to, point + 1, number.size - before - 1);
    }
    return weiri_buffer_text(to);
}

bool
weiri_number_to_double(weiri_bytes number, double *ret_value)
{
    decimal d = take_apart(number);
    weiri_buffer copy = { 0 };
    double value;

    if (d.fits && d.mantissa <= UINT64_C(1) << DBL_MANT_DIG && d.scale >= -22 && d.scale <= 22) {
        value = (double)d.mantissa;
        value = d.scale < 0 ? value / powers[-d.scale] : value * powers[d.scale];
        *ret_value = d.negative ? -value : value;
        return true;
    }
    value = strtod(localised(&copy, number), NULL);
    weiri_buffer_fini(&copy);
    if (isinf(value))
        return false;
    *ret_value = value;
    return true;
}

bool
weiri_number_to_float(weiri_bytes number, float *ret_value)
{
    decimal d = take_apart(number);
    weiri_buffer copy = { 0 };
    float value;

    if (d.fits && d.mantissa <= UINT64_C(1) << FLT_MANT_DIG && d.scale >= -10 && d.scale <= 10) {
        value = (float)d.mantissa;
        value = d.scale < 0 ? value / (float)powers[-d.scale] : value * (float)powers[d.scale];
        *ret_value = d.negative ? -value : value;
        return true;
    }
    value = strtof(localised(&copy, number), NULL);
    weiri_buffer_fini(&copy);
    if (isinf(value))
        return false;
    *ret_value = value;
    return true;
}

void
weiri_number_add_uint64(weiri_buffer *to, uint64_t value)
{
    char digits[DIGITS_MOST], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    weiri_buffer_add(to, at, (size_t)(digits + sizeof digits - at));
}

void
weiri_number_add_int64(weiri_buffer *to, int64_t value)
{
    if (value < 0)
        weiri_buffer_add_char(to, '-');
    weiri_number_add_uint64(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* digits / 10^places, which ends in no 0 unless places is 0. */
static void
add_decimal(weiri_buffer *to, uint64_t digits, int places)
{
    char text[DIGITS_MOST + PLACES_MOST + 2], *at = text + sizeof text;

    for (int i = 0; i < places; i++, digits /= 10)
        *--at = (char)('0' + digits % 10);
    if (places > 0)
        *--at = '.';
    do {
        *--at = (char)('0' + digits % 10);
        digits /= 10;
    } while (digits != 0);
    weiri_buffer_add(to, at, (size_t)(text + sizeof text - at));
}

/* Appends what printf wrote, its decimal point made a '.'. */
static void
add_printed(weiri_buffer *to, const char *text)
{
    size_t before = strspn(text, "-+0123456789eE"), after = before + strcspn(text + before, "-+0123456789eE");

    weiri_buffer_add(to, text, before);
    if (text[before] != '\0')
        weiri_buffer_add_char(to, '.');
    weiri_buffer_add_text(to, text + after);
}

/* Writes what is no finite number, and zeros. */
static bool
add_special(weiri_buffer *to, double value)
{
    const char *text = isnan(value) ? "NaN" : isinf(value) ? (value > 0 ? "Infinity" : "-Infinity") : value == 0 ? "0" : NULL;

    if (text == NULL)
        return false;
    weiri_buffer_add_text(to, value == 0 && signbit(value) ? "-0.0" : text);
    return true;
}

void
weiri_number_add_double(weiri_buffer *to, double value)
{
    const double most = (double)(UINT64_C(1) << DBL_MANT_DIG), size = fabs(value);
    char text[PRINTED_MOST];

    if (add_special(to, value))
        return;
    for (int places = 0; places <= PLACES_MOST && size * powers[places] < most; places++) {
        double digits = floor(size * powers[places] + 0.5);
        if (digits / powers[places] == size) {
            if (value < 0)
                weiri_buffer_add_char(to, '-');
            add_decimal(to, (uint64_t)digits, places);
            return;
        }
    }
    for (int precision = DBL_DIG; precision <= DBL_DIG + 2; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    add_printed(to, text);
}

void
weiri_number_add_real(weiri_buffer *to, double value)
{
    size_t before = to->size;

    weiri_number_add_double(to, value);
    for (size_t i = before; i < to->size; i++)
        if (memchr(".eNI", to->data[i], 4) != NULL)
            return;
    weiri_buffer_add_text(to, ".0");
}

void
weiri_number_add_float(weiri_buffer *to, float value)
{
    const float most = (float)(UINT32_C(1) << FLT_MANT_DIG), size = fabsf(value);
    char text[PRINTED_MOST];

    if (add_special(to, value))
        return;
    for (int places = 0; places <= PLACES_MOST && size * (float)powers[places] < most; places++) {
        float digits = floorf(size * (float)powers[places] + 0.5F);
        if (digits / (float)powers[places] == size) {
            if (value < 0)
                weiri_buffer_add_char(to, '-');
            add_decimal(to, (uint64_t)digits, places);
            return;
        }
    }
    for (int precision = FLT_DIG; precision <= FLT_DIG + 3; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    add_printed(to, text);
}
