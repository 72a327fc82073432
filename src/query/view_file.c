/* SPDX-License-Identifier: Apache-2.0
 * The parser of view files: comments, directives at the start of a line, statements. It finds all that is wrong in one
 * pass and never stops at the first. Thread: any. */
#include "query/view_file.h"
#include "query/directive.h"
#include "base/memory.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>

typedef enum section { SECTION_NONE, SECTION_SCHEMA, SECTION_ON, SECTION_QUERY } section;

typedef struct parser {
    weiri_view_file *file;
    const char *at;
    int line;
    section section;
    bool query_open; /* the statement of the last query is still to come */
    char *each;      /* an each: that waits for its statement */
    int each_line;
    weiri_problems *problems;
} parser;

/* One more element of an array of the file, zeroed. */
#define GROW(array, n) \
    (array = weiri_reallocate(array, ((n) + 1) * sizeof *(array)), memset(&(array)[n], 0, sizeof *(array)), &(array)[(n)++])

static void
end_section(parser *p)
{
    weiri_view_file *file = p->file;

    if (p->each != NULL) {
        weiri_problems_add(p->problems, file->file, p->each_line, "'-- each: %s' has no statement below it", p->each);
        weiri_release(p->each);
        p->each = NULL;
    }
    if (p->query_open) {
        weiri_view_query *query = &file->queries[file->queries_n - 1];
        weiri_problems_add(p->problems, file->file, query->line, "query %s has no statement", query->name);
        p->query_open = false;
    }
    if (p->section == SECTION_ON && file->ons[file->ons_n - 1].statements == 0 && file->ons[file->ons_n - 1].n > 0)
        weiri_problems_add(
            p->problems, file->file, file->ons[file->ons_n - 1].line, "an 'on' that changes nothing: no statement follows it");
    p->section = SECTION_NONE;
}

static void
begin_on(parser *p, const weiri_directive *d)
{
    weiri_on *on = GROW(p->file->ons, p->file->ons_n);
    const char *at = d->text, *end = d->text + d->size;

    on->line = p->line;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        weiri_bytes word = weiri_trimmed(at, comma == NULL ? end : comma);
        if (word.size == 0)
            break;
        GROW(on->types, on->n)->name = weiri_text_copy_n(word.data, word.size);
        at = comma == NULL ? end : comma + 1;
        if (comma == NULL)
            return;
    }
    weiri_problems_add(p->problems, p->file->file, p->line,
        "'-- on:' is followed by the names of events: '-- on: shop.v1.StockSold, shop.v1.StockReturned'");
}

static void
begin_each(parser *p, const weiri_directive *d)
{
    if (p->section != SECTION_ON) {
        weiri_problems_add(p->problems, p->file->file, p->line, "'-- each:' belongs under an '-- on:'");
        return;
    }
    if (p->each != NULL)
        weiri_problems_add(p->problems, p->file->file, p->each_line, "'-- each: %s' has no statement below it", p->each);
    weiri_release(p->each);
    p->each = weiri_text_copy_n(d->text, d->size);
    p->each_line = p->line;
    if (d->size == 0)
        weiri_problems_add(p->problems, p->file->file, p->line, "'-- each:' is followed by the name of a repeated field");
}

static void
begin_query(parser *p, const weiri_directive *d)
{
    weiri_view_query *query = GROW(p->file->queries, p->file->queries_n);

    query->line = p->line;
    p->query_open = true;
    weiri_directive_query(p->file->file, p->line, d, query, p->problems);
    for (size_t i = 0; i + 1 < p->file->queries_n; i++)
        if (strcmp(p->file->queries[i].name, query->name) == 0)
            weiri_problems_add(
                p->problems, p->file->file, p->line, "there is another query %s in line %d", query->name, p->file->queries[i].line);
}

static void
on_error(parser *p, const weiri_directive *d)
{
    weiri_bytes text = { d->text, d->size };

    p->file->stops = weiri_bytes_are(text, "stop");
    if (!p->file->stops && !weiri_bytes_are(text, "park"))
        weiri_problems_add(p->problems, p->file->file, p->line, "'-- on-error:' takes 'park' or 'stop'");
}

static void
read_directive(parser *p)
{
    weiri_directive d;

    if (!weiri_directive_read(p->at, &d))
        return;
    if (d.kind == WEIRI_DIRECTIVE_WRONG) {
        weiri_problems_add(
            p->problems, p->file->file, p->line, "no directive '%.*s'; did you mean '-- %s:'?", (int)d.word_size, d.word, d.meant);
        return;
    }
    if (d.kind == WEIRI_DIRECTIVE_LATER) {
        weiri_problems_add(p->problems, p->file->file, p->line, "the directive '%.*s' is not in this release", (int)d.word_size, d.word);
        return;
    }
    if (d.kind == WEIRI_DIRECTIVE_EACH) {
        begin_each(p, &d);
        return;
    }
    end_section(p);
    switch (d.kind) {
    case WEIRI_DIRECTIVE_SCHEMA:
        p->section = SECTION_SCHEMA;
        break;
    case WEIRI_DIRECTIVE_ON:
        p->section = SECTION_ON;
        begin_on(p, &d);
        break;
    case WEIRI_DIRECTIVE_QUERY:
        p->section = SECTION_QUERY;
        begin_query(p, &d);
        break;
    default:
        on_error(p, &d);
        break;
    }
}

