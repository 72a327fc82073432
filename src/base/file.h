/* SPDX-License-Identifier: Apache-2.0
 * Room for a file that is written through a map: where the disk has none when a page is first touched, the kernel ends the process by
 * SIGBUS, without a word. Thread: any. */
#ifndef WEIRI_FILE_H
#define WEIRI_FILE_H

#include "base/error.h"

/* Makes the file where it isn't there, and gives its first `size` bytes a place on the disk; it never shrinks. Errors: IO, no room. Whatever
 * else is wrong with it (no such directory, no permission) is left for its next user to say. */
WEIR_MUST_USE weir_status weiri_file_allocate(const char *path, size_t size, weir_error *err);

#endif
