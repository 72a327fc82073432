/* SPDX-License-Identifier: Apache-2.0
 * The whole program with the tests' module linked in: an engine in a child process, each command in another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/cli.h"
#include "testing_module.h"

static char url[128], out[65536], talk[65536];
static pid_t engine;

static void
read_all(FILE *file, char *to, size_t size)
{
    rewind(file);
    size_t n = fread(to, 1, size - 1, file);
    to[n] = '\0';
    (void)fclose(file);
}

static void
become(const char *const *words, FILE *to, FILE *talk_to, FILE *from)
{
    char *argv[32] = { (char *)"testing" };
    int argc = 1;

    for (; *words != NULL && argc < 31; words++)
        argv[argc++] = (char *)*words;
    (void)dup2(fileno(to), STDOUT_FILENO);
    (void)dup2(fileno(talk_to), STDERR_FILENO);
    if (from != NULL)
        (void)dup2(fileno(from), STDIN_FILENO);
    int exit_code = weir_main(argc, argv, &testing_module);
    (void)fflush(stdout);
    _exit(exit_code);
}

/* Runs one command; its exit status, with what it said in `out` and `talk`. */
static int
runs(const char *input, const char *const *words)
{
    FILE *to = tmpfile(), *talk_to = tmpfile(), *from = tmpfile();
    int status = 0;

    (void)fputs(input, from);
    rewind(from);
    pid_t child = fork();
    if (child == 0)
        become(words, to, talk_to, from);
    assert_int_equal(waitpid(child, &status, 0), child);
    read_all(to, out, sizeof out);
    read_all(talk_to, talk, sizeof talk);
    (void)fclose(from);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUNS(...) runs("", (const char *const[]){ __VA_ARGS__, NULL })
#define RUNS_WITH(input, ...) runs(input, (const char *const[]){ __VA_ARGS__, NULL })

static void
has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in '%s'", part, text);
}

static void
writes(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* The engine says in its first line where it is. */
static int
start_engine(void **state)
{
    static char dir[] = "/tmp/weir-cli-XXXXXX";
    const char *const words[] = { "run", "--listen", "127.0.0.1:0", "--json", NULL };
    FILE *to = fopen("/dev/null", "w");
    int ends[2];
    char line[1024];

    if (mkdtemp(dir) == NULL || chdir(dir) != 0 || pipe(ends) != 0)
        return -1;
    engine = fork();
    if (engine == 0) {
        (void)close(ends[0]);
        become(words, fdopen(ends[1], "w"), to, NULL);
    }
    (void)close(ends[1]);
    (void)fclose(to);
    FILE *from = fdopen(ends[0], "r");
    if (fgets(line, sizeof line, from) == NULL || sscanf(line, "{\"url\":\"%99[^\"]\"", url) != 1)
        return -1;
    (void)fclose(from);
    return setenv("WEIR_URL", url, 1);
}

static int
remove_all(void **state)
{
    (void)kill(engine, SIGKILL);
    return system("rm -rf \"$PWD\"") == 0 ? 0 : -1;
}

static void
test_send_tells_what_became_of_it(void **state)
{
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=5", "note=50 % & more"), 0);
    assert_string_equal(out, "accepted: counter/a is at version 1 (testing.v1.Added)\n");
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=0"), 0);
    has(out, "nothing to record");
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=-1"), 1);
    assert_string_equal(talk, "weir send: rejected bad-amount: -1 is negative\n");
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=x"), 2);
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amuont=1"), 2);
    has(talk, "did you mean 'amount'?");
    assert_int_equal(RUNS("send", "Ad", "counter_id=a"), 2);
    has(talk, "did you mean 'Add'?");
    assert_int_equal(RUNS("send", "Add", "counter_id"), 2);
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=1", "--expect", "7"), 3);
    has(talk, "version 1");
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "amount=1", "--url", "http://127.0.0.1:1"), 4);
    assert_string_equal(talk, "weir send: nothing answers at http://127.0.0.1:1; start it with: testing run\n");
    assert_int_equal(RUNS("send", "Add", "counter_id=a", "--url", "gopher://x"), 2);
}

