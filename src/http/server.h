/* SPDX-License-Identifier: Apache-2.0
 * HTTP over an engine's service: requests in, replies out, nothing decided here. docs/http.md is its page. */
#ifndef WEIRI_HTTP_SERVER_H
#define WEIRI_HTTP_SERVER_H

#include "engine/service.h"

typedef struct weiri_http weiri_http;

typedef struct weiri_http_config {
    const char *listen;             /* "127.0.0.1:8080"; port 0: any free one */
    uint32_t threads;               /* 0: min(4, cores) */
    uint32_t connections;           /* at once; 0: 10,000 */
    uint32_t idle_s;                /* after which a connection is closed on which nothing moves; 0: 60 */
    const char *tokens;             /* file of bearer tokens; NULL or "": none are asked for */
    uint32_t rate;                  /* requests a second of one asker; 0: no limit */
    const char *certificate, *key;  /* PEM files; NULL or "": no TLS */
    const char *app_dir;            /* the pages under /app/; NULL: none */
    const weiri_settings *settings; /* what GET /settings shows; borrowed; NULL: nothing */
    int64_t outcome_ms;             /* how long a command may wait for its outcome; 0: 30,000 */
} weiri_http_config;

/* Owns: gives *ret_http. Errors: INVALID (address), IO (port taken: says so). The service must outlive it. */
WEIR_MUST_USE weir_status weiri_http_start(weiri_service *service, const weiri_http_config *config, weiri_http **ret_http, weir_error *err);
uint16_t weiri_http_port(const weiri_http *http);
void weiri_http_refuse(weiri_http *http); /* stops accepting connections; those there go on */
void weiri_http_stop(weiri_http *http);   /* waits for the replies under way, then frees. NULL is fine */

#endif
