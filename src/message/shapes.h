/* SPDX-License-Identifier: Apache-2.0
 * What messages look like, as data that outlives the module they come from: the commands and events of a module, what they lead to,
 * and enums. They are written into the log, and compared with those of another module by the rules of `buf breaking`. Thread: one at a time. */
#ifndef WEIRI_SHAPES_H
#define WEIRI_SHAPES_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <weir/domain.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef enum weiri_shape_kind {
    WEIRI_SHAPE_COMMAND,
    WEIRI_SHAPE_EVENT,
    WEIRI_SHAPE_NESTED, /* a message that stands within others only */
    WEIRI_SHAPE_ENUM,
} weiri_shape_kind;

/* A field, or a value of an enum, which has a number and a name alone. */
typedef struct weiri_shape_field {
    const char *name;
    int64_t number;
    ProtobufCType type;
    const char *of; /* the full name of its message or enum; NULL: a scalar */
    bool repeated;
    int64_t oneof; /* the lowest number of the fields in its oneof, since descriptors don't name it; 0: in none */
} weiri_shape_field;

typedef struct weiri_shape {
    const char *name; /* full */
    weiri_shape_kind kind;
    weiri_shape_field *fields; /* by number; an alias of an enum's value after what it is an alias of, by name */
    size_t n;
} weiri_shape;

typedef struct weiri_shapes {
    weiri_shape *list; /* by name */
    size_t n;
    weiri_arena arena; /* holds everything */
} weiri_shapes;        /* zero-initialise */

/* Of a module that its checks have passed. Owns: gives *ret_shapes, for weiri_shapes_fini. */
void weiri_shapes_of(const weir_module *module, weiri_shapes *ret_shapes);
void weiri_shapes_fini(weiri_shapes *shapes);
const weiri_shape *weiri_shapes_find(const weiri_shapes *shapes, const char *name); /* NULL: there is none */

/* Appends them as one JSON array (docs/formats/schemas.md). Equal shapes give equal bytes. */
void weiri_shapes_write(const weiri_shapes *shapes, weiri_buffer *to);
/* Reads what weiri_shapes_write wrote; members it doesn't know are passed by. Owns: gives *ret_shapes. Errors: CORRUPT, in words. */
WEIR_MUST_USE weir_status weiri_shapes_read(const json_t *json, weiri_shapes *ret_shapes, weir_error *err);

const char *weiri_shape_type_name(ProtobufCType type); /* as in a .proto file; "message" and "enum" too */
const char *weiri_shape_kind_name(weiri_shape_kind kind);

/* ---- differences -------------------------------------------------------------------------------------- */

typedef struct weiri_change {
    const char *rule;  /* of buf's category WIRE_JSON, or MESSAGE_NO_DELETE; NULL: this breaks nothing */
    const char *place; /* "shop.v1.StockSold", "shop.v1.StockSold.note", "shop.v1.Colour.RED" */
    const char *words;
} weiri_change;

typedef struct weiri_changes {
    weiri_change *list;
    size_t n, room;
    weiri_arena arena; /* holds place and words */
} weiri_changes;       /* zero-initialise */

/* Adds how `fresh` differs from `old`; a rule and place that are there already are not added again. `retired`, up to NULL, are names
 * whose deletion breaks nothing. */
void weiri_shapes_compare(const weiri_shapes *old, const weiri_shapes *fresh, const char *const *retired, weiri_changes *changes);
size_t weiri_changes_breaks(const weiri_changes *changes); /* how many have a rule */
void weiri_changes_fini(weiri_changes *changes);

#endif
