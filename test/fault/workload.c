/* SPDX-License-Identifier: Apache-2.0
 * The workload of the fault tests: hands commands in by bursts, and writes down what it has heard of each before it goes on.
 *   fault_workload DIR HEARD VIEWS FROM TO [on]   commands FROM to TO-1; VIEWS: a directory, or "". on: goes on when one was refused, or
 *                                                 its outcome isn't known, and ends without closing the engine, as by a kill
 * Exit status 0: all answered; 3: the engine has said that it can't, in words. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/thread.h"
#include "domain.h"

typedef struct workload {
    int heard;
    _Atomic unsigned unknown, refused;
    bool on;
    weiri_lock lock;
    char words[256]; /* of the last one that was not answered with an outcome; guarded by lock: there is a thread for answers, and main */
} workload;

typedef struct waiting {
    workload *w;
    unsigned i;
} waiting;

static void
put_words(workload *w, weir_status status, const char *text)
{
    weiri_lock_take(&w->lock);
    (void)snprintf(w->words, sizeof w->words, "%s: %.200s", weir_status_name(status), text);
    weiri_lock_give(&w->lock);
}

static void
hear(void *user, const weir_outcome *outcome)
{
    waiting *one = user;
    workload *w = one->w;
    const fault_heard heard = { one->i, outcome->events, (int32_t)outcome->status, outcome->partition, outcome->version, outcome->source };

    if (outcome->status != WEIR_OK && outcome->status != WEIR_REJECTED) {
        w->unknown++;
        put_words(w, outcome->status, outcome->text);
    } else if (write(w->heard, &heard, sizeof heard) != (ssize_t)sizeof heard) {
        abort();
    }
}

/* Bursts of 1 to 7 commands, now and then of 40: small batches, and batches that take pages of their own. */
static unsigned
burst_of(unsigned i)
{
    return i % 251 < 7 ? 40 : 1 + (i * 2654435761u >> 13) % 7;
}

static bool
run(weir_engine *engine, workload *w, waiting *all, unsigned from, unsigned to)
{
    static fault_command command;
    weir_error err = { 0 };

    for (unsigned i = from; i < to && (w->on || w->unknown == 0);) {
        unsigned end = i + burst_of(i);
        for (; i < end && i < to; i++) {
            fault_command_make(&command, i);
            all[i] = (waiting){ w, i };
            const weir_submission submission = { .id = command.id, .timeout_ms = 5000 };
            weir_status status = weir_submit(engine, &command.message.base, &submission, hear, &all[i], &err);
            if (status != WEIR_OK) {
                put_words(w, status, err.text);
                w->refused++;
                if (!w->on)
                    return false;
            }
        }
        weir_status status = weir_settle(engine, false, 30000);
        if (status == WEIR_TIMEOUT) {
            (void)fprintf(stderr, "workload: no answer after 30 seconds\n");
            exit(4);
        }
    }
    return w->unknown == 0 && w->refused == 0;
}

int
main(int argc, char **argv)
{
    weir_engine *engine;
    weir_error err = { 0 };
    char settings[4200];
    workload w = { .heard = -1 };

    if (argc < 6)
        return 2;
    unsigned from = (unsigned)strtoul(argv[4], NULL, 10), to = (unsigned)strtoul(argv[5], NULL, 10);
    weiri_lock_init(&w.lock);
    w.on = argc > 6 && strcmp(argv[6], "on") == 0;
    waiting *all = calloc(to, sizeof *all);
    w.heard = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (all == NULL || w.heard < 0)
        return 2;
    (void)snprintf(settings, sizeof settings, "dir='%s' views='%s' checkpoint.events=300 partitions=2", argv[1], argv[3]);
    if (weir_open(&fault_module, settings, &engine, &err) != WEIR_OK) {
        printf("not opened: %s: %s\n", weir_status_name(err.status), err.text);
        return 3;
    }
    bool all_answered = run(engine, &w, all, from, to);
    weiri_lock_take(&w.lock);
    printf("%s\n", all_answered ? "all answered" : w.words);
    weiri_lock_give(&w.lock);
    (void)fflush(stdout);
    if (w.on)
        _exit(all_answered ? 0 : 3);
    weir_close(engine);
    weiri_lock_fini(&w.lock);
    free(all);
    return all_answered ? 0 : 3;
}
