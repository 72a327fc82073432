/* SPDX-License-Identifier: Apache-2.0
 * Opening the log that the settings name. Thread: whoever opens the engine. */
#include "engine/inside.h"
#include "base/memory.h"
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

static weir_status
open_embedded(weiri_service *service, const weiri_settings *settings, weir_error *err)
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
    return weiri_embedded_open(&config, &service->log, err);
}

static weir_status
open_kafka(weiri_service *service, const weiri_settings *settings, weir_error *err)
{
    weiri_kafka_setup setup = { 0 };

    weiri_kafka_setup_init(&setup, service->module->name, settings);
    setup.config.dir = service->dir;
    setup.config.schema = service->schema;
    setup.config.partitions = partitions_given(settings);
    setup.config.world = service->world;
    weir_status status = weiri_kafka_open(&setup.config, &service->log, err);
    weiri_kafka_setup_fini(&setup);
    if (status == WEIR_OK)
        service->elsewhere = weiri_elsewhere_new(service->log, service->world);
    return status;
}

weir_status
weiri_open_log(weiri_service *service, const weiri_settings *settings, weir_error *err)
{
    bool kafka = weiri_settings_has(settings, "log", "kafka");

    weir_status status = kafka ? open_kafka(service, settings, err) : open_embedded(service, settings, err);
    if (status != WEIR_OK)
        return status;
    service->identity = weiri_log_identity_of(service->log);
    if (service->identity->partitions > 64)
        return weiri_error_set(
            err, WEIR_INVALID, "%s has %u partitions; this engine takes at most 64", service->dir, service->identity->partitions);
    service->recent = weiri_allocate((service->identity->partitions + 1) * sizeof *service->recent);
    return WEIR_OK;
}
