/* SPDX-License-Identifier: Apache-2.0
 * Conversions of a bulk load: integers, cents, times, numbers, truth, names, JSON. No floating point is on the way of an integer.
 * Thread: any. */
#include "cli/load_convert.h"
#include "base/number.h"
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include "base/text.h"
#include "cli/output.h"

static weir_status
not_a(weiri_bytes text, const char *expected, weir_error *err)
{
    weiri_buffer safe = { 0 };

    weiri_output_add_safe(&safe, text);
    weir_status status = weiri_error_set(err, WEIR_INVALID, "'%.60s' is not %s", weiri_buffer_text(&safe), expected);
    weiri_buffer_fini(&safe);
    return status;
}

static bool
digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    return n > 0;
}

/* "-12.50" times 10^decimals, exactly; further decimals must be zero only if `decimals` is 0 (a table's "17850.0" is a whole number). */
weir_status
weiri_convert_scaled(const weiri_convert *convert, weiri_bytes text, unsigned decimals, int64_t *ret_value, weir_error *err)
{
    const char *expected = decimals == 0 ? "a whole number that fits" : "an amount with at most two decimals that fits";
    const char *p = text.data;
    bool negative = text.size > 0 && *p == '-';
    const char *point = memchr(p, convert->decimal, text.size);
    size_t whole = point == NULL ? text.size : (size_t)(point - p), fraction = point == NULL ? 0 : text.size - whole - 1;
    char number[48];

    if (!digits(p + negative, whole - negative) || (point != NULL && !digits(point + 1, fraction)) || whole > 32)
        return not_a(text, expected, err);
    if (decimals == 0 && fraction > 0 && strspn(point + 1, "0") < fraction)
        return not_a(text, expected, err);
    if (decimals > 0 && fraction > decimals)
        return not_a(text, expected, err);
    memcpy(number, p, whole);
    for (size_t i = 0; i < decimals; i++)
        number[whole + i] = i < fraction ? point[1 + i] : '0';
    number[whole + decimals] = '\0';
    return weiri_text_to_int64(number, ret_value) ? WEIR_OK : not_a(text, expected, err);
}

/* ---- times -------------------------------------------------------------------------------------------- */

/* Unix time of a date that exists. */
static bool
seconds_of(const struct tm *parts, int64_t *ret_seconds)
{
    struct tm wanted = *parts, back;
    time_t seconds;

    wanted.tm_isdst = 0;
    seconds = timegm(&wanted);
    if (gmtime_r(&seconds, &back) == NULL || back.tm_mday != parts->tm_mday || back.tm_mon != parts->tm_mon ||
        back.tm_hour != parts->tm_hour || back.tm_min != parts->tm_min || back.tm_sec != parts->tm_sec || back.tm_year != parts->tm_year)
        return false; /* the 30th of February, a leap second */
    *ret_seconds = seconds;
    return true;
}

static bool
two(const char **p, int least, int most, int *ret_value)
{
    if (!digits(*p, 1) || !digits(*p + 1, 1))
        return false;
    *ret_value = (*p)[0] * 10 + (*p)[1] - 11 * '0';
    *p += 2;
    return *ret_value >= least && *ret_value <= most;
}

