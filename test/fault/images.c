/* SPDX-License-Identifier: Apache-2.0
 * Images of a disk after a power cut, each checked in a process of its own (a damaged one may end it).
 *   fault_images images RECORDING COMMANDS VIEWS SEED FROM COUNT [FAULTS [LAST]]   images FROM..FROM+COUNT-1 of the seed;
 *                                          ends after FAULTS (1); cuts among the LAST operations only
 *   fault_images directory DIR HEARD COMMANDS VIEWS                        a directory as it is
 * One line a fault, then a line of counts; exit status 1 when there was a fault. Any image: its seed and number, COUNT 1. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "child.h"
#include "disk.h"

enum { WORDS = 512, ENGINE_EVERY = 20, MAKING = 30 };

typedef struct image {
    uint64_t number;
    size_t cut;
    chance chance;
} image;

typedef struct run {
    recording recording;
    disk disk;
    image *now;         /* the one that the child makes */
    fault_heard *heard; /* those of all marks */
    size_t *heard_at;   /* the entry that told of it */
    size_t heard_n, *cuts, cuts_n, last;
    unsigned commands;
    const char *views;
    uint64_t seed;
    char dir[64];
    char *words; /* shared with the child */
} run;

static bool
begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* What the workload has heard, and where power may go: anywhere but in what is done to views, which few images have. */
static void
find_cuts(run *r)
{
    size_t n = r->recording.n;
    bool of_view[DISK_NUMBERS_MOST] = { false };

    r->heard = calloc(n + 1, sizeof *r->heard);
    r->heard_at = calloc(n + 1, sizeof *r->heard_at);
    r->cuts = calloc(n + 1, sizeof *r->cuts);
    if (r->heard == NULL || r->heard_at == NULL || r->cuts == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        const fault_entry *entry = r->recording.entries[i];
        if (entry->file >= DISK_NUMBERS_MOST)
            abort();
        if (entry->op == FAULT_FILE)
            of_view[entry->file] = begins(recording_bytes(entry), "views");
        if (entry->op == FAULT_MARK && entry->size == sizeof *r->heard) {
            memcpy(&r->heard[r->heard_n], recording_bytes(entry), sizeof *r->heard);
            r->heard_at[r->heard_n++] = i;
        }
        if (entry->op == FAULT_MARK || !of_view[entry->file])
            r->cuts[r->cuts_n++] = i;
    }
    r->cuts[r->cuts_n++] = n;
}

static bool
is_of_log(const char *name)
{
    return begins(name, "log") || begins(name, "lock") || begins(name, "attempts");
}

static bool
is_no_view(const char *name)
{
    return !begins(name, "views");
}

static bool
is_no_checkpoint(const char *name)
{
    return !begins(name, "checkpoint");
}

static bool
is_anything(const char *name)
{
    (void)name;
    return true;
}

/* Every twentieth goes through the engine, with or without the checkpoints and the views that the cut has left. */
static bool (*wanted_in(uint64_t number))(const char *name)
{
    static bool (*const with[])(const char *name) = { is_anything, is_no_view, is_no_checkpoint, is_of_log };

    return number % ENGINE_EVERY == 0 ? with[number / ENGINE_EVERY % 4] : is_of_log;
}

/* The child's part: makes the image and looks at it. */
static int
check_image(void *user)
{
    run *r = user;
    image *im = r->now;
    size_t heard = 0;
    bool engine = im->number % ENGINE_EVERY == 0;

    while (heard < r->heard_n && r->heard_at[heard] < im->cut)
        heard++;
    const expected e = { .heard = r->heard, .heard_n = heard, .commands = r->commands };
    disk_image(&r->disk, wanted_in(im->number), r->dir, &im->chance);
    return engine ? !check_engine(r->dir, r->views, &e, r->words) : !check_log(r->dir, &e, r->words);
}

