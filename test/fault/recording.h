/* SPDX-License-Identifier: Apache-2.0
 * A recording of what a program did to its files, as the shim writes it and the images are made from it: entries one behind
 * the other, in the order in which they happened (the shim does them one at a time). Byte order: the machine's own. */
#ifndef FAULT_RECORDING_H
#define FAULT_RECORDING_H

#include <stdint.h>

typedef enum fault_op {
    FAULT_FILE = 1, /* a file is seen for the first time; bytes: its name below the directory */
    FAULT_WRITE,
    FAULT_TRUNCATE, /* offset: the new size */
    FAULT_SYNC,     /* of a file, or of a directory: the names in it */
    FAULT_RENAME,   /* bytes: the new name */
    FAULT_MARK,     /* bytes: what the workload says that it has heard */
} fault_op;

enum { FAULT_DURABLE = 1 }; /* flag of a write: the descriptor is O_DSYNC, it was on the disk when it returned */

typedef struct fault_entry {
    uint32_t size; /* of the bytes that follow */
    uint16_t file;
    uint8_t op, flags;
    uint64_t sequence, offset;
} fault_entry;

#endif
