/* SPDX-License-Identifier: Apache-2.0
 * The sender: batches out, reply lines in, and the way back after a gap. Invariant: `items` holds in order exactly the lines taken
 * and not decided, and every one of them is beyond its partition's `last`. Thread: one at a time. */
#include "cli/load_send.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include "base/hash.h"
#include "base/memory.h"
#include "cli/client.h"
#include "cli/output.h"

typedef struct weiri_load_item {
    uint64_t line;
    uint32_t partition;
    bool decided;
    size_t data, size; /* in sender->data */
} weiri_load_item;

void
weiri_load_sender_init(
    weiri_load_sender *sender, const weiri_load_door *door, const char *type, const char *source, uint32_t partitions, size_t batch)
{
    sender->door = *door;
    sender->type = type;
    sender->source = source;
    sender->partitions = partitions;
    sender->batch = batch;
    sender->last = weiri_allocate(partitions * sizeof *sender->last);
    sender->sent = weiri_allocate(partitions * sizeof *sender->sent);
}

void
weiri_load_sender_fini(weiri_load_sender *sender)
{
    weiri_release(sender->last);
    weiri_release(sender->sent);
    weiri_release(sender->items);
    weiri_release(sender->tally.codes);
    weiri_buffer_fini(&sender->prefix);
    weiri_buffer_fini(&sender->data);
    weiri_buffer_fini(&sender->body);
    weiri_buffer_fini(&sender->reply);
}

weir_status
weiri_load_sender_resume(weiri_load_sender *sender, uint64_t fingerprint, weir_error *err)
{
    bool known = false;
    uint64_t seen = 0;

    weir_status status = sender->door.source(sender->door.user, sender->source, sender->partitions, sender->last, &known, &seen, err);
    if (status == WEIR_OK && known && seen != fingerprint)
        status = weiri_error_set(err, WEIR_REJECTED,
            "source '%.100s' has already been loaded from another file (its header or first record differs); "
            "give this one a name of its own: --source NAME",
            sender->source);
    weiri_buffer_clear(&sender->prefix);
    weiri_buffer_add_text(&sender->prefix, "{\"type\":");
    weiri_output_add_json_string(&sender->prefix, weiri_bytes_of(sender->type));
    weiri_buffer_add_text(&sender->prefix, ",\"source\":");
    weiri_output_add_json_string(&sender->prefix, weiri_bytes_of(sender->source));
    weiri_buffer_print(&sender->prefix, ",\"fingerprint\":%" PRIu64, fingerprint);
    return status;
}

static void
count_code(weiri_load_tally *tally, const char *code)
{
    size_t i = 0;

    while (i < tally->n_codes && strcmp(tally->codes[i].code, code) != 0)
        i++;
    if (i == tally->n_codes) {
        tally->codes = weiri_reallocate(tally->codes, (i + 1) * sizeof *tally->codes);
        tally->codes[i] = (weiri_load_code){ .n = 0 };
        (void)snprintf(tally->codes[i].code, sizeof tally->codes[i].code, "%s", code);
        tally->n_codes++;
    }
    tally->codes[i].n++;
    tally->rejected++;
}

/* ---- one request -------------------------------------------------------------------------------------- */

static void
make_body(weiri_load_sender *sender)
{
    weiri_buffer *body = &sender->body;

    memcpy(sender->sent, sender->last, sender->partitions * sizeof *sender->sent);
    weiri_buffer_clear(body);
    for (size_t i = 0; i < sender->n; i++) {
        weiri_load_item *item = &sender->items[i];
        weiri_buffer_add_bytes(body, weiri_buffer_bytes(&sender->prefix));
        weiri_buffer_print(body, ",\"sequence\":%" PRIu64 ",\"previous\":%" PRIu64 ",\"data\":", item->line, sender->sent[item->partition]);
        weiri_buffer_add(body, sender->data.data + item->data, item->size);
        weiri_buffer_add_text(body, "}\n");
        sender->sent[item->partition] = item->line;
    }
}

/* What the replies of one request came to. */
typedef struct replies {
    bool stale;   /* `last` must be asked for anew */
    bool waiting; /* something had no room or no answer: a pause is due */
    size_t decided;
} replies;

