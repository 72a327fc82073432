/* SPDX-License-Identifier: Apache-2.0
 * Opening the log that the settings name. Thread: whoever opens the engine. */
#include "engine/inside.h"
#include "base/memory.h"
#include "engine/guard.h"
#include "engine/kafka.h"
#include "log/embedded/embedded.h"
#include "log/shared.h"

char *
weiri_data_dir(const weir_module *module, const weiri_settings *settings)
{
    weiri_buffer path = { 0 };

    weiri_buffer_add_text(&path, weiri_settings_text(settings, "dir"));
    if (path.size == 0)
        weiri_buffer_print(&path, "%s.data", module->name);
    char *dir = weiri_text_copy(weiri_buffer_text(&path));
    weiri_buffer_fini(&path);
    return dir;
}

static uint32_t
partitions_given(const weiri_settings *settings)
{
    bool given = strcmp(weiri_settings_origin(settings, "partitions"), "default") != 0;

    return given ? (uint32_t)weiri_settings_number(settings, "partitions") : 0;
}

/* After the log was opened: `looked` is what looking at its versions came to. */
static weir_status
guarded(weiri_guard *guard, weir_status looked, weiri_problems *problems, weir_error *err)
{
    const size_t before = problems->n;

    if (looked == WEIR_INVALID)
        weiri_guard_tell(guard, problems);
    weiri_guard_fini(guard);
    return problems->n > before ? weiri_problems_status(problems, err) : looked;
}

static weir_status
open_embedded(weiri_service *service, const char *build_id, const weiri_settings *settings, weiri_problems *problems, weir_error *err)
{
    const weiri_embedded_config config = {
        .dir = service->dir,
        .module = service->module->name,
        .partitions = partitions_given(settings),
        .reserve_bytes = weiri_settings_number(settings, "disk.reserve"),
        .world = service->world,
    };

    if (!service->roles.front || !service->roles.lane || !service->roles.views)
        return weiri_error_set(err, WEIR_INVALID, "roles=%s: an embedded log has one process, which does all; roles are for log=kafka",
            weiri_settings_text(settings, "roles"));
    weir_status status = weiri_embedded_open(&config, &service->log, err);
    if (status != WEIR_OK)
        return status;
    weiri_guard guard;
    weiri_guard_init(&guard, service->module, build_id, service->world);
    return guarded(&guard, weiri_log_versions(service->log, service->world, weiri_guard_open, &guard, NULL, err), problems, err);
}

static weir_status
open_kafka(weiri_service *service, const char *build_id, const weiri_settings *settings, weiri_problems *problems, weir_error *err)
{
    weiri_kafka_setup setup = { 0 };
    weiri_guard guard;

    weiri_kafka_setup_init(&setup, service->module->name, settings);
    setup.config.dir = service->dir;
    setup.config.schema = service->schema;
    setup.config.partitions = partitions_given(settings);
    setup.config.world = service->world;
    weir_status status = weiri_kafka_open(&setup.config, &service->log, err);
    if (status == WEIR_OK) {
        weiri_guard_init(&guard, service->module, build_id, service->world);
        status = guarded(&guard, weiri_kafka_versions(&setup.config, weiri_guard_open, &guard, NULL, err), problems, err);
    }
    weiri_kafka_setup_fini(&setup);
    if (status == WEIR_OK)
        service->elsewhere = weiri_elsewhere_new(service->log, service->world);
    return status;
}

weir_status
weiri_open_log(weiri_service *service, const char *build_id, const weiri_settings *settings, weiri_problems *problems, weir_error *err)
{
    bool kafka = weiri_settings_has(settings, "log", "kafka");

    weir_status status = kafka ? open_kafka(service, build_id, settings, problems, err)
                               : open_embedded(service, build_id, settings, problems, err);
    if (status != WEIR_OK)
        return status;
    service->identity = weiri_log_identity_of(service->log);
    if (service->identity->partitions > 64)
        return weiri_error_set(
            err, WEIR_INVALID, "%s has %u partitions; this engine takes at most 64", service->dir, service->identity->partitions);
    service->recent = weiri_allocate((service->identity->partitions + 1) * sizeof *service->recent);
    return WEIR_OK;
}
