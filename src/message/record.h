/* SPDX-License-Identifier: Apache-2.0
 * One record of the log: its envelope in memory, and its bytes. docs/formats/record.md is the page of this format.
 * All integers little-endian. A record read borrows the bytes it was read from. Thread: any.
 *
 *   offset size
 *        0    1  kind              8    8  time_ms            40    4  index
 *        1    1  flags            16    8  source             44    4  previous_index
 *        2    2  type_size        24    8  version            48    8  previous_source
 *        4    1  aggregate_size   32    8  expected_version   56    8  previous_offset
 *        5    1  key_size         64    4  payload_size       68    4  headers_size
 *        6    2  id_size          72    type, aggregate, key, id, headers, payload
 *
 * A header: u16 name_size, u32 value_size, name, value; one behind the other. */
#ifndef WEIRI_RECORD_H
#define WEIRI_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

typedef enum weiri_record_kind {
    WEIRI_RECORD_COMMAND = 1,
    WEIRI_RECORD_EVENT = 2,
    WEIRI_RECORD_OUTCOME = 3, /* of a command without events: see outcome.h */
} weiri_record_kind;

enum {
    WEIRI_RECORD_EXPECTS = 1,   /* flag: expected_version was given */
    WEIRI_RECORD_CLIENT_ID = 2, /* flag: the id is the client's, so it counts for de-duplication */
    WEIRI_RECORD_FIRST = 4,     /* flag, on events: the aggregate's first, so no previous_* */
    WEIRI_RECORD_LAST = 8,      /* flag, on events: the last of its decision */
    WEIRI_RECORD_JSON = 16,     /* flag: the payload is proto3 JSON, else Protobuf */
    WEIRI_RECORD_HEAD_SIZE = 72,
    WEIRI_MESSAGE_MOST = 900 * 1024, /* bytes of a payload */
    WEIRI_STEP_MORE = 8 << 10,       /* a command weir.StepProcess may have so many beside the message that it brings */
    WEIRI_ID_MOST = 128,             /* bytes of a command id */
};

#define WEIRI_NO_OFFSET UINT64_MAX

/* The first 72 bytes, as they lie in the log. docs/formats/record.md names these offsets; changing one is another format. */
typedef struct weiri_record_head {
    uint8_t kind, flags;
    uint16_t type_size;
    uint8_t aggregate_size, key_size;
    uint16_t id_size;
    uint64_t time_ms, source, version, expected_version;
    uint32_t index, previous_index;
    uint64_t previous_source, previous_offset;
    uint32_t payload_size, headers_size;
} weiri_record_head;

static_assert(sizeof(weiri_record_head) == WEIRI_RECORD_HEAD_SIZE, "a record's head has 72 bytes");
static_assert(offsetof(weiri_record_head, kind) == 0 && offsetof(weiri_record_head, flags) == 1, "kind, flags");
static_assert(offsetof(weiri_record_head, type_size) == 2 && offsetof(weiri_record_head, aggregate_size) == 4, "type, aggregate");
static_assert(offsetof(weiri_record_head, key_size) == 5 && offsetof(weiri_record_head, id_size) == 6, "key, id");
static_assert(offsetof(weiri_record_head, time_ms) == 8 && offsetof(weiri_record_head, source) == 16, "time, source");
static_assert(offsetof(weiri_record_head, version) == 24 && offsetof(weiri_record_head, expected_version) == 32, "versions");
static_assert(offsetof(weiri_record_head, index) == 40 && offsetof(weiri_record_head, previous_index) == 44, "indices");
static_assert(offsetof(weiri_record_head, previous_source) == 48 && offsetof(weiri_record_head, previous_offset) == 56, "previous event");
static_assert(offsetof(weiri_record_head, payload_size) == 64 && offsetof(weiri_record_head, headers_size) == 68, "payload, headers");

typedef struct weiri_record {
    uint8_t kind, flags;
    int64_t time_ms;  /* lane time, Unix */
    uint64_t source;  /* offset in commands[p] of the command it comes from (a command: its own) */
    uint32_t index;   /* of an event in its decision, from 0 */
    uint64_t version; /* of the aggregate, after this record */
    uint64_t expected_version;
    uint64_t previous_source; /* the aggregate's previous event, by (source, index) ... */
    uint32_t previous_index;
    uint64_t previous_offset; /* ... and by its offset in events[p] */
    weiri_bytes type, aggregate, key, id, headers, payload;
} weiri_record;

/* Names of headers that weir itself reads; all values are text, numbers in decimal, unless said otherwise. */
#define WEIRI_HEADER_SOURCE "weir-source"
#define WEIRI_HEADER_SEQUENCE "weir-sequence"
#define WEIRI_HEADER_PREVIOUS "weir-previous"
#define WEIRI_HEADER_FINGERPRINT "weir-fingerprint"
#define WEIRI_HEADER_CORRELATION "weir-correlation"
#define WEIRI_HEADER_TRACEPARENT "traceparent"
#define WEIRI_HEADER_HOPS "weir-hops"                 /* steps of processes between this and what a person, or a timer, began */
#define WEIRI_HEADER_INSTANCE "weir-instance"         /* of a command that a process sends, and of what it leaves: the instance's key */
#define WEIRI_HEADER_PAYLOAD_HASH "weir-payload-hash" /* 8 bytes, for the window: weiri_hash64(weiri_hash64(0, type), packed command) */

/* Bytes that weiri_record_write will write, not rounded. */
size_t weiri_record_size(const weiri_record *record);
/* The caller has checked what comes from outside: a type and an id of at most 65,535 bytes, an aggregate and a key of 255. */
void weiri_record_write(const weiri_record *record, void *to);
/* Reads the record that `bytes` begins with; bytes behind it (padding) are left alone, unknown flags are kept. Errors: CORRUPT
 * (sizes that don't fit, headers that don't either, an unknown kind); never reads beyond `bytes`. */
WEIR_MUST_USE weir_status weiri_record_read(weiri_bytes bytes, weiri_record *ret_record);

void weiri_headers_add(weiri_buffer *headers, const char *name, weiri_bytes value);
void weiri_headers_add_number(weiri_buffer *headers, const char *name, uint64_t value);
/* The header at the front of `headers`, which then begins behind it. False: there is none, or it isn't whole. */
bool weiri_headers_next(weiri_bytes *headers, weiri_bytes *ret_name, weiri_bytes *ret_value);
bool weiri_headers_find(weiri_bytes headers, const char *name, weiri_bytes *ret_value);
bool weiri_headers_find_number(weiri_bytes headers, const char *name, uint64_t *ret_value);

#endif
