/* SPDX-License-Identifier: Apache-2.0
 * Tables and values for people. Width is counted in code points, which is right for all but wide and combining
 * characters. Thread: the main thread. */
#include "cli/output.h"
#include <stdlib.h>
#include <unistd.h>
#include "base/memory.h"

bool
weiri_output_coloured(FILE *to)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0 && isatty(fileno(to)) == 1;
}

void
weiri_output_add_safe(weiri_buffer *to, weiri_bytes text)
{
    const uint8_t *p = text.data;

    for (size_t i = 0; i < text.size; i++) {
        bool c1 = p[i] == 0xc2 && i + 1 < text.size && p[i + 1] < 0xa0;
        if (p[i] == '\n')
            weiri_buffer_add_text(to, "\\n");
        else if (p[i] == '\t')
            weiri_buffer_add_text(to, "\\t");
        else if (p[i] < 0x20 || p[i] == 0x7f)
            weiri_buffer_print(to, "\\x%02x", p[i]);
        else if (c1)
            weiri_buffer_print(to, "\\x%02x", p[++i]);
        else
            weiri_buffer_add_char(to, (char)p[i]);
    }
}

void
weiri_output_add_value(weiri_buffer *to, const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return;
    if (json_is_string(value)) {
        weiri_output_add_safe(to, (weiri_bytes){ json_string_value(value), json_string_length(value) });
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    weiri_output_add_safe(to, weiri_bytes_of(text));
    free(text);
}

void
weiri_output_add_json_string(weiri_buffer *to, weiri_bytes text)
{
    const uint8_t *p = text.data;

    weiri_buffer_add_char(to, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (p[i] == '"' || p[i] == '\\') {
            weiri_buffer_add_char(to, '\\');
            weiri_buffer_add_char(to, (char)p[i]);
        } else if (p[i] < 0x20 || p[i] == 0x7f)
            weiri_buffer_print(to, "\\u%04x", p[i]);
        else
            weiri_buffer_add_char(to, (char)p[i]);
    }
    weiri_buffer_add_char(to, '"');
}

void
weiri_output_add_fields(weiri_buffer *to, const json_t *object)
{
    const char *name, *between = "";
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        weiri_buffer_print(to, "%s%s=", between, name);
        weiri_output_add_value(to, value);
        between = " ";
    }
}

/* ---- tables ------------------------------------------------------------------------------------------- */

enum { COLUMNS_MOST = 128 };

typedef struct table {
    const char *names[COLUMNS_MOST];
    size_t widths[COLUMNS_MOST];
    bool numbers[COLUMNS_MOST]; /* nothing but numbers and nulls in it */
    size_t n;
} table;

static size_t
width_of(const weiri_buffer *text)
{
    size_t width = 0;

    for (size_t i = 0; i < text->size; i++)
        width += (text->data[i] & 0xc0) != 0x80;
    return width;
}

static void
find_columns(table *t, const json_t *rows, const char *const *columns)
{
    size_t i;
    json_t *row, *value;
    const char *name;

    for (; columns != NULL && *columns != NULL && t->n < COLUMNS_MOST; columns++)
        t->names[t->n++] = *columns;
    if (columns != NULL)
        return;
    json_array_foreach(rows, i, row) json_object_foreach(row, name, value)
    {
        size_t at = 0;
        while (at < t->n && strcmp(t->names[at], name) != 0)
            at++;
        if (at == t->n && t->n < COLUMNS_MOST)
            t->names[t->n++] = name;
    }
}

static void
measure(table *t, const json_t *rows)
{
    weiri_buffer text = { 0 };
    size_t i;
    json_t *row;

    for (size_t c = 0; c < t->n; c++) {
        bool any = false;
        weiri_buffer_clear(&text);
        weiri_output_add_safe(&text, weiri_bytes_of(t->names[c]));
        t->widths[c] = width_of(&text);
        t->numbers[c] = true;
        json_array_foreach(rows, i, row)
        {
            const json_t *value = json_object_get(row, t->names[c]);
            weiri_buffer_clear(&text);
            weiri_output_add_value(&text, value);
            t->widths[c] = width_of(&text) > t->widths[c] ? width_of(&text) : t->widths[c];
            any = any || json_is_number(value);
            t->numbers[c] = t->numbers[c] && (value == NULL || json_is_null(value) || json_is_number(value));
        }
        t->numbers[c] = t->numbers[c] && any;
    }
    weiri_buffer_fini(&text);
}

static void
add_cell(const table *t, size_t c, const weiri_buffer *text, weiri_buffer *line)
{
    size_t blanks = t->widths[c] - width_of(text);

    for (size_t i = 0; t->numbers[c] && i < blanks; i++)
        weiri_buffer_add_char(line, ' ');
    weiri_buffer_add_bytes(line, weiri_buffer_bytes(text));
    for (size_t i = 0; !t->numbers[c] && c + 1 < t->n && i < blanks; i++)
        weiri_buffer_add_char(line, ' ');
    weiri_buffer_add_text(line, c + 1 < t->n ? "  " : "");
}

/* row NULL: the names. */
static void
print_row(FILE *to, const table *t, const json_t *row)
{
    weiri_buffer line = { 0 }, text = { 0 };

    for (size_t c = 0; c < t->n; c++) {
        weiri_buffer_clear(&text);
        if (row == NULL)
            weiri_output_add_safe(&text, weiri_bytes_of(t->names[c]));
        else
            weiri_output_add_value(&text, json_object_get(row, t->names[c]));
        add_cell(t, c, &text, &line);
    }
    bool bold = row == NULL && weiri_output_coloured(to);
    fprintf(to, "%s%s%s\n", bold ? "\033[1m" : "", weiri_buffer_text(&line), bold ? "\033[0m" : "");
    weiri_buffer_fini(&line);
    weiri_buffer_fini(&text);
}

void
weiri_output_table(FILE *to, FILE *talk, const json_t *rows, const char *const *columns)
{
    table *t = weiri_allocate(sizeof *t);
    size_t i;
    json_t *row;

    find_columns(t, rows, columns);
    measure(t, rows);
    if (t->n > 0 && json_array_size(rows) > 0)
        print_row(to, t, NULL);
    json_array_foreach(rows, i, row) print_row(to, t, row);
    (void)fflush(to); /* so that on a terminal the count stands below */
    if (talk != NULL)
        fprintf(talk, "(%zu row%s)\n", json_array_size(rows), json_array_size(rows) == 1 ? "" : "s");
    weiri_release(t);
}

void
weiri_output_object(FILE *to, const json_t *object)
{
    size_t widest = 0;
    const char *name;
    json_t *value;
    weiri_buffer text = { 0 };

    json_object_foreach((json_t *)object, name, value) widest = strlen(name) > widest ? strlen(name) : widest;
    json_object_foreach((json_t *)object, name, value)
    {
        weiri_buffer_clear(&text);
        weiri_output_add_value(&text, value);
        fprintf(to, "%-*s  %s\n", (int)widest, name, weiri_buffer_text(&text));
    }
    weiri_buffer_fini(&text);
}

void
weiri_output_json(FILE *to, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    fprintf(to, "%s\n", text == NULL ? "null" : text);
    free(text);
}
