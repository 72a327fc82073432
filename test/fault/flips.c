/* SPDX-License-Identifier: Apache-2.0
 * A data directory damaged in many ways, one at a time: what then is served is right, or the damage is told; and weir verify tells it.
 *   fault_flips FILE DIR OLD HEARD VIEWS SEED FROM COUNT   FILE: log, checkpoint or views; OLD: its data.mdb of an earlier time,
 *                                                          for writes that the disk forgot (log only; - for none)
 * One line a fault, with what makes it again (the same seed, FROM its number, COUNT 1); then a line of counts. Exit status 1 when there
 * was a fault. Each trial runs in processes of its own, on a copy in memory; what ends or holds them up is a fault. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "disk.h"
#include "engine/offline.h"
#include "oracle.h"

enum { PAGE = 4096, PATH_ROOM = 512, SECONDS_MOST = 60, FRESH = 30, FILES_MOST = 16, HEARD_MOST = 65536 };

typedef enum wound { WOUND_FLIP, WOUND_ZERO, WOUND_CUT, WOUND_MISPLACE, WOUND_FORGET, WOUNDS } wound;
static const char *const wound_names[WOUNDS] = { "bits flipped", "pages zeroed", "files cut", "pages misplaced", "writes forgotten" };

typedef struct file {
    char name[64]; /* below the directory */
    uint8_t *bytes;
    size_t size;
} file;

/* What a child tells; shared. */
typedef struct told {
    uint64_t faults;
    bool anew; /* the file was deleted and made anew */
    oracle_verdict verdict;
    char verified[ORACLE_WORDS], words[ORACLE_WORDS];
} told;

typedef enum result { RESULT_VERIFY, RESULT_OPEN, RESULT_READ, RESULT_ANEW, RESULT_HARMLESS, RESULTS } result;

typedef struct run {
    file files[FILES_MOST];
    size_t files_n;
    file old;
    const char *what;
    uint64_t seed;
    oracle oracle;
    char dir[64];
    const char *wounded; /* the file's name */
    told *told;
    uint64_t wounds[WOUNDS], results[RESULTS], faults;
} run;

/* ---- directories ---------------------------------------------------------------------------------------- */

static void
read_file(const char *path, file *f)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &about) != 0 || (f->bytes = malloc((size_t)about.st_size + 1)) == NULL ||
        read(fd, f->bytes, (size_t)about.st_size) != about.st_size) {
        perror(path);
        exit(2);
    }
    f->size = (size_t)about.st_size;
    (void)close(fd);
}

static void
read_directory(run *r, const char *dir, const char *below)
{
    char path[PATH_ROOM];
    struct dirent *entry;

    (void)snprintf(path, sizeof path, "%s/%s", dir, below);
    DIR *open_dir = opendir(path);
    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lock.mdb") == 0 || strstr(entry->d_name, ".db-") != NULL)
            continue;
        file *f = &r->files[r->files_n++];
        (void)snprintf(f->name, sizeof f->name, "%.16s/%.40s", below, entry->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", dir, f->name);
        read_file(path, f);
    }
    if (open_dir != NULL)
        (void)closedir(open_dir);
}

static void
read_all(run *r, const char *dir)
{
    static const char *const below[] = { "log", "checkpoint", "views" };
    char path[PATH_ROOM];

    r->files_n = 0;
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        read_directory(r, dir, below[i]);
    file *attempts = &r->files[r->files_n++];
    (void)snprintf(attempts->name, sizeof attempts->name, "attempts");
    (void)snprintf(path, sizeof path, "%s/attempts", dir);
    read_file(path, attempts);
}

static void
write_file(const char *dir, const char *name, const void *bytes, size_t size)
{
    char path[PATH_ROOM];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        perror(path);
        exit(2);
    }
    (void)close(fd);
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

/* A fresh copy, with `wounded` in the place of its like. Every other trial of the log has no checkpoints and views, so that all is read. */
static void
make_copy(const run *r, const file *wounded, bool all)
{
    static const char *const names[] = { "", "/log", "/checkpoint", "/views" };
    char path[PATH_ROOM];

    (void)nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < (all ? 4 : 2); i++) {
        (void)snprintf(path, sizeof path, "%s%s", r->dir, names[i]);
        if (mkdir(path, 0777) != 0) {
            perror(path);
            exit(2);
        }
    }
    for (size_t i = 0; i < r->files_n; i++) {
        const file *f = &r->files[i];
        if (wounded != NULL && strcmp(f->name, wounded->name) == 0)
            f = wounded;
        if (all || strncmp(f->name, "log/", 4) == 0 || strcmp(f->name, "attempts") == 0)
            write_file(r->dir, f->name, f->bytes, f->size);
    }
}

/* ---- wounds --------------------------------------------------------------------------------------------- */

