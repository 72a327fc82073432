/* SPDX-License-Identifier: Apache-2.0
 * Allocation for small things at the edges, where running out ends the program: as safe as kill -9, which weir is
 * built to survive. What can grow with the load asks malloc itself and answers NO_MEMORY. Thread: any. */
#ifndef WEIRI_MEMORY_H
#define WEIRI_MEMORY_H

#include <stddef.h>

void *weiri_allocate(size_t size);                 /* zeroed; never NULL */
void *weiri_reallocate(void *memory, size_t size); /* never NULL */
char *weiri_text_copy(const char *text);           /* never NULL; NULL gives NULL */
char *weiri_text_copy_n(const char *text, size_t size);
void weiri_release(void *memory); /* NULL is fine */

#endif
