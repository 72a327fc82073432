/* SPDX-License-Identifier: Apache-2.0
 * Pages: the console's, which are in the program, and a module's own under /app/, read into memory when the server starts. A path is
 * looked up among their names and never reaches a file system. Thread: any, once loaded. */
#ifndef WEIRI_PAGES_H
#define WEIRI_PAGES_H

#include "base/error.h"
#include "console/console.h"

enum { WEIRI_PAGES_MOST = 64, WEIRI_PAGES_BYTES = 8 << 20 };

/* Reads the files of a directory (not those of directories in it, and none whose name begins with a dot). A directory that isn't there
 * has none. Owns: gives *ret_pages, which ends with a row without a name. Errors: IO, INVALID (too many, too large, an unknown ending). */
WEIR_MUST_USE weir_status weiri_http_pages_load(const char *dir, weiri_page **ret_pages, weir_error *err);
void weiri_http_pages_free(weiri_page *pages); /* NULL is fine */

#endif