static bool
try_image(run *r, image *im)
{
    child_end end;

    child_make(r->dir, "");
    r->words[0] = '\0';
    r->now = im;
    child_run(check_image, r, false, &end);
    if (!end.ended)
        (void)snprintf(r->words, WORDS, "the process was ended by signal %d", end.status);
    if (getenv("WEIR_FAULT_KEEP") == NULL)
        child_remove(r->dir);
    return end.ended && end.status == 0;
}

static int
by_cut(const void *a, const void *b)
{
    const image *x = a, *y = b;

    if (x->cut != y->cut)
        return x->cut < y->cut ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* One in 16 while the log is being made, which is short and all its own. */
static size_t
choose_cut(const run *r, image *im)
{
    size_t cuts = chance_below(&im->chance, 16) == 0 && r->cuts_n > MAKING ? MAKING : r->cuts_n;

    if (r->last == 0 && wanted_in(im->number)("views"))
        return chance_below(&im->chance, r->recording.n + 1);
    return r->cuts[chance_below(&im->chance, cuts)];
}

static int
run_images(run *r, uint64_t from, uint64_t count, uint64_t faults_most)
{
    image *all = calloc(count, sizeof *all);
    uint64_t faults = 0, tried = 0, engines = 0;

    if (all == NULL)
        abort();
    for (uint64_t i = 0; i < count; i++) {
        all[i] = (image){ .number = from + i, .chance = { r->seed * UINT64_C(0x2545f4914f6cdd1d) + from + i } };
        all[i].cut = choose_cut(r, &all[i]);
    }
    qsort(all, count, sizeof *all, by_cut); /* so that the recording is played once */
    r->disk.recording = &r->recording;
    for (uint64_t i = 0; i < count && faults < faults_most; i++, tried++) {
        disk_play(&r->disk, all[i].cut);
        engines += all[i].number % ENGINE_EVERY == 0;
        if (try_image(r, &all[i]))
            continue;
        faults++;
        printf(
            "seed %" PRIu64 " image %" PRIu64 " (cut at %zu of %zu): %s\n", r->seed, all[i].number, all[i].cut, r->recording.n, r->words);
    }
    printf("%" PRIu64 " images, %" PRIu64 " of them through the engine, %zu commands acknowledged, %zu entries: %" PRIu64 " faults\n",
        tried, engines, r->heard_n, r->recording.n, faults);
    free(all);
    return faults > 0;
}

static int
run_directory(char **argv)
{
    static fault_heard heard[65536];
    char words[WORDS] = "";
    FILE *file = fopen(argv[3], "rb");
    expected e = { .heard = heard, .commands = (unsigned)strtoul(argv[4], NULL, 10) };

    if (file != NULL) {
        e.heard_n = fread(heard, sizeof *heard, sizeof heard / sizeof *heard, file);
        (void)fclose(file);
    }
    bool good = check_engine(argv[2], argv[5], &e, words);
    printf("%zu acknowledged: %s\n", e.heard_n, good ? "all there" : words);
    return !good;
}

/* Only the last `n` cuts. */
static void
keep_last(run *r, size_t n)
{
    r->last = n;
    if (n < r->cuts_n) {
        memmove(r->cuts, r->cuts + r->cuts_n - n, n * sizeof *r->cuts);
        r->cuts_n = n;
    }
}

int
main(int argc, char **argv)
{
    run r = { .commands = 0 };

    if (argc == 6 && strcmp(argv[1], "directory") == 0)
        return run_directory(argv);
    if (argc < 8 || strcmp(argv[1], "images") != 0)
        return 2;
    recording_read(&r.recording, argv[2]);
    r.commands = (unsigned)strtoul(argv[3], NULL, 10);
    r.views = argv[4];
    r.seed = strtoull(argv[5], NULL, 10);
    r.words = child_shared(WORDS);
    child_directory(r.dir, sizeof r.dir);
    find_cuts(&r);
    if (argc > 9)
        keep_last(&r, strtoul(argv[9], NULL, 10));
    return run_images(&r, strtoull(argv[6], NULL, 10), strtoull(argv[7], NULL, 10), argc > 8 ? strtoull(argv[8], NULL, 10) : 1);
}