/* A byte that matters more often than chance alone would have it: of a meta page, of a branch's or leaf's head and entries. */
static size_t
choose_byte(const file *f, chance *c)
{
    uint64_t pages = f->size / PAGE, kind = chance_below(c, 8);

    if (kind == 0)
        return chance_below(c, 2) * PAGE + chance_below(c, 152);
    for (int tries = 0; kind < 5 && tries < 200; tries++) {
        size_t page = chance_below(c, pages) * PAGE;
        uint16_t flags, lower;
        memcpy(&flags, f->bytes + page + 10, sizeof flags);
        memcpy(&lower, f->bytes + page + 12, sizeof lower);
        if ((flags == 1 || flags == 2) && lower >= 16 && lower < PAGE)
            return page + (kind < 3 ? chance_below(c, lower) : chance_below(c, PAGE));
        if (flags == 4 && kind == 4)
            return page + chance_below(c, 16);
    }
    return chance_below(c, f->size);
}

/* Wounds `f` in place. Returns how; `words` say where. */
static wound
hurt(const run *r, uint64_t number, file *f, chance *c, char words[128])
{
    bool log = r->old.size > 0;
    wound how = number % 6 != 0 ? WOUND_FLIP : (wound)(1 + chance_below(c, log ? 4 : 2));
    uint64_t pages = f->size / PAGE, page = chance_below(c, pages), other = chance_below(c, pages);

    if (how == WOUND_FORGET)
        page = chance_below(c, r->old.size / PAGE);
    if (how == WOUND_FLIP) {
        size_t at = log ? choose_byte(f, c) : chance_below(c, f->size);
        unsigned bit = (unsigned)chance_below(c, 8);
        f->bytes[at] ^= (uint8_t)(1u << bit);
        (void)snprintf(words, 128, "bit %u of byte %zu (page %zu, byte %zu) flipped", bit, at, at / PAGE, at % PAGE);
    } else if (how == WOUND_ZERO) {
        memset(f->bytes + page * PAGE, 0, PAGE);
        (void)snprintf(words, 128, "page %" PRIu64 " zeroed", page);
    } else if (how == WOUND_CUT) {
        f->size = chance_below(c, 4) == 0 ? chance_below(c, f->size) : page * PAGE;
        (void)snprintf(words, 128, "cut to %zu bytes", f->size);
    } else if (how == WOUND_MISPLACE) {
        memcpy(f->bytes + page * PAGE, f->bytes + other * PAGE, PAGE);
        (void)snprintf(words, 128, "page %" PRIu64 " written over page %" PRIu64, other, page);
    } else {
        memcpy(f->bytes + page * PAGE, r->old.bytes + page * PAGE, PAGE);
        (void)snprintf(words, 128, "a write of page %" PRIu64 " forgotten", page);
    }
    return how;
}

/* ---- trials --------------------------------------------------------------------------------------------- */

static void
note_first(void *user, const char *words)
{
    char *first = user;

    if (first[0] == '\0')
        (void)snprintf(first, ORACLE_WORDS, "%.350s", words);
}

static void
verify(run *r)
{
    weiri_reply reply = { 0 };

    weiri_offline_verify(r->dir, note_first, r->told->verified, NULL, &reply, &r->told->faults);
    if (reply.http != 200) {
        r->told->faults++;
        (void)snprintf(r->told->verified, ORACLE_WORDS, "%.*s", (int)reply.body.size, (const char *)reply.body.data);
    }
}

static ino_t
inode_of(const run *r)
{
    char path[PATH_ROOM];
    struct stat about;

    (void)snprintf(path, sizeof path, "%s/%s", r->dir, r->wounded);
    return stat(path, &about) == 0 ? about.st_ino : 0;
}

/* The log, then the engine, then the log once more: what the engine has written must not have spread the damage. */
static void
serve(run *r)
{
    told *t = r->told;
    char words[ORACLE_WORDS] = "";

    t->verdict = oracle_ask_log(&r->oracle, r->dir, false, t->words);
    if (t->verdict == ORACLE_WRONG || strncmp(t->words, "not opened", 10) == 0)
        return;
    ino_t before = inode_of(r);
    oracle_verdict engine = oracle_ask_engine(&r->oracle, r->dir, FRESH, words);
    if (engine > t->verdict) {
        t->verdict = engine;
        (void)snprintf(t->words, ORACLE_WORDS, "%s", words);
    }
    t->anew = before != inode_of(r);
    bool sound = t->verdict == ORACLE_RIGHT;
    oracle_verdict after = oracle_ask_log(&r->oracle, r->dir, true, words);
    if (after == ORACLE_WRONG || (sound && after != ORACLE_RIGHT)) {
        t->verdict = ORACLE_WRONG;
        (void)snprintf(t->words, ORACLE_WORDS, "after new commands: %.300s", words);
    }
}

/* Runs it in a child. False: the child did not live. */
static bool
in_child(run *r, void (*what)(run *r), char words[ORACLE_WORDS])
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        (void)alarm(SECONDS_MOST);
        what(r);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (WIFSIGNALED(status))
        (void)snprintf(words, ORACLE_WORDS, "%s: %s", what == verify ? "verifying" : "serving",
            WTERMSIG(status) == SIGALRM ? "no end" : strsignal(WTERMSIG(status)));
    return !WIFSIGNALED(status);
}