static void
test_an_id_makes_a_repetition_harmless(void **state)
{
    assert_int_equal(RUNS("send", "Add", "counter_id=b", "amount=5", "--id", "one", "--expect", "0", "--json"), 0);
    has(out, "\"version\":1");
    has(out, "\"position\":\"");
    assert_int_equal(RUNS("send", "Add", "counter_id=b", "amount=5", "--id", "one"), 0);
    has(out, "version 1");
    assert_int_equal(RUNS("send", "Add", "counter_id=b", "amount=6", "--id", "one"), 1);
    has(talk, "id-reused");
    assert_int_equal(RUNS("send", "Add", "counter_id=b", "--id", "a\"b"), 2);
}

static void
test_send_reads_files_and_lines(void **state)
{
    writes("c.json", "{\"counterId\":\"c\",\n \"amount\":\"7\"}");
    assert_int_equal(RUNS("send", "Add", "-f", "c.json"), 0);
    assert_int_equal(RUNS("send", "Add", "-f", "none.json"), 2);
    assert_int_equal(RUNS("send", "Add", "amount=1", "-f", "c.json"), 2);
    assert_int_equal(
        RUNS_WITH("{\"counterId\":\"c\",\"amount\":1}\n\n{\"counterId\":\"c\",\"amount\":-1}\n{nope\n", "send", "Add", "-"), 1);
    assert_string_equal(out, "accepted: counter/c is at version 2 (testing.v1.Added)\n");
    has(talk, "line 3: rejected bad-amount");
    has(talk, "line 4: ");
    assert_int_equal(RUNS_WITH("{\"type\":\"Add\",\"data\":{\"counterId\":\"c\",\"amount\":1}}\n", "send", "-", "--json"), 0);
    has(out, "{\"status\":200,");
    assert_int_equal(RUNS("send", "-", "--id", "x"), 2);
}

static void
test_show_has_state_and_history(void **state)
{
    assert_int_equal(RUNS("send", "Add", "counter_id=s/1 x", "amount=5"), 0);
    assert_int_equal(RUNS("send", "Add", "counter_id=s/1 x", "amount=2", "note=two"), 0);
    assert_int_equal(RUNS("show", "counter/s/1 x"), 0);
    assert_string_equal(out, "counter/s/1 x at version 2\ntotal     7\nadds      2\nlastNote  two\n");
    assert_int_equal(RUNS("show", "counter/s/1 x", "--at", "1"), 0);
    has(out, "total     5\n");
    assert_int_equal(RUNS("show", "counter/s/1 x", "--history"), 0);
    has(out, "total 5 -> 7, adds 1 -> 2, lastNote  -> two");
    assert_int_equal(RUNS("show", "counter/s/1 x", "--history", "--dir", "testing.data"), 0);
    has(out, "total 5 -> 7");
    assert_int_equal(RUNS("show", "counter/none"), 2);
    assert_int_equal(RUNS("show", "countr/none"), 2);
    has(talk, "did you mean 'counter'?");
    assert_int_equal(RUNS("show", "counter"), 2);
    assert_int_equal(RUNS("show", "counter/a", "--at", "0"), 2);
    assert_int_equal(RUNS("show", "counter/a", "--at", "1", "--history"), 2);
}

