/* SPDX-License-Identifier: Apache-2.0
 * GET /openapi.json: the table that routes requests, and this module's commands, tables and queries, as OpenAPI 3.1. Every path comes from
 * the table or from what the engine says of the module, so nothing can be there and not described. Thread: the pool's. */
#include "http/handlers.h"
#include "http/openapi.h"
#include "http/routes.h"
#include "base/memory.h"
#include <jansson.h>
#include <stdio.h>

static json_t *
reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", name);
}

/* ---- parameters ------------------------------------------------------------------------------------------- */

static json_t *
parameter(const char *name, size_t size, const char *in, const char *type, bool required)
{
    return json_pack("{s:s%,s:s,s:b,s:{s:s}}", "name", name, size, "in", in, "required", required, "schema", "type", type);
}

/* The {names} of a path, and "name:type name" of its query. */
static json_t *
parameters_of(const char *path, const char *query)
{
    json_t *list = json_array();

    for (const char *at = strchr(path, '{'); at != NULL; at = strchr(at, '{')) {
        size_t size = strcspn(++at, "}");
        json_array_append_new(list, parameter(at, size, "path", "string", true));
    }
    for (const char *at = query; at != NULL && *at != '\0';) {
        size_t word = strcspn(at, " "), size = strcspn(at, ": ");
        char type[16] = "string";
        if (size < word)
            (void)snprintf(type, sizeof type, "%.*s", (int)(word - size - 1), at + size + 1);
        json_array_append_new(list, parameter(at, size, "query", type, false));
        at += word + (at[word] == ' ');
    }
    return list;
}

/* ---- replies ---------------------------------------------------------------------------------------------- */

/* "Name": a JSON body; "Name lines": one a line; "Name lines feed": and a live feed too; "Name feed"; "text": no JSON; NULL: a page. */
static json_t *
content_of(const char *reply)
{
    size_t size = reply == NULL ? 0 : strcspn(reply, " ");
    json_t *content = json_object();
    char name[64];

    (void)snprintf(name, sizeof name, "%.*s", (int)size, reply == NULL ? "" : reply);
    if (reply != NULL && strstr(reply, "lines") != NULL)
        json_object_set_new(
            content, "application/x-ndjson", json_pack("{s:{s:s},s:o}", "schema", "type", "string", "x-each-line", reference(name)));
    else if (reply != NULL && strcmp(reply, "text") != 0 && strstr(reply, "feed") == NULL)
        json_object_set_new(content, "application/json", json_pack("{s:o}", "schema", reference(name)));
    if (reply != NULL && strstr(reply, "feed") != NULL)
        json_object_set_new(content, "text/event-stream", json_pack("{s:{s:s}}", "schema", "type", "string"));
    if (json_object_size(content) == 0)
        json_object_set_new(content, "*/*", json_object());
    return content;
}

static json_t *
responses_of(const char *reply)
{
    json_t *problem = json_pack(
        "{s:s,s:{s:{s:o}}}", "description", "why not", "content", "application/problem+json", "schema", reference("Problem"));
    json_t *good = json_pack("{s:s,s:o}", "description", "the answer", "content", content_of(reply));

    if (reply != NULL && strcmp(reply, "Rows") == 0)
        json_object_set_new(json_object_get(good, "content"), "text/csv", json_pack("{s:{s:s}}", "schema", "type", "string"));
    if (reply != NULL && strcmp(reply, "Routes") == 0) /* as people read it, and the console */
        json_object_update_new(json_object_get(good, "content"), json_pack("{s:{},s:{}}", "text/plain", "text/html"));
    return json_pack("{s:o,s:{s:s},s:{s:s},s:o}", "200", good, "204", "description", "nothing to say", "304", "description", "as it was",
        "default", problem);
}

static json_t *
operation_of(const char *what, json_t *parameters, const char *reply)
{
    return json_pack("{s:s,s:o,s:o}", "summary", what, "parameters", parameters, "responses", responses_of(reply));
}