static bool
passes(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* "", "Z", "+hh:mm", "-hhmm", "+hh". */
static bool
read_zone(const char *p, int64_t *ret_seconds)
{
    int hours = 0, minutes = 0, sign = *p == '-' ? -1 : 1;

    *ret_seconds = 0;
    if (*p == '\0' || strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
        return true;
    if (!passes(&p, '+') && !passes(&p, '-'))
        return false;
    if (!two(&p, 0, 23, &hours))
        return false;
    if (*p != '\0' && ((void)passes(&p, ':'), !two(&p, 0, 59, &minutes)))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return *p == '\0';
}

/* YYYY-MM-DD[(T| )hh:mm[:ss[(.|,)f...]][zone]]; decimals beyond milliseconds must be zero. */
static bool
read_iso(const char *p, int64_t *ret_ms)
{
    struct tm parts = { 0 };
    int64_t seconds, zone = 0;
    int century, year, month, ms = 0, unit = 100;

    if (!two(&p, 0, 99, &century) || !two(&p, 0, 99, &year) || !passes(&p, '-') || !two(&p, 1, 12, &month) || !passes(&p, '-') ||
        !two(&p, 1, 31, &parts.tm_mday))
        return false;
    parts.tm_year = century * 100 + year - 1900;
    parts.tm_mon = month - 1;
    if (*p != '\0') {
        if ((!passes(&p, 'T') && !passes(&p, ' ') && !passes(&p, 't')) || !two(&p, 0, 23, &parts.tm_hour) || !passes(&p, ':') ||
            !two(&p, 0, 59, &parts.tm_min))
            return false;
        if (passes(&p, ':') && !two(&p, 0, 59, &parts.tm_sec))
            return false;
        if (passes(&p, '.') || passes(&p, ',')) {
            if (!digits(p, 1))
                return false;
            for (; digits(p, 1); p++, unit /= 10) {
                if (unit == 0 && *p != '0')
                    return false;
                ms += (*p - '0') * unit;
            }
        }
        if (!read_zone(p, &zone))
            return false;
    }
    if (!seconds_of(&parts, &seconds))
        return false;
    *ret_ms = (seconds - zone) * 1000 + ms;
    return true;
}

static bool
read_format(const char *text, const char *format, int64_t *ret_ms)
{
    struct tm parts = { .tm_mday = 1 };
    int64_t seconds;

    const char *end = strptime(text, format, &parts);
    if (end == NULL || *end != '\0')
        return false;
    long zone = parts.tm_gmtoff;
    parts.tm_gmtoff = 0;
    if (!seconds_of(&parts, &seconds))
        return false;
    *ret_ms = (seconds - zone) * 1000;
    return true;
}

weir_status
weiri_convert_time(const weiri_convert *convert, const char *text, int64_t *ret_ms, weir_error *err)
{
    const char *format = convert->time_format;
    bool unix_s = format != NULL && strcmp(format, "s") == 0, unix_ms = format != NULL && strcmp(format, "ms") == 0;

    if (unix_s || unix_ms) {
        int64_t value;
        if (!weiri_text_to_int64(text, &value) || (unix_s && (value > INT64_MAX / 1000 || value < INT64_MIN / 1000)))
            return not_a(weiri_bytes_of(text), unix_s ? "Unix time in seconds" : "Unix time in milliseconds", err);
        *ret_ms = unix_s ? value * 1000 : value;
        return WEIR_OK;
    }
    if (format != NULL ? read_format(text, format, ret_ms) : read_iso(text, ret_ms))
        return WEIR_OK;
    if (format == NULL)
        return not_a(weiri_bytes_of(text), "a time like 2010-12-01 08:26:00 (or say --time-format)", err);
    char expected[96];
    (void)snprintf(expected, sizeof expected, "a time like --time-format %.60s", format);
    return not_a(weiri_bytes_of(text), expected, err);
}

/* ---- fields ------------------------------------------------------------------------------------------- */

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static weir_status
add_integer(const weiri_convert *convert, const weiri_load_field *field, weiri_bytes text, bool is_unsigned, bool is_32, weiri_buffer *to,
    weir_error *err)
{
    int64_t value;
    uint64_t large;
    bool cents = ends_with(field->name, "_cents"), time = ends_with(field->name, "_ms");
    weir_status status;

    if (is_unsigned && !cents && !time && weiri_text_to_uint64(text.data, &large) && large > INT64_MAX && !is_32) {
        weiri_buffer_print(to, "\"%" PRIu64 "\"", large);
        return WEIR_OK;
    }
    if (time)
        status = weiri_convert_time(convert, text.data, &value, err);
    else
        status = weiri_convert_scaled(convert, text, cents ? 2 : 0, &value, err);
    if (status != WEIR_OK)
        return status;
    if (is_unsigned && (value < 0 || (is_32 && value > UINT32_MAX)))
        return not_a(text, is_32 ? "a whole number from 0 to 4294967295" : "a whole number from 0", err);
    if (!is_unsigned && is_32 && (value < INT32_MIN || value > INT32_MAX))
        return not_a(text, "a whole number from -2147483648 to 2147483647", err);
    weiri_buffer_print(to, "%" PRId64, value);
    return WEIR_OK;
}

static weir_status
add_real(const weiri_convert *convert, weiri_bytes text, weiri_buffer *to, weir_error *err)
{
    char number[64];
    double value;

    if (text.size >= sizeof number)
        return not_a(text, "a number", err);
    memcpy(number, text.data, text.size);
    number[text.size] = '\0';
    for (char *p = number; convert->decimal != '.' && *p != '\0'; p++)
        *p = *p == convert->decimal ? '.' : *p == '.' ? '?' : *p;
    if (!weiri_text_to_double(number, &value))
        return not_a(text, convert->decimal == '.' ? "a number (for a decimal comma say --decimal ,)" : "a number", err);
    weiri_number_add_double(to, value);
    return WEIR_OK;
}

static weir_status
add_truth(weiri_bytes text, weiri_buffer *to, weir_error *err)
{
    static const char *const words[] = { "false", "true", "0", "1", "no", "yes" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text.data, words[i]) == 0) {
            weiri_buffer_add_text(to, words[i % 2]);
            return WEIR_OK;
        }
    return not_a(text, "true or false", err);
}

static weir_status
add_json(weiri_bytes text, weiri_buffer *to, const char *expected, weir_error *err)
{
    json_t *json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    char *compact = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

    if (compact != NULL)
        weiri_buffer_add_text(to, compact);
    free(compact);
    json_decref(json);
    return compact != NULL ? WEIR_OK : not_a(text, expected, err);
}

weir_status
weiri_convert_field(const weiri_convert *convert, const weiri_load_field *field, weiri_bytes text, weiri_buffer *to, weir_error *err)
{
    static const struct {
        const char *name;
        bool is_unsigned, is_32;
    } integers[] = { { "int64", false, false }, { "int32", false, true }, { "sint64", false, false }, { "sint32", false, true },
        { "sfixed64", false, false }, { "sfixed32", false, true }, { "uint64", true, false }, { "uint32", true, true },
        { "fixed64", true, false }, { "fixed32", true, true } };
    const char *type = field->type;

    if (field->repeated)
        return add_json(text, to, "a list in JSON", err);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (strcmp(type, integers[i].name) == 0)
            return add_integer(convert, field, text, integers[i].is_unsigned, integers[i].is_32, to, err);
    if (strcmp(type, "double") == 0 || strcmp(type, "float") == 0)
        return add_real(convert, text, to, err);
    if (strcmp(type, "bool") == 0)
        return add_truth(text, to, err);
    if (strcmp(type, "bytes") == 0)
        return weiri_error_set(err, WEIR_INVALID, "bytes can't be loaded from CSV: use JSON lines");
    if (strcmp(type, "message") == 0)
        return add_json(text, to, "a message in JSON", err);
    if (strcmp(type, "enum") == 0 && digits(text.data, text.size)) {
        weiri_buffer_add_bytes(to, text);
        return WEIR_OK;
    }
    weiri_output_add_json_string(to, text);
    return WEIR_OK;
}