static void
test_events_go_on_from_a_position(void **state)
{
    char position[64];

    assert_int_equal(RUNS("send", "Add", "counter_id=e", "amount=5"), 0);
    assert_int_equal(RUNS("events", "--limit", "1", "--json"), 0);
    assert_int_equal(sscanf(out, "{\"position\":\"%63[^\"]\"", position), 1);
    char *first = strdup(out);
    assert_int_equal(RUNS("events", "--after", position, "--type", "Added", "--json"), 0);
    assert_null(strstr(out, first));
    has(out, "\"key\":\"e\"");
    free(first);
    assert_int_equal(RUNS("events", "--type", "WasReset"), 0);
    assert_string_equal(out, "");
    assert_int_equal(RUNS("events", "--dir", "testing.data", "--type", "Added"), 0);
    has(out, "counter/e v1  counterId=e amount=5");
    assert_int_equal(RUNS("events", "--type", "Add"), 2);
    assert_int_equal(RUNS("events", "--after", "x"), 2);
    assert_int_equal(RUNS("events", "--limit", "0"), 2);
    assert_int_equal(RUNS("events", "--dir", "none.data"), 2);
    assert_int_equal(RUNS("events", "--module", "x.so"), 2);
}

static void
test_a_file_is_loaded_once(void **state)
{
    writes("l.csv", "Counter ID,Amount,Other\nl1,5,x\nl2,-1,x\nl1,zz,x\nl3,1\nl1,7,\"a\nb\"\n");
    assert_int_equal(RUNS("load", "l.csv", "--as", "Add"), 1);
    has(out, "5 records of l.csv as testing.v1.Add");
    has(out, "  accepted           2\n  refused            1\n    bad-amount                1\n  unreadable         2\n  repeated          "
             " 0\n");
    has(talk, "ignored columns: Other");
    has(talk, "l.csv:4: unreadable: amount: 'zz' is not a whole number that fits\n");
    has(talk, "l.csv:5: unreadable: 2 columns where the header has 3\n");
    writes("l.csv", "Counter ID,Amount,Other\nl1,5,x\nl2,-1,x\nl1,zz,x\nl3,1\nl1,7,\"a\nb\"\nl4,9,\n");
    assert_int_equal(RUNS("load", "l.csv", "--as", "testing.v1.Add", "--json"), 1);
    has(out, "\"accepted\":1,\"refused\":0,\"codes\":{},\"unreadable\":2,\"repeated\":3,");
    assert_int_equal(RUNS("show", "counter/l1"), 0);
    has(out, "at version 2\ntotal     12\n");
    writes("l.csv", "Counter ID,Amount,Other\nl1,6,x\n");
    assert_int_equal(RUNS("load", "l.csv", "--as", "Add"), 1);
    has(talk, "--source NAME");
    assert_int_equal(RUNS("load", "l.csv", "--as", "Add", "--source", "other"), 0);
    assert_int_equal(RUNS("show", "counter/l1"), 0);
    has(out, "total     18\n");
}

static void
test_lines_the_engine_refuses_break_no_chain(void **state)
{
    writes(
        "j.jsonl", "{\"counterId\":\"j\",\"amount\":1}\n\n{\"counterId\":\"j\",\"amuont\":1}\nnope\n{\"counterId\":\"j\",\"amount\":2}\n");
    assert_int_equal(RUNS("load", "j.jsonl", "--as", "Add"), 1);
    has(out, "  accepted           2\n  refused            0\n  unreadable         2\n");
    has(talk, "j.jsonl:3: unreadable: ");
    has(talk, "did you mean 'amount'?");
    has(talk, "j.jsonl:4: unreadable: not JSON");
    assert_int_equal(RUNS("load", "j.jsonl", "--as", "Add", "--map", "note=x"), 2);
}