static void
add_operation(json_t *paths, const char *path, const char *method, json_t *operation)
{
    char lower[8];
    size_t n = 0;

    for (; method[n] != '\0' && n < sizeof lower - 1; n++)
        lower[n] = (char)(method[n] | 0x20);
    lower[n] = '\0';
    if (json_object_get(paths, path) == NULL)
        json_object_set_new(paths, path, json_object());
    json_object_set_new(json_object_get(paths, path), lower, operation);
}

/* ---- the table of routes ---------------------------------------------------------------------------------- */

static json_t *
body_of(weiri_route_body body)
{
    if (body == WEIRI_ROUTE_BATCH)
        return json_pack("{s:b,s:{s:{s:{s:s,s:o}},s:{s:{s:s}}}}", "required", 1, "content", "application/json", "schema", "type", "array",
            "items", reference("BatchCommand"), "application/x-ndjson", "schema", "type", "string");
    return json_pack("{s:b,s:{s:{s:{s:s}},s:{},s:{s:{s:s}}}}", "required", 1, "content", "application/json", "schema", "type", "object",
        "application/protobuf", "application/x-www-form-urlencoded", "schema", "type", "object");
}

static void
add_routes(json_t *paths)
{
    for (const weiri_route *route = weiri_routes; route->method != NULL; route++) {
        if (route->what == NULL || strstr(route->path, "...") != NULL)
            continue;
        json_t *operation = operation_of(route->what, parameters_of(route->path, route->query), route->reply);
        if (route->body != WEIRI_ROUTE_NO_BODY)
            json_object_set_new(operation, "requestBody", body_of(route->body));
        if (route->accepted) {
            json_t *responses = json_object_get(operation, "responses");
            json_object_set_new(responses, "202", json_pack("{s:s,s:o}", "description", "begun", "content", content_of(route->accepted)));
        }
        add_operation(paths, route->path, route->method, operation);
    }
}

/* ---- the module ------------------------------------------------------------------------------------------- */

static json_t *schema_of_fields(const json_t *fields);

static json_t *
schema_of_field(const json_t *field)
{
    static const struct {
        const char *types, *schema;
    } kinds[] = { { "int32 sint32 sfixed32 uint32 fixed32", "{\"type\":\"integer\"}" },
        { "int64 sint64 sfixed64 uint64 fixed64", "{\"type\":[\"string\",\"integer\"]}" },
        { "float double", "{\"type\":[\"number\",\"string\"]}" }, { "bool", "{\"type\":\"boolean\"}" },
        { "string", "{\"type\":\"string\"}" }, { "bytes", "{\"type\":\"string\",\"contentEncoding\":\"base64\"}" },
        { "enum", "{\"type\":[\"string\",\"integer\"]}" } };
    const char *type = json_string_value(json_object_get(field, "type"));
    json_t *schema = NULL;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && schema == NULL; i++) {
        if (strstr(kinds[i].types, type) != NULL)
            schema = json_loads(kinds[i].schema, 0, NULL);
    }
    if (schema == NULL) {
        schema = schema_of_fields(json_object_get(field, "fields"));
        json_object_set_new(schema, "type", json_pack("[s,s]", "object", "null"));
    }
    return json_is_true(json_object_get(field, "repeated")) ? json_pack("{s:s,s:o}", "type", "array", "items", schema) : schema;
}

static json_t *
schema_of_fields(const json_t *fields)
{
    json_t *properties = json_object();

    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        json_object_set_new(properties, json_string_value(json_object_get(field, "json")), schema_of_field(field));
    }
    return json_pack("{s:s,s:o}", "type", "object", "properties", properties);
}

