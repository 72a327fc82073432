/* SPDX-License-Identifier: Apache-2.0
 * Parking: which keys wait, and putting an event behind its key's head. An event is parked at its first failure, so that the
 * others never wait for it, and is then tried again with growing pauses. Thread: whoever holds the view's work. */
#include "query/letters.h"
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/memory.h"
#include "query/view.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_GROWS = 4 };

void
weiri_letters_fini(weiri_letters *l)
{
    for (size_t i = 0; i < l->n; i++)
        weiri_release(l->keys[i].key);
    weiri_release(l->keys);
    weiri_release(l->skipped);
    *l = (weiri_letters){ 0 };
}

weiri_parked_key *
weiri_letters_key(const weiri_letters *l, weiri_bytes key)
{
    uint64_t hash = l->n == 0 ? 0 : weiri_hash64(0, key.data, key.size);

    for (size_t i = 0; i < l->n; i++)
        if (l->keys[i].hash == hash && l->keys[i].size == key.size && memcmp(l->keys[i].key, key.data, key.size) == 0)
            return &l->keys[i];
    return NULL;
}

static int64_t
due_after(const weiri_view *view, uint32_t attempts)
{
    const weiri_world *world = view->views->config.world;
    int64_t pause_us = PAUSE_FIRST_MS * 1000;

    if (attempts >= WEIRI_LETTER_ATTEMPTS)
        return INT64_MAX;
    for (uint32_t i = 1; i < attempts; i++)
        pause_us *= PAUSE_GROWS;
    return world->monotonic_us(world) + (attempts == 0 ? 0 : pause_us);
}

/* One more letter, behind what the key has. */
static void
count_letter(weiri_view *view, weiri_bytes key, uint32_t partition, uint32_t attempts)
{
    weiri_letters *l = &view->letters;
    weiri_parked_key *k = weiri_letters_key(l, key);

    l->parked++;
    if (k != NULL) {
        k->letters++;
        return;
    }
    if (l->n == l->room) {
        l->room = l->room == 0 ? 16 : l->room * 2;
        l->keys = weiri_reallocate(l->keys, l->room * sizeof *l->keys);
    }
    l->keys[l->n++] = (weiri_parked_key){ .hash = weiri_hash64(0, key.data, key.size),
        .key = weiri_text_copy_n(key.data, key.size),
        .size = key.size,
        .partition = partition,
        .attempts = attempts,
        .letters = 1,
        .due_us = due_after(view, attempts) };
}

static int
compare_skipped(const void *left, const void *right)
{
    const weiri_skipped *a = left, *b = right;

    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

bool
weiri_letters_skips(const weiri_letters *l, uint32_t partition, const weiri_record *record)
{
    const weiri_skipped wanted = { .partition = partition, .index = record->index, .source = record->source };

    return l->skipped_n > 0 && bsearch(&wanted, l->skipped, l->skipped_n, sizeof wanted, compare_skipped) != NULL;
}

static bool
load_one(void *user, const weiri_letter *letter)
{
    weiri_view *view = user;
    weiri_letters *l = &view->letters;

    if (letter->state == WEIRI_LETTER_PARKED) {
        count_letter(view, letter->key, letter->partition, letter->attempts);
        return true;
    }
    if ((l->skipped_n & (l->skipped_n + 1)) == 0) /* room for 1, 3, 7 ... */
        l->skipped = weiri_reallocate(l->skipped, (l->skipped_n * 2 + 1) * sizeof *l->skipped);
    l->skipped[l->skipped_n++] = (weiri_skipped){ .partition = letter->partition, .index = letter->index, .source = letter->source };
    l->discarded++;
    return true;
}

/* A key whose head was not tried meanwhile goes on waiting for the time it waited for. */
static void
keep_times(weiri_letters *l, const weiri_letters *before)
{
    for (size_t i = 0; i < before->n; i++) {
        const weiri_parked_key *old = &before->keys[i];
        weiri_parked_key *k = weiri_letters_key(l, (weiri_bytes){ old->key, old->size });
        if (k != NULL && k->attempts == old->attempts && old->due_us != INT64_MAX)
            k->due_us = old->due_us;
    }
}

weir_status
weiri_letters_load(weiri_view *view, weir_error *err)
{
    static const weiri_letters_asked all = { .most = UINT64_MAX };
    weiri_letters *l = &view->letters, before = *l;

    *l = (weiri_letters){ .anew = before.anew };
    weir_status status = view->store->ops->letters(view->store, true, &all, load_one, view, err);
    if (l->skipped_n > 0)
        qsort(l->skipped, l->skipped_n, sizeof *l->skipped, compare_skipped);
    keep_times(l, &before);
    l->changed = status != WEIR_OK;
    weiri_letters_fini(&before);
    return status;
}

weir_status
weiri_letters_park(
    weiri_view *view, const weiri_record *record, uint32_t partition, uint64_t offset, const weir_error *why, weir_error *err)
{
    const weiri_world *world = view->views->config.world;
    char words[sizeof why->text + sizeof why->file + 32] = "";

    if (why != NULL)
        weiri_error_format(why, words, sizeof words);
    const weiri_letter letter = { .partition = partition,
        .index = record->index,
        .source = record->source,
        .offset = offset,
        .state = WEIRI_LETTER_PARKED,
        .attempts = why != NULL,
        .time_ms = record->time_ms,
        .since_ms = world->time_ms(world),
        .type = record->type,
        .aggregate = record->aggregate,
        .key = record->key,
        .error = weiri_bytes_of(words) };

    view->letters.changed = true;
    weir_status status = view->store->ops->put(view->store, &letter, err);
    if (status == WEIR_OK)
        count_letter(view, record->key, partition, letter.attempts);
    return status == WEIR_INVALID ? (err->status = WEIR_IO) : status; /* no matter of the event's */
}

int64_t
weiri_letters_next_us(const weiri_letters *l)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < l->n; i++)
        next = l->keys[i].due_us < next ? l->keys[i].due_us : next;
    return next;
}
