/* SPDX-License-Identifier: Apache-2.0
 * The machine that weir runs on, in the simulation: it opens, dies at any step, and stops in good order. What is in memory
 * goes by being freed; what is in files stays, or is an older state of them, or is gone. */
#include "base/assert.h"
#include "query/sqlite/sqlite.h"
#include "sim.h"
#include <stdio.h>
#include <unistd.h>

/* ---- files ---------------------------------------------------------------------------------------------- */

static void
keep_file(const char *path, weiri_buffer *to)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    weiri_buffer_clear(to);
    if (file == NULL)
        return;
    while ((n = fread(weiri_buffer_reserve(to, 65536), 1, 65536, file)) > 0)
        to->size += n;
    (void)fclose(file);
}

static void
put_file(const char *path, const weiri_buffer *from)
{
    FILE *file = fopen(path, "wb");

    weiri_assert(file != NULL && fwrite(from->data, 1, from->size, file) == from->size && fclose(file) == 0);
}

/* Nobody has it open. Now and then it is as it was some time ago, or gone: checkpoints and views may be lost, as time and no more. */
static void
age_file(sim *s, const char *path, weiri_buffer *old, sim_count counted)
{
    unsigned what = sim_below(s, 24);

    if (what < 6)
        keep_file(path, old);
    else if (what < 10 && old->size > 0) {
        put_file(path, old);
        s->counts[counted]++;
    } else if (what == 10) {
        (void)unlink(path);
        s->counts[counted]++;
    }
    sim_tell(s, "file", counted, what < 11 ? what : 11, 0);
}

static void
path_of(const sim *s, const char *name, char to[256])
{
    (void)snprintf(to, 256, "%s/%s", s->dir, name);
}

void
sim_end(sim *s)
{
    static const char *const names[] = { "checkpoint/data.mdb", "checkpoint/lock.mdb", "attempts" };
    char path[256];
    weir_error ignored;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(s, names[i], path);
        (void)unlink(path);
    }
    if (s->lasting)
        sim_store_empty(s);
    else
        (void)!weiri_sqlite_remove(s->view_path, &ignored);
    s->views = NULL;
}

/* ---- opening -------------------------------------------------------------------------------------------- */

/* A log that does not read, or a checkpoint that can't be written, may end the opening, and it is tried again. */
static void
open_commands(sim *s)
{
    weir_status status;
    weir_error err = { .text = "" };

    for (unsigned left = 3; left > 0; left--) {
        s->log.faults = left > 1 && sim_one_in(s, 6) ? 5 : 0;
        s->checkpoint_faults = left > 1 && sim_one_in(s, 10);
        status = weiri_commands_open(&s->config, &s->commands, &err);
        bool faulty = s->log.faults > 0 || s->checkpoint_faults;
        s->log.faults = 0;
        s->checkpoint_faults = false;
        if (status == WEIR_OK)
            break;
        if (status != WEIR_IO || !faulty)
            sim_fail(s, "the command side does not open: %s", err.text);
    }
    for (uint32_t p = 0; p < s->partitions; p++)
        s->counts[s->commands->lanes[p].checkpoint.clear ? SIM_FROM_NOTHING : SIM_FROM_CHECKPOINT]++;
    sim_check_recovered(s);
}

/* Those of a lasting store are read once for each number of partitions. */
static void
load_views(sim *s)
{
    weiri_views **loaded = &s->loaded[s->partitions - 1];
    char dir[256];
    weir_error err;
    weiri_problems problems = { 0 };

    (void)snprintf(dir, sizeof dir, "%s/views-%u%s", s->dir, s->partitions, s->lasting ? "-lasting" : "");
    const weiri_views_config config = { .schema = s->schema, .files = s->files, .log = &s->log.log, .dir = dir, .world = &s->world };
    if (s->lasting && *loaded != NULL) {
        s->views = *loaded;
        s->views->log_id = weiri_log_identity_of(&s->log.log)->id;
    } else
        weiri_views_load(&config, &s->views, &problems);
    if (s->views == NULL)
        sim_fail(s, "the view is not valid: %s", problems.n == 0 ? "" : problems.list[0].text);
    if (s->lasting)
        *loaded = s->views;
    weir_status status = weiri_views_find(s->views, "v", &s->view, &err);
    weiri_assert(status == WEIR_OK);
    (void)snprintf(s->view_path, sizeof s->view_path, "%s", s->view->path);
}

static void
open_views(sim *s)
{
    weir_error err = { .text = "" };

    if (s->views == NULL)
        load_views(s);
    if (weiri_views_open(s->views, &err) != WEIR_OK)
        sim_fail(s, "the view does not open: %s", err.text);
    sim_store_wrap(s);
}

void
sim_open(sim *s)
{
    open_commands(s);
    open_views(s);
}

/* ---- ending --------------------------------------------------------------------------------------------- */

