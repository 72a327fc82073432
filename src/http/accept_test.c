/* SPDX-License-Identifier: Apache-2.0
 * Header values and request targets: what is refused, and in which words, before what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "http/accept.h"
#include "http/target.h"

static void
test_bad_preferences_are_refused_by_name(void **state)
{
    static const char *const bad[] = { "wait=soon", "wait=-1", "wait", "wait=1.5", "return=everything", "return", "respond-async=yes", "=3",
        "wait=\"1", "wait=1 return=minimal", "a;b;=c", "\x01" };
    weiri_prefer prefer = { 0 };
    weir_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(weiri_prefer_read(bad[i], &prefer, &err), WEIR_INVALID);
        assert_non_null(strstr(err.text, "Prefer: "));
    }
    assert_false(prefer.has_wait || prefer.representation || prefer.respond_async);
    assert_int_equal(weiri_prefer_read("wait=soon", &prefer, &err), WEIR_INVALID);
    assert_string_equal(err.text, "Prefer: wait=soon: it is a whole number of seconds");
}

static void
test_preferences_are_read_and_unknown_ones_passed_by(void **state)
{
    weiri_prefer prefer = { 0 };
    weir_error err;

    assert_int_equal(weiri_prefer_read(" , Wait = 10 ; x=y;, return=\"representation\", handling=lenient,foo", &prefer, &err), WEIR_OK);
    assert_true(prefer.has_wait && prefer.wait_s == 10 && prefer.representation && !prefer.respond_async);
    assert_int_equal(weiri_prefer_read("RESPOND-ASYNC, wait=99", &prefer, &err), WEIR_OK);
    assert_true(prefer.respond_async && prefer.wait_s == 10);
    prefer = (weiri_prefer){ 0 };
    assert_int_equal(weiri_prefer_read("wait=99999", &prefer, &err), WEIR_OK);
    assert_int_equal(prefer.wait_s, WEIRI_WAIT_MOST_S);
    assert_int_equal(weiri_prefer_read("", &prefer, &err), WEIR_OK);
}

static void
test_only_one_strong_etag_is_taken(void **state)
{
    static const char *const bad[] = { "7", "\"\"", "W/\"7\"", "*", "\"7\", \"8\"", "\"seven\"", "\"-1\"", "\"18446744073709551616\"",
        "\"7", "\"", "" };
    uint64_t version = 1;
    weir_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(weiri_etag_read("If-Match", bad[i], &version, &err), WEIR_INVALID);
    assert_int_equal(version, 1);
    assert_int_equal(weiri_etag_read("If-Match", "\"18446744073709551615\"", &version, &err), WEIR_OK);
    assert_true(version == UINT64_MAX);
    assert_true(weiri_etag_listed("\"6\", W/\"7\" ,\"8\"", 7) && weiri_etag_listed("*", 7) && weiri_etag_listed("\"7\"", 7));
    assert_false(weiri_etag_listed("\"77\", \"70\"", 7) || weiri_etag_listed("", 7) || weiri_etag_listed("7", 7));
}

static void
test_idempotency_keys_are_strings_quoted_or_bare(void **state)
{
    static const char *const bad[] = { "", "\"\"", "\"a", "\"a\" ", "\"a\"b", "a\"b", "a b", "\"a\\b\"", "caf\xc3\xa9", "\"a\tb\"" };
    char id[WEIRI_KEY_MOST + 1] = "old", longest[WEIRI_KEY_MOST + 4] = { 0 };
    weir_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(weiri_idempotency_key_read(bad[i], id, &err), WEIR_INVALID);
    memset(longest, 'k', WEIRI_KEY_MOST + 1);
    assert_int_equal(weiri_idempotency_key_read(longest, id, &err), WEIR_INVALID);
    assert_string_equal(id, "old");
    longest[WEIRI_KEY_MOST] = '\0';
    assert_int_equal(weiri_idempotency_key_read(longest, id, &err), WEIR_OK);
    assert_string_equal(id, longest);
    assert_int_equal(weiri_idempotency_key_read("\"a \\\"b\\\\\"", id, &err), WEIR_OK);
    assert_string_equal(id, "a \"b\\");
    assert_int_equal(weiri_idempotency_key_read("8e03978e-40d5", id, &err), WEIR_OK);
    assert_string_equal(id, "8e03978e-40d5");
}

static void
test_the_most_specific_range_of_accept_decides(void **state)
{
    assert_int_equal(weiri_accept_quality(NULL, "text/csv"), 1);
    assert_int_equal(weiri_accept_quality("application/json", "text/csv"), 0);
    assert_int_equal(weiri_accept_quality("*/*;q=0.1, text/*;q=0.5, text/csv;q=0.75", "text/csv"), 750);
    assert_int_equal(weiri_accept_quality("*/*;q=0.1, text/*;q=0.5", "text/csv"), 500);
    assert_int_equal(weiri_accept_quality("TEXT/CSV; header=present; q=1", "text/csv"), 1000);
    assert_int_equal(weiri_accept_quality("text/csv;q=0, */*", "text/csv"), 0);
    assert_int_equal(weiri_accept_quality("text/csvx, text", "text/csv"), 0);
}