static void
decide(weiri_load_sender *sender, weiri_load_item *item, replies *r)
{
    item->decided = true;
    r->decided++;
    sender->last[item->partition] = item->line;
}

static void
not_a_command(weiri_load_sender *sender, weiri_load_item *item, const json_t *reply, replies *r)
{
    const char *words = json_string_value(json_object_get(reply, "detail"));

    item->decided = true; /* it never came into the log: the chain passes it by */
    r->decided++;
    sender->tally.unreadable++;
    sender->door.unreadable(sender->door.user, item->line, words == NULL ? "refused" : weiri_problem_words(words));
}

static weir_status
take_reply(weiri_load_sender *sender, weiri_load_item *item, const json_t *reply, replies *r, weir_error *err)
{
    json_int_t http = json_integer_value(json_object_get(reply, "status"));
    const char *code = json_string_value(json_object_get(reply, "code"));
    const char *words = json_string_value(json_object_get(reply, "detail"));

    code = code == NULL ? "" : code;
    if (json_is_true(json_object_get(reply, "repeated"))) {
        decide(sender, item, r);
        sender->tally.repeated++;
    } else if (http == 200) {
        decide(sender, item, r);
        sender->tally.accepted++;
    } else if (strcmp(code, "source-reused") == 0)
        return weiri_error_set(err, WEIR_REJECTED, "line %" PRIu64 ": %s", item->line, words == NULL ? code : words);
    else if (http == 422 || http == 412) {
        bool chained = strcmp(code, "wrong-partition") != 0 && strstr(code, "quarantined") == NULL;
        uint64_t last = sender->last[item->partition];
        decide(sender, item, r);
        if (!chained) { /* whether the engine counts it as the source's last is the engine's to say */
            sender->last[item->partition] = last;
            r->stale = true;
        }
        count_code(&sender->tally, code[0] == '\0' ? "conflict" : code);
    } else if (strcmp(code, "log-failed") == 0) {
        return weiri_error_set(err, WEIR_CLOSED, "the engine takes no more: %s", words == NULL ? code : weiri_problem_words(words));
    } else if (http == 409 || http == 429 || http == 503 || http == 504) {
        r->stale = true;
        r->waiting = r->waiting || http != 409;
    } else if (http == 404) /* not this line: no line can be this command any more */
        return weiri_error_set(err, WEIR_NOT_FOUND, "line %" PRIu64 ": %s", item->line, words == NULL ? "no such command" : words);
    else if (http == 400 || http == 413)
        not_a_command(sender, item, reply, r);
    else
        return weiri_error_set(err, WEIR_IO, "line %" PRIu64 ": %s", item->line, words == NULL ? "the reply makes no sense" : words);
    return WEIR_OK;
}

static weir_status
take_replies(weiri_load_sender *sender, replies *r, weir_error *err)
{
    const char *p = weiri_buffer_text(&sender->reply), *end = p + sender->reply.size;
    size_t i = 0;

    for (; i < sender->n && p < end; i++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t size = newline == NULL ? (size_t)(end - p) : (size_t)(newline - p);
        json_t *reply = json_loadb(p, size, 0, NULL);
        weir_status status = reply == NULL ? weiri_error_set(err, WEIR_IO, "line %" PRIu64 ": the reply is not JSON", sender->items[i].line)
                                           : take_reply(sender, &sender->items[i], reply, r, err);
        json_decref(reply);
        if (status != WEIR_OK)
            return status;
        p += size + 1;
    }
    r->stale = r->stale || i < sender->n;
    return WEIR_OK;
}

static void
keep_undecided(weiri_load_sender *sender)
{
    size_t kept = 0;

    for (size_t i = 0; i < sender->n; i++) {
        weiri_load_item *item = &sender->items[i];
        if (!item->decided && item->line <= sender->last[item->partition]) {
            item->decided = true; /* its answer was lost, and it is in the log */
            sender->tally.repeated++;
        }
        if (!item->decided)
            sender->items[kept++] = *item;
    }
    sender->n = kept;
    if (kept == 0)
        weiri_buffer_clear(&sender->data);
}

/* Whether a failed call may be tried again: those whose reason may pass. */
static bool
may_pass(weir_status status)
{
    return status == WEIR_CLOSED || status == WEIR_IO || status == WEIR_TIMEOUT || status == WEIR_BUSY;
}

