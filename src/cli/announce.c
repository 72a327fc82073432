/* SPDX-License-Identifier: Apache-2.0
 * The words with which weir run begins: real addresses, and lines that work when they are pasted. Thread: the main thread. */
#include <unistd.h>
#include "base/world.h"
#include "cli/output.h"
#include "cli/run.h"

static json_t *
body_of(void (*ask)(weiri_service *service, weiri_reply *reply), weiri_service *service)
{
    weiri_reply reply = { 0 };

    ask(service, &reply);
    json_t *json = json_loadb((const char *)reply.body.data, reply.body.size, 0, NULL);
    weiri_reply_fini(&reply);
    return json;
}

/* "0.0.0.0:80" is answered at 127.0.0.1, a port of 0 at the one that was free. */
static void
make_url(const char *listen, uint16_t port, bool tls, char *to, size_t size)
{
    const char *colon = strrchr(listen, ':'), *scheme = tls ? "https" : "http";
    int n = colon == NULL ? (int)strlen(listen) : (int)(colon - listen);

    if (n == 0 || strncmp(listen, "0.0.0.0", 7) == 0 || strncmp(listen, "*", 1) == 0)
        (void)snprintf(to, size, "%s://127.0.0.1:%u", scheme, port);
    else if (strncmp(listen, "[::]", 4) == 0)
        (void)snprintf(to, size, "%s://[::1]:%u", scheme, port);
    else
        (void)snprintf(to, size, "%s://%.*s:%u", scheme, n, listen, port);
}

/* A value that is right for its type and small. */
static void
add_sample(weiri_buffer *to, const json_t *field, bool is_key)
{
    const char *name = json_string_value(json_object_get(field, "name")), *type = json_string_value(json_object_get(field, "type"));
    size_t n = strlen(name);

    if (strcmp(type, "string") == 0)
        weiri_buffer_print(to, " %s=%s", name, is_key ? "first" : "text");
    else if (n > 3 && strcmp(name + n - 3, "_ms") == 0)
        weiri_buffer_print(to, " %s=%lld", name, (long long)weiri_world_real.time_ms(&weiri_world_real));
    else if (strcmp(type, "bool") == 0)
        weiri_buffer_print(to, " %s=true", name);
    else if (strstr(type, "int") != NULL || strstr(type, "fixed") != NULL || strcmp(type, "double") == 0 || strcmp(type, "float") == 0)
        weiri_buffer_print(to, " %s=1", name);
}

static const json_t *
first_command(const json_t *types)
{
    json_t *type;
    size_t i;

    json_array_foreach(json_object_get(types, "types"), i, type)
    {
        const char *kind = json_string_value(json_object_get(type, "kind"));
        if (kind != NULL && strcmp(kind, "command") == 0)
            return type;
    }
    return NULL;
}

/* "shop.v1.ReceiveStock": a short name may not be unique, so it is written in full. */
static void
add_command_lines(const weiri_cli *cli, const json_t *command, const char *flag, weiri_buffer *to)
{
    const char *key = json_string_value(json_object_get(command, "key")), *key_type = "string";
    json_t *field;
    size_t i;

    weiri_buffer_print(to, "  %s send %s", cli->program, json_string_value(json_object_get(command, "name")));
    json_array_foreach(json_object_get(command, "fields"), i, field)
    {
        bool is_key = key != NULL && strcmp(json_string_value(json_object_get(field, "name")), key) == 0;
        if (is_key)
            key_type = json_string_value(json_object_get(field, "type"));
        if (!json_is_true(json_object_get(field, "repeated")))
            add_sample(to, field, is_key);
    }
    weiri_buffer_print(to, "%s\n  %s show %s/%s%s\n", flag, cli->program, json_string_value(json_object_get(command, "aggregate")),
        strcmp(key_type, "string") == 0 ? "first" : "1", flag);
}

static const char *
name_of_first(const json_t *list)
{
    const json_t *first = json_array_get(list, 0);
    const char *name = json_string_value(json_is_object(first) ? json_object_get(first, "name") : first);

    return name;
}

static void
add_view_line(const weiri_cli *cli, const json_t *views, const char *flag, weiri_buffer *to)
{
    const json_t *view = json_array_get(json_is_array(views) ? views : json_object_get(views, "views"), 0);
    const char *name = json_string_value(json_object_get(view, "name")), *table = name_of_first(json_object_get(view, "tables"));

    if (name != NULL && table != NULL)
        weiri_buffer_print(to, "  %s view rows %s.%s limit=10%s\n", cli->program, name, table, flag);
    else
        weiri_buffer_print(to, "  %s events%s\n", cli->program, flag);
}

static void
tell_people(const weiri_cli *cli, weiri_service *service, const char *url, const json_t *info)
{
    static const char *const shown[] = { "module", "dir", "log", "logId", "log_id", "partitions", NULL };
    json_t *types = body_of(weiri_service_types, service), *views = body_of(weiri_service_views, service);
    const json_t *command = first_command(types);
    weiri_buffer text = { 0 };
    char flag[300] = "";

    if (strcmp(url, "http://127.0.0.1:8080") != 0)
        (void)snprintf(flag, sizeof flag, " --url %s", url);
    weiri_buffer_print(&text, "%-12s%s\n", "HTTP", url);
    for (size_t i = 0; shown[i] != NULL; i++)
        if (json_object_get(info, shown[i]) != NULL) {
            weiri_buffer_print(&text, "%-12s", shown[i]);
            weiri_output_add_value(&text, json_object_get(info, shown[i]));
            weiri_buffer_add_char(&text, '\n');
        }
    weiri_buffer_add_text(&text, "\nTry:\n");
    if (command != NULL)
        add_command_lines(cli, command, flag, &text);
    add_view_line(cli, views, flag, &text);
    fprintf(cli->out, "%s", weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    json_decref(types);
    json_decref(views);
}

void
weiri_cli_announce(const weiri_cli *cli, weiri_service *service, uint16_t port, const char *listen, bool tls)
{
    json_t *info = body_of(weiri_service_info, service);
    char url[280];

    make_url(listen, port, tls, url, sizeof url);
    if (cli->json) {
        json_t *all = json_pack("{s:s,s:i}", "url", url, "pid", (int)getpid());
        json_object_update_missing(all, info);
        weiri_output_json(cli->out, all);
        json_decref(all);
    } else
        tell_people(cli, service, url, info);
    (void)fflush(cli->out);
    json_decref(info);
}
