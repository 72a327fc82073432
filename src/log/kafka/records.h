/* SPDX-License-Identifier: Apache-2.0
 * Records as Kafka messages and back: CloudEvents in binary mode, names of docs/formats/kafka.md. No I/O: a message here is key,
 * value and headers in memory, so that all of it is tested without a broker. Thread: any, one object at a time. */
#ifndef WEIRI_KAFKA_RECORDS_H
#define WEIRI_KAFKA_RECORDS_H

#include "base/arena.h"
#include "log/shared.h"
#include "message/schema.h"

enum {
    WEIRI_KAFKA_HEADERS_MOST = 64,
    WEIRI_KAFKA_TEXT_ROOM = 1280,
    WEIRI_KAFKA_NONCE_SIZE = 33, /* 32 hexadecimal digits and NUL */
    /* A value above it does not fit into a broker's default of 1 MiB a message with its headers: events are then written as
     * Protobuf whatever the format. */
    WEIRI_KAFKA_JSON_MOST = 960 * 1024,
};

typedef struct weiri_kafka_header {
    const char *name;
    weiri_bytes value;
} weiri_kafka_header;

typedef struct weiri_kafka_message {
    weiri_bytes key, value; /* data NULL: there is none */
    uint64_t offset;
    int64_t time_ms;
    unsigned n; /* headers; above WEIRI_KAFKA_HEADERS_MOST: there were more, and they are not here */
    weiri_kafka_header headers[WEIRI_KAFKA_HEADERS_MOST];
    size_t text_size;
    char text[WEIRI_KAFKA_TEXT_ROOM]; /* what headers made here point into */
} weiri_kafka_message;

/* How one process writes and reads. */
typedef struct weiri_kafka_format {
    const char *source;         /* "weir/APP" */
    const weiri_schema *schema; /* borrowed; NULL: JSON of events is kept as it is */
    bool json;                  /* events are written as JSON */
    weiri_buffer value;         /* scratch: a value that was converted */
    weiri_buffer headers;       /* scratch: headers of a record read */
    weiri_arena arena;          /* scratch: messages while they are converted */
} weiri_kafka_format;
void weiri_kafka_format_fini(weiri_kafka_format *format);

/* The message of an event, an outcome or a command (by record->kind). It borrows the record's bytes and, when the value was
 * converted (*ret_converted), `format`: until the next call. */
void weiri_kafka_write(weiri_kafka_format *format, const weiri_record *record, uint32_t partition, uint64_t incarnation,
    weiri_kafka_message *ret_message, bool *ret_converted);
#define WEIRI_KAFKA_FENCE "weir.lane.opened"
/* The fence record that opens a lane. */
void weiri_kafka_write_fence(weiri_kafka_format *format, const char *nonce, int64_t time_ms, weiri_kafka_message *ret_message);

/* A message of events or outcomes, read. */
typedef struct weiri_kafka_entry {
    uint64_t offset;      /* of Kafka */
    uint64_t incarnation; /* that it claims; of a fence: not set */
    bool fence;
    char nonce[WEIRI_KAFKA_NONCE_SIZE]; /* of a fence */
    bool counted;                       /* an outcome that says how many events there are */
    uint64_t events;
    weiri_record record; /* borrows the message and `format`'s scratch */
} weiri_kafka_entry;

/* Errors: NOT_FOUND: not written by a lane (a foreign record): to be passed by. CORRUPT: it says that it is one, and can't be read;
 * err says why and not where. */
WEIR_MUST_USE weir_status weiri_kafka_read(
    weiri_kafka_format *format, weiri_topic topic, const weiri_kafka_message *message, weiri_kafka_entry *ret_entry, weir_error *err);

/* A message of commands, from whoever: whatever is wrong with it is in the flaw (code NULL: nothing). The record borrows the
 * message and `format`. */
void weiri_kafka_read_command(
    weiri_kafka_format *format, const weiri_kafka_message *message, weiri_record *ret_record, weiri_flaw *ret_flaw);

/* Unix time in milliseconds as RFC 3339, UTC ("2024-02-29T23:59:59.999Z"), and back. What is outside of the years 1970 to 9999 is
 * written as the nearest that is inside. */
enum { WEIRI_KAFKA_TIME_SIZE = 25 };
void weiri_kafka_time_write(int64_t time_ms, char to[WEIRI_KAFKA_TIME_SIZE]);
bool weiri_kafka_time_read(weiri_bytes text, int64_t *ret_time_ms);
bool weiri_kafka_number(weiri_bytes text, uint64_t *ret_value); /* all of it, decimal */

/* What headers are called: records_*.c alone know. */
#define WEIRI_CE_SPECVERSION "ce_specversion"
#define WEIRI_CE_ID "ce_id"
#define WEIRI_CE_TYPE "ce_type"
#define WEIRI_CE_SOURCE "ce_source"
#define WEIRI_CE_SUBJECT "ce_subject"
#define WEIRI_CE_TIME "ce_time"
#define WEIRI_CE_SEQUENCE "ce_sequence"
#define WEIRI_KAFKA_CONTENT_TYPE "content-type"
#define WEIRI_KAFKA_COMMAND_OFFSET "weir-command-offset"
#define WEIRI_KAFKA_INDEX "weir-index"
#define WEIRI_KAFKA_INCARNATION "weir-incarnation"
#define WEIRI_KAFKA_FLAGS "weir-flags"
#define WEIRI_KAFKA_PREVIOUS_EVENT "weir-previous-event"
#define WEIRI_KAFKA_CAUSATION "weir-causation"
#define WEIRI_KAFKA_EXPECTED "weir-expected-version"
#define WEIRI_KAFKA_ID_MADE "weir-id-made"
#define WEIRI_KAFKA_NONCE "weir-nonce"

#endif
