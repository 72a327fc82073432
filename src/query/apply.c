/* SPDX-License-Identifier: Apache-2.0
 * What one event does to one view: unpacked once, then each of its statements with bound values, in the order of the
 * file. Thread: whoever holds the view's work; the store is in a transaction. */
#include <inttypes.h>
#include "query/view.h"

/* What begins so is the engine's own, and no view's. */
static bool
is_engines(weiri_bytes type)
{
    return type.size > 5 && memcmp(type.data, "weir.", 5) == 0;
}

bool
weiri_view_has(const weiri_view *view, const weiri_record *record, const weiri_type **ret_type)
{
    const weiri_type *type = record->kind == WEIRI_RECORD_EVENT && !is_engines(record->type)
                                 ? weiri_schema_find(view->views->config.schema, record->type)
                                 : NULL;

    *ret_type = type;
    return type != NULL && view->file->plans[type->newest->number].n > 0;
}

static weir_status
run_once(weiri_view *view, const weiri_run *run, const weiri_bound_event *event, weir_error *err)
{
    weiri_on_statement *statement = &view->file->statements[run->statement];
    uint64_t rows = 0;
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < run->n && status == WEIR_OK; i++)
        status = weiri_binding_value(&run->bindings[i], event, &view->values[i], err);
    if (status == WEIR_OK)
        status = view->store->ops->run(view->store, run->statement, view->values, run->n, &rows, err);
    if (status == WEIR_OK && rows == 0 && statement->may_touch_nothing)
        view->untouched[run->statement]++;
    if (status == WEIR_INVALID && err != NULL) {
        weir_error cause = *err;
        return weiri_error_at(err, status, view->file->file, statement->sql.line, "%s", cause.text);
    }
    return status;
}

static weir_status
run_all(weiri_view *view, weiri_bound_event *event, weir_error *err)
{
    const weiri_plan *plan = &view->file->plans[event->type->number];
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < plan->n && status == WEIR_OK; i++) {
        const weiri_run *run = &plan->runs[i];
        size_t n = run->each == NULL ? 1 : weiri_repeated_count(event->message, run->each);
        for (event->index = 0; event->index < n && status == WEIR_OK; event->index++)
            status = run_once(view, run, event, err);
    }
    return status;
}

weir_status
weiri_view_apply(weiri_view *view, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    const weiri_type *type, *newest;
    ProtobufCMessage *message;
    bool upcast;

    if (!weiri_view_has(view, record, &type)) {
        if (type != NULL || record->kind != WEIRI_RECORD_EVENT || is_engines(record->type))
            return WEIR_OK;
        return weiri_error_set(err, WEIR_NOT_FOUND, "no message '%.*s' in this module: an event of the log can't be passed over",
            (int)record->type.size, (const char *)record->type.data);
    }
    weiri_arena_reset(&view->arena);
    ProtobufCAllocator allocator = weiri_arena_allocator(&view->arena);
    weir_status status = weiri_type_unpack_event(type, record->payload, &allocator, &newest, &message, &upcast, err);
    if (status != WEIR_OK)
        return WEIR_INVALID;
    weiri_bound_event event = { record, newest, message, partition, offset, 0, &view->arena };
    status = run_all(view, &event, err);
    if (upcast)
        protobuf_c_message_free_unpacked(message, NULL);
    if (status == WEIR_OK)
        view->in_transaction++;
    return status;
}

weir_status
weiri_views_apply(weiri_views *views, const weiri_record *event, weir_error *err)
{
    for (size_t i = 0; i < views->n; i++) {
        weiri_view *view = &views->list[i];
        const weiri_store_ops *ops = view->store->ops;
        const weiri_type *type;
        if (!weiri_view_has(view, event, &type))
            continue;
        weir_status status = ops->begin(view->store, err);
        if (status == WEIR_OK)
            status = weiri_view_apply(view, event, 0, 0, err);
        if (status == WEIR_OK)
            status = ops->commit(view->store, err);
        if (status != WEIR_OK) {
            ops->rollback(view->store);
            memset(view->untouched, 0, view->file->statements_n * sizeof *view->untouched);
            return status;
        }
        weiri_view_publish(view, 1, WEIRI_VIEW_FOLLOWING);
    }
    return WEIR_OK;
}

void
weiri_views_untouched(weiri_views *views, weiri_buffer *to)
{
    for (size_t i = 0; i < views->n; i++) {
        weiri_view_file *file = views->list[i].file;
        for (size_t j = 0; j < file->statements_n; j++) {
            weiri_on_statement *statement = &file->statements[j];
            uint64_t all = atomic_load(&statement->untouched), told = atomic_exchange(&statement->untouched_told, all);
            if (all > told)
                weiri_buffer_print(to, "%s:%d: %" PRIu64 " %s touched no row\n", file->file, statement->sql.line, all - told,
                    all - told == 1 ? "run" : "runs");
        }
    }
}
