/* SPDX-License-Identifier: Apache-2.0
 * A lane whose memory holds a small part of its aggregates says and writes what one without a limit does: answers, records and states
 * are compared byte by byte, over kills, lost checkpoints, and checkpoints that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/memory.h"
#include "command/lane_testing.h"
#include "testing_module.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNTERS = 2000, COMMANDS = 20000, LIMIT = 64 << 10, REPEATED = 150 };

/* ---- rows of states that can't be written or read: LMDB's own functions, in front of the library's ------- */

static _Atomic int puts_fail, gets_fail; /* every so many-th; 0: none */
static _Atomic unsigned puts_failed, puts_seen;

static bool
is_state(const MDB_val *key)
{
    return key->mv_size > 3 && *(const char *)key->mv_data == 'S';
}

int
mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
    int (*real)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
    void *found = dlsym(RTLD_NEXT, "mdb_put");
    int every = atomic_load(&puts_fail);

    memcpy(&real, &found, sizeof real);
    if (every > 0 && is_state(key) && atomic_fetch_add(&puts_seen, 1) % (unsigned)every == (unsigned)every - 1) {
        atomic_fetch_add(&puts_failed, 1);
        return EIO;
    }
    return real(txn, dbi, key, data, flags);
}

int
mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
    int (*real)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);
    void *found = dlsym(RTLD_NEXT, "mdb_get");

    memcpy(&real, &found, sizeof real);
    return atomic_load(&gets_fail) > 0 && is_state(key) ? EIO : real(txn, dbi, key, data);
}

/* ---- the load ------------------------------------------------------------------------------------------- */

static int64_t
same_time(const weiri_world *world)
{
    (void)world;
    return 1700000000000;
}

static weiri_world still; /* the real one, whose time stands: so that records are equal */

static void
side_init(testing_side *side, uint64_t states_bytes)
{
    still = weiri_world_real;
    still.time_ms = same_time;
    atomic_store(&puts_fail, 0); /* a test before may have ended before its end */
    testing_side_init(side);
    side->partitions = 1;
    side->config.world = &still;
    side->config.states_bytes = states_bytes;
    side->config.checkpoint_slice = 2000;
}

/* What is left of an answer. */
typedef struct heard {
    uint64_t number, source, version, events_offset, last_sequence;
    uint32_t status, events, repeated, words;
} heard;

typedef struct waiting {
    uint64_t number;
    int fd;
    _Atomic uint64_t *answers;
} waiting;

static weiri_signal moved = { .mutex = PTHREAD_MUTEX_INITIALIZER, .raised = PTHREAD_COND_INITIALIZER };

static void
hear(void *user, const weiri_answer *answer)
{
    waiting *w = user;
    heard h = { w->number, answer->source, answer->version, answer->events_offset, answer->last_sequence, (uint32_t)answer->status,
        answer->events, answer->repeated, weiri_crc32c(0, answer->text, strlen(answer->text)) };

    h.words = weiri_crc32c(h.words, answer->code, strlen(answer->code));
    if (write(w->fd, &h, sizeof h) != sizeof h)
        abort();
    atomic_fetch_add(w->answers, 1);
    weiri_signal_raise(&moved);
}

/* The n-th command, a function of n alone: keys hot and cold, notes of all lengths, repeats, expected versions, a source. */
static void
submit(testing_side *side, uint64_t n, waiting *w)
{
    uint64_t chance = weiri_hash64(7, &n, sizeof n);
    uint64_t as = n % 9 == 8 && n > REPEATED ? n - REPEATED : n; /* the same again */
    uint64_t draw = weiri_hash64(8, &as, sizeof as);
    char key[16], id[24], note[160];
    uint8_t packed[512];
    Testing__V1__Add add = TESTING__V1__ADD__INIT;
    Testing__V1__Reset reset = TESTING__V1__RESET__INIT;
    weir_error err;

    (void)snprintf(key, sizeof key, "k%u", (unsigned)(draw % 3 == 0 ? draw / 3 % 50 : draw / 3 % COUNTERS));
    (void)snprintf(id, sizeof id, "i%llu", (unsigned long long)as);
    memset(note, 'n', sizeof note);
    note[draw / 7 % (sizeof note - 1)] = '\0';
    note[sizeof note - 1] = '\0';
    bool resets = as == n && n % 13 == 0;
    add.counter_id = reset.counter_id = key;
    add.amount = (int64_t)(draw / 11 % 8) - 1;
    add.note = note;
    weiri_submit s = { .type = weiri_schema_find(side->schema, weiri_bytes_of(resets ? "testing.v1.Reset" : "testing.v1.Add")),
        .key = weiri_bytes_of(key),
        .payload = { packed, protobuf_c_message_pack(resets ? &reset.base : &add.base, packed) },
        .id = weiri_bytes_of(id),
        .client_id = n % 4 != 0 || as != n,
        .expect = as == n && n % 5 == 0,
        .expected_version = chance % 4,
        .timeout_ms = -1,
        .done = hear,
        .user = w };
    if (n % 17 == 0 && as == n) {
        s.source = weiri_bytes_of("file");
        s.sequence = n + 1;
    }
    if (s.sequence > 0) { /* the last number before n that was of the source */
        for (uint64_t last = n; last > 0 && s.previous == 0;)
            if (--last % 17 == 0 && !(last % 9 == 8 && last > REPEATED))
                s.previous = last + 1;
    }
    assert_int_equal(weiri_commands_submit(side->commands, &s, &err), WEIR_OK);
}

