/* SPDX-License-Identifier: Apache-2.0
 * Points in time as text and parts of them: Unix milliseconds, UTC, the proleptic Gregorian calendar. Thread: any. */
#ifndef WEIRI_MOMENT_H
#define WEIRI_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIRI_MINUTE_MS = 60 * 1000,
    WEIRI_HOUR_MS = 60 * WEIRI_MINUTE_MS,
    WEIRI_DAY_MS = 24 * WEIRI_HOUR_MS,
    WEIRI_MOMENT_SIZE = 40, /* room for any of them as text, with the NUL */
};

int64_t weiri_moment_floor(int64_t ms, int64_t unit_ms);          /* the beginning of its minute, hour or day */
size_t weiri_moment_date(int64_t ms, char to[WEIRI_MOMENT_SIZE]); /* "2026-01-31"; returns its length */
size_t weiri_moment_text(int64_t ms, char to[WEIRI_MOMENT_SIZE]); /* "2026-01-31T23:59:59.000Z" (ISO 8601) */

/* Reads ISO 8601: a date, or date and time with or without seconds, fraction and zone (none: UTC); or an integer: Unix
 * milliseconds. The whole text. Writes only on success. */
bool weiri_moment_read(const char *text, int64_t *ret_ms);

#endif