static void
keep_statement(parser *p, weiri_sql *sql)
{
    weiri_view_file *file = p->file;
    weiri_on_statement *statement;

    switch (p->section) {
    case SECTION_SCHEMA:
        if (sql->n > 0)
            weiri_problems_add(
                p->problems, file->file, sql->bindings[0].line, "':%s' in a schema: there is no event yet", sql->bindings[0].path);
        *GROW(file->schema, file->schema_n) = *sql;
        return;
    case SECTION_ON:
        statement = GROW(file->statements, file->statements_n);
        *statement = (weiri_on_statement){ .sql = *sql, .on = file->ons_n - 1, .each = p->each, .each_line = p->each_line };
        file->ons[file->ons_n - 1].statements++;
        p->each = NULL;
        return;
    case SECTION_QUERY:
        if (p->query_open) {
            file->queries[file->queries_n - 1].sql = *sql;
            p->query_open = false;
            return;
        }
        weiri_problems_add(
            p->problems, file->file, sql->line, "query %s already has its statement", file->queries[file->queries_n - 1].name);
        break;
    case SECTION_NONE:
        weiri_problems_add(
            p->problems, file->file, sql->line, "a statement needs '-- schema:', '-- on: EVENT' or '-- query: NAME' above it");
        break;
    }
    weiri_sql_fini(sql);
}

static void
read_statement(parser *p)
{
    weiri_sql sql;
    weiri_sql_end end = weiri_sql_read(p->file->file, &p->at, &p->line, weiri_directive_begins, &sql, p->problems);

    if (end == WEIRI_SQL_UNFINISHED)
        weiri_problems_add(p->problems, p->file->file, sql.line, "the statement has no ';'");
    if (sql.normal[0] == '\0')
        weiri_sql_fini(&sql); /* a semicolon alone */
    else
        keep_statement(p, &sql);
}

void
weiri_view_file_parse(const char *name, const char *file, const char *text, weiri_view_file **ret_file, weiri_problems *problems)
{
    parser p = { .at = text, .line = 1, .problems = problems };

    p.file = weiri_allocate(sizeof *p.file);
    p.file->name = weiri_text_copy(name);
    p.file->file = weiri_text_copy(file);
    p.file->text = weiri_text_copy(text);
    while (*p.at != '\0') {
        const char *comment = weiri_sql_comment_end(p.at);
        if (comment != NULL) {
            if (p.at == text || p.at[-1] == '\n')
                read_directive(&p);
            if (p.at[0] == '/' && (comment - p.at < 4 || comment[-1] != '/'))
                weiri_problems_add(problems, file, p.line, "the comment has no '*/'");
            for (; p.at < comment; p.at++)
                p.line += *p.at == '\n';
        } else if (isspace((unsigned char)*p.at)) {
            p.line += *p.at++ == '\n';
        } else {
            read_statement(&p);
        }
    }
    end_section(&p);
    *ret_file = p.file;
}

const weiri_column *
weiri_relation_column(const weiri_relation *relation, const char *name, size_t size)
{
    for (size_t i = 0; i < relation->n; i++)
        if (strlen(relation->columns[i].name) == size && memcmp(relation->columns[i].name, name, size) == 0)
            return &relation->columns[i];
    return NULL;
}

void
weiri_relation_fini(weiri_relation *relation)
{
    for (size_t i = 0; i < relation->n; i++) {
        weiri_release(relation->columns[i].name);
        weiri_release(relation->columns[i].type);
    }
    weiri_release(relation->columns);
    weiri_release(relation->name);
    *relation = (weiri_relation){ 0 };
}

static void
free_query(weiri_view_query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        weiri_release(query->parameters[i].name);
        weiri_release(query->parameters[i].fallback);
    }
    weiri_release(query->parameters);
    weiri_release(query->name);
    weiri_release(query->numbers);
    weiri_sql_fini(&query->sql);
    weiri_relation_fini(&query->answer);
}

static void
free_plans(weiri_view_file *file)
{
    for (size_t i = 0; i < file->plans_n; i++) {
        for (size_t j = 0; j < file->plans[i].n; j++)
            weiri_release(file->plans[i].runs[j].bindings);
        weiri_release(file->plans[i].runs);
    }
    weiri_release(file->plans);
}

void
weiri_view_file_free(weiri_view_file *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->schema_n; i++)
        weiri_sql_fini(&file->schema[i]);
    for (size_t i = 0; i < file->ons_n; i++) {
        for (size_t j = 0; j < file->ons[i].n; j++)
            weiri_release(file->ons[i].types[j].name);
        weiri_release(file->ons[i].types);
    }
    for (size_t i = 0; i < file->statements_n; i++) {
        weiri_sql_fini(&file->statements[i].sql);
        weiri_release(file->statements[i].each);
    }
    for (size_t i = 0; i < file->queries_n; i++)
        free_query(&file->queries[i]);
    for (size_t i = 0; i < file->tables_n; i++)
        weiri_relation_fini(&file->tables[i]);
    free_plans(file);
    weiri_release(file->schema);
    weiri_release(file->ons);
    weiri_release(file->statements);
    weiri_release(file->queries);
    weiri_release(file->tables);
    weiri_release(file->name);
    weiri_release(file->file);
    weiri_release(file->text);
    weiri_release(file);
}