static void
test_media_types_and_charsets(void **state)
{
    assert_true(weiri_media_type_is(" Application/JSON ; charset=utf-8", "application/json"));
    assert_false(weiri_media_type_is("application/jsonx", "application/json") || weiri_media_type_is("", "application/json"));
    assert_true(weiri_media_type_is_utf8("a/b") && weiri_media_type_is_utf8("a/b; x=y; Charset=\"UTF-8\""));
    assert_false(weiri_media_type_is_utf8("a/b;charset=latin1"));
}

static void
test_traceparents_are_of_their_shape(void **state)
{
    assert_true(weiri_traceparent_valid("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_false(weiri_traceparent_valid("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"));
    assert_false(weiri_traceparent_valid("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
    assert_false(weiri_traceparent_valid("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
    assert_false(weiri_traceparent_valid("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_false(weiri_traceparent_valid("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}

static void
test_bad_targets_are_refused(void **state)
{
    static const char *const bad[] = { "/a%zz", "/a%", "/a%4", "/a%00b", "/%ff", "/a?x=%zz", "/a?%00", "/a?x=%c3", "a", "*", "" };
    weiri_target target = { 0 };
    weir_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(weiri_target_parse(&target, bad[i], &err), WEIR_INVALID);
    char many[2 * WEIRI_PAIRS_MOST + 8] = "/a?";
    for (size_t i = 0; i <= WEIRI_PAIRS_MOST; i++)
        strcat(many, "b&");
    assert_int_equal(weiri_target_parse(&target, many, &err), WEIR_INVALID);
    weiri_target_fini(&target);
}

static void
test_targets_are_split_before_they_are_decoded(void **state)
{
    weiri_target target = { 0 };
    weir_error err;

    assert_int_equal(weiri_target_parse(&target, "/aggregates/a%2Fb+c/%C3%A9?x=1%262+3&&y&=z&x=4", &err), WEIR_OK);
    assert_int_equal(target.n_segments, 3);
    assert_string_equal(target.segments[1], "a/b+c");
    assert_string_equal(target.segments[2], "\xc3\xa9");
    assert_int_equal(target.n_pairs, 4);
    assert_string_equal(target.pairs[0].value, "1&2 3");
    assert_string_equal(target.pairs[1].name, "y");
    assert_string_equal(target.pairs[1].value, "");
    assert_string_equal(target.pairs[2].name, "");
    assert_string_equal(weiri_target_pair(&target, "x"), "1&2 3");
    assert_null(weiri_target_pair(&target, "q"));
    assert_int_equal(weiri_target_parse(&target, "http://host:80?x=1", &err), WEIR_OK);
    assert_true(target.n_segments == 0 && target.n_pairs == 1);
    assert_int_equal(weiri_target_parse(&target, "/a//b/", &err), WEIR_OK);
    assert_true(target.n_segments == 4 && target.segments[1][0] == '\0' && target.segments[3][0] == '\0');
    assert_int_equal(weiri_target_parse(&target, "/1/2/3/4/5/6/7/8/9/10", &err), WEIR_OK);
    assert_int_equal(target.n_segments, WEIRI_SEGMENTS_MOST + 1);
    weiri_target_fini(&target);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_preferences_are_refused_by_name),
        cmocka_unit_test(test_preferences_are_read_and_unknown_ones_passed_by),
        cmocka_unit_test(test_only_one_strong_etag_is_taken),
        cmocka_unit_test(test_idempotency_keys_are_strings_quoted_or_bare),
        cmocka_unit_test(test_the_most_specific_range_of_accept_decides),
        cmocka_unit_test(test_media_types_and_charsets),
        cmocka_unit_test(test_traceparents_are_of_their_shape),
        cmocka_unit_test(test_bad_targets_are_refused),
        cmocka_unit_test(test_targets_are_split_before_they_are_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