static void
test_loads_that_do_not_begin(void **state)
{
    writes("h.csv", "a,b\n1,2\n");
    assert_int_equal(RUNS("load", "h.csv", "--as", "Add"), 2);
    has(talk, "no column of the header (line 1) is a field of testing.v1.Add");
    writes("empty.csv", "");
    assert_int_equal(RUNS("load", "empty.csv", "--as", "Add"), 2);
    has(talk, "empty.csv: no header (line 1)");
    assert_int_equal(RUNS("load", "h.csv"), 2);
    assert_int_equal(RUNS("load", "none.csv", "--as", "Add"), 2);
    assert_int_equal(RUNS("load", "h.csv", "--as", "Ad"), 2);
    has(talk, "did you mean 'Add'?");
    assert_int_equal(RUNS("load", "h.csv", "--as", "Add", "--delimiter", "x"), 2);
    assert_int_equal(RUNS("load", "h.csv", "--as", "Add", "--batch", "20000"), 2);
    assert_int_equal(RUNS("load", "h.csv", "--as", "Add", "--source", ""), 2);
    assert_int_equal(RUNS("load", "h.csv", "--as", "Add", "--url", "http://127.0.0.1:1"), 4);
}

static void
test_commands_without_an_engine(void **state)
{
    assert_int_equal(RUNS("check"), 0);
    has(out, "ok: 3 commands, 3 events, 0 views\n");
    assert_int_equal(RUNS("verify"), 0);
    has(out, "faults        0\n");
    assert_int_equal(RUNS("verify", "--dir", "none.data"), 2);
    assert_int_equal(RUNS("version", "--json"), 0);
    has(out, "\"lmdb\":\"");
    assert_int_equal(RUNS("config", "--partitions", "3"), 0);
    has(out, "--partitions");
    assert_int_equal(RUNS("config", "--partitions", "0"), 2);
    assert_int_equal(RUNS("test", "none.story"), 2);
    assert_int_equal(RUNS("run", "--listen", "127.0.0.1:0"), 2);
    has(talk, "in use by process");
    assert_int_equal(RUNS("view", "list"), 0);
    assert_int_equal(RUNS("view", "rows", "none.none"), 2);
    assert_int_equal(RUNS("view", "pause"), 2);
    has(talk, "not in this version of weir");
}

static void
test_words_that_are_no_command(void **state)
{
    assert_int_equal(RUNS("sned"), 2);
    assert_string_equal(talk, "weir: there is no command 'sned'; did you mean 'send'?\n");
    assert_int_equal(RUNS("copy"), 2);
    assert_string_equal(talk, "weir copy: which log? say --from DIR\n");
    assert_int_equal(RUNS("bench"), 2);
    assert_string_equal(talk, "weir: 'bench' is not in this version of weir\n");
    assert_int_equal(runs("", (const char *const[]){ NULL }), 2);
    assert_int_equal(RUNS("--help"), 0);
    has(out, "  testing run\n");
    assert_int_equal(RUNS("run", "--help"), 0);
    has(out, "Usage: testing run [--dir DIR]");
    assert_int_equal(RUNS("help", "load"), 0);
    has(out, "--time-format FORMAT");
}

/* Last: it ends the engine. */
static void
test_sigterm_drains_and_ends_with_0(void **state)
{
    int status = 0;

    assert_int_equal(kill(engine, SIGTERM), 0);
    assert_int_equal(waitpid(engine, &status, 0), engine);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(RUNS("show", "counter/a"), 4);
    assert_int_equal(RUNS("show", "counter/a", "--dir", "testing.data"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send_tells_what_became_of_it),
        cmocka_unit_test(test_an_id_makes_a_repetition_harmless),
        cmocka_unit_test(test_send_reads_files_and_lines),
        cmocka_unit_test(test_show_has_state_and_history),
        cmocka_unit_test(test_events_go_on_from_a_position),
        cmocka_unit_test(test_a_file_is_loaded_once),
        cmocka_unit_test(test_lines_the_engine_refuses_break_no_chain),
        cmocka_unit_test(test_loads_that_do_not_begin),
        cmocka_unit_test(test_commands_without_an_engine),
        cmocka_unit_test(test_words_that_are_no_command),
        cmocka_unit_test(test_sigterm_drains_and_ends_with_0),
    };
    return cmocka_run_group_tests(tests, start_engine, remove_all);
}
