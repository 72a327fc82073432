/* SPDX-License-Identifier: Apache-2.0
 * GET /metrics: Prometheus text format 0.0.4. Names begin with weir_; counters end in _total. Thread: any. */
#include "engine/inside.h"
#include "log/shared.h"
#include "base/memory.h"
#include <inttypes.h>

/* One metric of lanes: which member of weiri_lane_metrics, all of which are 64 bits wide. */
typedef struct lane_row {
    const char *name, *kind, *help, *labels;
    size_t offset;
} lane_row;

#define LANE(member) offsetof(weiri_lane_metrics, member)
static const lane_row lane_rows[] = {
    { "weir_commands_total", "counter", "Commands by what became of them.", ",outcome=\"accepted\"", LANE(accepted) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"rejected\"", LANE(rejected) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"conflict\"", LANE(conflicts) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"repeated\"", LANE(repeated) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"malformed\"", LANE(malformed) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"quarantined\"", LANE(quarantined) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"key-quarantined\"", LANE(key_quarantined) },
    { "weir_commands_total", NULL, NULL, ",outcome=\"released\"", LANE(released) },
    { "weir_events_total", "counter", "Events recorded.", "", LANE(events) },
    { "weir_batches_total", "counter", "Batches decided; one disk sync each, or less.", "", LANE(batches) },
    { "weir_queue_items", "gauge", "Commands that wait in the lane.", "", LANE(queue_items) },
    { "weir_queue_bytes", "gauge", "Bytes of commands that wait in the lane.", "", LANE(queue_bytes) },
    { "weir_queue_refused_total", "counter", "Commands refused because the queue was full.", "", LANE(queue_refused) },
    { "weir_aggregates", "gauge", "Aggregates in memory.", "", LANE(aggregates) },
    { "weir_aggregates_known", "gauge", "Aggregates that have had an event.", "", LANE(aggregates_known) },
    { "weir_state_bytes", "gauge", "Bytes of states in memory.", "", LANE(state_bytes) },
    { "weir_state_bytes_limit", "gauge", "Bytes of states that may be in memory.", "", LANE(state_bytes_limit) },
    { "weir_states_evicted_total", "counter", "States put out of memory.", "", LANE(states_evicted) },
    { "weir_states_loaded_total", "counter", "States loaded again from the checkpoint.", "", LANE(states_loaded) },
    { "weir_states_unreadable_total", "counter", "Requests refused because a state could not be loaded.", "", LANE(states_unreadable) },
    { "weir_states_waits_total", "counter", "Times that the lane waited for a checkpoint to make room for states.", "",
        LANE(states_waits) },
    { "weir_window_entries", "gauge", "Outcomes remembered for repeats.", "", LANE(window_entries) },
    { "weir_window_age_seconds", "gauge", "Age of the oldest outcome remembered.", "", LANE(window_age_ms) },
    { "weir_quarantined_aggregates", "gauge", "Aggregates that take no commands until a person releases them.", "", LANE(kept_out) },
    { "weir_quarantined_commands", "gauge", "Commands held in quarantine, or released and not tried again yet.", "", LANE(held) },
    { "weir_checkpoints_total", "counter", "Checkpoints written.", "", LANE(checkpoints) },
    { "weir_checkpoints_failed_total", "counter", "Checkpoints that could not be written.", "", LANE(checkpoints_failed) },
    { "weir_checkpoint_offset", "gauge", "Offset in events from which a restart replays.", "", LANE(checkpoint_offset) },
    { "weir_lane_reopened_total", "counter", "Times that an append's result was not known, and the lane began anew.", "", LANE(reopened) },
    { "weir_recovered_events", "gauge", "Events replayed when the engine was opened.", "", LANE(recovered_events) },
};