static void
wait_for(_Atomic uint64_t *answers, uint64_t n)
{
    for (;;) {
        uint64_t seen = weiri_signal_count(&moved);
        if (atomic_load(answers) >= n)
            break;
        (void)weiri_signal_wait(&moved, seen, -1);
    }
}

/* Sends from where the log stands, and waits for all; between, after every so many. */
static void
send_all(testing_side *side, int fd, uint64_t group)
{
    uint64_t from = weiri_log_next_command(side->log, 0);
    waiting *all = weiri_allocate((COMMANDS - from + 1) * sizeof *all);
    _Atomic uint64_t answers = 0;

    for (uint64_t n = from; n < COMMANDS; n++) {
        all[n - from] = (waiting){ n, fd, &answers };
        submit(side, n, &all[n - from]);
        if ((n - from) % group == group - 1)
            wait_for(&answers, n - from + 1);
    }
    wait_for(&answers, COMMANDS - from);
    weiri_release(all);
}

static void
check_bounded(testing_side *side, const char *when)
{
    weiri_lane_metrics m;

    weiri_commands_metrics(side->commands, 0, &m);
    print_message("%s: %llu of %llu aggregates in memory, %llu bytes of %llu, %llu evicted, %llu loaded, %llu waits, %llu checkpoints\n",
        when, (unsigned long long)m.aggregates, (unsigned long long)m.aggregates_known, (unsigned long long)m.state_bytes,
        (unsigned long long)m.state_bytes_limit, (unsigned long long)m.states_evicted, (unsigned long long)m.states_loaded,
        (unsigned long long)m.states_waits, (unsigned long long)m.checkpoints);
    assert_in_range(m.state_bytes, 1, LIMIT + 1024);
    assert_int_equal(m.state_bytes_limit, LIMIT);
}

/* All records of a topic, one behind the other. */
static void
read_topic(testing_side *side, weiri_topic topic, weiri_buffer *to)
{
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK;
    weir_error err;
    uint64_t offset, next = 0, end = weiri_log_end(side->log, topic, 0);

    while (next < end) {
        assert_int_equal(weiri_log_read(side->log, topic, 0, next, &chunk, &err), WEIR_OK);
        while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
            size_t size = weiri_record_size(&record);
            weiri_buffer_add(to, &size, sizeof size);
            weiri_record_write(&record, weiri_buffer_extend(to, size));
        }
        next = chunk.next_offset;
    }
    weiri_chunk_fini(&chunk);
}

static void
check_same(testing_side *side, testing_side *free_side)
{
    weiri_verify_report report;
    weir_error err;
    testing_answer a, b;
    char key[16];

    for (weiri_topic topic = 0; topic <= WEIRI_TOPIC_OUTCOMES; topic++) {
        weiri_buffer mine = { 0 }, theirs = { 0 };
        read_topic(side, topic, &mine);
        read_topic(free_side, topic, &theirs);
        assert_true(theirs.size > 0);
        assert_int_equal(mine.size, theirs.size);
        assert_memory_equal(mine.data, theirs.data, mine.size);
        weiri_buffer_fini(&mine);
        weiri_buffer_fini(&theirs);
    }
    for (unsigned i = 0; i <= COUNTERS; i++) {
        (void)snprintf(key, sizeof key, "k%u", i);
        testing_ask_state(side, key, &a);
        testing_ask_state(free_side, key, &b);
        assert_int_equal(a.answer.status, b.answer.status);
        assert_int_equal(a.answer.version, b.answer.version);
        assert_int_equal(a.answer.source, b.answer.source);
        assert_int_equal(a.answer.events_offset, b.answer.events_offset);
        assert_int_equal(a.answer.state.size, b.answer.state.size);
        assert_memory_equal(a.state, b.state, a.answer.state.size);
    }
    assert_int_equal(weiri_log_verify(side->log, NULL, NULL, NULL, &report, &err), WEIR_OK);
    assert_int_equal(report.damaged, 0);
}

