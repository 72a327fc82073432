/* SPDX-License-Identifier: Apache-2.0
 * Where settings come from: the text that weir_open takes, the WEIR_* variables, and weir.conf. Called from the strongest
 * source to the weakest: each sets only what nothing stronger has set, but checks all it finds. Thread: one at a time. */
#include "engine/settings.h"
#include "base/memory.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sets `name` where it is free; checks the value in either case. */
static weir_status
set_if_free(weiri_settings *settings, const char *name, const char *value, const char *origin, weir_error *err)
{
    weiri_settings checked = { 0 };

    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        if (strcmp(weiri_setting_rows[i].name, name) != 0 || settings->values[i] == NULL)
            continue;
        weir_status status = weiri_settings_set(&checked, name, value, origin, err);
        weiri_settings_fini(&checked);
        return status;
    }
    return weiri_settings_set(settings, name, value, origin, err);
}

/* ---- the text of weir_open ---------------------------------------------------------------------------- */

/* One value at *at: to the next blank, or between two quotes. Moves *at behind it. */
static weir_status
read_value(const char **at, weiri_buffer *to, weir_error *err)
{
    char quote = **at == '\'' || **at == '"' ? *(*at)++ : '\0';
    size_t size = quote != '\0' ? strcspn(*at, (char[]){ quote, '\0' }) : strcspn(*at, " \t\n");

    if (quote != '\0' && (*at)[size] != quote)
        return weiri_error_set(err, WEIR_INVALID, "settings: the quote %c%s is not closed", quote, *at);
    weiri_buffer_add(to, *at, size);
    *at += size + (quote != '\0');
    if (**at != '\0' && strchr(" \t\n", **at) == NULL)
        return weiri_error_set(err, WEIR_INVALID, "settings: expected a blank before '%s'", *at);
    return WEIR_OK;
}

weir_status
weiri_settings_parse(weiri_settings *settings, const char *text, weir_error *err)
{
    weiri_buffer name = { 0 }, value = { 0 };
    weir_status status = WEIR_OK;
    const char *at = text;

    while (status == WEIR_OK && *(at += strspn(at, " \t\n")) != '\0') {
        size_t size = strcspn(at, "= \t\n");
        if (at[size] != '=') {
            status = weiri_error_set(err, WEIR_INVALID, "settings: expected name=value, found '%.*s'", (int)size, at);
            break;
        }
        weiri_buffer_clear(&name);
        weiri_buffer_clear(&value);
        weiri_buffer_add(&name, at, size);
        at += size + 1;
        status = read_value(&at, &value, err);
        if (status == WEIR_OK)
            status = weiri_settings_set(settings, weiri_buffer_text(&name), weiri_buffer_text(&value), "settings", err);
    }
    weiri_buffer_fini(&name);
    weiri_buffer_fini(&value);
    return status;
}

/* ---- variables ---------------------------------------------------------------------------------------- */

static void
variable_of(const char *name, char *to, size_t size)
{
    int n = snprintf(to, size, "WEIR_%s", name);

    for (int i = 0; i < n && i < (int)size; i++)
        to[i] = to[i] == '.' || to[i] == '-' ? '_' : (char)toupper((unsigned char)to[i]);
}

/* A variable that nearly names a setting is a typo; any other belongs to somebody else. */
static weir_status
check_variable(const char *variable, size_t size, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char known[WEIRI_SETTINGS_MOST][64], name[64], hint[96];

    if (size >= sizeof name)
        return WEIR_OK;
    memcpy(name, variable, size);
    name[size] = '\0';
    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        variable_of(weiri_setting_rows[i].name, known[i], sizeof known[i]);
        if (strcmp(known[i], name) == 0)
            return WEIR_OK;
        /* Short names are near to everything: offered only where they begin alike. */
        if (known[i][5] == name[5])
            weiri_nearest_offer(&nearest, name, known[i]);
    }
    if (nearest.word == NULL || nearest.distance > 2)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "environment: %s names no setting%s", name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

weir_status
weiri_settings_read_environment(weiri_settings *settings, weir_error *err)
{
    for (char **v = environ; v != NULL && *v != NULL; v++) {
        if (strncmp(*v, "WEIR_", 5) != 0)
            continue;
        weir_status status = check_variable(*v, strcspn(*v, "="), err);
        if (status != WEIR_OK)
            return status;
    }
    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        char variable[64];
        variable_of(weiri_setting_rows[i].name, variable, sizeof variable);
        const char *value = getenv(variable);
        if (value == NULL)
            continue;
        weir_status status = set_if_free(settings, weiri_setting_rows[i].name, value, variable, err);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

/* ---- the file ----------------------------------------------------------------------------------------- */

static char *
trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        text[--size] = '\0';
    return text;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static weir_status
read_line(weiri_settings *settings, weiri_settings *of_file, char *line, const char *path, int number, weir_error *err)
{
    char origin[160];
    char *text = trim(line);

    if (*text == '\0' || *text == '#')
        return WEIR_OK;
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return weiri_error_at(err, WEIR_INVALID, path, number, "expected `name = value` or a # comment, found '%.60s'", text);
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    size_t size = strlen(value);
    if (size >= 2 && (value[0] == '\'' || value[0] == '"') && value[size - 1] == value[0]) {
        value[size - 1] = '\0';
        value++;
    }
    (void)snprintf(origin, sizeof origin, "%s:%d", base_name(path), number);
    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        if (strcmp(weiri_setting_rows[i].name, name) == 0 && of_file->origins[i] != NULL)
            return weiri_error_at(err, WEIR_INVALID, path, number, "%s is set a second time; it was set at %s", name, of_file->origins[i]);
    }
    weir_error why;
    weir_status status = weiri_settings_set(of_file, name, value, origin, &why);
    if (status == WEIR_OK)
        return set_if_free(settings, name, value, origin, err);
    const char *words = strstr(why.text, ": ");
    return weiri_error_at(err, status, path, number, "%s", words != NULL ? words + 2 : why.text);
}

weir_status
weiri_settings_read_file(weiri_settings *settings, const char *path, bool must_exist, weir_error *err)
{
    weiri_settings of_file = { 0 };
    weir_status status = WEIR_OK;
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        if (errno == ENOENT && !must_exist)
            return WEIR_OK;
        return weiri_error_set(err, errno == ENOENT ? WEIR_INVALID : WEIR_IO, "%s: %s", path, strerror(errno));
    }
    for (int number = 1; status == WEIR_OK && (size = getline(&line, &room, file)) >= 0; number++) {
        if (strlen(line) != (size_t)size || !weiri_utf8_valid((weiri_bytes){ line, (size_t)size }))
            status = weiri_error_at(err, WEIR_INVALID, path, number, "this is not UTF-8 text");
        else
            status = read_line(settings, &of_file, line, path, number, err);
    }
    if (status == WEIR_OK && ferror(file))
        status = weiri_error_set(err, WEIR_IO, "%s: can't be read", path);
    free(line);
    (void)fclose(file);
    weiri_settings_fini(&of_file);
    return status;
}
