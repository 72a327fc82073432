/* SPDX-License-Identifier: Apache-2.0
 * The reader of one statement. Everything is copied through once: comments become blanks, bindings become numbers, and
 * newlines stay, so that a database's offset into the text tells the author's line. */
#include "query/sql.h"
#include "base/memory.h"
#include <ctype.h>
#include <string.h>

typedef struct reader {
    const char *file;
    const char *at;
    int line;
    weiri_sql *sql;
    weiri_buffer text, normal;
    bool blank; /* the last thing read was blank or a comment */
    weiri_problems *problems;
} reader;

static bool
name_begins(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool
name_goes_on(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void
blank(reader *r, char c)
{
    weiri_buffer_add_char(&r->text, c);
    r->blank = true;
}

static void
token(reader *r, const char *text, size_t size)
{
    if (r->blank && r->normal.size > 0)
        weiri_buffer_add_char(&r->normal, ' ');
    r->blank = false;
    weiri_buffer_add(&r->text, text, size);
    weiri_buffer_add(&r->normal, text, size);
}

/* Copies up to `end`, counting lines. */
static void
copy(reader *r, const char *end)
{
    token(r, r->at, (size_t)(end - r->at));
    for (; r->at < end; r->at++)
        r->line += *r->at == '\n';
}

const char *
weiri_sql_comment_end(const char *at)
{
    if (at[0] == '-' && at[1] == '-')
        return at + strcspn(at, "\n");
    if (at[0] != '/' || at[1] != '*')
        return NULL;
    const char *end = strstr(at + 2, "*/");
    return end == NULL ? at + strlen(at) : end + 2;
}

static void
skip_comment(reader *r, const char *end)
{
    if (*r->at == '/' && (end - r->at < 4 || end[-1] != '/'))
        weiri_problems_add(r->problems, r->file, r->line, "the comment has no '*/'");
    for (; r->at < end; r->at++) {
        blank(r, *r->at == '\n' ? '\n' : ' ');
        r->line += *r->at == '\n';
    }
}

/* A string or a quoted name: a doubled quote stands for itself. */
static void
read_quoted(reader *r, char close)
{
    const char *end = r->at + 1;

    for (;; end++) {
        end += strcspn(end, (char[]){ close, '\0' });
        if (*end == '\0') {
            weiri_problems_add(
                r->problems, r->file, r->line, "the %s that begins here has no end", close == '\'' ? "string" : "quoted name");
            break;
        }
        end++;
        if (*end != close || close == ']')
            break;
    }
    copy(r, end);
}

/* $tag$ ... $tag$; anything else with a dollar is a database's own parameter. */
static void
read_dollar(reader *r)
{
    const char *tag_end = r->at + 1;

    while (name_goes_on(*tag_end))
        tag_end++;
    if (*tag_end != '$' || isdigit((unsigned char)r->at[1])) {
        weiri_problems_add(
            r->problems, r->file, r->line, "'%.*s' is a parameter of one database only: write ':name'", (int)(tag_end - r->at), r->at);
        copy(r, tag_end);
        return;
    }
    char *tag = weiri_text_copy_n(r->at, (size_t)(tag_end + 1 - r->at));
    const char *end = strstr(tag_end + 1, tag);
    if (end == NULL)
        weiri_problems_add(r->problems, r->file, r->line, "the text that begins with %s has no end", tag);
    copy(r, end == NULL ? r->at + strlen(r->at) : end + strlen(tag));
    weiri_release(tag);
}

static size_t
number_of_binding(reader *r, const char *path, size_t size)
{
    weiri_sql *sql = r->sql;

    for (size_t i = 0; i < sql->n; i++)
        if (strlen(sql->bindings[i].path) == size && memcmp(sql->bindings[i].path, path, size) == 0)
            return i + 1;
    sql->bindings = weiri_reallocate(sql->bindings, (sql->n + 1) * sizeof *sql->bindings);
    sql->bindings[sql->n++] = (weiri_sql_binding){ weiri_text_copy_n(path, size), r->line };
    return sql->n;
}

static void
read_colon(reader *r)
{
    const char *end = r->at + 1;

    if (*end == ':') {
        weiri_problems_add(r->problems, r->file, r->line, "'::' is of one database only: write CAST(... AS ...)");
        copy(r, end + 1);
        return;
    }
    if (!name_begins(*end)) {
        weiri_problems_add(r->problems, r->file, r->line, "':' begins a binding: a field's name must follow it");
        copy(r, end);
        return;
    }
    for (;;) {
        while (name_goes_on(*end))
            end++;
        if (*end != '.' || !name_begins(end[1]))
            break;
        end++;
    }
    weiri_buffer number = { 0 };
    weiri_buffer_print(&number, "?%zu", number_of_binding(r, r->at + 1, (size_t)(end - r->at - 1)));
    if (r->blank && r->normal.size > 0)
        weiri_buffer_add_char(&r->normal, ' ');
    r->blank = false;
    weiri_buffer_add_bytes(&r->text, weiri_buffer_bytes(&number));
    weiri_buffer_add(&r->normal, r->at, (size_t)(end - r->at));
    weiri_buffer_fini(&number);
    r->at = end;
}

static void
read_token(reader *r)
{
    char c = *r->at;
    const char *end = r->at + 1;

    if (c == '\'' || c == '"' || c == '`') {
        read_quoted(r, c);
    } else if (c == '[') {
        read_quoted(r, ']');
    } else if (c == '$') {
        read_dollar(r);
    } else if (c == ':') {
        read_colon(r);
    } else if (c == '?' || c == '@') {
        while (name_goes_on(*end))
            end++;
        weiri_problems_add(
            r->problems, r->file, r->line, "'%.*s' is a parameter of one database only: write ':name'", (int)(end - r->at), r->at);
        copy(r, end);
    } else if (name_begins(c) || isdigit((unsigned char)c)) {
        while (name_goes_on(*end) || *end == '$')
            end++;
        copy(r, end);
    } else {
        copy(r, end);
    }
}

weiri_sql_end
weiri_sql_read(const char *file, const char **at, int *line, weiri_sql_stop *stops, weiri_sql *ret_sql, weiri_problems *problems)
{
    weiri_sql_end end = WEIRI_SQL_UNFINISHED;
    reader r = { .file = file, .at = *at, .line = *line, .sql = ret_sql, .problems = problems };

    size_t before = problems->n;

    *ret_sql = (weiri_sql){ .line = *line };
    while (*r.at != '\0') {
        const char *comment = weiri_sql_comment_end(r.at);
        if (comment != NULL && r.at[-1] == '\n' && stops(r.at))
            break;
        if (*r.at == ';') {
            r.at++;
            end = WEIRI_SQL_SEMICOLON;
            break;
        }
        if (comment != NULL) {
            skip_comment(&r, comment);
        } else if (isspace((unsigned char)*r.at)) {
            r.line += *r.at == '\n';
            blank(&r, *r.at++);
        } else {
            read_token(&r);
        }
    }
    if (end == WEIRI_SQL_UNFINISHED && r.normal.size == 0)
        end = WEIRI_SQL_NONE;
    ret_sql->text = weiri_text_copy(weiri_buffer_text(&r.text));
    ret_sql->normal = weiri_text_copy(weiri_buffer_text(&r.normal));
    ret_sql->wrong = problems->n > before || end == WEIRI_SQL_UNFINISHED;
    weiri_buffer_fini(&r.text);
    weiri_buffer_fini(&r.normal);
    *at = r.at;
    *line = r.line;
    return end;
}

void
weiri_sql_fini(weiri_sql *sql)
{
    for (size_t i = 0; i < sql->n; i++)
        weiri_release(sql->bindings[i].path);
    weiri_release(sql->bindings);
    weiri_release(sql->text);
    weiri_release(sql->normal);
    *sql = (weiri_sql){ 0 };
}
