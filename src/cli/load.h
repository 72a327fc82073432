/* SPDX-License-Identifier: Apache-2.0
 * What the files of weir load share. Thread: the main thread. */
#ifndef WEIRI_CLI_LOAD_H
#define WEIRI_CLI_LOAD_H

#include "cli/client.h"
#include "cli/load_map.h"
#include "cli/load_send.h"

/* The file's records, whichever form it has. */
typedef struct weiri_load_input {
    FILE *file;
    const char *path;
    bool json; /* one object a line; else CSV */
    weiri_csv csv;
    char *line; /* the last line of JSON */
    size_t line_room, line_size;
    uint64_t lines, at; /* JSON: lines and bytes read */
    uint64_t size;      /* of the file; 0: not known */
    uint32_t fingerprint;
    bool sealed;    /* the fingerprint is complete: header and first record are in it */
} weiri_load_input; /* zero-initialise */

/* Opens the file; the header of CSV is read, and is the last record of input->csv. Errors: INVALID: no such file, no header. */
WEIR_MUST_USE weir_status weiri_load_input_open(weiri_load_input *input, const char *path, bool json, char delimiter, weir_error *err);
/* The next record. Errors: NOT_FOUND at the end; INVALID: unreadable: the next call goes on; IO. */
WEIR_MUST_USE weir_status weiri_load_input_next(weiri_load_input *input, weir_error *err);
uint64_t weiri_load_input_line(const weiri_load_input *input); /* on which the last record began */
uint64_t weiri_load_input_at(const weiri_load_input *input);   /* bytes read so far */
void weiri_load_input_close(weiri_load_input *input);

/* How far a load has got, on a terminal's one line. */
typedef struct weiri_load_progress {
    FILE *to; /* NULL: no terminal, nothing is drawn */
    int64_t begun_us, drawn_us;
} weiri_load_progress;
void weiri_load_progress_begin(weiri_load_progress *progress, FILE *talk);
void weiri_load_progress_draw(weiri_load_progress *progress, uint64_t lines, uint64_t at, uint64_t size);
void weiri_load_progress_clear(weiri_load_progress *progress);
double weiri_load_progress_seconds(const weiri_load_progress *progress);

typedef struct weiri_load_summary {
    const char *path, *type, *source;
    uint64_t lines;
    double seconds;
    bool interrupted;
    uint64_t undecided; /* read, and no answer to them */
    const weiri_load_tally *tally;
} weiri_load_summary;
void weiri_load_summary_print(const weiri_cli *cli, const weiri_load_summary *summary);

/* The other side of a load over HTTP; `user` is the client. commands and source alone are set. */
void weiri_load_door_http(weiri_load_door *door);

#endif