/* What is wrong with what happened; NULL: nothing. */
static const char *
judge(const run *r, result *ret_result)
{
    const told *t = r->told;
    bool opened = strncmp(t->words, "not opened", 10) != 0 && strncmp(t->words, "the engine does not open", 24) != 0;

    *ret_result = t->verdict == ORACLE_FOUND ? opened ? RESULT_READ : RESULT_OPEN
                  : t->faults > 0            ? RESULT_VERIFY
                  : t->anew                  ? RESULT_ANEW
                                             : RESULT_HARMLESS;
    if (t->verdict == ORACLE_WRONG)
        return t->words;
    if (r->old.size > 0)
        return t->verdict == ORACLE_FOUND && t->faults == 0 ? "weir verify finds nothing" : NULL;
    if (t->faults > 0)
        return "weir verify blames the log";
    return strcmp(r->what, "checkpoint") == 0 && t->verdict != ORACLE_RIGHT ? t->words : NULL;
}

static void
try(run *r, uint64_t number, bool tell)
{
    chance c = { r->seed * UINT64_C(0x2545f4914f6cdd1d) + number };
    const file *whole[FILES_MOST];
    char where[128], died[ORACLE_WORDS] = "";
    size_t n = 0;
    result what = RESULT_HARMLESS;
    bool all = r->old.size == 0 || number % 2 == 0;

    for (size_t i = 0; i < r->files_n; i++)
        if (strncmp(r->files[i].name, r->what, strlen(r->what)) == 0)
            whole[n++] = &r->files[i];
    const file *chosen = whole[chance_below(&c, n)];
    file wounded = *chosen;
    wounded.bytes = malloc(wounded.size + 1);
    if (wounded.bytes == NULL)
        abort();
    memcpy(wounded.bytes, chosen->bytes, wounded.size);
    wound how = hurt(r, number, &wounded, &c, where);
    memset(r->told, 0, sizeof *r->told);
    make_copy(r, &wounded, all);
    r->wounded = wounded.name;
    bool lived = in_child(r, verify, died) && in_child(r, serve, died);
    const char *fault = lived ? judge(r, &what) : died;
    r->wounds[how]++;
    r->results[what] += fault == NULL;
    r->faults += fault != NULL;
    if (fault != NULL || tell)
        printf("seed %" PRIu64 " number %" PRIu64 ", %s: %s: %s (verify: %s; served: %s)\n", r->seed, number, wounded.name, where,
            fault == NULL ? "as it should be" : fault, r->told->faults > 0 ? r->told->verified : "no fault",
            r->told->verdict == ORACLE_RIGHT ? "right" : r->told->words);
    free(wounded.bytes);
}

static void
print_counts(const run *r, uint64_t count)
{
    printf("%" PRIu64 " trials:", count);
    for (unsigned i = 0; i < WOUNDS; i++)
        printf(" %" PRIu64 " %s%s", r->wounds[i], wound_names[i], i + 1 < WOUNDS ? "," : ";");
    printf(" found by verify alone %" PRIu64 ", at opening %" PRIu64 ", when read %" PRIu64 "; found and made anew %" PRIu64
           "; harmless %" PRIu64 "; faults %" PRIu64 "\n",
        r->results[RESULT_VERIFY], r->results[RESULT_OPEN], r->results[RESULT_READ], r->results[RESULT_ANEW], r->results[RESULT_HARMLESS],
        r->faults);
}

int
main(int argc, char **argv)
{
    static fault_heard heard[HEARD_MOST];
    static run r;
    file told_file = { .size = 0 };

    if (argc != 9)
        return 2;
    r.what = argv[1];
    read_file(argv[4], &told_file);
    memcpy(heard, told_file.bytes, told_file.size < sizeof heard ? told_file.size : sizeof heard);
    r.oracle = (oracle){ .heard = heard, .heard_n = told_file.size / sizeof *heard, .views = argv[5] };
    if (strcmp(argv[3], "-") != 0)
        read_file(argv[3], &r.old);
    read_all(&r, argv[2]);
    r.seed = strtoull(argv[6], NULL, 10);
    uint64_t from = strtoull(argv[7], NULL, 10), count = strtoull(argv[8], NULL, 10);
    (void)snprintf(r.dir, sizeof r.dir, "%s/weir-flips-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    r.told = mmap(NULL, sizeof *r.told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.told == MAP_FAILED)
        return 2;
    make_copy(&r, NULL, true);
    oracle_make(&r.oracle, r.dir);
    read_all(&r, r.dir); /* with checkpoints of this very program: others it would not load */
    for (uint64_t i = 0; i < count; i++) {
        try(&r, from + i, count == 1);
        (void)fflush(stdout);
    }
    print_counts(&r, count);
    if (getenv("WEIR_FAULT_KEEP") == NULL)
        (void)nftw(r.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return r.faults > 0;
}
