/* SPDX-License-Identifier: Apache-2.0
 * The log of one process of the cluster. Two threads: one brings commands and tells the lanes what becomes of their partitions,
 * one appends, sends and follows. */
#include "log/shared_testing_inside.h"
#include "base/assert.h"
#include "base/memory.h"

enum { RELEASE_MS = 300 };

static weir_status
double_fine(weiri_log *log, weir_error *err)
{
    (void)log;
    (void)err;
    return WEIR_OK;
}

static void
double_metrics(weiri_log *log, weiri_log_metrics *ret_metrics)
{
    (void)log;
    *ret_metrics = (weiri_log_metrics){ 0 };
}

/* ---- jobs -------------------------------------------------------------------------------------------------- */

static void
post(weiri_mailbox *mailbox, const job *j, const weiri_record *record)
{
    weiri_buffer bytes = { 0 };

    if (record != NULL)
        weiri_record_write(record, weiri_buffer_extend(&bytes, weiri_record_size(record)));
    const weiri_bytes pieces[] = { { j, sizeof *j }, weiri_buffer_bytes(&bytes) };
    weir_status status = weiri_mailbox_send(mailbox, pieces, 2, 0);
    weiri_assert(status == WEIR_OK);
    weiri_buffer_fini(&bytes);
}

static void
wait_while_held(double_log *d)
{
    atomic_fetch_add(&d->held, 1);
    while (atomic_load(&d->holding) && !atomic_load(&d->ending))
        (void)weiri_signal_wait(&d->to_do, weiri_signal_count(&d->to_do), 1);
    atomic_fetch_sub(&d->held, 1);
}

static void
run_append(double_log *d, weiri_append *append)
{
    testing_cluster *c = d->cluster;
    uint32_t p = append->partition;
    log_part *part = &d->parts[p];
    weir_status status = WEIR_OK;
    bool fenced = false;

    weiri_lock_take(&c->lock);
    unsigned dice = testing_cluster_chance(c, 1000);
    if (!part->serving)
        status = WEIR_TIMEOUT;
    else if (part->epoch != c->parts[p].epoch) {
        status = WEIR_TIMEOUT;
        fenced = true;
        c->counts.fenced++;
    } else if (dice < c->faults.append_lost)
        status = WEIR_TIMEOUT;
    else {
        testing_cluster_commit(c, append);
        if (dice < c->faults.append_lost + c->faults.append_kept)
            status = WEIR_TIMEOUT;
        else
            part->seen = c->parts[p].n_batches;
    }
    if (status != WEIR_OK)
        part->serving = part->bringing = false;
    c->counts.appends++;
    c->counts.unknown += status != WEIR_OK;
    bool tell = fenced && part->given;
    if (tell)
        part->given = false;
    weiri_lock_give(&c->lock);
    if (tell)
        post(&d->telling, &(job){ .kind = REVOKE, .partition = p }, NULL);
    weiri_signal_raise(&d->log.moved);
    append->done(append, status);
}

static void
run_send(double_log *d, const job *j, weiri_bytes bytes)
{
    testing_cluster *c = d->cluster;
    const testing_faults *f = &c->faults;
    weiri_record record;
    job report = *j;

    weiri_assert(weiri_record_read(bytes, &record) == WEIR_OK);
    weiri_lock_take(&c->lock);
    unsigned dice = testing_cluster_chance(c, 1000), late = testing_cluster_chance(c, 1000);
    report.kind = REPORT;
    report.status = dice < f->send_refused ? WEIR_BUSY : dice < f->send_refused + f->send_lost + f->send_kept ? WEIR_TIMEOUT : WEIR_OK;
    report.offset = WEIRI_NO_OFFSET;
    if (report.status == WEIR_OK || dice >= f->send_refused + f->send_lost) {
        report.offset = testing_cluster_store(c, j->partition, &record, NULL);
        if (testing_cluster_chance(c, 1000) < f->send_twice)
            (void)testing_cluster_store(c, j->partition, &record, NULL);
        if (testing_cluster_chance(c, 1000) < f->send_nowhere)
            report.offset = WEIRI_NO_OFFSET;
    }
    bool at_once = late >= f->send_told_late;
    weiri_lock_give(&c->lock);
    const weir_error err = { .status = report.status, .text = "the double says so" };
    if (at_once)
        report.sent(report.user, report.status, report.offset, &err);
    else
        post(&d->doing, &report, NULL);
}

