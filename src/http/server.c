/* SPDX-License-Identifier: Apache-2.0
 * Starting and stopping libmicrohttpd's threads around the callbacks of request.c. The daemon is stopped only when no handler is being
 * answered and no connection is suspended. Thread: start, refuse and stop from one thread at a time. */
#include "http/server.h"
#include "base/memory.h"
#include "http/acceptor.h"
#include "http/listen.h"
#include "http/request.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    IDLE_S = 60,                  /* a connection on which nothing moves */
    CONNECTION_MEMORY = 16 << 10, /* request and reply headers of one; libmicrohttpd clears it for every request */
    CONNECTIONS = 10000,
    PEM_MOST = 256 << 10,
    FILES_KEPT = 128, /* of the process's limit, for everything else */
    OUTCOME_MS = 30000,
    REPLIES_MS = 10000, /* how long stop waits for clients to take their replies */
};

static uint32_t
threads_of(const weiri_http_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return config->threads > 0 ? config->threads : cores < 2 ? 1 : cores > 4 ? 4 : (uint32_t)cores;
}

static uint32_t
connections_of(const weiri_http_config *config)
{
    uint32_t wanted = config->connections > 0 ? config->connections : CONNECTIONS;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY && files.rlim_cur < (rlim_t)wanted + FILES_KEPT)
        return files.rlim_cur > 2 * FILES_KEPT ? (uint32_t)(files.rlim_cur - FILES_KEPT) : FILES_KEPT;
    return wanted;
}

/* The path is decoded by target.c; libmicrohttpd is to leave it alone. */
static size_t
keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls, (void)connection;
    return strlen(text);
}

static weir_status
read_file(const char *path, char **ret_text, weir_error *err)
{
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    char *text = weiri_allocate(PEM_MOST);
    size_t n = fread(text, 1, PEM_MOST - 1, file);
    (void)fclose(file);
    if (n == PEM_MOST - 1 || strstr(text, "-----BEGIN ") == NULL) {
        weiri_release(text);
        return weiri_error_set(err, WEIR_INVALID, "%s is no PEM file", path);
    }
    *ret_text = text;
    return WEIR_OK;
}

static weir_status
read_pem(const weiri_http_config *config, weiri_http *http, weir_error *err)
{
    bool certificate = config->certificate != NULL && config->certificate[0] != '\0', key = config->key != NULL && config->key[0] != '\0';

    if (certificate != key)
        return weiri_error_set(err, WEIR_INVALID, "TLS needs both tls.certificate and tls.key");
    if (!certificate)
        return WEIR_OK;
    weir_status status = read_file(config->certificate, &http->certificate, err);
    return status == WEIR_OK ? read_file(config->key, &http->key, err) : status;
}

static void
free_http(weiri_http *http)
{
    weiri_edge_free(http->edge);
    weiri_http_pages_free(http->app);
    weiri_release(http->certificate);
    weiri_release(http->key);
    weiri_release(http);
}

static struct MHD_Daemon *
start_daemon(weiri_http *http, uint32_t threads)
{
    /* Each thread has its share of the limit, and a few more: which one gets a connection depends on its number. */
    unsigned connections = http->connections_most + http->connections_most / 2 + 64 * threads;

    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET;
    const struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate }, { MHD_OPTION_HTTPS_MEM_KEY, 0, http->key },
        { MHD_OPTION_END, 0, NULL } };

    return MHD_start_daemon(flags | (http->key != NULL ? MHD_USE_TLS : 0), 0, NULL, NULL, weiri_request_handle, http,
        MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0u, MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)http->watch.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK,
        weiri_request_target, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        weiri_request_connection, http, MHD_OPTION_NOTIFY_COMPLETED, weiri_request_completed, http, MHD_OPTION_ARRAY,
        http->key != NULL ? tls : tls + 2, MHD_OPTION_END);
}

/* jansson goes on without bytes of a text, or writes behind its end, when a buffer can't grow (2.14): bodies are JSON, so it must
 * not see that. Set before any of its values is made; it can't be set for ours alone, and HTTP runs in programs of weir's own only. */
static void *
take_memory(size_t size)
{
    return weiri_reallocate(NULL, size);
}

weir_status
weiri_http_start(weiri_service *service, const weiri_http_config *config, weiri_http **ret_http, weir_error *err)
{
    weiri_http *http = weiri_allocate(sizeof *http);
    int fd = -1;
    weir_status status;

    json_set_alloc_funcs(take_memory, weiri_release);
    http->service = service;
    http->connections_most = connections_of(config);
    http->outcome_ms = config->outcome_ms > 0 ? config->outcome_ms : OUTCOME_MS;
    status = weiri_listen(config->listen, &fd, &http->port, err);
    if (status != WEIR_OK)
        goto out;
    http->settings = config->settings;
    status = weiri_edge_new(config->tokens, config->rate, &http->edge, err);
    if (status == WEIR_OK)
        status = read_pem(config, http, err);
    if (status != WEIR_OK)
        goto out;
    if (config->app_dir != NULL)
        status = weiri_http_pages_load(config->app_dir, &http->app, err);
    if (status != WEIR_OK)
        goto out;
    status = weiri_pool_start(&http->pool, err);
    if (status != WEIR_OK)
        goto out;
    status = weiri_watch_start(&http->watch, config->idle_s > 0 ? config->idle_s : IDLE_S, err);
    if (status != WEIR_OK)
        goto out;
    status = weiri_feeds_start(http, err);
    if (status != WEIR_OK)
        goto out;
    http->daemon = start_daemon(http, threads_of(config));
    if (http->daemon == NULL) {
        status = weiri_error_set(err, WEIR_IO, "the HTTP threads could not be started%s",
            http->key != NULL ? ": do the certificate and its key belong together?" : "");
        goto out;
    }
    status = weiri_acceptor_start(http, fd, err);
    if (status != WEIR_OK)
        goto out;
    *ret_http = http;
    return WEIR_OK;
out:
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    weiri_feeds_stop(&http->feeds);
    weiri_watch_stop(&http->watch);
    weiri_pool_stop(http->pool);
    if (fd >= 0)
        (void)close(fd);
    free_http(http);
    return status;
}

uint16_t
weiri_http_port(const weiri_http *http)
{
    return http->port;
}

void
weiri_http_refuse(weiri_http *http)
{
    weiri_acceptor_stop(http);
}

void
weiri_http_stop(weiri_http *http)
{
    if (http == NULL)
        return;
    weiri_http_refuse(http);
    atomic_store(&http->stopping, true);
    /* Looked at from time to time instead of signalled: nothing of the server may be touched after the last subtraction. */
    while (atomic_load(&http->asked) > 0)
        (void)usleep(1000);
    weiri_feeds_end(&http->feeds);
    for (int waited_ms = 0; atomic_load(&http->replying) > 0 && waited_ms < REPLIES_MS; waited_ms++)
        (void)usleep(1000);
    MHD_stop_daemon(http->daemon);
    weiri_feeds_stop(&http->feeds);
    weiri_watch_stop(&http->watch);
    while (atomic_load(&http->lingering) > 0)
        (void)usleep(1000);
    weiri_pool_stop(http->pool);
    free_http(http);
}
