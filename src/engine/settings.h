/* SPDX-License-Identifier: Apache-2.0
 * Settings: flag > environment (WEIR_NAME) > file (weir.conf, lines `name = value`, # comments) > default; one table that
 * also makes --help, `weir config` and the checks. Thread: one at a time. */
#ifndef WEIRI_SETTINGS_H
#define WEIRI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

typedef enum weiri_setting_kind {
    WEIRI_SETTING_TEXT,
    WEIRI_SETTING_NUMBER,
    WEIRI_SETTING_SIZE,
    WEIRI_SETTING_WORD,  /* one of the choices */
    WEIRI_SETTING_WORDS, /* some of them, with commas between */
    WEIRI_SETTING_PAIRS, /* "name=value name='a value'", some of which may be secret */
} weiri_setting_kind;

typedef struct weiri_setting_row {
    const char *name; /* "dir"; the flag is --dir, the variable WEIR_DIR */
    weiri_setting_kind kind;
    const char *fallback; /* the default, as text */
    uint64_t least, most; /* of a NUMBER or SIZE */
    const char *what;     /* for --help: a few words with the unit */
    const char *choices;  /* of a WORD or WORDS: with commas between */
} weiri_setting_row;

/* Ends with a row whose name is NULL. */
extern const weiri_setting_row weiri_setting_rows[];

enum { WEIRI_SETTINGS_MOST = 48 };
typedef struct weiri_settings {
    char *values[WEIRI_SETTINGS_MOST];  /* NULL: the default */
    char *origins[WEIRI_SETTINGS_MOST]; /* "--dir", "WEIR_DIR", "weir.conf:3", "default" */
} weiri_settings;                       /* zero-initialise */

/* Sets one by name. Errors: INVALID: unknown (with the nearest), not a number, out of range. */
WEIR_MUST_USE weir_status weiri_settings_set(
    weiri_settings *settings, const char *name, const char *value, const char *origin, weir_error *err);
/* "name=value name='a value'" as weir_open takes it. */
WEIR_MUST_USE weir_status weiri_settings_parse(weiri_settings *settings, const char *text, weir_error *err);
/* Reads a file, then WEIR_* variables, each only where nothing stronger has set it. Errors: IO, INVALID with file and line. */
WEIR_MUST_USE weir_status weiri_settings_read_file(weiri_settings *settings, const char *path, bool must_exist, weir_error *err);
WEIR_MUST_USE weir_status weiri_settings_read_environment(weiri_settings *settings, weir_error *err);

const char *weiri_settings_text(const weiri_settings *settings, const char *name); /* the name must be in the table */
uint64_t weiri_settings_number(const weiri_settings *settings, const char *name);  /* a SIZE: bytes ("64MB" = 64 MiB) */
const char *weiri_settings_origin(const weiri_settings *settings, const char *name);
/* Of a WORD: is it this one? Of WORDS: is it among them? */
bool weiri_settings_has(const weiri_settings *settings, const char *name, const char *word);
/* The pairs of PAIRS, "name=value" each without quotes; ends with NULL. Gives the list and each of it for weiri_release. */
char **weiri_settings_pairs(const weiri_settings *settings, const char *name);
/* Adds one more pair to PAIRS. Errors: INVALID: no pair. */
WEIR_MUST_USE weir_status weiri_settings_add_pair(
    weiri_settings *settings, const char *name, const char *pair, const char *origin, weir_error *err);
/* What setting PAIRS checks. */
WEIR_MUST_USE weir_status weiri_settings_check_pairs(const char *name, const char *value, const char *origin, weir_error *err);
/* The value as people may see it: what names a password or a secret is hidden. */
void weiri_settings_show(const weiri_settings *settings, const char *name, weiri_buffer *to);
void weiri_settings_fini(weiri_settings *settings);

#endif
