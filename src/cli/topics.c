/* SPDX-License-Identifier: Apache-2.0
 * weir topics: what is wrong with Kafka's topics, and mending it. weir acl: the rights that processes need. Thread: the main thread. */
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"

typedef struct telling {
    const weiri_cli *cli;
    json_t *lines;
} telling;

static void
found(void *user, const char *words)
{
    telling *t = user;
    weiri_buffer safe = { 0 };

    json_array_append_new(t->lines, json_string(words));
    if (!t->cli->json) {
        weiri_output_add_safe(&safe, weiri_bytes_of(words));
        fprintf(t->cli->out, "%s\n", weiri_buffer_text(&safe));
    }
    weiri_buffer_fini(&safe);
}

/* The topics' prefix: the setting, or the name of the module that is linked in. */
static weir_status
find_app(const weiri_cli *cli, const weiri_settings *settings, const char **ret_app, weir_error *err)
{
    *ret_app = weiri_settings_text(settings, "app");
    if ((*ret_app)[0] == '\0' && cli->linked != NULL)
        *ret_app = cli->linked->name;
    if ((*ret_app)[0] != '\0')
        return WEIR_OK;
    return weiri_error_set(
        err, WEIR_INVALID, "whose topics? say --app NAME (a module's topics have its name, unless the setting 'app' says another)");
}

static int
run_topics(weiri_cli *cli)
{
    bool apply = strcmp(cli->arguments[0], "apply") == 0;
    telling t = { cli, json_array() };
    weiri_topics_call call = { .apply = apply, .found = found, .user = &t };
    weiri_settings settings = { 0 };
    uint64_t replication = 0;
    const char *app;
    weir_error err;

    weir_status status = apply || strcmp(cli->arguments[0], "plan") == 0
                             ? weiri_cli_settings(cli, &settings, &err)
                             : weiri_error_set(&err, WEIR_INVALID, "'%.40s' is neither plan nor apply", cli->arguments[0]);
    if (status == WEIR_OK)
        status = find_app(cli, &settings, &app, &err);
    if (status == WEIR_OK)
        status = weiri_cli_number(cli, "replication", 0, 1, 32767, &replication, &err);
    if (status == WEIR_OK) {
        bool given = strcmp(weiri_settings_origin(&settings, "partitions"), "default") != 0;
        call.partitions = given ? (uint32_t)weiri_settings_number(&settings, "partitions") : 0;
        call.replication = (uint32_t)replication;
        status = weiri_offline_topics(app, &settings, &call, &err);
    }
    size_t n = json_array_size(t.lines);
    int exit_code = status != WEIR_OK ? weiri_cli_fail_error(cli, &err) : !apply && n > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
    if (status == WEIR_OK && cli->json)
        weiri_output_json(cli->out, t.lines);
    else if (status == WEIR_OK && n == 0)
        fprintf(cli->talk, "all is as it must be\n");
    json_decref(t.lines);
    weiri_settings_fini(&settings);
    return exit_code;
}

static int
run_acl(weiri_cli *cli)
{
    static const char *const roles[] = { "front", "lane", "views", "admin", NULL };
    const char *role = weiri_cli_value(cli, "role"), *app;
    weiri_settings settings = { 0 };
    weiri_buffer lines = { 0 };
    weir_error err;

    weir_status status = strcmp(cli->arguments[0], "print") == 0
                             ? weiri_cli_settings(cli, &settings, &err)
                             : weiri_error_set(&err, WEIR_INVALID, "'%.40s' is not print", cli->arguments[0]);
    if (status == WEIR_OK)
        status = find_app(cli, &settings, &app, &err);
    bool any = false;
    for (size_t i = 0; status == WEIR_OK && roles[i] != NULL; i++) {
        if (role != NULL && strcmp(role, roles[i]) != 0)
            continue;
        weiri_offline_acl(app, &settings, roles[i], weiri_cli_value(cli, "principal"), &lines);
        any = true;
    }
    if (status == WEIR_OK && !any)
        status = weiri_error_set(&err, WEIR_INVALID, "--role: '%.40s' is none of front, lane, views, admin", role);
    if (status == WEIR_OK)
        fprintf(cli->out, "%s", weiri_buffer_text(&lines));
    int exit_code = status == WEIR_OK ? WEIRI_EXIT_DONE : weiri_cli_fail_error(cli, &err);
    weiri_buffer_fini(&lines);
    weiri_settings_fini(&settings);
    return exit_code;
}

static const weiri_cli_option topics_options[] = {
    { "replication", 0, "N", "replicas of each topic; default: 3, or the number of brokers if less" },
    { NULL, 0, NULL, NULL },
};
static const weiri_cli_option acl_options[] = {
    { "role", 0, "ROLE", "front, lane, views or admin alone; default: all four" },
    { "principal", 0, "USER", "who gets the rights; default: User:APP-ROLE" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_topics = {
    .name = "topics",
    .what = "Kafka's topics: what is wrong with them, and mending it",
    .usage = "plan|apply [--app NAME] [--brokers HOST:PORT,...] [--partitions N] [--replication N]",
    .examples =
        "weir topics plan --app shop\nweir topics apply --app shop --partitions 12\nweir topics apply --app shop --allow-weak-cluster",
    .more = "plan changes nothing: each topic or setting that is not as it must be is a line, with the command that mends it, and the\n"
            "exit status is then 1. apply makes what is missing and alters what can be altered without loss.",
    .options = topics_options,
    .settings = true,
    .least = 1,
    .most = 1,
    .run = run_topics,
};

const weiri_cli_command weiri_cli_acl = {
    .name = "acl",
    .what = "The rights that weir's processes need on Kafka",
    .usage = "print [--app NAME] [--role ROLE] [--principal USER]",
    .examples = "weir acl print --app shop\nweir acl print --app shop --role front --principal User:web",
    .more = "Prints lines for kafka-acls.sh; no broker is asked.",
    .options = acl_options,
    .settings = true,
    .least = 1,
    .most = 1,
    .run = run_acl,
};