/* What a projector has in memory, as if it had never run. */
static void
forget_view(weiri_view *view)
{
    uint32_t partitions = view->views->partitions;

    view->store->ops->close(view->store);
    view->store = NULL;
    memset(view->positions, 0, partitions * sizeof *view->positions);
    memset(view->working, 0, partitions * sizeof *view->working);
    memset(view->published, 0, partitions * sizeof *view->published);
    view->careful = view->alone = false;
    view->pause_ms = 0;
    view->kind = WEIRI_VIEW_REBUILDING;
    view->views->open = false;
}

/* With a lasting store the views' files are not read again, nor the database opened: it rolls back, as it would in a new process. */
static void
close_views(sim *s)
{
    s->store_left = -1;
    s->store_down = s->store_failed = false;
    if (s->lasting) {
        forget_view(s->view);
        return;
    }
    weiri_views_free(s->views);
    s->views = NULL;
    s->view = NULL;
    age_file(s, s->view_path, &s->old_view, SIM_OLD_VIEWS);
}

static void
close_commands(sim *s)
{
    char path[256];

    for (uint32_t p = 0; p < s->partitions; p++) {
        const weiri_lane *lane = &s->commands->lanes[p];
        s->counts[SIM_CHECKPOINTS] += lane->counted.checkpoints;
        s->counts[SIM_EVICTED] += lane->states.evicted;
        s->counts[SIM_LOADED] += lane->counted.states_loaded;
        s->counts[SIM_WAITS] += lane->counted.states_waits;
    }
    weiri_commands_close(s->commands);
    s->commands = NULL;
    path_of(s, "checkpoint/data.mdb", path);
    age_file(s, path, &s->old_checkpoint, SIM_OLD_CHECKPOINTS);
    if (sim_one_in(s, 16)) {
        path_of(s, "attempts", path);
        (void)unlink(path);
        memset(s->attempts, 0, sizeof s->attempts);
    }
}

void
sim_crash(sim *s)
{
    s->counts[SIM_CRASHES]++;
    sim_tell(s, "crash", 0, 0, 0);
    sim_log_crash(&s->log);
    close_commands(s);
    close_views(s);
    sim_clients_forget(s);
    sim_open(s);
}

/* What was acknowledged behind the copy is gone, as whoever restores one knows; all else must be of one piece with it: checkpoints
 * and views that have seen more, or something else, notice. */
void
sim_restore(sim *s)
{
    s->counts[SIM_RESTORED]++;
    sim_tell(s, "restore", 0, 0, 0);
    sim_log_crash(&s->log);
    close_commands(s);
    close_views(s);
    sim_clients_forget(s);
    sim_model_init(s);
    for (uint32_t i = 0; i < s->n_submissions; i++)
        s->submissions[i].durable = false;
    for (int i = 0; i < SIM_SOURCES; i++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            s->streams[i][p] = (sim_stream){ .next = 1 };
    memset(s->token, 0, sizeof s->token);
    sim_log_restore(&s->log);
    sim_open(s);
}

void
sim_view_crash(sim *s)
{
    s->counts[SIM_VIEW_CRASHES]++;
    sim_tell(s, "view crash", 0, 0, 0);
    close_views(s);
    open_views(s);
}

void
sim_view_rebuild(sim *s)
{
    weir_error err = { .text = "" };

    s->counts[SIM_REBUILDS]++;
    sim_tell(s, "rebuild", 0, 0, 0);
    if (weiri_views_rebuild(s->views, "v", &err) != WEIR_OK)
        sim_fail(s, "the view is not built anew: %s", err.text);
    sim_store_wrap(s);
}

bool
sim_turn_all(sim *s)
{
    bool moved = false;

    for (uint32_t p = 0; p < s->partitions; p++)
        moved |= weiri_lane_turn(&s->commands->lanes[p]);
    if (s->log.n_pending > 0) {
        moved = true;
        if (!s->log.failed)
            sim_log_commit(&s->log, s->log.n_pending - s->log.n_committed);
        sim_log_report(&s->log, s->log.n_pending);
    }
    moved |= weiri_answers_turn(s->commands);
    moved |= weiri_checkpoints_turn(s->commands->checkpoints);
    moved |= weiri_view_turn(s->view);
    return moved;
}

void
sim_stop(sim *s)
{
    weiri_commands *c = s->commands;
    unsigned turns = 0;
    bool finished = false;

    s->counts[SIM_STOPS]++;
    sim_tell(s, "stop", 0, 0, 0);
    atomic_store(&c->stopping, true);
    for (uint32_t p = 0; p < s->partitions; p++)
        weiri_mailbox_close(&c->lanes[p].mailbox);
    while (sim_turn_all(s) || !finished) {
        finished = true;
        for (uint32_t p = 0; p < s->partitions; p++)
            finished = finished && weiri_lane_finished(&c->lanes[p]);
        if (++turns == 10000)
            sim_fail(s, "the command side does not stop");
    }
    for (uint32_t i = 0; i < s->n_submissions; i++)
        if (s->submissions[i].sent && !s->submissions[i].lost && !s->submissions[i].answered)
            sim_fail(s, "submission %u is never answered", i);
    sim_log_crash(&s->log); /* a failed log may have more than it has shown */
    close_commands(s);
    close_views(s);
}
