/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/module.h"
#include "testing_module.h"

/* Of the modules that test/modules builds, below the directory of this program. */
static const char *
built(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);

    assert_true(n > 0);
    path[n] = '\0';
    (void)snprintf(strrchr(path, '/'), 64, "/test/modules/module_%s.so", name);
    return path;
}

static void
refused(const char *path, const char *words)
{
    weiri_loaded_module m = { 0 };
    weir_error err;

    assert_int_equal(weiri_module_load(path, NULL, &m, &err), WEIR_INVALID);
    if (strstr(err.text, words) == NULL || strstr(err.text, path) == NULL)
        fail_msg("expected '%s' and the path in '%s'", words, err.text);
    assert_null(m.handle);
}

static void
test_a_module_that_is_not_there_is_told_by_its_path(void **state)
{
    refused("/nowhere/shop.so", "No such file");
}

static void
test_what_is_no_shared_object_is_told_in_the_loaders_words(void **state)
{
    char path[] = "/tmp/weir-module-XXXXXX", text[4096];
    int file = mkstemp(path);

    assert_true(file >= 0);
    memset(text, '#', sizeof text);
    assert_int_equal(write(file, text, sizeof text), sizeof text);
    (void)close(file);
    refused(path, "not a shared object that can be loaded: ");
    refused(path, "invalid ELF header");
    (void)unlink(path);
}

static void
test_a_module_without_the_symbol_is_told_how_to_define_it(void **state)
{
    refused(built("no_symbol"), "it has no symbol weir_module_object: define");
}

static void
test_a_module_of_another_abi_is_told_which(void **state)
{
    refused(built("other_abi"), "the module was built for ABI 77 of weir, this is ABI 2: build it again");
}

static void
test_a_module_is_loaded_with_its_views_and_build_id(void **state)
{
    weiri_loaded_module m = { 0 }, other = { 0 };
    weir_error err;

    assert_int_equal(weiri_module_load(built("plain"), NULL, &m, &err), WEIR_OK);
    assert_string_equal(m.module->name, "plain");
    assert_non_null(strstr(m.views_dir, "/test/modules/sql"));
    assert_int_equal(m.views_dir[0], '/');
    assert_true(strlen(m.build_id) >= 16 && strspn(m.build_id, "0123456789abcdef") == strlen(m.build_id));
    assert_int_equal(weiri_module_load(built("plain"), "elsewhere", &other, &err), WEIR_OK);
    assert_string_equal(other.views_dir, "elsewhere");
    assert_string_equal(other.build_id, m.build_id);
    weiri_module_unload(&m);
    weiri_module_unload(&other);
    assert_null(m.views_dir);
}

static void
test_a_linked_module_has_the_programs_build_id(void **state)
{
    weiri_loaded_module m = { 0 }, so = { 0 };
    weir_error err;

    assert_int_equal(weiri_module_linked(&testing_module, NULL, &m, &err), WEIR_OK);
    assert_int_equal(weiri_module_load(built("plain"), NULL, &so, &err), WEIR_OK);
    assert_null(m.views_dir);
    assert_true(strlen(m.build_id) >= 16);
    assert_string_not_equal(m.build_id, so.build_id);
    weiri_module_unload(&m);
    weiri_module_unload(&so);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_module_that_is_not_there_is_told_by_its_path),
        cmocka_unit_test(test_what_is_no_shared_object_is_told_in_the_loaders_words),
        cmocka_unit_test(test_a_module_without_the_symbol_is_told_how_to_define_it),
        cmocka_unit_test(test_a_module_of_another_abi_is_told_which),
        cmocka_unit_test(test_a_module_is_loaded_with_its_views_and_build_id),
        cmocka_unit_test(test_a_linked_module_has_the_programs_build_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