/* One request and, if need be, the question how far the source is. BUSY and the like: no answer or no room, and `err` says which. */
static weir_status
send_once(weiri_load_sender *sender, replies *r, int *ret_retry_after_s, weir_error *err)
{
    bool known;
    uint64_t fingerprint;
    int http = 0;

    make_body(sender);
    weiri_buffer_clear(&sender->reply);
    weir_status sent = sender->door.commands(
        sender->door.user, weiri_buffer_bytes(&sender->body), &http, &sender->reply, ret_retry_after_s, err);
    if (sent == WEIR_OK && (http == 429 || http == 503 || http == 504))
        sent = weiri_error_set(err, WEIR_BUSY, "the engine takes no commands now");
    else if (sent == WEIR_OK && http != 200)
        return weiri_error_set(err, WEIR_INVALID, "HTTP status %d: %.300s", http, weiri_buffer_text(&sender->reply));
    else if (sent == WEIR_OK) {
        weir_status status = take_replies(sender, r, err);
        if (status != WEIR_OK) {
            keep_undecided(sender);
            return status == WEIR_IO ? WEIR_CORRUPT : status; /* an answer that makes no sense is not tried again */
        }
    }
    if (sent != WEIR_OK && !may_pass(sent))
        return sent;
    if (sent != WEIR_OK || r->stale) {
        weir_error silent; /* the first failure is the one to tell */
        weir_status asked = sender->door.source(
            sender->door.user, sender->source, sender->partitions, sender->last, &known, &fingerprint, sent != WEIR_OK ? &silent : err);
        sent = sent != WEIR_OK ? sent : asked;
    }
    size_t before = sender->n;
    keep_undecided(sender);
    r->decided = before - sender->n;
    if (sent == WEIR_OK && r->waiting)
        sent = weiri_error_set(err, WEIR_BUSY, "the engine has no room for more commands");
    return sent;
}

weir_status
weiri_load_sender_flush(weiri_load_sender *sender, weir_error *err)
{
    unsigned tries = 0;

    while (sender->n > 0 && !(tries > 0 && sender->door.interrupted(sender->door.user))) {
        replies r = { 0 };
        int retry_after_s = 0;
        weir_status status = send_once(sender, &r, &retry_after_s, err);
        if (status != WEIR_OK && !may_pass(status))
            return status;
        if (sender->n == 0)
            break;
        tries = r.decided > 0 ? 1 : tries + 1;
        if (tries > WEIRI_LOAD_TRIES)
            return status != WEIR_OK
                       ? status
                       : weiri_error_set(err, WEIR_BUSY, "line %" PRIu64 " is refused as a gap again and again", sender->items[0].line);
        if (status != WEIR_OK || r.decided == 0) {
            int64_t pause_ms = retry_after_s > 0 ? retry_after_s * (int64_t)1000 : (int64_t)25 << tries;
            sender->door.pause(sender->door.user, pause_ms < WEIRI_LOAD_PAUSE_MOST_MS ? pause_ms : WEIRI_LOAD_PAUSE_MOST_MS,
                status != WEIR_OK ? err->text : "a gap that does not close");
        }
    }
    return WEIR_OK;
}

weir_status
weiri_load_sender_add(weiri_load_sender *sender, uint64_t line, weiri_bytes key, weiri_bytes data, weir_error *err)
{
    uint32_t partition = weiri_partition_of(key, sender->partitions);

    if (line <= sender->last[partition]) {
        sender->tally.repeated++;
        return WEIR_OK;
    }
    if (sender->n == sender->room) {
        sender->room = sender->room == 0 ? 64 : sender->room * 2;
        sender->items = weiri_reallocate(sender->items, sender->room * sizeof *sender->items);
    }
    sender->items[sender->n++] = (weiri_load_item){ .line = line, .partition = partition, .data = sender->data.size, .size = data.size };
    weiri_buffer_add_bytes(&sender->data, data);
    if (sender->n < sender->batch && sender->data.size + sender->n * 256 < WEIRI_LOAD_BYTES_MOST)
        return WEIR_OK;
    return weiri_load_sender_flush(sender, err);
}
