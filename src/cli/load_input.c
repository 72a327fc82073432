/* SPDX-License-Identifier: Apache-2.0
 * CSV or JSON lines as one stream of records, each with its line, and the fingerprint of header and first record: what tells a grown
 * file from another one. Thread: the main thread. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/hash.h"
#include "cli/load.h"

static void
add_fingerprint(weiri_load_input *input, weiri_bytes bytes)
{
    input->fingerprint = weiri_crc32c(input->fingerprint, bytes.data, bytes.size);
    input->fingerprint = weiri_crc32c(input->fingerprint, "\n", 1);
}

static weir_status
read_header(weiri_load_input *input, char delimiter, weir_error *err)
{
    weiri_csv_init(&input->csv, input->file, delimiter);
    weir_status status = weiri_csv_next(&input->csv, err);
    const uint8_t *raw = input->csv.raw.data;

    if (status == WEIR_NOT_FOUND || (status == WEIR_OK && input->csv.raw.size == 0))
        return weiri_error_set(err, WEIR_INVALID, "%s: no header (line 1)", input->path);
    if (status == WEIR_INVALID && input->csv.raw.size > 1 && ((raw[0] == 0xff && raw[1] == 0xfe) || (raw[0] == 0xfe && raw[1] == 0xff)))
        return weiri_error_set(err, WEIR_INVALID, "%s: this is UTF-16; save it as UTF-8", input->path);
    if (status == WEIR_INVALID)
        return weiri_error_prefix(err, "%s:1: the header", input->path);
    if (status == WEIR_OK)
        add_fingerprint(input, weiri_buffer_bytes(&input->csv.raw));
    return status;
}

weir_status
weiri_load_input_open(weiri_load_input *input, const char *path, bool json, char delimiter, weir_error *err)
{
    struct stat found;

    input->path = path;
    input->json = json;
    input->file = fopen(path, "re");
    if (input->file == NULL)
        return weiri_error_set(err, WEIR_INVALID, "%s: %s", path, strerror(errno));
    if (fstat(fileno(input->file), &found) == 0 && S_ISDIR(found.st_mode))
        return weiri_error_set(err, WEIR_INVALID, "%s: is a directory", path);
    input->size = S_ISREG(found.st_mode) ? (uint64_t)found.st_size : 0;
    return json ? WEIR_OK : read_header(input, delimiter, err);
}

/* Empty lines carry nothing and are passed by. */
static weir_status
next_json(weiri_load_input *input, weir_error *err)
{
    ssize_t size;

    do {
        size = getline(&input->line, &input->line_room, input->file);
        if (size < 0)
            return ferror(input->file) != 0 ? weiri_error_set(err, WEIR_IO, "%s: %s", input->path, strerror(errno)) : WEIR_NOT_FOUND;
        input->lines++;
        input->at += (uint64_t)size;
        input->line_size = (size_t)size - (input->line[size - 1] == '\n');
    } while (strspn(input->line, " \t\r\n") == (size_t)size);
    if (input->line_size > 0 && input->line[input->line_size - 1] == '\r')
        input->line_size--;
    return WEIR_OK;
}

weir_status
weiri_load_input_next(weiri_load_input *input, weir_error *err)
{
    weir_status status = input->json ? next_json(input, err) : weiri_csv_next(&input->csv, err);

    if (!input->sealed && (status == WEIR_OK || status == WEIR_INVALID)) {
        add_fingerprint(input, input->json ? (weiri_bytes){ input->line, input->line_size } : weiri_buffer_bytes(&input->csv.raw));
        input->sealed = true;
    }
    if (status == WEIR_OK && input->json && input->line_size > WEIRI_CSV_RECORD_MOST)
        status = weiri_error_set(err, WEIR_INVALID, "longer than 1 MiB");
    return status;
}

uint64_t
weiri_load_input_line(const weiri_load_input *input)
{
    return input->json ? input->lines : input->csv.first;
}

uint64_t
weiri_load_input_at(const weiri_load_input *input)
{
    return input->json ? input->at : input->csv.at;
}

void
weiri_load_input_close(weiri_load_input *input)
{
    if (input->file != NULL)
        (void)fclose(input->file);
    weiri_csv_fini(&input->csv);
    free(input->line);
}
