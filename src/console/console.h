/* SPDX-License-Identifier: Apache-2.0
 * The console: static files of this room, made into bytes of the program by embed.py when it is built. Thread: any. */
#ifndef WEIRI_CONSOLE_H
#define WEIRI_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct weiri_page {
    const char *name; /* "console.js" */
    const char *type; /* of its content */
    const uint8_t *data;
    size_t size;
    char etag[24]; /* with its quotes: another for other bytes */
} weiri_page;

/* Ends with a row whose name is NULL; "index.html" is among them. */
extern const weiri_page weiri_console_pages[];

#endif
