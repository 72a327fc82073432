/* SPDX-License-Identifier: Apache-2.0
 * From a data directory to Kafka, for the command line: the log in it is opened as its engine opens it, so that none runs meanwhile.
 * Thread: one at a time. */
#include "engine/kafka.h"
#include "engine/offline.h"
#include <stdio.h>
#include <sys/stat.h>
#include "log/embedded/embedded.h"

/* Read first, for the module's name and to leave alone what is no log; then with its lock. */
static weir_status
open_log(const char *dir, uint64_t reserve_bytes, char module[64], weiri_log **ret_log, weir_error *err)
{
    weiri_embedded_config config = { .dir = dir, .read_only = true, .reserve_bytes = reserve_bytes, .world = &weiri_world_real };
    weiri_log *log = NULL;

    weir_status status = weiri_embedded_open(&config, &log, err);
    if (status != WEIR_OK)
        return status;
    memcpy(module, weiri_log_identity_of(log)->module, 64);
    weiri_log_close(log);
    config.read_only = false;
    config.module = module;
    return weiri_embedded_open(&config, ret_log, err);
}

static weir_status
choose_dir(const weiri_settings *settings, const char *app, const char *from, weiri_copy_report *report, weir_error *err)
{
    const char *given = weiri_settings_text(settings, "dir");
    struct stat a, b;

    const int n = given[0] != '\0' ? snprintf(report->dir, sizeof report->dir, "%s", given)
                                   : snprintf(report->dir, sizeof report->dir, "%s.kafka.data", app);
    if (n < 0 || (size_t)n >= sizeof report->dir)
        return weiri_error_set(err, WEIR_INVALID, "dir: the path is too long");
    if (stat(report->dir, &a) == 0 && stat(from, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return weiri_error_set(
            err, WEIR_INVALID, "%s is what is copied; the local copy of the log on Kafka needs another directory: --dir DIR", report->dir);
    return WEIR_OK;
}

static weir_status
transfer(const weiri_settings *settings, const weiri_copy_call *call, const char *module, weiri_log *from, weiri_copy_report *report,
    weir_error *err)
{
    weiri_transfer_report counts = { 0 };
    weiri_problems problems = { 0 };
    weiri_kafka_setup setup = { 0 };
    weiri_schema *schema = NULL;
    weir_status status = WEIR_OK;

    weiri_kafka_setup_init(&setup, module, settings);
    if (call->module != NULL) {
        weiri_schema_new(call->module, &schema, &problems);
        status = weiri_problems_status(&problems, err);
    }
    if (status == WEIR_OK && call->module != NULL && strcmp(call->module->name, module) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "%s belongs to module '%s', not '%s'", call->from, module, call->module->name);
    if (status == WEIR_OK)
        status = choose_dir(settings, setup.config.app, call->from, report, err);
    if (status == WEIR_OK) {
        setup.config.dir = report->dir;
        setup.config.schema = schema;
        setup.config.world = &weiri_world_real;
        status = weiri_kafka_transfer(&setup.config, from, call->told, call->user, &counts, err);
    }
    if (status == WEIR_OK) {
        report->id = weiri_log_identity_of(from)->id;
        report->commands = counts.commands;
        report->events = counts.events;
        report->outcomes = counts.outcomes;
        report->was_done = counts.was_done;
    }
    weiri_schema_free(schema);
    weiri_problems_fini(&problems);
    weiri_kafka_setup_fini(&setup);
    return status;
}

weir_status
weiri_offline_copy(const weiri_settings *settings, const weiri_copy_call *call, weiri_copy_report *ret_report, weir_error *err)
{
    weiri_copy_report report = { 0 };
    weiri_log *from = NULL;
    char module[64];

    weir_status status = open_log(call->from, weiri_settings_number(settings, "disk.reserve"), module, &from, err);
    if (status != WEIR_OK)
        return weiri_error_prefix(err, "%s", call->from);
    status = transfer(settings, call, module, from, &report, err);
    weiri_log_close(from);
    if (status == WEIR_OK)
        *ret_report = report;
    return status;
}