static int
answers_file(const testing_side *side)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/heard", side->dir);
    return open(path, O_RDWR | O_CREAT | O_APPEND, 0644);
}

/* Every answer that the one side gave, the other gave too, word by word. Returns how many. */
static size_t
check_answers(int fd, int free_fd)
{
    heard *all = weiri_allocate(COMMANDS * sizeof *all), h;
    size_t n = 0;

    (void)lseek(free_fd, 0, SEEK_SET);
    while (read(free_fd, &h, sizeof h) == sizeof h)
        all[h.number] = h;
    (void)lseek(fd, 0, SEEK_SET);
    for (; read(fd, &h, sizeof h) == sizeof h; n++)
        assert_memory_equal(&h, &all[h.number], sizeof h);
    weiri_release(all);
    return n;
}

static void
free_run(testing_side *side, int *ret_fd)
{
    side_init(side, (uint64_t)1 << 30);
    testing_side_open(side);
    *ret_fd = answers_file(side);
    send_all(side, *ret_fd, COMMANDS);
}

static void
test_a_small_memory_gives_the_same_answers_log_and_states(void **state)
{
    testing_side bounded, unbounded;
    int unbounded_fd;

    (void)state;
    free_run(&unbounded, &unbounded_fd);
    side_init(&bounded, LIMIT);
    testing_side_open(&bounded);
    int fd = answers_file(&bounded);
    send_all(&bounded, fd, COMMANDS);
    check_bounded(&bounded, "after the load");
    assert_int_equal(check_answers(fd, unbounded_fd), COMMANDS);
    check_same(&bounded, &unbounded);
    testing_side_close(&bounded);
    testing_side_open(&bounded);
    check_bounded(&bounded, "opened with its checkpoint");
    assert_int_equal(testing_recovered(&bounded), 0);
    check_same(&bounded, &unbounded);
    testing_side_close(&bounded);
    testing_remove(bounded.dir, "checkpoint");
    testing_side_open(&bounded);
    check_bounded(&bounded, "replayed from the beginning");
    assert_int_equal(testing_recovered(&bounded), testing_records(&bounded, WEIRI_TOPIC_EVENTS));
    check_same(&bounded, &unbounded);
    (void)close(fd);
    (void)close(unbounded_fd);
    testing_side_fini(&bounded);
    testing_side_fini(&unbounded);
}