static void
head(weiri_buffer *to, const char *name, const char *kind, const char *help)
{
    weiri_buffer_print(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void
single(weiri_buffer *to, const char *name, const char *kind, const char *help, int64_t value)
{
    head(to, name, kind, help);
    weiri_buffer_print(to, "%s %" PRId64 "\n", name, value);
}

static void
write_lanes(weiri_service *service, weiri_buffer *to)
{
    uint32_t partitions = service->identity->partitions;
    weiri_lane_metrics *lanes = weiri_allocate(partitions * sizeof *lanes);

    for (uint32_t p = 0; p < partitions; p++)
        weiri_commands_metrics(service->commands, p, &lanes[p]);
    for (size_t r = 0; r < sizeof lane_rows / sizeof *lane_rows; r++) {
        const lane_row *row = &lane_rows[r];
        if (row->kind != NULL)
            head(to, row->name, row->kind, row->help);
        for (uint32_t p = 0; p < partitions; p++) {
            int64_t value;
            memcpy(&value, (const char *)&lanes[p] + row->offset, sizeof value);
            weiri_buffer_print(to, "%s{partition=\"%" PRIu32 "\"%s} ", row->name, p, row->labels);
            weiri_buffer_print(to, row->offset == LANE(window_age_ms) ? "%.3f\n" : "%.0f\n",
                row->offset == LANE(window_age_ms) ? (double)value / 1000 : (double)value);
        }
    }
    weiri_release(lanes);
}

static void
seconds(weiri_buffer *to, const char *name, const char *kind, const char *help, double value)
{
    head(to, name, kind, help);
    weiri_buffer_print(to, "%s %.6f\n", name, value);
}

/* Of a shared log. */
static void
write_shared(weiri_service *service, weiri_buffer *to)
{
    if (!weiri_log_shared(service->log))
        return;
    head(to, "weir_lane_state", "gauge", "1 for the state that the partition's lane is in.");
    for (uint32_t p = 0; p < service->identity->partitions; p++)
        for (weiri_lane_life life = WEIRI_LANE_SERVING; life <= WEIRI_LANE_HALTED; life++)
            weiri_buffer_print(to, "weir_lane_state{partition=\"%" PRIu32 "\",state=\"%s\"} %d\n", p, weiri_lane_life_name(life),
                weiri_commands_lane(service->commands, p, NULL) == life);
    single(
        to, "weir_front_waiters", "gauge", "Commands sent whose outcome has not come.", (int64_t)weiri_commands_waiters(service->commands));
    weiri_log_metrics m = { 0 };
    weiri_log_metrics_get(service->log, &m);
    single(to, "weir_kafka_commits_total", "counter", "Transactions of this process's lanes.", (int64_t)m.shared.commits);
    single(to, "weir_kafka_records_total", "counter", "Records in them.", (int64_t)m.shared.records);
    seconds(to, "weir_kafka_commit_seconds_total", "counter", "Time spent in them.", (double)m.shared.commit_us_total / 1e6);
    single(to, "weir_kafka_fences_total", "counter", "Partitions taken over.", (int64_t)m.shared.fences);
    single(
        to, "weir_kafka_reopenings_total", "counter", "Attempts to take one over that had to be made again.", (int64_t)m.shared.reopenings);
    single(
        to, "weir_kafka_stale_writer_total", "counter", "Records of an older owner that were passed by.", (int64_t)m.shared.stale_writer);
    single(to, "weir_kafka_repeats_total", "counter", "Records that had come before.", (int64_t)m.shared.repeats);
    single(to, "weir_kafka_foreign_total", "counter", "Records in events and outcomes that no lane wrote.", (int64_t)m.shared.foreign);
    single(to, "weir_kafka_sending", "gauge", "Commands on their way to Kafka.", (int64_t)m.shared.sending);
    single(to, "weir_kafka_lag", "gauge", "Records not yet in the local copy, as far as is known.", (int64_t)m.shared.lag);
    single(to, "weir_kafka_held", "gauge",
        "Offsets of commands that nobody reads since somebody's transaction before them is open; looked at each second at rest.",
        (int64_t)m.shared.held);
    single(to, "weir_kafka_halted", "gauge", "Partitions of which the topics can't be followed; /health/ready says why.",
        (int64_t)m.shared.halted);
    single(to, "weir_elsewhere_bytes", "gauge", "Memory of the index of aggregates that other processes serve.",
        (int64_t)weiri_elsewhere_bytes(service->elsewhere));
}

static void
write_log(weiri_service *service, weiri_buffer *to)
{
    weiri_log_metrics m = { 0 };
    weir_error err;

    weiri_log_metrics_get(service->log, &m);
    single(to, "weir_log_commits_total", "counter", "Commits of the log, one disk sync each.", (int64_t)m.commits);
    single(to, "weir_log_records_total", "counter", "Records committed.", (int64_t)m.records);
    single(to, "weir_log_bytes_total", "counter", "Bytes committed.", (int64_t)m.bytes);
    seconds(to, "weir_log_sync_seconds_total", "counter", "Time spent in commits.", (double)m.sync_us_total / 1e6);
    seconds(to, "weir_log_oldest_reader_seconds", "gauge", "How long the oldest read transaction has made the file grow.",
        (double)m.oldest_reader_ms / 1000);
    single(to, "weir_log_oldest_reader_pid", "gauge", "Process of the oldest read transaction; 0: nobody holds one.", m.oldest_reader_pid);
    single(to, "weir_log_failed", "gauge", "1 when the log takes no more.", weiri_log_state(service->log, &err) != WEIR_OK);
    single(to, "weir_disk_free_bytes", "gauge", "Free space where the log lies.", (int64_t)m.disk_free_bytes);
    single(to, "weir_disk_used_bytes", "gauge", "Space that the log takes.", (int64_t)m.disk_used_bytes);
    head(to, "weir_log_end", "gauge", "Durable end of a topic's partition.");
    for (weiri_topic t = 0; t < WEIRI_TOPICS; t++) {
        for (uint32_t p = 0; p < service->identity->partitions; p++)
            weiri_buffer_print(to, "weir_log_end{topic=\"%s\",partition=\"%" PRIu32 "\"} %" PRIu64 "\n", weiri_topic_name(t), p,
                weiri_log_end(service->log, t, p));
    }
}

static void
write_views(weiri_service *service, weiri_buffer *to)
{
    static const char *const names[][3] = { { "weir_view_lag_events", "gauge", "Events that the view does not show yet." },
        { "weir_view_lag_seconds", "gauge", "Age of the oldest event that the view does not show yet." },
        { "weir_view_events_per_second", "gauge", "Events applied a second, lately." },
        { "weir_view_applied_total", "counter", "Events applied since the engine was opened." },
        { "weir_view_untouched_total", "counter", "UPDATEs and DELETEs that touched no row." },
        { "weir_view_parked_events", "gauge", "Events that the view could not take, and those behind them of the same key." },
        { "weir_view_parked_keys", "gauge", "Keys under which events are parked." },
        { "weir_view_discarded_events", "gauge", "Events that a person has discarded for ever." },
        { "weir_view_building", "gauge", "1 while another version is built, beside what serves or as the only one." },
        { "weir_view_paused", "gauge", "1 while a person has paused it." },
        { "weir_view_stopped", "gauge", "1 when the view has stopped at an error." } };
    size_t n = weiri_views_count(service->views);
    weiri_view_status *all = weiri_allocate((n + 1) * sizeof *all);

    for (size_t i = 0; i < n; i++)
        weiri_views_status(service->views, i, &all[i]);
    for (size_t m = 0; m < sizeof names / sizeof *names && n > 0; m++) {
        head(to, names[m][0], names[m][1], names[m][2]);
        for (size_t i = 0; i < n; i++) {
            const weiri_view_status *v = &all[i];
            double values[] = { (double)v->lag_events, (double)v->lag_ms / 1000, v->events_per_second, (double)v->applied,
                (double)v->untouched, (double)v->parked, (double)v->parked_keys, (double)v->discarded, v->building.is, v->paused,
                strcmp(v->state, "stopped") == 0 };
            weiri_buffer_print(to, "%s{view=\"%s\"} %.15g\n", names[m][0], v->name, values[m]);
        }
    }
    weiri_release(all);
}

void
weiri_service_oldest_reader(weiri_service *service, int64_t *ret_ms, int64_t *ret_pid)
{
    weiri_log_metrics m = { 0 };

    weiri_log_metrics_get(service->log, &m);
    *ret_ms = m.oldest_reader_ms;
    *ret_pid = m.oldest_reader_pid;
}

void
weiri_service_metrics(weiri_service *service, weiri_reply *reply)
{
    weiri_buffer *to = &reply->body;

    head(to, "weir_info", "gauge", "What is running.");
    weiri_buffer_print(to, "weir_info{module=\"%s\",log=\"%016" PRIx64 "\"} 1\n", service->module->name, service->identity->id);
    seconds(to, "weir_start_time_seconds", "gauge", "When the engine was opened, Unix time.", (double)service->started_ms / 1000);
    single(to, "weir_waiting_requests", "gauge", "Requests that wait for their outcomes.", (int64_t)weiri_timers_count(&service->timers));
    single(to, "weir_waiting_refused_total", "counter", "Requests refused because too many wait.",
        (int64_t)atomic_load_explicit(&service->timers.refused, memory_order_relaxed));
    write_lanes(service, to);
    write_shared(service, to);
    write_log(service, to);
    write_views(service, to);
    reply->http = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
