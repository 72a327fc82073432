/* SPDX-License-Identifier: Apache-2.0
 * Tokens are compared in a time that depends on their lengths alone. The rates are buckets in a table of fixed size: two askers in one slot
 * share it. Lock: `lock` guards the buckets. */
#include "http/edge.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/world.h"
#include "http/answer.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE_MOST = 1024, TOKEN_LEAST = 16, TOKEN_MOST = 512 };

typedef struct token {
    char text[TOKEN_MOST + 1];
    int64_t until_ms; /* 0: for ever */
} token;

typedef struct bucket {
    int64_t since_us;
    double left;
} bucket;

struct weiri_edge {
    token *tokens;
    size_t n;
    bool asks; /* for tokens */
    uint32_t rate;
    weiri_lock lock;
    bucket buckets[WEIRI_RATE_SLOTS]; /* guarded by lock */
    _Atomic uint64_t no_token, too_often;
};

/* ---- the file -------------------------------------------------------------------------------------------- */

static bool
is_token(const char *text)
{
    size_t n = strlen(text);

    return n >= TOKEN_LEAST && n <= TOKEN_MOST &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") == n;
}

static bool
read_time(const char *text, int64_t *ret_ms)
{
    struct tm at = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &at);

    if (end == NULL || *end != '\0')
        return false;
    *ret_ms = (int64_t)timegm(&at) * 1000;
    return true;
}

static weir_status
add_line(weiri_edge *edge, char *line, const char *path, int number, weir_error *err)
{
    char *words[5] = { NULL }, *rest = line, *word;
    size_t n = 0;
    token t = { .until_ms = 0 };

    while (n < 5 && (word = strsep(&rest, " \t\r\n")) != NULL) {
        if (word[0] == '#')
            break;
        if (word[0] != '\0')
            words[n++] = word;
    }
    if (n == 0)
        return WEIR_OK;
    if ((n != 2 && n != 4) || (n == 4 && strcmp(words[2], "until") != 0))
        return weiri_error_set(err, WEIR_INVALID, "%s:%d: expected NAME TOKEN or NAME TOKEN until 2027-01-31T00:00:00Z", path, number);
    if (!is_token(words[1]))
        return weiri_error_set(err, WEIR_INVALID, "%s:%d: a token has %d to %d characters of A-Z a-z 0-9 - . _ ~ + / =", path, number,
            TOKEN_LEAST, TOKEN_MOST);
    if (n == 4 && !read_time(words[3], &t.until_ms))
        return weiri_error_set(err, WEIR_INVALID, "%s:%d: '%.40s' is no time like 2027-01-31T00:00:00Z", path, number, words[3]);
    if (edge->n == WEIRI_TOKENS_MOST)
        return weiri_error_set(err, WEIR_INVALID, "%s:%d: at most %d tokens", path, number, WEIRI_TOKENS_MOST);
    strcpy(t.text, words[1]);
    edge->tokens = weiri_reallocate(edge->tokens, (edge->n + 1) * sizeof *edge->tokens);
    edge->tokens[edge->n++] = t;
    return WEIR_OK;
}

static weir_status
read_tokens(weiri_edge *edge, const char *path, weir_error *err)
{
    char line[LINE_MOST];
    weir_status status = WEIR_OK;
    struct stat st;
    FILE *file = fopen(path, "r");

    if (file == NULL || fstat(fileno(file), &st) != 0)
        status = weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    else if ((st.st_mode & 077) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "%s: others may read it: chmod 600 %s", path, path);
    for (int number = 1; status == WEIR_OK && fgets(line, sizeof line, file) != NULL; number++)
        status = add_line(edge, line, path, number, err);
    memset(line, 0, sizeof line);
    if (file != NULL)
        (void)fclose(file);
    if (status == WEIR_OK && edge->n == 0)
        status = weiri_error_set(err, WEIR_INVALID, "%s: there is no token in it", path);
    return status;
}