static void
follow(double_log *d)
{
    testing_cluster *c = d->cluster;
    bool moved = false;

    weiri_lock_take(&c->lock);
    for (uint32_t p = 0; p < c->partitions; p++) {
        if (d->parts[p].serving || d->parts[p].seen == c->parts[p].n_batches || testing_cluster_chance(c, 3) == 0)
            continue;
        d->parts[p].seen += 1 + testing_cluster_chance(c, (unsigned)(c->parts[p].n_batches - d->parts[p].seen));
        moved = true;
    }
    weiri_lock_give(&c->lock);
    if (moved)
        weiri_signal_raise(&d->log.moved);
}

static bool
taken(weiri_mailbox *mailbox, weiri_buffer *items)
{
    weiri_buffer_clear(items);
    return weiri_mailbox_take(mailbox, items) > 0;
}

static void
pause_here(double_log *d, weiri_signal *signal)
{
    while (atomic_load(&d->frozen) && !atomic_load(&d->ending))
        (void)weiri_signal_wait(signal, weiri_signal_count(signal), 1);
}

static void
rest(double_log *d, weiri_signal *signal, uint64_t seen)
{
    (void)weiri_signal_wait(signal, seen, 1);
    pause_here(d, signal);
}

static void
run_doing(void *argument)
{
    double_log *d = argument;
    weiri_buffer items = { 0 };

    for (;;) {
        uint64_t seen = weiri_signal_count(&d->to_do);
        bool ending = atomic_load(&d->ending);
        bool any = taken(&d->doing, &items);
        weiri_bytes item;
        for (size_t at = 0; weiri_mailbox_next(&items, &at, &item);) {
            job j;
            memcpy(&j, item.data, sizeof j);
            const weir_error err = { .status = j.status, .text = "the double says so" };
            if (j.kind == APPEND)
                wait_while_held(d);
            if (j.kind == APPEND)
                run_append(d, j.append);
            else if (j.kind == SEND)
                run_send(d, &j, (weiri_bytes){ (const char *)item.data + sizeof j, item.size - sizeof j });
            else
                j.sent(j.user, j.status, j.offset, &err);
            pause_here(d, &d->to_do);
        }
        follow(d);
        if (any)
            continue;
        if (ending)
            break;
        rest(d, &d->to_do, seen);
    }
    weiri_buffer_fini(&items);
}

/* ---- what lanes are told ------------------------------------------------------------------------------------ */

static void
run_claim(double_log *d, uint32_t p)
{
    testing_cluster *c = d->cluster;
    weir_status status = WEIR_CLOSED;
    weir_error err = { .status = WEIR_CLOSED, .text = "not ours" };

    weiri_lock_take(&c->lock);
    if (d->parts[p].given) {
        d->parts[p].epoch = ++c->parts[p].epoch;
        d->parts[p].seen = c->parts[p].n_batches;
        d->parts[p].serving = true;
        c->counts.claims++;
        status = WEIR_OK;
    }
    weiri_lock_give(&c->lock);
    weiri_signal_raise(&d->log.moved);
    d->lanes.claimed(d->lanes.user, p, status, &err);
}