static void
add_messages(weiri_service *service, json_t *paths, json_t *schemas)
{
    weiri_reply reply = { 0 };
    char path[300];

    weiri_service_types(service, &reply);
    json_t *all = json_loadb((const char *)reply.body.data, reply.body.size, 0, NULL);
    const json_t *types = json_object_get(all, "types");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const json_t *type = json_array_get(types, i);
        const char *name = json_string_value(json_object_get(type, "name"));
        json_object_set_new(schemas, name, schema_of_fields(json_object_get(type, "fields")));
        if (strcmp(json_string_value(json_object_get(type, "kind")), "command") != 0)
            continue;
        (void)snprintf(path, sizeof path, "/commands/%.250s", name);
        json_t *operation = operation_of(name, json_array(), "Outcome");
        json_object_set_new(operation, "requestBody",
            json_pack("{s:b,s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema", reference(name)));
        json_object_set_new(json_object_get(operation, "responses"), "202",
            json_pack("{s:s,s:o}", "description", "begun", "content", content_of("Accepted")));
        add_operation(paths, path, "POST", operation);
    }
    json_decref(all);
    weiri_reply_fini(&reply);
}

static void
add_query(json_t *paths, const char *view, const json_t *query)
{
    const json_t *parameters = json_object_get(query, "parameters");
    json_t *list = json_array();
    char path[300];

    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *one = json_array_get(parameters, i);
        const char *name = json_string_value(json_object_get(one, "name")), *type = json_string_value(json_object_get(one, "type"));
        bool plain = strcmp(type, "integer") == 0 || strcmp(type, "boolean") == 0;
        json_array_append_new(list, parameter(name, strlen(name), "query",
                                        plain                       ? type
                                        : strcmp(type, "real") == 0 ? "number"
                                                                    : "string",
                                        json_is_true(json_object_get(one, "required"))));
    }
    (void)snprintf(path, sizeof path, "/views/%.100s/queries/%.100s", view, json_string_value(json_object_get(query, "name")));
    add_operation(paths, path, "GET", operation_of("a query of this module", list, "Rows"));
}

static void
add_views(weiri_service *service, json_t *paths)
{
    weiri_reply reply = { 0 };
    char path[300];

    weiri_service_views(service, &reply);
    json_t *all = json_loadb((const char *)reply.body.data, reply.body.size, 0, NULL);
    const json_t *views = json_object_get(all, "views");
    for (size_t i = 0; i < json_array_size(views); i++) {
        const json_t *view = json_array_get(views, i), *tables = json_object_get(view, "tables"),
                     *queries = json_object_get(view, "queries");
        const char *name = json_string_value(json_object_get(view, "name"));
        for (size_t j = 0; j < json_array_size(tables); j++) {
            (void)snprintf(
                path, sizeof path, "/views/%.100s/%.100s", name, json_string_value(json_object_get(json_array_get(tables, j), "name")));
            add_operation(paths, path, "GET",
                operation_of("a table of this module", parameters_of("", "select order limit:integer offset:integer"), "Rows"));
        }
        for (size_t j = 0; j < json_array_size(queries); j++)
            add_query(paths, name, json_array_get(queries, j));
    }
    json_decref(all);
    weiri_reply_fini(&reply);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static bool
write_openapi(void *argument)
{
    weiri_request *request = argument;
    json_t *paths = json_object(), *schemas = json_loadb((const char *)weiri_openapi_files[0].data, weiri_openapi_files[0].size, 0, NULL);

    add_routes(paths);
    add_messages(request->http->service, paths, schemas);
    add_views(request->http->service, paths);
    json_t *all = json_pack("{s:s,s:{s:s,s:s,s:s},s:o,s:{s:o}}", "openapi", "3.1.0", "info", "title", "weir", "version", "1", "description",
        "Upstream commands, downstream views: this engine and its module.", "paths", paths, "components", "schemas", schemas);
    char *text = json_dumps(all, JSON_COMPACT);
    weiri_buffer_add_text(&request->reply.body, text);
    weiri_release(text); /* jansson's memory is ours: server.c */
    json_decref(all);
    request->reply.http = 200;
    request->reply.content_type = "application/json";
    weiri_request_ready(request);
    return true;
}

void
weiri_http_openapi(weiri_request *request)
{
    static const char *const names[] = { NULL };

    if (weiri_http_parameters_known(request, names))
        weiri_request_run(request, write_openapi);
}
