/* SPDX-License-Identifier: Apache-2.0
 * What libmicrohttpd does without weir: suspended requests that wait for a sync, and a prepared statement a thread. */
#include "limit_http.h"
#include "figures.h"
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAITING_MOST = 4096 };

struct bare_server {
    struct MHD_Daemon *daemon;
    char directory[256];
    const char *database;
    /* Guarded by lock: requests that wait for the next sync. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct MHD_Connection *waiting[WAITING_MOST];
    int n_waiting, over;
    pthread_t syncer;
    int fd;
};

static const char constant[] =
    "{\"id\":\"0192f0a0-0000-7000-8000-000000000000\",\"aggregate\":\"account\",\"key\":\"acc-000000\",\"version\":\"1\","
    "\"events\":[{\"type\":\"bench.v1.Booked\",\"version\":\"1\"}]}";

static enum MHD_Result
reply(struct MHD_Connection *connection, const char *text, size_t size, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)text, mode);

    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void *
sync_batches(void *argument)
{
    bare_server *s = argument;
    static const uint8_t page[4096];

    for (off_t at = 0;; at += (off_t)sizeof page) {
        struct MHD_Connection *batch[WAITING_MOST];
        pthread_mutex_lock(&s->lock);
        while (s->n_waiting == 0 && !s->over)
            pthread_cond_wait(&s->changed, &s->lock);
        int n = s->n_waiting;
        memcpy(batch, s->waiting, (size_t)n * sizeof *batch);
        s->n_waiting = 0;
        pthread_mutex_unlock(&s->lock);
        if (n == 0)
            return NULL;
        if (pwrite(s->fd, page, sizeof page, at) != (ssize_t)sizeof page || fdatasync(s->fd) != 0)
            bench_fail("the bare server can't write");
        for (int i = 0; i < n; i++)
            MHD_resume_connection(batch[i]);
    }
}

/* States of a request of the commands server, in its context: headers, body, suspended. */
static char headers_seen, was_suspended;

static enum MHD_Result
handle_command(void *user, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
    size_t *size, void **context)
{
    bare_server *s = user;

    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (*context == NULL) {
        *context = &headers_seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (*context == &was_suspended)
        return reply(connection, constant, sizeof constant - 1, MHD_RESPMEM_PERSISTENT);
    *context = &was_suspended;
    MHD_suspend_connection(connection);
    pthread_mutex_lock(&s->lock);
    s->waiting[s->n_waiting++] = connection;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return MHD_YES;
}

static _Thread_local sqlite3 *own_db;
static _Thread_local sqlite3_stmt *own_statement;

static void
open_own(const char *database)
{
    if (sqlite3_open_v2(database, &own_db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(
            own_db, "SELECT account_id, balance_cents, bookings FROM account WHERE account_id = ?1", -1, &own_statement, NULL) != SQLITE_OK)
        bench_fail("%s: %s", database, sqlite3_errmsg(own_db));
}

static enum MHD_Result
handle_query(void *user, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
    size_t *size, void **context)
{
    bare_server *s = user;
    char text[256];

    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)size;
    if (*context == NULL) { /* an answer to the headers alone closes the connection */
        *context = &headers_seen;
        return MHD_YES;
    }
    if (own_db == NULL)
        open_own(s->database);
    const char *key = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "account_id");
    sqlite3_bind_text(own_statement, 1, key, -1, SQLITE_STATIC);
    int n = 0;
    if (sqlite3_step(own_statement) == SQLITE_ROW)
        n = snprintf(text, sizeof text, "[{\"account_id\":\"%s\",\"balance_cents\":%lld,\"bookings\":%lld}]",
            (const char *)sqlite3_column_text(own_statement, 0), sqlite3_column_int64(own_statement, 1),
            sqlite3_column_int64(own_statement, 2));
    sqlite3_reset(own_statement);
    return reply(connection, text, (size_t)n, MHD_RESPMEM_MUST_COPY);
}

static bare_server *
server_start(unsigned threads, MHD_AccessHandlerCallback handler, const char *database)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    bare_server *s = calloc(1, sizeof *s);
    char path[300];

    bench_directory(s->directory, sizeof s->directory);
    (void)snprintf(path, sizeof path, "%s/file", s->directory);
    s->fd = open(path, O_CREAT | O_WRONLY, 0600);
    s->database = database;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handler, s, MHD_OPTION_SOCK_ADDR,
        &address, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_END);
    if (s->daemon == NULL || s->fd < 0)
        bench_fail("the bare server does not start");
    pthread_create(&s->syncer, NULL, sync_batches, s);
    return s;
}

bare_server *
bare_commands_start(unsigned threads)
{
    return server_start(threads, handle_command, NULL);
}

bare_server *
bare_queries_start(unsigned threads, const char *database)
{
    return server_start(threads, handle_query, database);
}

uint16_t
bare_server_port(const bare_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void
bare_server_stop(bare_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->over = 1;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->syncer, NULL);
    MHD_stop_daemon(s->daemon);
    close(s->fd);
    bench_remove(s->directory);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}
