/* SPDX-License-Identifier: Apache-2.0
 * The router's sweeps. Each takes from every partition what has become durable, up to a limit, sends what that asks for, and ends when
 * all of it is durable where it went; then the positions move. What was refused is sent again, from where the sweep began: the lanes that
 * have some of it drop it. Thread: its own, or whoever calls the turns. */
#include "base/memory.h"
#include "command/router_inside.h"
#include <inttypes.h>

enum { AGAIN_US = 100000, LOOK_MS = 1000, FULL_MS = 10 };

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Has the next record at hand, if one is durable. */
static weir_status
peek(weiri_router *router, const weiri_route *route, weiri_route_tail *t)
{
    weiri_log *log = router->commands->config.log;
    weir_status status = WEIR_OK;
    weir_error err;

    while (!t->have) {
        if (t->chunk.bytes.size > 0 && weiri_chunk_next(&t->chunk, &t->record, &t->offset, &status)) {
            if (status != WEIR_OK)
                return status;
            t->have = t->offset >= t->next; /* a batch may begin before what was asked for */
            if (t->have)
                t->next = t->offset + 1;
            continue;
        }
        if (status != WEIR_OK || t->next >= weiri_log_end(log, t->topic, route->partition))
            return status;
        status = weiri_log_read(log, t->topic, route->partition, t->next, &t->chunk, &err);
        if (status != WEIR_OK || t->chunk.bytes.size == 0)
            return status;
    }
    return WEIR_OK;
}

static void
place(weiri_route_tail *t, uint64_t offset)
{
    weiri_buffer_clear(&t->chunk.bytes);
    t->next = offset;
    t->have = false;
}

