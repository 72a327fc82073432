/* SPDX-License-Identifier: Apache-2.0
 * The simulator's program: so many seeds, split over processes, and what was seen; or the search for planted mistakes. The
 * processes share a page each: its owner alone writes it, and the parent reads it once the process is gone, or for progress. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include "base/assert.h"
#include "base/memory.h"
#include "log/log_testing.h"
#include "sim.h"

enum { JOBS_MOST = 64, SEED_SECONDS = 120 };

typedef struct page {
    _Atomic uint64_t seed, done;
    uint64_t counts[SIM_COUNTED];
    uint64_t hash; /* of all histories, in any order */
    char words[1024];
} page;

typedef struct options {
    uint64_t seeds, first;
    unsigned jobs;
    sim_mistake mistake;
    bool trace, twice, all_mistakes;
} options;

static page *mine;
static volatile sig_atomic_t interrupted;

static void
interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void
note_failure(const char *words)
{
    (void)snprintf(mine->words, sizeof mine->words, "%s", words);
    (void)fflush(stdout);
    _exit(1);
}

/* ---- a process ------------------------------------------------------------------------------------------ */

static void
run_twice(sim *s, uint64_t seed)
{
    uint64_t hash = s->hash;

    sim_run(s, seed);
    if (s->hash != hash)
        sim_fail(s, "the same seed has another history: %016llx and %016llx", (unsigned long long)hash, (unsigned long long)s->hash);
}

static void
work(const options *o, unsigned job, const char *root)
{
    weiri_buffer dir = { 0 };
    weiri_problems problems = { 0 };
    sim *s = weiri_allocate(sizeof *s);

    weiri_buffer_print(&dir, "%s/%u", root, job);
    weiri_assert(mkdir(weiri_buffer_text(&dir), 0777) == 0);
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10); /* lanes reserve much and use little: untouched pages cost nothing */
    sim_failed = note_failure;
    s->dir = weiri_buffer_text(&dir);
    s->files = SIM_VIEWS;
    s->mistake = o->mistake;
    s->trace = o->trace;
    s->counts = mine->counts;
    s->submissions = weiri_allocate(SIM_SUBMISSIONS * sizeof *s->submissions);
    weiri_schema_new(&sim_module, &s->schema, &problems);
    weiri_assert(s->schema != NULL);
    for (uint64_t i = job; i < o->seeds; i += o->jobs) {
        atomic_store(&mine->seed, o->first + i);
        (void)alarm(SEED_SECONDS);
        sim_run(s, o->first + i);
        if (o->twice)
            run_twice(s, o->first + i);
        mine->hash += s->hash;
        atomic_fetch_add(&mine->done, 1);
    }
    sim_fini(s);
    weiri_problems_fini(&problems);
    weiri_schema_free(s->schema);
    weiri_release(s->submissions);
    weiri_release(s);
    weiri_buffer_fini(&dir);
}

/* ---- the parent ----------------------------------------------------------------------------------------- */