/* The next command of a served partition, if there is one. */
static bool
bring(double_log *d, uint32_t p)
{
    testing_cluster *c = d->cluster;
    weiri_buffer bytes = { 0 };
    stored_command command;
    weiri_record record;

    weiri_lock_take(&c->lock);
    bool any = d->parts[p].bringing && d->parts[p].next < c->parts[p].n_commands;
    if (any) {
        command = c->parts[p].commands[d->parts[p].next++];
        weiri_buffer_add(&bytes, command.bytes, command.size);
    }
    weiri_lock_give(&c->lock);
    if (!any)
        return false;
    weiri_assert(weiri_record_read(weiri_buffer_bytes(&bytes), &record) == WEIR_OK);
    record.source = command.offset;
    record.time_ms = command.time_ms;
    bool more = d->lanes.command(d->lanes.user, p, &record, command.flaw.code == NULL ? NULL : &command.flaw);
    weiri_buffer_fini(&bytes);
    if (!more) {
        weiri_lock_take(&c->lock);
        d->parts[p].bringing = false;
        weiri_lock_give(&c->lock);
    }
    return more;
}

static void
run_telling(void *argument)
{
    double_log *d = argument;
    weiri_buffer items = { 0 };

    for (;;) {
        uint64_t seen = weiri_signal_count(&d->told);
        bool ending = atomic_load(&d->ending);
        bool any = taken(&d->telling, &items);
        weiri_bytes item;
        for (size_t at = 0; weiri_mailbox_next(&items, &at, &item);) {
            job j;
            memcpy(&j, item.data, sizeof j);
            pause_here(d, &d->told);
            if (j.kind == GIVE)
                d->lanes.given(d->lanes.user, j.partition);
            else if (j.kind == REVOKE)
                d->lanes.revoked(d->lanes.user, j.partition);
            else
                run_claim(d, j.partition);
        }
        for (uint32_t p = 0; d->joined && p < d->cluster->partitions; p++)
            for (int i = 0; i < 50 && bring(d, p); i++)
                any = true;
        if (any)
            continue;
        if (ending)
            break;
        rest(d, &d->told, seen);
    }
    weiri_buffer_fini(&items);
}

/* ---- the contract ------------------------------------------------------------------------------------------- */

static void
double_append(weiri_log *log, weiri_append *append)
{
    double_log *d = (double_log *)log;

    post(&d->doing, &(job){ .kind = APPEND, .append = append }, NULL);
}

static weir_status
double_join(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err)
{
    double_log *d = (double_log *)log;

    (void)err;
    d->lanes = *lanes;
    d->joined = true;
    return weiri_thread_start(&d->teller, "telling", run_telling, d);
}

static void
double_claim(weiri_log *log, uint32_t partition)
{
    double_log *d = (double_log *)log;

    post(&d->telling, &(job){ .kind = CLAIM, .partition = partition }, NULL);
}

static void
double_serve(weiri_log *log, uint32_t partition, uint64_t from_command)
{
    double_log *d = (double_log *)log;
    testing_cluster *c = d->cluster;
    const cluster_part *part = &c->parts[partition];

    weiri_lock_take(&c->lock);
    size_t next = 0;
    while (next < part->n_commands && part->commands[next].offset < from_command)
        next++;
    d->parts[partition].next = next;
    d->parts[partition].bringing = d->parts[partition].serving;
    weiri_lock_give(&c->lock);
    weiri_signal_raise(&d->told);
}

static void
double_release(weiri_log *log, uint32_t partition)
{
    double_log *d = (double_log *)log;

    weiri_lock_take(&d->cluster->lock);
    d->parts[partition].serving = d->parts[partition].bringing = d->parts[partition].revoking = false;
    weiri_lock_give(&d->cluster->lock);
}

static void
take_away(double_log *d, uint32_t p)
{
    testing_cluster *c = d->cluster;

    weiri_lock_take(&c->lock);
    bool had = d->parts[p].given;
    d->parts[p].given = d->parts[p].bringing = false;
    d->parts[p].revoking |= had;
    if (c->parts[p].owner == d)
        c->parts[p].owner = NULL;
    weiri_lock_give(&c->lock);
    if (had)
        post(&d->telling, &(job){ .kind = REVOKE, .partition = p }, NULL);
}

static void
double_leave(weiri_log *log)
{
    double_log *d = (double_log *)log;

    for (uint32_t p = 0; p < d->cluster->partitions; p++)
        take_away(d, p);
}

