/* SPDX-License-Identifier: Apache-2.0
 * Filling a weir_error, and collecting many of them. Thread: any, one object at a time. */
#ifndef WEIRI_ERROR_H
#define WEIRI_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir/status.h>

/* Writes `status` and the text into `err` (NULL: nobody asked), no file or line. Returns `status`. */
weir_status weiri_error_set(weir_error *err, weir_status status, const char *format, ...) WEIR_PRINTF(3, 4);
weir_status weiri_error_setv(weir_error *err, weir_status status, const char *format, va_list arguments) WEIR_PRINTF(3, 0);

/* The same, about a place in an author's file. */
weir_status weiri_error_at(weir_error *err, weir_status status, const char *file, int line, const char *format, ...) WEIR_PRINTF(5, 6);

/* Puts "context: " in front of what `err` says, on the way up. Returns its status. */
weir_status weiri_error_prefix(weir_error *err, const char *format, ...) WEIR_PRINTF(2, 3);

/* "FILE:LINE: text", or the text alone where there is no file. Writes at most `size` bytes with the NUL. */
void weiri_error_format(const weir_error *err, char *to, size_t size);

/* Everything that is wrong, found at once: load checks add to it and go on. Zero-initialise. */
typedef struct weiri_problems {
    weir_error *list;
    size_t n, room;
} weiri_problems;

/* Adds one problem (status INVALID). file "" and line 0 where no file is meant. */
void weiri_problems_add(weiri_problems *problems, const char *file, int line, const char *format, ...) WEIR_PRINTF(4, 5);
/* By file and line, as a person goes through them; those without a file first, and else as they were found. */
void weiri_problems_sort(weiri_problems *problems);
/* WEIR_OK when there are none; else `err` tells the first, and how many more. */
WEIR_MUST_USE weir_status weiri_problems_status(const weiri_problems *problems, weir_error *err);
void weiri_problems_fini(weiri_problems *problems);

#endif
