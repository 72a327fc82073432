/* SPDX-License-Identifier: Apache-2.0
 * The one table of answers: what HTTP says, what the command line exits with, and in which words. docs/answers.md shows it.
 * Constant. Thread: any. */
#include "engine/service.h"
#include <string.h>

/* The first row of a status is the one for codes that are not listed (those of the domain, above all). */
static const weiri_answer_row rows[] = {
    { "ok", WEIR_OK, 200, 0, "OK" },
    { "rejected", WEIR_REJECTED, 422, 1, "The command was rejected" },
    { "id-reused", WEIR_REJECTED, 422, 1, "This id belongs to another command" },
    { "source-reused", WEIR_REJECTED, 422, 1, "This source name belongs to other content" },
    { "wrong-partition", WEIR_REJECTED, 422, 1, "The command lies in the wrong partition" },
    { "key-quarantined", WEIR_REJECTED, 422, 1, "The aggregate is in quarantine" },
    { "quarantined", WEIR_REJECTED, 422, 1, "The command is in quarantine" },
    { "failed", WEIR_REJECTED, 500, 1, "The rule that decides this command is wrong" },
    { "conflict", WEIR_CONFLICT, 412, 3, "The aggregate is at another version" },
    { "gap", WEIR_CONFLICT, 409, 3, "A command of this source is missing before this one" },
    { "invalid", WEIR_INVALID, 400, 2, "The request is wrong" },
    { "malformed", WEIR_INVALID, 400, 2, "The command can't be read" },
    { "foreign-token", WEIR_INVALID, 400, 2, "The position is of another log" },
    { "future-token", WEIR_INVALID, 400, 2, "The position is ahead of the log" },
    { "not-found", WEIR_NOT_FOUND, 404, 2, "There is no such thing here" },
    { "busy", WEIR_BUSY, 503, 4, "Too much at once: nothing was taken, try again" },
    { "not-ready", WEIR_BUSY, 503, 4, "Not ready: nothing was taken, try again" },
    { "quarantine-full", WEIR_BUSY, 503, 4, "Too many commands are in quarantine: nothing was taken" },
    { "rate-limit", WEIR_BUSY, 429, 4, "Too many requests: nothing was taken, try again" },
    { "unknown", WEIR_TIMEOUT, 504, 5, "What became of it is not known: send it again with the same id" },
    { "query-timeout", WEIR_TIMEOUT, 504, 5, "The query took too long" },
    { "behind", WEIR_BEHIND, 409, 5, "The view is behind the position that was asked for" },
    { "closing", WEIR_CLOSED, 503, 4, "The engine is closing: nothing was taken" },
    { "fenced", WEIR_FENCED, 503, 4, "Another owner has taken over" },
    { "io", WEIR_IO, 500, 4, "Reading or writing failed" },
    { "log-failed", WEIR_IO, 503, 4, "The log has failed: nothing was taken, and nothing will be until the engine is opened again" },
    { "corrupt", WEIR_CORRUPT, 500, 4, "Stored data is damaged" },
    { "no-memory", WEIR_NO_MEMORY, 503, 4, "Out of memory: try again" },
};

enum { ROWS = sizeof rows / sizeof *rows };

/* Codes of weir's own that a lane tells as rejections although they have another place here. */
static bool
moves(const char *code)
{
    return strcmp(code, "malformed") == 0 || strcmp(code, "gap") == 0;
}

const weiri_answer_row *
weiri_answer_row_of(weir_status status, const char *code)
{
    for (size_t i = 0; i < ROWS && code != NULL && code[0] != '\0'; i++) {
        if (strcmp(rows[i].code, code) == 0 && (rows[i].status == status || (status != WEIR_OK && moves(code))))
            return &rows[i];
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].status == status)
            return &rows[i];
    }
    return weiri_answer_row_of(WEIR_IO, "");
}
