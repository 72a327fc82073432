/* SPDX-License-Identifier: Apache-2.0
 * The query side: views from SQL files, each kept by a projector with its position in the view's own transaction, and
 * the queries on them. What the engine and the stories see of it. */
#ifndef WEIRI_QUERY_H
#define WEIRI_QUERY_H

#include "base/error.h"
#include "base/world.h"
#include "log/log.h"
#include "message/schema.h"

/* ---- values and rows -------------------------------------------------------------------------------- */

typedef enum weiri_value_kind {
    WEIRI_VALUE_NULL,
    WEIRI_VALUE_INTEGER,
    WEIRI_VALUE_REAL,
    WEIRI_VALUE_TEXT,
    WEIRI_VALUE_BLOB
} weiri_value_kind;

typedef struct weiri_value {
    weiri_value_kind kind;
    int64_t integer;
    double real;
    weiri_bytes bytes; /* TEXT, BLOB: borrowed */
} weiri_value;

/* The answer to a query, in memory: columns, rows, and the view's position when it was read, in one transaction. */
typedef struct weiri_result {
    size_t columns, rows;
    char **names;
    weiri_value *values; /* rows x columns, row by row; their bytes lie in `bytes` */
    weiri_buffer bytes;
    uint64_t *sources; /* partitions: one more than the source position applied (0: nothing yet) */
    /* Events below that position that are not in the rows: how many; and, a partition, one more than the source position of the first
     * (0: none), which lies in the memory of `sources`. */
    uint64_t parked, *parked_from;
    uint32_t partitions;
} weiri_result;
void weiri_result_free(weiri_result *result); /* NULL is fine */

/* ---- views ------------------------------------------------------------------------------------------ */

typedef struct weiri_views weiri_views;

typedef struct weiri_views_config {
    const weiri_schema *schema; /* borrowed */
    const char *files;          /* directory with *.sql; NULL: no views */
    weiri_log *log;             /* NULL: none: for stories and checks; then views are in memory and fed by hand */
    const char *dir;            /* where VIEW-VERSION.db go; unused without a log */
    const weiri_world *world;
    uint32_t query_ms;    /* time limit of one query; 0: 5,000 */
    uint32_t result_rows; /* limit of one answer; 0: 100,000 */
} weiri_views_config;

/* Loads and checks every view file against the messages and a fresh database; all that is wrong goes to `problems`.
 * Owns: gives *ret_views only if nothing is wrong (else NULL). */
void weiri_views_load(const weiri_views_config *config, weiri_views **ret_views, weiri_problems *problems);
/* Opens the databases of the loaded views (with a log), marks as diverged and rebuilds what does not fit the log. Errors: IO, CORRUPT. */
WEIR_MUST_USE weir_status weiri_views_open(weiri_views *views, weir_error *err);
WEIR_MUST_USE weir_status weiri_views_start(weiri_views *views, weir_error *err); /* one projector thread a view */
void weiri_views_stop(weiri_views *views);
void weiri_views_free(weiri_views *views); /* stops first if need be; NULL is fine */

size_t weiri_views_count(const weiri_views *views);

/* Applies one event to every in-memory view that has it (stories). Errors: INVALID with file and line of the statement. */
WEIR_MUST_USE weir_status weiri_views_apply(weiri_views *views, const weiri_record *event, weir_error *err);
/* UPDATE and DELETE statements that touched no row since the last call; for a failing story. Appends lines to `to`. */
void weiri_views_untouched(weiri_views *views, weiri_buffer *to);

typedef struct weiri_argument {
    const char *name, *value; /* text, decoded */
} weiri_argument;

/* What the answer must have reached. `sources`: with has_token, partitions entries: 0 any, else source position + 1. */
typedef struct weiri_freshness {
    bool has_token;
    const uint64_t *sources;
    int64_t wait_ms;
} weiri_freshness;

/* Rows of a table: the arguments are PostgREST's filters (eq neq gt gte lt lte like in is, not., order, limit, offset, select).
 * Owns: gives *ret_result. Errors: NOT_FOUND (view or table, with the nearest), INVALID (column, operator or value, by name),
 * BEHIND (err says how far; *ret_result holds the position and no rows), TIMEOUT (query_ms), IO. Thread: any. */
WEIR_MUST_USE weir_status weiri_views_rows(weiri_views *views, const char *view, const char *table, const weiri_argument *arguments,
    size_t n, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err);
/* A named query with its typed parameters; every other argument is a filter on its result. */
WEIR_MUST_USE weir_status weiri_views_query(weiri_views *views, const char *view, const char *query, const weiri_argument *arguments,
    size_t n, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err);