static double
now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Of all processes that have ended, in seconds. */
static double
processor_time(void)
{
    struct rusage used;

    weiri_assert(getrusage(RUSAGE_CHILDREN, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static uint64_t
done_by(const page *pages, unsigned jobs)
{
    uint64_t n = 0;

    for (unsigned j = 0; j < jobs; j++)
        n += atomic_load(&pages[j].done);
    return n;
}

/* The job whose end was bad, or -1. The others are ended with it. */
static int
await(const options *o, const pid_t *pids, page *pages)
{
    double began = now(), told = began;
    int bad = -1;

    for (unsigned left = o->jobs; left > 0;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            for (unsigned j = 0; j < o->jobs && interrupted; j++)
                (void)kill(pids[j], SIGKILL);
            (void)usleep(2000);
            if (now() - told > 60) {
                told = now();
                uint64_t done = done_by(pages, o->jobs);
                (void)printf("  %llu seeds, %.0f seeds/s\n", (unsigned long long)done, (double)done / (told - began));
                (void)fflush(stdout);
            }
            continue;
        }
        left--;
        for (unsigned j = 0; j < o->jobs && status != 0 && bad < 0 && !interrupted; j++) {
            if (pids[j] != pid)
                continue;
            bad = (int)j;
            if (WIFSIGNALED(status))
                (void)snprintf(pages[j].words, sizeof pages[j].words, "the process was ended by signal %d", WTERMSIG(status));
            for (unsigned other = 0; other < o->jobs; other++)
                if (other != j)
                    (void)kill(pids[other], SIGKILL);
        }
    }
    return bad;
}

static int
run_jobs(const options *o, page *pages, const char *root)
{
    pid_t pids[JOBS_MOST];

    memset(pages, 0, o->jobs * sizeof *pages);
    (void)fflush(stdout);
    for (unsigned j = 0; j < o->jobs; j++) {
        pids[j] = fork();
        weiri_assert(pids[j] >= 0);
        if (pids[j] == 0) {
            mine = &pages[j];
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(o, j, root);
            exit(0);
        }
    }
    return await(o, pids, pages);
}

static void
print_counts(const page *pages, unsigned jobs)
{
    for (int c = 0; c < SIM_COUNTED; c++) {
        uint64_t n = 0;
        for (unsigned j = 0; j < jobs; j++)
            n += pages[j].counts[c];
        (void)printf("%s%llu %s", c == 0 ? "sim: " : c % 7 == 0 ? "\n     " : ", ", (unsigned long long)n, sim_count_names[c]);
    }
    (void)printf("\n");
}

static int
simulate(const options *o, page *pages)
{
    char *root = testing_directory();
    double began = now();
    uint64_t hash = 0;
    int bad = run_jobs(o, pages, root);
    double seconds = now() - began;
    uint64_t done = done_by(pages, o->jobs);

    testing_directory_remove(root);
    for (unsigned j = 0; j < o->jobs; j++)
        hash += pages[j].hash;
    print_counts(pages, o->jobs);
    (void)printf("sim: %llu seeds from %llu on, %u processes: %.1f s, %.0f seeds/s (%.0f in a second of one core), history %016llx%s\n",
        (unsigned long long)done, (unsigned long long)o->first, o->jobs, seconds, (double)done / seconds, (double)done / processor_time(),
        (unsigned long long)hash, o->twice ? ", each run twice with the same history" : "");
    if (bad >= 0)
        (void)printf("sim: FAILED: seed %llu, %s\n     again: sim --first %llu --seeds 1 --trace\n",
            (unsigned long long)atomic_load(&pages[bad].seed), pages[bad].words, (unsigned long long)atomic_load(&pages[bad].seed));
    return interrupted ? 130 : bad >= 0;
}

/* Each mistake, until it is found. */
static int
search(const options *o, page *pages)
{
    int missed = 0;

    for (sim_mistake m = SIM_NO_MISTAKE + 1; m < SIM_MISTAKES; m++) {
        options one = *o;
        char *root = testing_directory();
        one.mistake = m;
        one.jobs = 1;
        bool found = run_jobs(&one, pages, root) >= 0;
        testing_directory_remove(root);
        uint64_t n = atomic_load(&pages[0].done) + found;
        (void)printf("sim: planted %-13s %s after %llu seeds%s%s\n", sim_mistake_names[m], found ? "found" : "NOT FOUND",
            (unsigned long long)n, found ? ": " : "", pages[0].words);
        missed += !found;
    }
    return missed > 0;
}

/* ---- the command line ----------------------------------------------------------------------------------- */

static int
usage(void)
{
    (void)fprintf(stderr, "sim [--seeds N] [--first N] [--jobs N] [--twice] [--trace] [--mistake NAME|all]\n  mistakes:");
    for (int m = 1; m < SIM_MISTAKES; m++)
        (void)fprintf(stderr, " %s", sim_mistake_names[m]);
    (void)fprintf(stderr, "\n");
    return 2;
}

static bool
read_mistake(options *o, const char *name)
{
    o->all_mistakes = strcmp(name, "all") == 0;
    for (sim_mistake m = 0; m < SIM_MISTAKES; m++)
        if (strcmp(name, sim_mistake_names[m]) == 0)
            o->mistake = m;
    return o->all_mistakes || o->mistake != SIM_NO_MISTAKE;
}

static bool
read_options(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool takes = strcmp(argv[i], "--twice") != 0 && strcmp(argv[i], "--trace") != 0;
        if (strcmp(argv[i], "--twice") == 0)
            o->twice = true;
        else if (strcmp(argv[i], "--trace") == 0)
            o->trace = true;
        else if (strcmp(argv[i], "--seeds") == 0)
            o->seeds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            o->first = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--jobs") == 0)
            o->jobs = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--mistake") != 0 || !read_mistake(o, value))
            return false;
        i += takes;
    }
    return o->seeds > 0 && o->jobs > 0 && o->jobs <= JOBS_MOST;
}

int
main(int argc, char **argv)
{
    options o = { .seeds = 100, .first = 1, .jobs = 1 };

    if (!read_options(&o, argc, argv))
        return usage();
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 1); /* files in memory */
    (void)signal(SIGINT, interrupt);           /* so that the files go */
    (void)signal(SIGTERM, interrupt);
    page *pages = mmap(NULL, JOBS_MOST * sizeof *pages, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    weiri_assert(pages != MAP_FAILED);
    return o.all_mistakes ? search(&o, pages) : simulate(&o, pages);
}
