/* SPDX-License-Identifier: Apache-2.0
 * The values of a checkpoint's rows, as lanes write and read them: docs/formats/checkpoint.md. Little-endian, as in memory. */
#ifndef WEIRI_LANE_ROWS_H
#define WEIRI_LANE_ROWS_H

#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

typedef struct weiri_state_row { /* key: 'S', u16 number of the aggregate (big-endian), its key */
    uint64_t version, last_source, last_offset;
    uint32_t last_index, zero;
} weiri_state_row; /* then the packed state */
_Static_assert(sizeof(weiri_state_row) == 32, "docs/formats/checkpoint.md");

enum { WEIRI_STATE_KEY_HEAD = 3, WEIRI_STATE_KEY_MOST = WEIRI_STATE_KEY_HEAD + UINT8_MAX };

static inline size_t
weiri_state_row_key(uint16_t aggregate, weiri_bytes name, uint8_t to[WEIRI_STATE_KEY_MOST])
{
    to[0] = 'S';
    to[1] = (uint8_t)(aggregate >> 8);
    to[2] = (uint8_t)aggregate;
    memcpy(to + WEIRI_STATE_KEY_HEAD, name.data, name.size);
    return WEIRI_STATE_KEY_HEAD + name.size;
}

typedef struct weiri_source_row { /* key: 'N', the source's name */
    uint64_t last, fingerprint;
} weiri_source_row;
_Static_assert(sizeof(weiri_source_row) == 16, "docs/formats/checkpoint.md");

/* Key: 'W', u32 number of the row (big-endian). Value: up to so many weiri_window_entry, oldest first. */
enum { WEIRI_WINDOW_ROW = 1024 };

#endif
