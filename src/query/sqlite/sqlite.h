/* SPDX-License-Identifier: Apache-2.0
 * The store of views on SQLite, and the check of a view file against a fresh one. */
#ifndef WEIRI_SQLITE_H
#define WEIRI_SQLITE_H

#include "query/store.h"

/* Opens the database file, or makes it with the view's tables at position 0 (*ret_fresh).
 * Errors: CONFLICT (it is another view's, version's or log's, in words), CORRUPT, IO, INVALID (the schema). */
WEIR_MUST_USE weir_status weiri_sqlite_open(const weiri_store_config *config, weiri_store **ret_store, bool *ret_fresh, weir_error *err);

/* Runs the schema in a fresh database in memory, prepares every statement on it, and fills in tables, answers and which
 * statements may touch nothing. What is wrong goes to `problems`. Thread: any. */
void weiri_sqlite_check(weiri_view_file *file, weiri_problems *problems);

/* Appends the text of the view file that a database was made with. Errors: CONFLICT (there is none), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_sqlite_stored(const char *path, weiri_buffer *to, weir_error *err);

/* Deletes a database and what SQLite keeps beside it. Not there: fine. Errors: IO. */
WEIR_MUST_USE weir_status weiri_sqlite_remove(const char *path, weir_error *err);

#endif
