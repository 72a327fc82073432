/* SPDX-License-Identifier: Apache-2.0
 * What the replies of the table of routes look like, as JSON Schema by the names that the table gives: replies.json, made into bytes of
 * the program when it is built. Thread: any. */
#ifndef WEIRI_OPENAPI_H
#define WEIRI_OPENAPI_H

#include "console/console.h"

extern const weiri_page weiri_openapi_files[]; /* one: an object of schemas by name */

#endif
