/* SPDX-License-Identifier: Apache-2.0
 * Requests to a running weir over one kept connection. Thread: one at a time. */
#ifndef WEIRI_CLI_CLIENT_H
#define WEIRI_CLI_CLIENT_H

#include <jansson.h>
#include "base/bytes.h"
#include "base/error.h"
#include "cli/cli.h"

typedef struct weiri_client weiri_client;

typedef struct weiri_client_request {
    const char *method; /* NULL: GET */
    const char *path;   /* "/views?x=1": percent-encoded */
    const char *type;   /* Content-Type of the body, or NULL */
    weiri_bytes body;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
} weiri_client_request;

typedef struct weiri_answer {
    int http;
    weiri_buffer body;
    char content_type[128], position[1700], parked[64]; /* "" none */
    int retry_after_s;
} weiri_answer; /* zero-initialise */
void weiri_answer_fini(weiri_answer *answer);

/* `cli` gives the address (--url, $WEIR_URL, the default) and the words for a server that isn't there; borrowed.
 * Owns: gives *ret_client. Errors: INVALID (address). */
WEIR_MUST_USE weir_status weiri_client_new(const weiri_cli *cli, weiri_client **ret_client, weir_error *err);
void weiri_client_free(weiri_client *client);
const char *weiri_client_url(const weiri_client *client);

/* One request; its answer replaces what is in *answer, whatever its status. Errors: CLOSED: nothing answers there; TIMEOUT: no answer in
 * time; IO: the connection broke. */
WEIR_MUST_USE weir_status weiri_client_call(
    weiri_client *client, const weiri_client_request *request, weiri_answer *answer, weir_error *err);

/* A live feed (Server-Sent Events): calls `line` for each line, without its end, until that says false, or the server ends it: both OK.
 * last_id "": from where the path says. *answer: as of a call; with http 200 its body is empty. */
typedef bool weiri_client_line_fn(void *user, const char *line, size_t size);
WEIR_MUST_USE weir_status weiri_client_follow(weiri_client *client, const char *path, const char *last_id, weiri_client_line_fn *line,
    void *user, weiri_answer *answer, weir_error *err);

/* Appends `text` percent-encoded (all but A-Z a-z 0-9 - . _ ~). */
void weiri_client_add_encoded(weiri_buffer *to, weiri_bytes text);

/* What an answer of 400 or more is in the table of answers. `err` gets its detail. Returns the exit code. */
int weiri_answer_exit(const weiri_answer *answer, weir_error *err);
/* The same for one problem object with its HTTP status. */
int weiri_problem_exit(int http, const json_t *problem, weir_error *err);

/* The words of a problem without "line N: " of the request: a sender has lines of its own. */
const char *weiri_problem_words(const char *words);

/* The JSON of an answer: 0 and *ret_json (for json_decref), or an exit code with the words told. `from`: whom it is of. */
int weiri_answer_json(const weiri_cli *cli, weiri_answer *answer, const char *from, json_t **ret_json);
/* A request and that. `answer`: for its body and headers; may be NULL. */
int weiri_client_json(
    const weiri_cli *cli, weiri_client *client, const weiri_client_request *request, weiri_answer *answer, json_t **ret_json);

/* The exit code of a failed weiri_client_call, told. */
int weiri_client_fail(const weiri_cli *cli, const weir_error *err);

#endif