/* The first offset whose record is of command `position` or a later one: sources only grow. */
static weir_status
find_offset(weiri_router *router, const weiri_route *route, weiri_route_tail *t, uint64_t position, uint64_t *ret_offset)
{
    uint64_t low = 0, high = weiri_log_end(router->commands->config.log, t->topic, route->partition);

    while (position > 0 && low < high) {
        uint64_t middle = low + (high - low) / 2;
        place(t, middle);
        weir_status status = peek(router, route, t);
        if (status != WEIR_OK)
            return status;
        if (!t->have)
            break;
        if (t->record.source < position)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_offset = low;
    return WEIR_OK;
}

/* ---- routes ------------------------------------------------------------------------------------------------- */

static void
publish(weiri_router *router, weiri_route *route)
{
    weiri_lane *lane = &router->commands->lanes[route->partition];
    bool moved = false;

    for (size_t i = 0; i < router->n; i++) {
        if (route->positions[i] < route->reached)
            route->positions[i] = route->reached;
        moved |= atomic_load(&lane->processes.routed[i]) != route->positions[i];
        atomic_store(&lane->processes.routed[i], route->positions[i]);
    }
    if (moved)
        atomic_fetch_add_explicit(&lane->processes.routed_moves, 1, memory_order_release);
}

static weir_status
begin_route(weiri_router *router, weiri_route *route)
{
    uint64_t from = UINT64_MAX;

    for (size_t i = 0; i < router->n; i++) {
        route->positions[i] = atomic_load(&router->commands->lanes[route->partition].processes.routed[i]); /* recovery knows them all */
        if (route->positions[i] < from)
            from = route->positions[i];
    }
    for (int which = 0; which < 2; which++) {
        weir_status status = find_offset(router, route, &route->tails[which], from, &route->begun[which]);
        if (status != WEIR_OK)
            return status;
        place(&route->tails[which], route->begun[which]);
    }
    route->reached = from;
    route->on = true;
    weiri_route_forget(router, route);
    publish(router, route);
    return WEIR_OK;
}

/* Is its lane served here, and since when? False: there is nothing to route. */
static bool
goes(weiri_router *router, weiri_route *route)
{
    weiri_lane *lane = &router->commands->lanes[route->partition];
    bool served = weiri_commands_lane(router->commands, route->partition, NULL) == WEIRI_LANE_SERVING;
    uint32_t session = atomic_load(&lane->share.session);

    if (!served || (route->on && session != route->session)) {
        route->on = false;
        return false;
    }
    route->session = session;
    return true;
}

/* Up to what was durable when it began, in the order of commands: an outcome, or the events of one. */
static weir_status
sweep_route(weiri_router *router, weiri_route *route, bool *ret_moved)
{
    uint64_t bound = weiri_log_next_command(router->commands->config.log, route->partition);
    uint64_t sent_before = atomic_load(&router->under_way);
    weir_status status = WEIR_OK;

    route->reached = bound;
    for (int which = 0; which < 2; which++)
        route->begun[which] = route->tails[which].next - route->tails[which].have;
    for (unsigned n = 0;; n++) {
        weiri_route_tail *events = &route->tails[0], *outcomes = &route->tails[1];
        status = peek(router, route, events);
        if (status == WEIR_OK)
            status = peek(router, route, outcomes);
        if (status != WEIR_OK)
            return status;
        bool first = events->have && (!outcomes->have || events->record.source < outcomes->record.source);
        weiri_route_tail *t = first ? events : outcomes;
        if (!t->have || t->record.source >= bound)
            return WEIR_OK;
        if (n < WEIRI_SWEEP_MOST)
            status = weiri_route_record(router, route, &t->record);
        if (n == WEIRI_SWEEP_MOST || status != WEIR_OK) {
            route->reached = t->record.source; /* none of a command before it is left */
            break;
        }
        t->have = false;
        *ret_moved = true;
    }
    *ret_moved |= atomic_load(&router->under_way) > sent_before;
    router->full |= status == WEIR_BUSY;
    return status == WEIR_BUSY ? WEIR_OK : status;
}

/* ---- turns -------------------------------------------------------------------------------------------------- */

static void
begin_again(weiri_router *router)
{
    const weiri_world *world = router->commands->config.world;

    for (uint32_t p = 0; p < router->partitions; p++) {
        weiri_route *route = &router->routes[p];
        atomic_store(&router->commands->lanes[p].processes.retries, true);
        if (!route->on)
            continue;
        for (int which = 0; which < 2; which++)
            place(&route->tails[which], route->begun[which]);
        weiri_route_forget(router, route);
    }
    router->again_us = world->monotonic_us(world) + AGAIN_US;
}

static void
say_nothing(weiri_router *router)
{
    weiri_lock_take(&router->lock);
    router->words.text[0] = '\0';
    weiri_lock_give(&router->lock);
}

static bool
end_sweep(weiri_router *router)
{
    bool refused = atomic_exchange(&router->refused, false) || router->failed;

    router->sweeping = router->failed = false;
    weiri_route_settle(router);
    if (refused) {
        begin_again(router);
        return true;
    }
    say_nothing(router);
    for (uint32_t p = 0; p < router->partitions; p++)
        if (router->routes[p].on)
            publish(router, &router->routes[p]);
    return true;
}

/* Why it stands still, if it does. */
static void
say(weiri_router *router, const weiri_route *route, weir_status status)
{
    router->failed = true;
    weiri_lock_take(&router->lock);
    if (router->err.text[0] == '\0')
        (void)weiri_error_set(
            &router->words, status, "the router of partition %" PRIu32 " stands still: %s", route->partition, weir_status_name(status));
    else
        (void)weiri_error_set(
            &router->words, status, "the router of partition %" PRIu32 " stands still: %s", route->partition, router->err.text);
    router->err.text[0] = '\0';
    weiri_lock_give(&router->lock);
}

bool
weiri_router_stands(weiri_router *router, weir_error *ret_err)
{
    weiri_lock_take(&router->lock);
    *ret_err = router->words;
    weiri_lock_give(&router->lock);
    return ret_err->text[0] != '\0';
}

void
weiri_router_again(weiri_router *router, weiri_bytes source, uint64_t sequence)
{
    const weiri_route_again again = { .sequence = sequence, .source_size = (uint32_t)source.size };
    const weiri_bytes pieces[] = { { &again, sizeof again }, source };

    if (weiri_mailbox_send(&router->again, pieces, 2, 0) == WEIR_OK)
        weiri_signal_raise(weiri_log_moved(router->commands->config.log));
}

/* Finds the record that it comes of by its position, and routes it for this process alone. */
static weir_status
route_again(weiri_router *router, const weiri_route_again *again, weiri_bytes source)
{
    weiri_route *route = &router->once;
    uint64_t position = (again->sequence >> WEIRI_SEQUENCE_SHIFT) - 1, offset;
    size_t aggregate;
    weir_status status = WEIR_OK;

    if (!weiri_router_source_process(router->commands, source, &aggregate) || !weiri_router_source_partition(source, &route->partition) ||
        route->partition >= router->partitions)
        return WEIR_OK;
    router->only = again->sequence;
    router->only_process = aggregate - weiri_schema_process_aggregate(router->commands->config.schema, 0);
    for (int which = 0; which < 2 && status == WEIR_OK; which++) {
        weiri_route_tail *t = &route->tails[which];
        status = find_offset(router, route, t, position, &offset);
        place(t, offset);
        while (status == WEIR_OK && (status = peek(router, route, t)) == WEIR_OK && t->have && t->record.source == position) {
            status = weiri_route_record(router, route, &t->record);
            t->have = false;
        }
    }
    router->only = 0;
    return status;
}

/* True: some was sent. What can't be sent now the lanes will ask for again. */
static bool
send_again(weiri_router *router)
{
    weiri_bytes item;
    size_t at = 0, n = weiri_mailbox_take(&router->again, &router->taken);

    while (weiri_mailbox_next(&router->taken, &at, &item)) {
        weiri_route_again again;
        memcpy(&again, item.data, sizeof again);
        const weiri_bytes source = { (const uint8_t *)item.data + sizeof again, again.source_size };
        if (route_again(router, &again, source) != WEIR_OK)
            atomic_store(&router->refused, true);
    }
    weiri_buffer_clear(&router->taken);
    return n > 0;
}

bool
weiri_router_turn(weiri_router *router)
{
    const weiri_world *world = router->commands->config.world;
    bool moved = false;

    if (router->sweeping)
        return atomic_load(&router->under_way) == 0 && end_sweep(router);
    if (router->again_us != 0 && world->monotonic_us(world) < router->again_us)
        return false;
    router->again_us = 0;
    router->full = false;
    router->err.text[0] = '\0';
    moved = send_again(router);
    for (uint32_t p = 0; p < router->partitions; p++) {
        weiri_route *route = &router->routes[p];
        if (!goes(router, route))
            continue;
        weir_status status = route->on ? WEIR_OK : begin_route(router, route);
        if (status == WEIR_OK)
            status = sweep_route(router, route, &moved);
        if (status != WEIR_OK)
            say(router, route, status);
        moved |= route->on && route->reached > route->positions[0];
    }
    router->sweeping = moved || router->failed;
    return router->sweeping;
}

static void
run(void *argument)
{
    weiri_router *router = argument;
    weiri_signal *moved = weiri_log_moved(router->commands->config.log);

    while (!atomic_load(&router->ending)) {
        uint64_t seen = weiri_signal_count(moved);
        if (!weiri_router_turn(router))
            (void)weiri_signal_wait(moved, seen, router->again_us != 0 || router->full ? FULL_MS : LOOK_MS);
    }
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static void
make_listens(weiri_router *router)
{
    const weiri_schema *schema = router->commands->config.schema;
    bool starts;

    router->listens = weiri_allocate(router->n * sizeof *router->listens);
    for (size_t i = 0; i < router->n; i++) {
        router->listens[i] = weiri_allocate(weiri_schema_types(schema));
        for (size_t k = 0; k < weiri_schema_types(schema); k++) {
            const weiri_type *type = weiri_schema_type(schema, k);
            router->listens[i][k] = type->kind == WEIRI_TYPE_EVENT && type->process == NULL &&
                                    weiri_process_row(weiri_schema_module(schema)->processes[i], type->descriptor, &starts) != NULL;
        }
    }
}

weiri_router *
weiri_router_new(weiri_commands *commands)
{
    size_t n = weiri_schema_processes(commands->config.schema);

    weiri_router *router = weiri_allocate(sizeof *router);
    router->commands = commands;
    router->n = n;
    router->partitions = commands->partitions;
    router->routes = weiri_allocate(router->partitions * sizeof *router->routes);
    router->last = weiri_allocate((size_t)router->partitions * n * router->partitions * sizeof *router->last);
    router->opening = weiri_allocate((size_t)router->partitions * n * router->partitions);
    weiri_lock_init(&router->lock);
    weiri_signal_init(&router->nobody);
    weiri_mailbox_init(&router->again, SIZE_MAX, SIZE_MAX, &router->nobody);
    router->once.positions = weiri_allocate(n * sizeof *router->once.positions);
    router->once.tails[0].topic = WEIRI_TOPIC_EVENTS;
    router->once.tails[1].topic = WEIRI_TOPIC_OUTCOMES;
    for (uint32_t p = 0; p < router->partitions; p++) {
        weiri_route *route = &router->routes[p];
        route->partition = p;
        route->tails[0].topic = WEIRI_TOPIC_EVENTS;
        route->tails[1].topic = WEIRI_TOPIC_OUTCOMES;
        route->positions = weiri_allocate(n * sizeof *route->positions);
    }
    make_listens(router);
    return router;
}

weir_status
weiri_router_start(weiri_router *router)
{
    return weiri_thread_start(&router->thread, "router", run, router);
}

void
weiri_router_stop(weiri_router *router)
{
    atomic_store(&router->ending, true);
    weiri_signal_raise(weiri_log_moved(router->commands->config.log));
    weiri_thread_join(&router->thread);
}

void
weiri_router_free(weiri_router *router)
{
    if (router == NULL)
        return;
    for (uint32_t p = 0; p < router->partitions; p++) {
        weiri_chunk_fini(&router->routes[p].tails[0].chunk);
        weiri_chunk_fini(&router->routes[p].tails[1].chunk);
        weiri_release(router->routes[p].positions);
    }
    for (size_t i = 0; i < router->n; i++)
        weiri_release(router->listens[i]);
    weiri_release(router->listens);
    weiri_release(router->routes);
    weiri_release(router->last);
    weiri_release(router->opening);
    weiri_lock_fini(&router->lock);
    weiri_mailbox_fini(&router->again);
    weiri_signal_fini(&router->nobody);
    weiri_buffer_fini(&router->taken);
    weiri_chunk_fini(&router->once.tails[0].chunk);
    weiri_chunk_fini(&router->once.tails[1].chunk);
    weiri_release(router->once.positions);
    weiri_buffer_fini(&router->payload);
    weiri_buffer_fini(&router->headers);
    weiri_release(router);
}
