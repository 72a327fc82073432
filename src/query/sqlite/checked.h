/* SPDX-License-Identifier: Apache-2.0
 * Checksums below SQLite, which has none: a file layer that puts 8 bytes at the end of every page of a view's database, in the room
 * that SQLite's format reserves for such things, and refuses a page whose bytes don't agree with them. Ordinary programs read
 * the file all the same. docs/formats/view.md is its page. Thread: any; a file is its connection's. */
#ifndef WEIRI_SQLITE_CHECKED_H
#define WEIRI_SQLITE_CHECKED_H

#include <sqlite3.h>
#include "base/error.h"

#define WEIRI_SQLITE_CHECKED "weir-view" /* the layer's name, for sqlite3_open_v2 */

/* Makes the layer known to SQLite. Errors: NO_MEMORY, IO. */
WEIR_MUST_USE weir_status weiri_sqlite_checked_register(weir_error *err);
/* After opening, before the first statement: has a new database leave the room. */
void weiri_sqlite_checked_reserve(sqlite3 *db);

#endif