/* Waits until every view shows all that is durable now. Errors: TIMEOUT, IO (a view has stopped). */
WEIR_MUST_USE weir_status weiri_views_settle(weiri_views *views, int64_t timeout_ms, weir_error *err);

typedef struct weiri_view_status {
    const char *name;
    char version[17];  /* hexadecimal hash of what the view is made of */
    const char *state; /* "following", "rebuilding", "stopped" */
    uint64_t lag_events;
    int64_t lag_ms;               /* age of the oldest event not yet shown; 0: none */
    double events_per_second;     /* over the last seconds */
    uint64_t applied, untouched;  /* events; UPDATEs and DELETEs that touched no row */
    uint64_t parked, parked_keys; /* events that the rows lack, for now: they failed, or came behind one of their key that did */
    uint64_t discarded;           /* for ever */
    uint32_t partitions;
    uint64_t next_offset[64], source[64]; /* of the first 64 partitions; source + 1 */
    char error[512];                      /* "" or file:line: words, and the position */
    char note[256];                       /* "" or what a person may want to know: "diverged: ...; built anew" */
} weiri_view_status;
void weiri_views_status(weiri_views *views, size_t i, weiri_view_status *ret_status);

/* ---- events that a view could not take ---------------------------------------------------------------- */

typedef enum weiri_letter_state { WEIRI_LETTER_PARKED, WEIRI_LETTER_DISCARDED } weiri_letter_state;

/* An event that is not in the rows though the position has passed it: it failed, or came behind one of its key that did, or is never to
 * come in. (partition, source, index) names it in every engine of the log. */
typedef struct weiri_letter {
    uint32_t partition, index;
    uint64_t source, offset; /* offset: in the events, as this view read it */
    weiri_letter_state state;
    uint32_t attempts;         /* that failed; 0: it waits behind another */
    int64_t time_ms, since_ms; /* of the event; of its parking, or of its discarding */
    weiri_bytes type, aggregate, key, error;
    weiri_bytes reason, who; /* DISCARDED: as the record in the log has it */
} weiri_letter;              /* its bytes: borrowed */

typedef struct weiri_letters_asked {
    const weiri_bytes *key; /* NULL: all keys */
    bool parked;            /* those alone, not the discarded ones */
    uint64_t most;
} weiri_letters_asked;
typedef bool weiri_letter_fn(void *user, const weiri_letter *letter); /* false: enough */

/* What a view has parked and what was discarded. Errors: NOT_FOUND (the view), BUSY, IO. Thread: any. */
WEIR_MUST_USE weir_status weiri_views_letters(
    weiri_views *views, const char *view, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err);

typedef struct weiri_letter_name {
    uint32_t partition, index;
    uint64_t source;
} weiri_letter_name;
typedef struct weiri_letters_tried {
    uint64_t applied, parked, keys; /* now in the rows; still parked */
} weiri_letters_tried;
/* Tries again what is parked with the key of this event, from its head; NULL: all that is parked. What fails again stays, and is OK.
 * Errors: NOT_FOUND, CONFLICT (it is discarded), BUSY, IO. Thread: any. */
WEIR_MUST_USE weir_status weiri_views_letters_retry(
    weiri_views *views, const char *view, const weiri_letter_name *which, weiri_letters_tried *ret_tried, weir_error *err);

/* What a view offers: its tables (with columns) and queries (with parameters), for listings: appends the JSON members
 * "tables":[...],"queries":[...]. */
void weiri_views_describe(const weiri_views *views, size_t i, weiri_buffer *to);

/* The canonical dump of a view's tables: tables by name, rows sorted by all columns, one line each, tab separated, text
 * quoted as JSON, blobs as x'..', reals in the fewest digits that read back the same, NULL as null. Appends to `to`. */
WEIR_MUST_USE weir_status weiri_views_dump(weiri_views *views, const char *view, weiri_buffer *to, weir_error *err);
/* The same of a database file, without any view loaded, read-only (weir view dump --dir). */
WEIR_MUST_USE weir_status weiri_view_file_dump(const char *path, weiri_buffer *to, weir_error *err);

/* Deletes a view's database and builds it anew from the log (its file must be loaded). On return it is empty and being
 * built. Without a log: empty again. Errors: NOT_FOUND, IO. Thread: any. */
WEIR_MUST_USE weir_status weiri_views_rebuild(weiri_views *views, const char *view, weir_error *err);

#endif
