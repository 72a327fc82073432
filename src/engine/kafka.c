/* SPDX-License-Identifier: Apache-2.0
 * From settings to Kafka; topics planned, applied and checked for the command line. Thread: one at a time. */
#include "engine/kafka.h"
#include "engine/offline.h"
#include "base/memory.h"

void
weiri_kafka_setup_init(weiri_kafka_setup *setup, const char *module, const weiri_settings *settings)
{
    const char *app = weiri_settings_text(settings, "app");

    setup->options = weiri_settings_pairs(settings, "kafka.options");
    setup->config = (weiri_kafka_config){
        .brokers = weiri_settings_text(settings, "brokers"),
        .app = app[0] == '\0' ? module : app,
        .module = module,
        .options = (const char *const *)setup->options,
        .json = weiri_settings_has(settings, "events.format", "json"),
        .allow_weak = weiri_settings_has(settings, "cluster.weak", "yes"),
        .reserve_bytes = weiri_settings_number(settings, "disk.reserve"),
    };
}

void
weiri_kafka_setup_fini(weiri_kafka_setup *setup)
{
    for (size_t i = 0; setup->options != NULL && setup->options[i] != NULL; i++)
        weiri_release(setup->options[i]);
    weiri_release(setup->options);
}

weir_status
weiri_offline_topics(const char *module, const weiri_settings *settings, const weiri_topics_call *call, weir_error *err)
{
    const weiri_topic_plan plan = { call->partitions, call->replication };
    weiri_kafka_setup setup = { 0 };

    weiri_kafka_setup_init(&setup, module, settings);
    setup.config.world = &weiri_world_real;
    weir_status status = call->apply ? weiri_kafka_apply(&setup.config, &plan, call->found, call->user, err)
                                     : weiri_kafka_plan(&setup.config, &plan, call->found, call->user, err);
    weiri_kafka_setup_fini(&setup);
    return status;
}
