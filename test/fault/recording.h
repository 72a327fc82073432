/* SPDX-License-Identifier: Apache-2.0
 * A recording of what programs did to their files, as the shim writes it and the images are made from it: entries one behind
 * the other, in the order in which they happened (the shim does them one at a time). Several processes may follow each other. Byte
 * order: the machine's own. */
#ifndef FAULT_RECORDING_H
#define FAULT_RECORDING_H

#include <stdint.h>

typedef enum fault_op {
    FAULT_START = 1, /* a process begins: it numbers its files anew */
    FAULT_FILE,      /* a file or directory is seen for the first time; bytes: its name below the directory */
    FAULT_MAKE,      /* it is made: a new file, or a directory (FAULT_DIRECTORY) */
    FAULT_REMOVE,    /* its name is taken away */
    FAULT_RENAME,    /* offset: the number of its new name */
    FAULT_WRITE,
    FAULT_TRUNCATE, /* offset: the new size, smaller or larger */
    FAULT_SYNC,     /* of a file, or of a directory: the names in it */
    FAULT_MARK,     /* bytes: what the workload says that it has heard */
} fault_op;

/* Flags. DURABLE: a write through a descriptor that is O_DSYNC, on the disk when it returned. */
enum { FAULT_DURABLE = 1, FAULT_DIRECTORY = 2 };

typedef struct fault_entry {
    uint32_t size; /* of the bytes that follow */
    uint16_t file;
    uint8_t op, flags;
    uint64_t sequence, offset;
} fault_entry;

#endif