static weir_status
double_send(weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err)
{
    double_log *d = (double_log *)log;

    if (testing_cluster_random(d->cluster, 1000) < d->cluster->faults.send_refused)
        return weiri_error_set(err, WEIR_BUSY, "too many are being sent");
    post(&d->doing, &(job){ .kind = SEND, .partition = partition, .sent = done, .user = user }, command);
    return WEIR_OK;
}

static void
double_close(weiri_log *log)
{
    double_log *d = (double_log *)log;

    atomic_store(&d->ending, true);
    weiri_signal_raise(&d->told);
    weiri_signal_raise(&d->to_do);
    weiri_thread_join(&d->teller);
    weiri_thread_join(&d->doer);
    for (uint32_t p = 0; p < d->cluster->partitions; p++)
        take_away(d, p);
    weiri_mailbox_fini(&d->telling);
    weiri_mailbox_fini(&d->doing);
    weiri_signal_fini(&d->told);
    weiri_signal_fini(&d->to_do);
    weiri_signal_fini(&d->log.moved);
    weiri_release(d->parts);
    weiri_release(d);
}

static const weiri_log_ops ops = { .append = double_append,
    .end = testing_copy_end,
    .next_command = testing_copy_next_command,
    .refresh = double_fine,
    .state = double_fine,
    .read = testing_copy_read,
    .checksum = testing_copy_checksum,
    .metrics = double_metrics,
    .close = double_close };
static const weiri_shared_ops shared_ops = { double_join, double_claim, double_serve, double_release, double_leave, double_send,
    double_fine };

weiri_log *
testing_cluster_open(testing_cluster *c)
{
    double_log *d = weiri_allocate(sizeof *d);

    d->cluster = c;
    d->log.ops = &ops;
    d->log.shared = &shared_ops;
    d->log.identity = (weiri_log_identity){ .id = c->id, .partitions = c->partitions, .module = "testing", .format = 1 };
    weiri_signal_init(&d->log.moved);
    weiri_signal_init(&d->told);
    weiri_signal_init(&d->to_do);
    weiri_mailbox_init(&d->telling, SIZE_MAX, SIZE_MAX, &d->told);
    weiri_mailbox_init(&d->doing, SIZE_MAX, SIZE_MAX, &d->to_do);
    d->parts = weiri_allocate(c->partitions * sizeof *d->parts);
    weir_status status = weiri_thread_start(&d->doer, "doing", run_doing, d);
    weiri_assert(status == WEIR_OK);
    return &d->log;
}

/* ---- who has what ------------------------------------------------------------------------------------------- */

/* Whoever has it may be frozen: then it is not waited for, and is at work still when it wakes. */
void
testing_cluster_assign(testing_cluster *c, uint32_t partition, weiri_log *to)
{
    double_log *next = (double_log *)to;

    weiri_lock_take(&c->lock);
    double_log *owner = c->parts[partition].owner;
    weiri_lock_give(&c->lock);
    if (owner == next)
        return;
    if (owner != NULL)
        take_away(owner, partition);
    for (int i = 0; owner != NULL && i < RELEASE_MS; i++) {
        weiri_lock_take(&c->lock);
        bool revoking = owner->parts[partition].revoking;
        weiri_lock_give(&c->lock);
        if (!revoking)
            break;
        (void)weiri_signal_wait(&owner->told, weiri_signal_count(&owner->told), 1);
    }
    weiri_lock_take(&c->lock);
    c->parts[partition].owner = next;
    if (next != NULL)
        next->parts[partition].given = true;
    weiri_lock_give(&c->lock);
    if (next != NULL)
        post(&next->telling, &(job){ .kind = GIVE, .partition = partition }, NULL);
}

void
testing_cluster_freeze(weiri_log *log, bool frozen)
{
    double_log *d = (double_log *)log;

    atomic_store(&d->frozen, frozen);
}

void
testing_cluster_hold(weiri_log *log, bool held)
{
    double_log *d = (double_log *)log;

    atomic_store(&d->holding, held);
}

unsigned
testing_cluster_held(weiri_log *log)
{
    return atomic_load(&((double_log *)log)->held);
}
