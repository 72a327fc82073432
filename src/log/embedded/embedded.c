/* SPDX-License-Identifier: Apache-2.0
 * The embedded engine put together: opening (directory, lock, environment, committer), closing, and what is asked of it
 * in passing. After opening only the committer writes. */
#include <string.h>
#include "base/assert.h"
#include "base/memory.h"
#include "log/embedded/internal.h"

static uint64_t
read_end(weiri_log *log, weiri_topic topic, uint32_t partition)
{
    weiri_embedded *e = (weiri_embedded *)log;
    weiri_embedded_shared *shared = &e->shared[partition];

    return atomic_load(e->copy && topic == WEIRI_TOPIC_COMMANDS ? &shared->next_command : &shared->ends[topic]);
}

static uint64_t
read_next_command(weiri_log *log, uint32_t partition)
{
    return atomic_load(&((weiri_embedded *)log)->shared[partition].next_command);
}

static weir_status
state(weiri_log *log, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;

    if (e->read_only)
        return weiri_error_set(err, WEIR_INVALID, "%s was opened for reading only", e->dir);
    if (atomic_load(&e->failed)) {
        if (err != NULL)
            *err = e->failure;
        return WEIR_IO;
    }
    return weiri_space_state(&e->space, err);
}

static void
metrics(weiri_log *log, weiri_log_metrics *ret_metrics)
{
    weiri_embedded *e = (weiri_embedded *)log;
    MDB_envinfo info;
    MDB_stat stat;

    *ret_metrics = (weiri_log_metrics){
        .commits = atomic_load(&e->commits),
        .records = atomic_load(&e->records),
        .bytes = atomic_load(&e->bytes),
        .sync_us_total = atomic_load(&e->sync_us_total),
        .disk_free_bytes = weiri_space_free(&e->space),
    };
    ret_metrics->oldest_reader_ms = weiri_embedded_oldest_reader_ms(e, &ret_metrics->oldest_reader_pid);
    if (mdb_env_info(e->env, &info) == 0 && mdb_env_stat(e->env, &stat) == 0)
        ret_metrics->disk_used_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

static void
close_log(weiri_log *log)
{
    weiri_embedded *e = (weiri_embedded *)log;

    atomic_store(&e->stopping, true);
    weiri_signal_raise(&e->arrived);
    weiri_thread_join(&e->committer);
    mdb_env_close(e->again); /* NULL is fine */
    mdb_env_close(e->env);
    weiri_lockfile_give(&e->lockfile);
    weiri_signal_fini(&e->arrived);
    weiri_signal_fini(&e->log.moved);
    weiri_lock_fini(&e->lock);
    weiri_release(e->parts);
    weiri_release(e->shared);
    weiri_release(e->dir);
    weiri_release(e);
}

static const weiri_log_ops embedded_ops = {
    .append = weiri_embedded_append,
    .end = read_end,
    .next_command = read_next_command,
    .refresh = weiri_embedded_refresh,
    .state = state,
    .read = weiri_embedded_read,
    .checksum = weiri_embedded_checksum,
    .metrics = metrics,
    .close = close_log,
};

static weir_status
check_config(const weiri_embedded_config *config, weir_error *err)
{
    if (config->dir == NULL || config->dir[0] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "no data directory was given");
    if (config->module == NULL ? !config->read_only
                               : config->module[0] == '\0' || strlen(config->module) >= sizeof(weiri_log_identity){ 0 }.module)
        return weiri_error_set(err, WEIR_INVALID, "a module's name has 1 to 63 bytes");
    if (config->partitions > WEIRI_EMBEDDED_PARTITIONS_MOST)
        return weiri_error_set(
            err, WEIR_INVALID, "%u partitions are too many: %d at most", config->partitions, WEIRI_EMBEDDED_PARTITIONS_MOST);
    return WEIR_OK;
}

weir_status
weiri_embedded_open(const weiri_embedded_config *config, weiri_log **ret_log, weir_error *err)
{
    weir_status status = check_config(config, err);

    if (status != WEIR_OK)
        return status;
    weiri_embedded *e = weiri_allocate(sizeof *e);
    e->log.ops = &embedded_ops;
    e->world = config->world;
    e->dir = weiri_text_copy(config->dir);
    e->read_only = config->read_only;
    e->lockfile.fd = -1;
    weiri_signal_init(&e->log.moved);
    weiri_signal_init(&e->arrived);
    weiri_lock_init(&e->lock);
    weiri_space_init(&e->space, e->world, e->dir, config->reserve_bytes);
    if (!e->read_only) {
        status = weiri_directory_make(e->dir, err);
        if (status == WEIR_OK)
            status = weiri_lockfile_take(&e->lockfile, e->dir, err);
    }
    if (status == WEIR_OK)
        status = weiri_embedded_environment_open(e, config, err);
    if (status == WEIR_OK && !e->read_only && weiri_thread_start(&e->committer, "committer", weiri_embedded_commit_run, e) != WEIR_OK)
        status = weiri_error_set(err, WEIR_NO_MEMORY, "the log's committer can't be started");
    if (status != WEIR_OK) {
        close_log(&e->log);
        return status;
    }
    (void)weiri_space_free(&e->space); /* the first look, before several threads ask */
    *ret_log = &e->log;
    return WEIR_OK;
}
