/* SPDX-License-Identifier: Apache-2.0
 * The callback thread: gives the answers of batches that are done, in the order they were handed over, and the batches back to
 * their lanes. What a repeat or a look-up does not have in memory it reads from the log, where it is by now. */
#include "base/assert.h"
#include "command/lane.h"
#include <stdio.h>
#include <string.h>

static const weiri_type *
recall_type(weiri_answerer *a, uint32_t partition, uint64_t source)
{
    weiri_record record;

    /* A shared log's copy holds no commands. */
    if (weiri_log_shared(a->recall.log) || !weiri_recall_record(&a->recall, WEIRI_TOPIC_COMMANDS, partition, source, &record))
        return NULL;
    return weiri_schema_find(a->commands->config.schema, record.type);
}

static void
answer_one(weiri_answerer *a, const weiri_batch *batch, const weiri_pending *pending)
{
    weiri_answer answer = { .kind = (weiri_answer_kind)pending->kind,
        .status = (weir_status)pending->status,
        .repeated = pending->repeated,
        .partition = batch->lane->partition,
        .source = pending->source,
        .version = pending->version,
        .events = pending->events,
        .events_offset = pending->recall ? WEIRI_NO_EVENTS : pending->offset,
        .code = "",
        .text = "",
        .last_sequence = pending->last_sequence };

    if ((answer.kind == WEIRI_ANSWER_STATE || answer.kind == WEIRI_ANSWER_HELD) && pending->text_at != WEIRI_NO_TEXT)
        answer.state = (weiri_bytes){ batch->texts.data + pending->text_at, pending->size };
    else if (pending->text_at != WEIRI_NO_TEXT) {
        const char *texts = (const char *)batch->texts.data + pending->text_at;
        answer.code = pending->code == NULL ? texts : pending->code;
        answer.text = pending->code == NULL ? texts + strlen(texts) + 1 : texts;
    }
    if (pending->recall)
        weiri_recall_words_at(&a->recall, answer.partition, pending->offset, &answer);
    if (answer.kind == WEIRI_ANSWER_LOOKUP && answer.status != WEIR_NOT_FOUND)
        answer.type = recall_type(a, answer.partition, answer.source);
    pending->done(pending->user, &answer);
}

static void
answer_failed(weiri_answerer *a, const weiri_batch *batch)
{
    weir_error err = { .text = "" };
    bool shared = batch->lane->share.on;

    if (weiri_log_state(a->commands->config.log, &err) == WEIR_OK)
        (void)snprintf(err.text, sizeof err.text, "a write");
    (void)snprintf(a->words, sizeof a->words, "the log has failed: %s; whether this command took effect is not known", err.text);
    for (uint32_t i = 0; i < batch->count; i++) {
        const weiri_pending *pending = &batch->pending[i];
        if (pending->done == NULL)
            continue; /* whoever waits, does so at a front */
        const weiri_answer answer = { .kind = (weiri_answer_kind)pending->kind,
            .status = shared ? WEIR_FENCED : WEIR_TIMEOUT,
            .partition = batch->lane->partition,
            .source = WEIRI_NO_OFFSET,
            .events_offset = WEIRI_NO_EVENTS,
            .code = "",
            .text = shared ? WEIRI_FENCED_WORDS : a->words };
        pending->done(pending->user, &answer);
    }
}

/* Before the answers: who hears that a command is in may ask at once how far its source is. */
static void
show_sources(const weiri_batch *batch)
{
    weiri_lane *lane = batch->lane;

    if (batch->n_moved == 0)
        return;
    weiri_lock_take(&lane->durable_lock);
    for (uint32_t i = 0; i < batch->n_moved; i++) {
        const weiri_source *source = batch->moved[i].source;
        weiri_bytes name = { source->name, source->name_size };
        weiri_sources_add(&lane->durable_sources, name, source->fingerprint)->last = batch->moved[i].last;
    }
    weiri_lock_give(&lane->durable_lock);
}

static void
answer_batch(weiri_answerer *a, weiri_batch *batch)
{
    weiri_lane *lane = batch->lane;

    if (batch->status == WEIR_OK) {
        show_sources(batch);
        for (uint32_t i = 0; i < batch->count; i++)
            if (batch->pending[i].done != NULL)
                answer_one(a, batch, &batch->pending[i]);
    } else
        answer_failed(a, batch);
    atomic_store(&batch->busy, false);
    weiri_signal_raise(lane->wake);
}

bool
weiri_answers_turn(weiri_commands *commands)
{
    weiri_answerer *a = &commands->answerer;
    weiri_bytes item;
    size_t at = 0, n = weiri_mailbox_take(&commands->answers, &a->items);

    while (weiri_mailbox_next(&a->items, &at, &item)) {
        weiri_batch *batch;
        memcpy(&batch, item.data, sizeof batch);
        answer_batch(a, batch);
    }
    weiri_buffer_clear(&a->items);
    return n > 0;
}

void
weiri_answers_run(void *argument)
{
    weiri_commands *commands = argument;

    for (;;) {
        uint64_t seen = weiri_signal_count(&commands->answers_arrived);
        bool last = atomic_load(&commands->answers_end);
        if (weiri_answers_turn(commands))
            continue;
        if (last)
            break;
        (void)weiri_signal_wait(&commands->answers_arrived, seen, -1);
    }
}
