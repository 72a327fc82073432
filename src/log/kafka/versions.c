/* SPDX-License-Identifier: Apache-2.0
 * Versions of the module on Kafka: records of APP.schemas with keys weir.version.1, weir.version.2 and so on. A first look is enough
 * for a module that is among them; whoever would add one looks again as the one writer (registry.h). Thread: one at a time. */
#include <inttypes.h>
#include <stdio.h>
#include "log/kafka/registry.h"

enum { TRIES = 20 };
static const char key_front[] = "weir.version.";

static weir_status
take(void *user, weiri_bytes key, weiri_bytes value, weir_error *err)
{
    const size_t front = sizeof key_front - 1;
    weiri_versions *versions = user;
    char wanted[40];

    if (key.size <= front || memcmp(key.data, key_front, front) != 0)
        return WEIR_NOT_FOUND;
    (void)snprintf(wanted, sizeof wanted, "%s%zu", key_front, versions->n + 1);
    if (!weiri_bytes_are(key, wanted))
        return weiri_error_set(err, WEIR_CORRUPT, "the record %.*s stands where %s belongs", (int)key.size, (const char *)key.data, wanted);
    weiri_versions_add(versions, value);
    return WEIR_NOT_FOUND;
}

static weir_status
look(weiri_registry *registry, const char *until, weiri_versions *versions, weir_error *err)
{
    weiri_versions_clear(versions);
    weir_status status = weiri_registry_read(registry, until, take, versions, err);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

/* As the one writer. Errors: BUSY: begin anew. */
static weir_status
look_and_add(weiri_registry *registry, weiri_versions_fn *decide, void *user, weiri_versions *versions, weiri_buffer *add, weir_error *err)
{
    char until[WEIRI_REGISTRY_MARK], key[40];

    weir_status status = weiri_registry_begin(registry, until, err);
    if (status == WEIR_OK)
        status = look(registry, until, versions, err);
    weiri_buffer_clear(add);
    if (status == WEIR_OK)
        status = decide(user, versions, add, err);
    if (status == WEIR_OK && add->size > 0)
        status = weiri_version_check_size(weiri_buffer_bytes(add), err);
    if (status == WEIR_OK && add->size > 0) {
        (void)snprintf(key, sizeof key, "%s%zu", key_front, versions->n + 1);
        status = weiri_registry_put(registry, key, weiri_buffer_text(add), err);
    }
    weiri_registry_end(registry);
    return status;
}

weir_status
weiri_kafka_versions(const weiri_kafka_config *config, weiri_versions_fn *decide, void *user, bool *ret_added, weir_error *err)
{
    weiri_registry registry;
    weiri_versions versions = { 0 };
    weiri_buffer add = { 0 };

    weir_status status = weiri_registry_open(&registry, config, err);
    if (status == WEIR_OK)
        status = look(&registry, NULL, &versions, err);
    if (status == WEIR_OK)
        status = decide(user, &versions, &add, err);
    /* What looked like the end may not have been it. */
    if ((status == WEIR_OK && add.size > 0) || status == WEIR_INVALID) {
        status = WEIR_BUSY;
        for (int i = 0; i < TRIES && status == WEIR_BUSY; i++)
            status = look_and_add(&registry, decide, user, &versions, &add, err);
        if (status == WEIR_BUSY)
            status = err->status = WEIR_IO;
    }
    if (status == WEIR_OK && ret_added != NULL)
        *ret_added = add.size > 0;
    weiri_registry_close(&registry);
    weiri_versions_fini(&versions);
    weiri_buffer_fini(&add);
    return status;
}
