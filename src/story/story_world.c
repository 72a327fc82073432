/* SPDX-License-Identifier: Apache-2.0
 * What a step does to the world of a test. An event takes the way it takes in a lane: packed, unpacked, upcast, evolved.
 * Thread: one. */
#include "story/story_world.h"
#include "base/memory.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STORY_BEGINS_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

void
weiri_story_world_init(weiri_story_world *world, const weiri_schema *schema, weiri_views *views)
{
    *world = (weiri_story_world){ .schema = schema, .views = views, .time_ms = STORY_BEGINS_MS };
}

void
weiri_story_world_forget_results(weiri_story_world *world)
{
    for (size_t i = 0; i < world->n_results; i++) {
        weiri_story_result *result = &world->results[i];
        if (result->message != NULL)
            protobuf_c_message_free_unpacked(result->message, NULL);
        weiri_release(result->code);
        weiri_release(result->text);
    }
    world->n_results = 0;
}

void
weiri_story_world_fini(weiri_story_world *world)
{
    weiri_story_world_forget_results(world);
    weiri_release(world->results);
    for (size_t i = 0; i < world->n_states; i++) {
        protobuf_c_message_free_unpacked(world->states[i].message, NULL);
        weiri_release(world->states[i].key);
    }
    weiri_release(world->states);
    weiri_views_free(world->views);
}

const weiri_story_state *
weiri_story_world_state(const weiri_story_world *world, uint16_t aggregate, const char *key)
{
    for (size_t i = 0; i < world->n_states; i++)
        if (world->states[i].aggregate == aggregate && strcmp(world->states[i].key, key) == 0)
            return &world->states[i];
    return NULL;
}

/* An empty state of the aggregate: what decide sees before the first event. */
static ProtobufCMessage *
empty_state(const weiri_schema *schema, uint16_t aggregate)
{
    return protobuf_c_message_unpack(weiri_schema_state(schema, aggregate)->descriptor, NULL, 0, NULL);
}

static weiri_story_state *
state_of(weiri_story_world *world, uint16_t aggregate, const char *key)
{
    const weiri_story_state *known = weiri_story_world_state(world, aggregate, key);

    if (known != NULL)
        return &world->states[known - world->states];
    world->states = weiri_reallocate(world->states, (world->n_states + 1) * sizeof *world->states);
    world->states[world->n_states] = (weiri_story_state){ aggregate, weiri_text_copy(key), empty_state(world->schema, aggregate), 0 };
    return &world->states[world->n_states++];
}

static weir_status
key_of(const weiri_type *type, const ProtobufCMessage *message, char key[256], weir_error *err)
{
    char digits[WEIRI_KEY_DIGITS];
    weiri_bytes bytes;

    if (weiri_type_check_key(type, message, digits, &bytes, err) != WEIR_OK)
        return WEIR_INVALID;
    memcpy(key, bytes.data, bytes.size);
    key[bytes.size] = '\0';
    return WEIR_OK;
}

static weir_status
show_views(weiri_story_world *world, const weiri_type *type, const char *key, uint64_t version, uint32_t index, weiri_bytes payload,
    weir_error *err)
{
    weiri_record record = {
        .kind = WEIRI_RECORD_EVENT,
        .time_ms = world->time_ms,
        .source = world->commands,
        .index = index,
        .version = version,
        .type = weiri_bytes_of(type->descriptor->name),
        .aggregate = weiri_bytes_of(weiri_schema_aggregate(world->schema, type->aggregate)->name),
        .key = weiri_bytes_of(key),
        .payload = payload,
    };

    return world->views == NULL ? WEIR_OK : weiri_views_apply(world->views, &record, err);
}

weir_status
weiri_story_world_happen(weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *event, uint32_t index, weir_error *err)
{
    char key[256];
    const weiri_type *newest;
    ProtobufCMessage *message;
    bool upcast;
    weiri_buffer packed = { 0 };
    weir_status status = key_of(type, event, key, err);

    if (status != WEIR_OK)
        return status;
    (void)protobuf_c_message_pack(event, weiri_buffer_extend(&packed, protobuf_c_message_get_packed_size(event)));
    status = weiri_type_unpack_event(type, weiri_buffer_bytes(&packed), NULL, &newest, &message, &upcast, err);
    if (status != WEIR_OK)
        goto out;
    weiri_story_state *state = state_of(world, newest->aggregate, key);
    state->version++;
    if (newest->evolve != NULL)
        newest->evolve(state->message, message);
    protobuf_c_message_free_unpacked(message, NULL);
    status = show_views(world, type, key, state->version, index, weiri_buffer_bytes(&packed), err);
    world->events++;
out:
    weiri_buffer_fini(&packed);
    return status;
}

static weiri_story_result *
add_result(weiri_story_world *world)
{
    world->results = weiri_reallocate(world->results, (world->n_results + 1) * sizeof *world->results);
    world->results[world->n_results] = (weiri_story_result){ 0 };
    return &world->results[world->n_results++];
}

static weir_status
take_events(weiri_story_world *world, const weir_decision *d, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < d->n_emitted && status == WEIR_OK; i++) {
        weiri_bytes bytes = weiri_decision_event(d, i);
        const weiri_type *type = d->emitted[i].type;
        ProtobufCMessage *message = protobuf_c_message_unpack(type->descriptor, NULL, bytes.size, bytes.data);
        weiri_story_result *result = add_result(world);
        result->type = type;
        result->message = message;
        status = weiri_story_world_happen(world, type, message, (uint32_t)i, err);
    }
    return status;
}

weir_status
weiri_story_world_decide(weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *command, weir_error *err)
{
    weir_decision d = { 0 };
    char key[256], id[32];

    weiri_story_world_forget_results(world);
    weir_status status = key_of(type, command, key, err);
    if (status != WEIR_OK)
        return status;
    const weiri_story_state *known = weiri_story_world_state(world, type->aggregate, key);
    ProtobufCMessage *fresh = known == NULL ? empty_state(world->schema, type->aggregate) : NULL;
    (void)snprintf(id, sizeof id, "story-%" PRIu64, world->commands);
    weiri_decision_begin(&d, world->schema, type, key, weiri_bytes_of(id), known == NULL ? 0 : known->version, world->time_ms);
    status = weiri_decision_run(&d, known == NULL ? fresh : known->message, command);
    if (status == WEIR_OK)
        status = take_events(world, &d, err);
    else if (status == WEIR_REJECTED) {
        weiri_story_result *result = add_result(world);
        result->code = weiri_text_copy(d.code);
        result->text = weiri_text_copy(d.text);
        status = WEIR_OK;
    } else
        weiri_error_set(err, status, "%s", d.text);
    world->commands++;
    if (fresh != NULL)
        protobuf_c_message_free_unpacked(fresh, NULL);
    weiri_decision_fini(&d);
    return status;
}
