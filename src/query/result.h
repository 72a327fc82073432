/* SPDX-License-Identifier: Apache-2.0
 * A weiri_result in the making: names, then values row by row. Thread: one at a time. */
#ifndef WEIRI_RESULT_H
#define WEIRI_RESULT_H

#include "query/query.h"

typedef struct weiri_result_maker {
    char **names;
    size_t columns, rows; /* rows: counted by who adds them */
    weiri_buffer values;  /* weiri_value each; text and blobs as offsets into bytes until it is made */
    weiri_buffer bytes;
    uint64_t *sources, *parked_from, parked; /* as in a result */
    uint32_t partitions;
} weiri_result_maker; /* zero-initialise */

void weiri_result_partitions(weiri_result_maker *maker, uint32_t partitions); /* sources and parked_from: zeroed */
void weiri_result_name(weiri_result_maker *maker, const char *name);
void weiri_result_add(weiri_result_maker *maker, weiri_value value); /* copies its bytes */
/* Gives the result all that the maker has, and empties the maker. */
weiri_result *weiri_result_make(weiri_result_maker *maker);
void weiri_result_maker_fini(weiri_result_maker *maker);

#endif