/* A process of its own, which is killed after so many more commands are durable; 0: it goes on to the end. */
static void
run_and_kill(testing_side *side, int fd, uint64_t more)
{
    testing_remove(side->dir, "attempts"); /* a command that two kills met would be taken for poison */
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        testing_side_open(side);
        if (more > 0) {
            uint64_t from = weiri_log_next_command(side->log, 0);
            waiting *all = weiri_allocate((more + 2000) * sizeof *all);
            _Atomic uint64_t answers = 0;
            for (uint64_t n = from; n < COMMANDS && n < from + more + 2000; n++) {
                all[n - from] = (waiting){ n, fd, &answers };
                submit(side, n, &all[n - from]);
                if (weiri_log_next_command(side->log, 0) >= from + more)
                    break;
            }
            (void)raise(SIGKILL);
        }
        send_all(side, fd, COMMANDS);
        testing_side_close(side);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(more > 0 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
test_kills_between_change_nothing(void **state)
{
    enum { KILLS = 30 };
    testing_side bounded, unbounded;
    int unbounded_fd;

    (void)state;
    side_init(&bounded, LIMIT);
    int fd = answers_file(&bounded);
    for (unsigned i = 0; i < KILLS; i++) { /* before there are threads in this process */
        if (i % 10 == 9)
            testing_remove(bounded.dir, "checkpoint");
        run_and_kill(&bounded, fd, 1 + weiri_hash64(9, &i, sizeof i) % (COMMANDS / KILLS));
    }
    run_and_kill(&bounded, fd, 0);
    free_run(&unbounded, &unbounded_fd);
    testing_side_open(&bounded);
    check_bounded(&bounded, "after 30 kills");
    print_message("%zu answers compared\n", check_answers(fd, unbounded_fd));
    check_same(&bounded, &unbounded);
    (void)close(fd);
    (void)close(unbounded_fd);
    testing_side_fini(&bounded);
    testing_side_fini(&unbounded);
}

static void
test_checkpoints_that_fail_half_way_change_nothing(void **state)
{
    testing_side bounded, unbounded;
    int unbounded_fd;

    (void)state;
    free_run(&unbounded, &unbounded_fd);
    side_init(&bounded, 0);
    bounded.config.checkpoint_events = 200; /* no shortage of memory: failures in the lists of ordinary checkpoints */
    testing_side_open(&bounded);
    int fd = answers_file(&bounded);
    atomic_store(&puts_fail, 60);
    send_all(&bounded, fd, 100);
    atomic_store(&puts_fail, 0);
    print_message("%u rows of states failed\n", atomic_load(&puts_failed));
    assert_true(atomic_load(&puts_failed) > 3);
    testing_side_close(&bounded);
    testing_side_open(&bounded);
    assert_int_equal(testing_recovered(&bounded), 0);
    assert_int_equal(check_answers(fd, unbounded_fd), COMMANDS);
    check_same(&bounded, &unbounded);
    (void)close(fd);
    (void)close(unbounded_fd);
    testing_side_fini(&bounded);
    testing_side_fini(&unbounded);
}

static void
test_a_lane_full_of_changes_waits_and_its_queue_says_no(void **state)
{
    testing_side side;
    testing_answer *answers = weiri_allocate(COMMANDS * sizeof *answers), last;
    weiri_lane_metrics m;
    unsigned sent = 0, n;
    weir_error err = { 0 };

    (void)state;
    side_init(&side, LIMIT);
    side.config.queue_items = 500;
    atomic_store(&puts_fail, 1);
    testing_side_open(&side);
    for (n = 0; n < COMMANDS;) {
        char counter[16];
        (void)snprintf(counter, sizeof counter, "k%u", n);
        testing_answer_init(&answers[sent]);
        weir_status status = testing_send(
            &side, &(testing_command){ .counter = counter, .amount = 1, .timeout_ms = 100 }, &answers[sent], &err);
        if (status == WEIR_BUSY) {
            weiri_commands_metrics(side.commands, 0, &m);
            if (m.states_waits > 0 && m.checkpoints_failed > 0)
                break;
            (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL); /* the lane is slower than we are, and not full yet */
            continue;
        }
        assert_int_equal(status, WEIR_OK);
        sent++;
        n++;
    }
    assert_true(n < COMMANDS);
    assert_string_equal(err.text, "the queue of partition 0 is full");
    assert_true(m.checkpoints == 0 && m.states_evicted == 0);
    assert_in_range(m.state_bytes, LIMIT, LIMIT + 1024);
    atomic_store(&puts_fail, 0); /* from here on by itself */
    for (unsigned i = 0; i < sent; i++) {
        testing_answer_wait(&answers[i]);
        assert_int_equal(answers[i].answer.status, WEIR_OK);
    }
    testing_run(&side, &(testing_command){ .counter = "k0", .amount = 1 }, &last);
    assert_int_equal(last.answer.version, 2);
    check_bounded(&side, "after the wait");
    weiri_release(answers);
    testing_side_fini(&side);
}

static void
test_a_state_that_cannot_be_read_is_a_refusal_and_leaves_no_trace(void **state)
{
    testing_side side;
    testing_answer a;
    weiri_lane_metrics m;

    (void)state;
    side_init(&side, LIMIT);
    testing_side_open(&side);
    for (unsigned i = 0; i < COUNTERS; i++) {
        char counter[16];
        (void)snprintf(counter, sizeof counter, "k%u", i);
        testing_run(&side, &(testing_command){ .counter = counter, .amount = 1 }, &a);
    }
    uint64_t before = testing_records(&side, WEIRI_TOPIC_COMMANDS);
    atomic_store(&gets_fail, 1);
    testing_run(&side, &(testing_command){ .counter = "k0", .amount = 1 }, &a);
    assert_int_equal(a.answer.status, WEIR_BUSY);
    assert_string_equal(a.code, "not-ready");
    assert_non_null(strstr(a.text, "can't be read from the checkpoint"));
    testing_ask_state(&side, "k1", &a);
    assert_int_equal(a.answer.status, WEIR_BUSY);
    testing_run(&side, &(testing_command){ .counter = "k1999", .amount = 1 }, &a); /* one in memory */
    assert_int_equal(a.answer.status, WEIR_OK);
    atomic_store(&gets_fail, 0);
    testing_run(&side, &(testing_command){ .counter = "k0", .amount = 1 }, &a);
    assert_int_equal(a.answer.status, WEIR_OK);
    assert_int_equal(a.answer.version, 2);
    assert_int_equal(testing_records(&side, WEIRI_TOPIC_COMMANDS), before + 2);
    weiri_commands_metrics(side.commands, 0, &m);
    assert_int_equal(m.states_unreadable, 2);
    testing_side_fini(&side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills_between_change_nothing),
        cmocka_unit_test(test_a_small_memory_gives_the_same_answers_log_and_states),
        cmocka_unit_test(test_checkpoints_that_fail_half_way_change_nothing),
        cmocka_unit_test(test_a_lane_full_of_changes_waits_and_its_queue_says_no),
        cmocka_unit_test(test_a_state_that_cannot_be_read_is_a_refusal_and_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
