/* SPDX-License-Identifier: Apache-2.0
 * A byte at a time through three states: outside quotes, inside, and behind a closing quote. The first break of the form is kept and
 * the record read to the end of that line, so that the next one begins where a line does. Thread: one at a time. */
#include "cli/csv.h"
#include "base/text.h"

void
weiri_csv_init(weiri_csv *csv, FILE *file, char delimiter)
{
    csv->file = file;
    csv->delimiter = delimiter;
    csv->line = 1;
}

void
weiri_csv_fini(weiri_csv *csv)
{
    weiri_buffer_fini(&csv->raw);
    weiri_buffer_fini(&csv->text);
    weiri_buffer_fini(&csv->ends);
}

weiri_bytes
weiri_csv_field(const weiri_csv *csv, size_t i)
{
    const size_t *ends = (const void *)csv->ends.data;
    size_t begin = i == 0 ? 0 : ends[i - 1] + 1;

    return (weiri_bytes){ csv->text.data + begin, ends[i] - begin };
}

static int
take(weiri_csv *csv)
{
    int c = getc_unlocked(csv->file);

    if (c == EOF)
        return EOF;
    csv->at++;
    csv->line += c == '\n';
    weiri_buffer_add_char(&csv->raw, (char)c);
    return c;
}

static int
look(weiri_csv *csv)
{
    int c = getc_unlocked(csv->file);

    if (c != EOF)
        (void)ungetc(c, csv->file);
    return c;
}

static void
skip_mark(weiri_csv *csv)
{
    static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
    size_t n = 0;
    int c = 0;

    while (n < sizeof mark && (c = getc_unlocked(csv->file)) == mark[n])
        n++;
    if (n == sizeof mark) {
        csv->at = sizeof mark;
        return;
    }
    if (c != EOF)
        (void)ungetc(c, csv->file);
    while (n-- > 0)
        (void)ungetc(mark[n], csv->file);
}

static void
end_field(weiri_csv *csv)
{
    size_t end = csv->text.size;

    weiri_buffer_add_char(&csv->text, '\0');
    weiri_buffer_add(&csv->ends, &end, sizeof end);
    csv->n++;
}

typedef enum place { FIELD_BEGIN, BARE, QUOTED, CLOSED } place;

typedef struct reading {
    place at;
    uint64_t quote_line;
    bool broken; /* the rest of the line is only passed by */
    weir_error *err;
} reading;

static void
breaks(const weiri_csv *csv, reading *r, const char *format, uint64_t line)
{
    if (!r->broken)
        (void)weiri_error_at(r->err, WEIR_INVALID, "", (int)csv->first, format, (unsigned long long)line);
    r->broken = true;
}

static void
in_quotes(weiri_csv *csv, reading *r, int c)
{
    if (c != '"')
        weiri_buffer_add_char(&csv->text, (char)c);
    else if (look(csv) == '"')
        weiri_buffer_add_char(&csv->text, (char)take(csv));
    else
        r->at = CLOSED;
}

static void
outside_quotes(weiri_csv *csv, reading *r, int c)
{
    if (c == csv->delimiter) {
        end_field(csv);
        r->at = FIELD_BEGIN;
    } else if (c == '"' && r->at == FIELD_BEGIN) {
        r->at = QUOTED;
        r->quote_line = csv->line;
    } else if (r->at == CLOSED)
        breaks(csv, r, "text behind a closing quote (line %llu)", csv->line);
    else if (c == '"')
        breaks(csv, r, "a quote inside a field that does not begin with one (line %llu)", csv->line);
    else if (c == '\r')
        breaks(csv, r, "a carriage return without a line feed (line %llu)", csv->line);
    else {
        weiri_buffer_add_char(&csv->text, (char)c);
        r->at = BARE;
    }
}

/* Whether `c`, just taken outside of quotes, ends the record; takes the LF of a CRLF. */
static bool
ends_line(weiri_csv *csv, int c)
{
    if (c == '\r' && look(csv) == '\n') {
        (void)take(csv);
        csv->raw.size -= 2;
        return true;
    }
    if (c == '\n')
        csv->raw.size--;
    return c == '\n';
}

/* The record's bytes, up to its end. False: there is nothing more. */
static bool
read_record(weiri_csv *csv, reading *r)
{
    int c = take(csv);

    if (c == EOF)
        return false;
    for (; c != EOF; c = take(csv)) {
        bool quoted = r->at == QUOTED && !r->broken;
        if (!quoted && ends_line(csv, c))
            break;
        if (csv->raw.size > WEIRI_CSV_RECORD_MOST && quoted)
            break;
        if (csv->raw.size > WEIRI_CSV_RECORD_MOST)
            breaks(csv, r, "longer than 1 MiB", 0);
        if (r->broken)
            csv->raw.size = csv->raw.size > WEIRI_CSV_RECORD_MOST ? 0 : csv->raw.size;
        else if (quoted)
            in_quotes(csv, r, c);
        else
            outside_quotes(csv, r, c);
    }
    if (r->at == QUOTED && !r->broken) {
        breaks(csv, r, "the quote opened in line %llu is not closed: nothing behind it is read", r->quote_line);
        csv->ended = true;
    }
    end_field(csv);
    return true;
}

weir_status
weiri_csv_next(weiri_csv *csv, weir_error *err)
{
    reading r = { .err = err };

    weiri_buffer_clear(&csv->raw);
    weiri_buffer_clear(&csv->text);
    weiri_buffer_clear(&csv->ends);
    csv->n = 0;
    if (csv->at == 0)
        skip_mark(csv);
    csv->first = csv->line;
    if (csv->ended || !read_record(csv, &r)) {
        csv->ended = true;
        return ferror(csv->file) != 0 ? weiri_error_set(err, WEIR_IO, "the file can't be read") : WEIR_NOT_FOUND;
    }
    if (!r.broken && !weiri_utf8_valid(weiri_buffer_bytes(&csv->raw)))
        breaks(csv, &r, "not UTF-8", 0);
    if (!r.broken && memchr(csv->raw.data, 0, csv->raw.size) != NULL)
        breaks(csv, &r, "a NUL byte", 0);
    return r.broken ? WEIR_INVALID : WEIR_OK;
}