weir_status
weiri_edge_new(const char *tokens, uint32_t rate, weiri_edge **ret_edge, weir_error *err)
{
    weiri_edge *edge = weiri_allocate(sizeof *edge);
    weir_status status = WEIR_OK;

    edge->rate = rate;
    weiri_lock_init(&edge->lock);
    for (size_t i = 0; i < WEIRI_RATE_SLOTS; i++)
        edge->buckets[i].left = 2.0 * rate;
    edge->asks = tokens != NULL && tokens[0] != '\0';
    if (edge->asks)
        status = read_tokens(edge, tokens, err);
    if (status != WEIR_OK) {
        weiri_edge_free(edge);
        return status;
    }
    *ret_edge = edge;
    return WEIR_OK;
}

void
weiri_edge_free(weiri_edge *edge)
{
    if (edge == NULL)
        return;
    weiri_lock_fini(&edge->lock);
    weiri_release(edge->tokens);
    weiri_release(edge);
}

/* ---- a request ------------------------------------------------------------------------------------------- */

static bool
is_open_to_all(const weiri_request *request)
{
    static const char *const first[] = { "console", "app", "health" };
    const weiri_target *target = &request->target;

    for (size_t i = 0; target->n_segments > 0 && i < sizeof first / sizeof *first; i++) {
        if (strcmp(target->segments[0], first[i]) == 0)
            return true;
    }
    return target->n_segments == 0 || (target->n_segments == 1 && target->segments[0][0] == '\0');
}

static bool
same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned differs = 0;

    if (n != strlen(b))
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned)(a[i] ^ b[i]);
    return differs == 0;
}

/* Which token it is, or why it is none. */
static const token *
find_token(const weiri_edge *edge, const char *authorization, const char **ret_why)
{
    const token *found = NULL;

    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0) {
        *ret_why = "this server asks for a token: Authorization: Bearer TOKEN";
        return NULL;
    }
    authorization += 7 + strspn(authorization + 7, " ");
    for (size_t i = 0; i < edge->n; i++)
        found = same(edge->tokens[i].text, authorization) ? &edge->tokens[i] : found;
    *ret_why = "this token is not known here";
    if (found != NULL && found->until_ms != 0 && weiri_world_real.time_ms(&weiri_world_real) >= found->until_ms) {
        *ret_why = "this token has expired";
        return NULL;
    }
    return found;
}

static uint64_t
address_of(const weiri_request *request)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;

    if (address != NULL && address->sa_family == AF_INET)
        return weiri_hash64(0, &((const struct sockaddr_in *)(const void *)address)->sin_addr, sizeof(struct in_addr));
    if (address != NULL && address->sa_family == AF_INET6) /* a network of 64 bits is one asker */
        return weiri_hash64(0, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 8);
    return 0;
}

static bool
take_from_bucket(weiri_edge *edge, uint64_t who)
{
    bucket *b = &edge->buckets[who % WEIRI_RATE_SLOTS];
    int64_t now_us = weiri_world_real.monotonic_us(&weiri_world_real);

    weiri_lock_take(&edge->lock);
    b->left += (double)(now_us - b->since_us) / 1e6 * edge->rate;
    b->left = b->left > 2.0 * edge->rate ? 2.0 * edge->rate : b->left;
    b->since_us = now_us;
    bool there = b->left >= 1;
    b->left -= there;
    weiri_lock_give(&edge->lock);
    return there;
}

bool
weiri_edge_admits(weiri_edge *edge, weiri_request *request)
{
    const token *of = NULL;
    const char *why;

    if ((!edge->asks && edge->rate == 0) || is_open_to_all(request))
        return true;
    if (edge->asks && (of = find_token(edge, request->headers.authorization, &why)) == NULL) {
        request->challenge = request->headers.authorization == NULL ? "Bearer realm=\"weir\""
                                                                    : "Bearer realm=\"weir\", error=\"invalid_token\"";
        atomic_fetch_add(&edge->no_token, 1);
        weiri_answer_http_problem(&request->reply, 401, "%s", why);
        return false;
    }
    if (edge->rate == 0 || take_from_bucket(edge, of != NULL ? (uint64_t)(of - edge->tokens) : address_of(request)))
        return true;
    atomic_fetch_add(&edge->too_often, 1);
    weiri_reply_problem(&request->reply, WEIR_BUSY, "rate-limit", "more requests than this server takes from one asker");
    request->reply.retry_after_s = 1;
    return false;
}

uint64_t
weiri_edge_refused(const weiri_edge *edge, bool rate)
{
    return atomic_load(rate ? &edge->too_often : &edge->no_token);
}
