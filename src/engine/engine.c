/* SPDX-License-Identifier: Apache-2.0
 * An engine's life. Opening goes upwards, each step on what the one before has made sure of: schema, log, commands, views; then
 * their threads start. Closing goes down: refuse new commands, let the lanes finish and answer theirs, then free. Thread: whoever
 * opens and closes it; no other may still be in a call when it is freed. */
#include "engine/inside.h"
#include "engine/settle.h"
#include "base/memory.h"
#include <stdio.h>
#include <unistd.h>

/* ---- checks that touch nothing on disk -------------------------------------------------------------------- */

void
weiri_service_check(const weir_module *module, const char *views_dir, weiri_problems *problems)
{
    weiri_schema *schema = NULL;
    weiri_views *views = NULL;

    weiri_schema_new(module, &schema, problems);
    if (schema != NULL) {
        weiri_views_config config = { .schema = schema, .files = views_dir, .world = &weiri_world_real };
        weiri_views_load(&config, &views, problems);
    }
    weiri_views_free(views);
    weiri_schema_free(schema);
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

static weir_status
open_commands(weiri_service *service, const char *build_id, const weiri_settings *settings, weir_error *err)
{
    weiri_commands_config config = {
        .schema = service->schema,
        .log = service->log,
        .world = service->world,
        .dir = service->dir,
        .build_id = build_id,
        .threads = (uint32_t)weiri_settings_number(settings, "threads"),
        .queue_items = (uint32_t)weiri_settings_number(settings, "queue.items"),
        .queue_bytes = (size_t)weiri_settings_number(settings, "queue.size"),
        .window = (uint32_t)weiri_settings_number(settings, "window"),
        .checkpoint_events = (uint32_t)weiri_settings_number(settings, "checkpoint.events"),
        .hops_most = (uint32_t)weiri_settings_number(settings, "processes.loop"),
        .processes_from_beginning = weiri_settings_has(settings, "processes.start", "beginning"),
        .no_lanes = !service->roles.lane,
        .no_front = !service->roles.front,
        .outcome_ms = service->outcome_ms,
        .states_bytes = weiri_settings_number(settings, "states.memory"),
    };

    return weiri_commands_open(&config, &service->commands, err);
}

static weir_status
open_views(weiri_service *service, const char *views_dir, const weiri_settings *settings, weiri_problems *problems, weir_error *err)
{
    weiri_buffer dir = { 0 };
    weiri_buffer_print(&dir, "%s/views", service->dir);
    weiri_views_config config = {
        .schema = service->schema,
        .files = service->roles.views ? views_dir : NULL,
        .log = service->log,
        .dir = weiri_buffer_text(&dir),
        .world = service->world,
        .query_ms = (uint32_t)weiri_settings_number(settings, "query.timeout"),
        .result_rows = (uint32_t)weiri_settings_number(settings, "query.rows"),
    };

    weiri_views_load(&config, &service->views, problems);
    weiri_buffer_fini(&dir);
    if (service->views == NULL)
        return weiri_problems_status(problems, err);
    return weiri_views_open(service->views, err);
}

static weir_status
start(weiri_service *service, weir_error *err)
{
    if (weiri_timers_start(&service->timers) != WEIR_OK || weiri_walker_start(&service->walker) != WEIR_OK)
        return weiri_error_set(err, WEIR_NO_MEMORY, "a thread can't be started");
    weir_status status = weiri_commands_start(service->commands, err);
    if (status == WEIR_OK)
        status = weiri_views_start(service->views, err);
    return status;
}

weir_status
weiri_service_open(const weir_module *module, const char *views_dir, const char *build_id, const weiri_settings *settings,
    weiri_service **ret_service, weiri_problems *problems, weir_error *err)
{
    /* All that is wrong with the module is found before anything is made on disk. */
    weiri_service_check(module, views_dir, problems);
    weir_status status = weiri_problems_status(problems, err);
    if (status != WEIR_OK)
        return status;
    weiri_service *service = weiri_allocate(sizeof *service);
    service->module = module;
    service->world = &weiri_world_real;
    service->dir = weiri_data_dir(module, settings);
    service->outcome_ms = (int64_t)weiri_settings_number(settings, "outcome.timeout");
    service->started_ms = service->world->time_ms(service->world);
    weiri_timers_init(&service->timers, service->world, (size_t)weiri_settings_number(settings, "waiters"));
    weiri_walker_init(&service->walker);
    weiri_settling_init(&service->settling);
    weiri_lock_init(&service->telling);
    service->roles = (weiri_roles){ weiri_settings_has(settings, "roles", "front"), weiri_settings_has(settings, "roles", "lane"),
        weiri_settings_has(settings, "roles", "views") };
    for (size_t i = 0; i < WEIRI_EXECUTED_SIGNALS; i++)
        weiri_signal_init(&service->executed[i]);
    weiri_schema_new(module, &service->schema, problems);
    status = weiri_open_log(service, build_id, settings, problems, err);
    if (status == WEIR_OK)
        status = open_commands(service, build_id, settings, err);
    if (status == WEIR_OK)
        status = open_views(service, views_dir, settings, problems, err);
    if (status == WEIR_OK)
        status = start(service, err);
    if (status == WEIR_OK)
        *ret_service = service;
    else
        weir_close(service);
    return status;
}

/* ---- closing ---------------------------------------------------------------------------------------------- */

void
weiri_service_refuse(weiri_service *service)
{
    atomic_store(&service->refusing, true);
}

void
weir_close(weir_engine *engine)
{
    if (engine == NULL)
        return;
    weiri_service_refuse(engine);
    /* The lanes answer what they have; histories that those answers began are then read to their end. */
    if (engine->commands != NULL)
        weiri_commands_stop(engine->commands);
    weiri_walker_fini(&engine->walker);
    weiri_timers_fini(&engine->timers);
    weiri_views_free(engine->views);
    weiri_commands_close(engine->commands);
    for (uint32_t p = 0; engine->recent != NULL && p <= engine->identity->partitions; p++)
        weiri_finder_fini(&engine->recent[p]);
    weiri_log_close(engine->log);
    weiri_schema_free(engine->schema);
    weiri_settling_fini(&engine->settling);
    weiri_elsewhere_free(engine->elsewhere);
    weiri_lock_fini(&engine->telling);
    for (size_t i = 0; i < WEIRI_EXECUTED_SIGNALS; i++)
        weiri_signal_fini(&engine->executed[i]);
    weiri_module_unload(&engine->loaded);
    weiri_release(engine->recent);
    weiri_release(engine->dir);
    weiri_release(engine);
}
