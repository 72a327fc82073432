/* SPDX-License-Identifier: Apache-2.0
 * The n-th allocation after opening fails, for many n, below the shim's memory part. One sample is two children: one runs the
 * workload of engine_life.h, the next looks at what is there. Nothing acknowledged may be lost or doubled, nothing refused may be
 * there, nothing hang; and the process that ends must have said why.
 *   fault_allocations VIEWS SEED SAMPLES FIRST COUNT [TIMES]   samples FIRST to FIRST+COUNT-1 of SAMPLES; TIMES in a row fail (1)
 * A line a fault, then lines of counts; exit status 1 when there was a fault. One thread. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "child.h"
#include "disk.h"
#include "engine_life.h"
#include "memory.h"

enum { WORDS = 512, TRIALS = 5, KINDS = 6 };

typedef enum kind { BORNE, REFUSED, UNKNOWN, ENDED, UNREACHED, FAULTY } kind;
static const char *const kinds[] = {
    [BORNE] = "nobody noticed",
    [REFUSED] = "a request was refused or asked again",
    [UNKNOWN] = "the log failed and said so",
    [ENDED] = "the process ended with \"out of memory\"",
    [UNREACHED] = "there was no such allocation",
    [FAULTY] = "faults",
};

typedef struct sampling {
    life *life; /* shared with the children */
    char *words;
    const char *views;
} sampling;

static int
look(void *user)
{
    const sampling *s = user;
    const life *l = s->life;
    const expected e = { l->heard, l->heard_n, LIFE_COMMANDS, l->refused };

    return !check_engine(l->dir, s->views, &e, s->words);
}

static bool
says(const char *said, const char *words)
{
    return strstr(said, words) != NULL;
}

/* What the first child came to; `words` are set with FAULTY. */
static kind
judge(const sampling *s, const child_end *end)
{
    const life *l = s->life;

    if (end->ended && end->status == LIFE_WRONG) {
        (void)snprintf(s->words, WORDS, "%s", l->words);
        return FAULTY;
    }
    if (end->ended && end->status == LIFE_DONE)
        return !says(end->said, "fault: allocation") ? UNREACHED : l->unknown > 0 ? UNKNOWN : l->refusals > 0 ? REFUSED : BORNE;
    if (!end->ended && end->status == SIGABRT && says(end->said, "weir: out of memory\n"))
        return ENDED;
    (void)snprintf(s->words, WORDS, "%s %d during %s; it said: %.300s",
        !end->ended && end->status == SIGALRM ? "it hangs: signal"
        : end->ended                          ? "it ended with status"
                                              : "it was ended by signal",
        end->status, l->stage, end->said);
    return FAULTY;
}

static kind
sample(const sampling *s, long n, long times)
{
    child_end end, after;

    life_reset(s->life, n, times);
    s->words[0] = '\0';
    child_make(s->life->dir, "");
    child_run(life_run, s->life, true, &end);
    kind result = judge(s, &end);
    if (result != FAULTY) {
        child_run(look, (void *)(uintptr_t)s, false, &after);
        if (!after.ended || after.status != 0) {
            if (s->words[0] == '\0')
                (void)snprintf(s->words, WORDS, "looking at it ended with %d", after.status);
            result = FAULTY;
        }
    }
    child_remove(s->life->dir);
    return result;
}

/* How many allocations a life has that nothing happens to: it differs a little from one to the next. */
static long
allocations_of(const sampling *s)
{
    long most = 0;

    for (int i = 0; i < TRIALS; i++) {
        if (sample(s, 0, 0) != UNREACHED) {
            printf("without any failure: %s\n", s->words);
            exit(1);
        }
        most = s->life->allocations > most ? s->life->allocations : most;
    }
    return most;
}

int
main(int argc, char **argv)
{
    sampling s = { child_shared(sizeof *s.life), child_shared(WORDS), argc > 1 ? argv[1] : "" };
    uint64_t counts[KINDS] = { 0 };

    if (argc < 6 || fault_memory_fail == NULL)
        return 2;
    uint64_t seed = strtoull(argv[2], NULL, 10), samples = strtoull(argv[3], NULL, 10), first = strtoull(argv[4], NULL, 10);
    uint64_t count = strtoull(argv[5], NULL, 10);
    long times = argc > 6 ? strtol(argv[6], NULL, 10) : 1;
    s.life->views = s.views;
    child_directory(s.life->dir, sizeof s.life->dir);
    long all = allocations_of(&s);
    for (uint64_t i = first; i < first + count; i++) {
        chance c = { seed * UINT64_C(0x2545f4914f6cdd1d) + i };
        uint64_t from = (uint64_t)all * i / samples, to = (uint64_t)all * (i + 1) / samples;
        long n = 1 + (long)(from + (to > from ? chance_below(&c, to - from) : 0));
        kind result = sample(&s, n, times);
        counts[result]++;
        if (result == FAULTY)
            printf("seed %" PRIu64 " sample %" PRIu64 " of %" PRIu64 ": allocation %ld of about %ld, %ld in a row: %s\n", seed, i, samples,
                n, all, times, s.words);
    }
    printf("about %ld allocations after opening\n", all);
    for (int k = 0; k < KINDS; k++)
        printf("%" PRIu64 " %s\n", counts[k], kinds[k]);
    return counts[FAULTY] > 0;
}
