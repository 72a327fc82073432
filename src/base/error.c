/* SPDX-License-Identifier: Apache-2.0
 * The words of a failure: a fixed-size weir_error of the caller's, cut where it ends, never allocated. */
#include "base/error.h"
#include "base/memory.h"
#include <stdio.h>
#include <string.h>

const char *
weir_status_name(weir_status status)
{
    static const char *const names[] = { "ok", "rejected", "conflict", "invalid", "not-found", "busy", "timeout", "behind", "closed",
        "fenced", "io", "corrupt", "no-memory" };

    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown-status";
}

weir_status
weiri_error_setv(weir_error *err, weir_status status, const char *format, va_list arguments)
{
    if (err == NULL)
        return status;
    err->status = status;
    err->line = 0;
    err->file[0] = '\0';
    (void)vsnprintf(err->text, sizeof err->text, format, arguments);
    return status;
}

weir_status
weiri_error_set(weir_error *err, weir_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weiri_error_setv(err, status, format, arguments);
    va_end(arguments);
    return status;
}

weir_status
weiri_error_at(weir_error *err, weir_status status, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weiri_error_setv(err, status, format, arguments);
    va_end(arguments);
    if (err != NULL) {
        (void)snprintf(err->file, sizeof err->file, "%s", file);
        err->line = line;
    }
    return status;
}

weir_status
weiri_error_prefix(weir_error *err, const char *format, ...)
{
    char text[sizeof err->text];
    va_list arguments;

    if (err == NULL)
        return WEIR_INVALID;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof text)
        n = (int)sizeof text - 1;
    (void)snprintf(text + n, sizeof text - (size_t)n, ": %s", err->text);
    memcpy(err->text, text, sizeof text);
    return err->status;
}

void
weiri_error_format(const weir_error *err, char *to, size_t size)
{
    if (err->file[0] == '\0')
        (void)snprintf(to, size, "%s", err->text);
    else if (err->line == 0)
        (void)snprintf(to, size, "%s: %s", err->file, err->text);
    else
        (void)snprintf(to, size, "%s:%d: %s", err->file, err->line, err->text);
}

void
weiri_problems_add(weiri_problems *problems, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    if (problems->n == problems->room) {
        problems->room = problems->room == 0 ? 8 : 2 * problems->room;
        problems->list = weiri_reallocate(problems->list, problems->room * sizeof *problems->list);
    }
    weir_error *err = &problems->list[problems->n++];
    va_start(arguments, format);
    weiri_error_setv(err, WEIR_INVALID, format, arguments);
    va_end(arguments);
    (void)snprintf(err->file, sizeof err->file, "%s", file);
    err->line = line;
}

static bool
comes_before(const weir_error *a, const weir_error *b)
{
    int order = strcmp(a->file, b->file);

    return order < 0 || (order == 0 && a->line < b->line);
}

void
weiri_problems_sort(weiri_problems *problems)
{
    for (size_t i = 1; i < problems->n; i++) {
        const weir_error moved = problems->list[i];
        size_t to = i;
        while (to > 0 && comes_before(&moved, &problems->list[to - 1]))
            to--;
        memmove(&problems->list[to + 1], &problems->list[to], (i - to) * sizeof moved);
        problems->list[to] = moved;
    }
}

weir_status
weiri_problems_status(const weiri_problems *problems, weir_error *err)
{
    if (problems->n == 0)
        return WEIR_OK;
    if (err != NULL) {
        *err = problems->list[0];
        size_t used = strlen(err->text);
        if (problems->n > 1)
            (void)snprintf(err->text + used, sizeof err->text - used, " (and %zu more)", problems->n - 1);
    }
    return WEIR_INVALID;
}

void
weiri_problems_fini(weiri_problems *problems)
{
    weiri_release(problems->list);
    *problems = (weiri_problems){ 0 };
}
