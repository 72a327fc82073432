/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "cli/load_map.h"

static const char types[] = "{\"types\":["
                            "{\"name\":\"shop.v1.RecordSale\",\"kind\":\"command\",\"aggregate\":\"stock\",\"key\":\"sku\",\"fields\":["
                            "{\"name\":\"sku\",\"type\":\"string\",\"repeated\":false},{\"name\":\"invoice_no\",\"type\":\"string\"},"
                            "{\"name\":\"quantity\",\"type\":\"int64\"},{\"name\":\"unit_price_cents\",\"type\":\"int64\"}]},"
                            "{\"name\":\"shop.v1.Count\",\"kind\":\"command\",\"key\":\"number\",\"fields\":["
                            "{\"name\":\"number\",\"type\":\"int64\"}]},"
                            "{\"name\":\"shop.v2.Count\",\"kind\":\"command\",\"key\":\"number\",\"fields\":["
                            "{\"name\":\"number\",\"type\":\"int64\"}]},"
                            "{\"name\":\"shop.v1.StockSold\",\"kind\":\"event\",\"key\":\"sku\",\"fields\":[]}]}";

static weiri_load_type
type_of(const char *name)
{
    json_t *json = json_loads(types, 0, NULL);
    weiri_load_type type = { 0 };
    weir_error err;

    assert_non_null(json);
    assert_int_equal(weiri_load_type_find(json, name, &type, &err), WEIR_OK);
    json_decref(json);
    return type;
}

/* Loads `text` as `type_name`: each record as JSON and its key, or the words of a refusal, a line each. */
static const char *
loads(const char *type_name, const char *text, const char *map_option, const char *set_option)
{
    static char result[4096];
    weiri_load_type type = type_of(type_name);
    weiri_load_map map = { .type = &type, .convert = { '.', NULL } };
    weiri_csv csv = { 0 };
    weiri_buffer to = { 0 };
    weir_error err = { 0 };
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    weir_status status = WEIR_OK;

    weiri_csv_init(&csv, file, ',');
    assert_int_equal(weiri_csv_next(&csv, &err), WEIR_OK);
    if (set_option != NULL)
        status = weiri_load_map_set(&map, set_option, &err);
    if (status == WEIR_OK)
        status = weiri_load_map_make(&map, &csv, &map_option, map_option != NULL, &err);
    if (status != WEIR_OK)
        weiri_buffer_print(&to, "%s\n", err.text);
    else if (map.unmatched.size > 0)
        weiri_buffer_print(&to, "ignored %s\n", weiri_buffer_text(&map.unmatched));
    while (status == WEIR_OK && weiri_csv_next(&csv, &err) == WEIR_OK) {
        size_t begin = to.size;
        if (weiri_load_map_record(&map, &csv, &to, &err) == WEIR_OK)
            weiri_buffer_print(&to, " %s\n", weiri_buffer_text(&map.key));
        else {
            to.size = begin;
            weiri_buffer_print(&to, "%s\n", err.text);
        }
    }
    (void)snprintf(result, sizeof result, "%s", weiri_buffer_text(&to));
    weiri_buffer_fini(&to);
    weiri_csv_fini(&csv);
    weiri_load_map_fini(&map);
    weiri_load_type_fini(&type);
    (void)fclose(file);
    return result;
}

static void
test_columns_find_fields_without_case_and_blanks(void **state)
{
    assert_string_equal(loads("RecordSale", "InvoiceNo,SKU,Quan tity,Unit Price_Cents,Country\nC1,mug,-3,2.55,UK\n", NULL, NULL),
        "ignored Country\n{\"invoice_no\":\"C1\",\"sku\":\"mug\",\"quantity\":-3,\"unit_price_cents\":255} mug\n");
    assert_string_equal(loads("RecordSale", "sku,\nmug,\n", NULL, NULL), "ignored (column 2)\n{\"sku\":\"mug\"} mug\n");
}

static void
test_map_and_set(void **state)
{
    assert_string_equal(loads("RecordSale", "StockCode,Quantity\nmug,1\n", "sku=StockCode", "invoice_no=a\"b"),
        "{\"sku\":\"mug\",\"quantity\":1,\"invoice_no\":\"a\\\"b\"} mug\n");
    assert_string_equal(loads("RecordSale", "Quantity\n1\n", NULL, "sku=mug"), "{\"quantity\":1,\"sku\":\"mug\"} mug\n");
    assert_string_equal(loads("RecordSale", "sku,Code\na,b\n", "sku=Code", NULL), "ignored sku\n{\"sku\":\"b\"} b\n");
    assert_string_equal(loads("shop.v1.Count", "number\n007\n", NULL, NULL), "{\"number\":7} 7\n");
}

static void
test_headers_that_do_not_fit(void **state)
{
    assert_string_equal(loads("RecordSale", "536365,85123A\n", NULL, NULL),
        "no column of the header (line 1) is a field of shop.v1.RecordSale; its fields: sku, invoice_no, quantity, unit_price_cents\n");
    assert_string_equal(loads("RecordSale", "StockCode,Quantity\n", NULL, NULL),
        "no column for the key 'sku' of shop.v1.RecordSale: say --map sku=COLUMN or --set sku=VALUE\n");
    assert_string_equal(
        loads("RecordSale", "sku,SKU\n", NULL, NULL), "columns 'sku' and 'SKU' are both for sku: choose with --map sku=COLUMN\n");
    assert_string_equal(
        loads("RecordSale", "sku,Code\n", "sku=Cude", NULL), "--map sku=Cude: the header has no such column; did you mean 'Code'?\n");
    assert_string_equal(loads("RecordSale", "sku\n", "qantity=sku", NULL),
        "--map qantity=sku: shop.v1.RecordSale has no field 'qantity'; did you mean 'quantity'?\n");
    assert_string_equal(loads("RecordSale", "sku\n", "sku", NULL), "--map sku: write it as field=Column\n");
    assert_string_equal(loads("RecordSale", "sku\n", NULL, "quantity=x"), "--set quantity=x: 'x' is not a whole number that fits\n");
    assert_string_equal(loads("RecordSale", "sku\n", "sku=sku", "sku=a"), "--map sku=sku: that field has a --set\n");
}

static void
test_records_that_are_no_command(void **state)
{
    assert_string_equal(loads("RecordSale", "sku,quantity\nmug\nmug,1,2\nmug,x\n,1\n", NULL, NULL),
        "1 column where the header has 2\n3 columns where the header has 2\nquantity: 'x' is not a whole number that fits\n"
        "no value for the key 'sku'\n");
}

static void
test_json_lines(void **state)
{
    weiri_load_type type = type_of("RecordSale");
    weiri_load_map map = { .type = &type };
    weiri_buffer to = { 0 };
    weir_error err;

    assert_int_equal(weiri_load_map_set(&map, "invoice_no=7", &err), WEIR_OK);
    assert_int_equal(weiri_load_map_json(&map, weiri_bytes_of("{\"sku\":\"mug\"} "), &to, &err), WEIR_OK);
    assert_string_equal(weiri_buffer_text(&to), "{\"sku\":\"mug\",\"invoice_no\":\"7\"}");
    assert_true(weiri_bytes_are(weiri_buffer_bytes(&map.key), "mug"));
    assert_int_equal(weiri_load_map_json(&map, weiri_bytes_of("{\"sku\":\"mug\",\"invoiceNo\":\"8\"}"), &to, &err), WEIR_INVALID);
    assert_int_equal(weiri_load_map_json(&map, weiri_bytes_of("{\"quantity\":1}"), &to, &err), WEIR_INVALID);
    assert_int_equal(weiri_load_map_json(&map, weiri_bytes_of("[1]"), &to, &err), WEIR_INVALID);
    assert_int_equal(weiri_load_map_json(&map, weiri_bytes_of("{\"sku\":"), &to, &err), WEIR_INVALID);
    weiri_buffer_fini(&to);
    weiri_load_map_fini(&map);
    weiri_load_type_fini(&type);
}

static void
test_types_are_found_or_the_nearest_is_named(void **state)
{
    json_t *json = json_loads(types, 0, NULL), *other = json_object();
    weiri_load_type type = { 0 };
    weir_error err;

    assert_int_equal(weiri_load_type_find(json, "RecordSail", &type, &err), WEIR_NOT_FOUND);
    assert_string_equal(err.text, "there is no command 'RecordSail'; did you mean 'RecordSale'?");
    assert_int_equal(weiri_load_type_find(json, "Count", &type, &err), WEIR_INVALID);
    assert_string_equal(err.text, "'Count' may be shop.v1.Count or shop.v2.Count: write it in full");
    assert_int_equal(weiri_load_type_find(json, "StockSold", &type, &err), WEIR_NOT_FOUND);
    assert_int_equal(weiri_load_type_find(other, "Count", &type, &err), WEIR_INVALID);
    json_decref(json);
    json_decref(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_find_fields_without_case_and_blanks),
        cmocka_unit_test(test_map_and_set),
        cmocka_unit_test(test_headers_that_do_not_fit),
        cmocka_unit_test(test_records_that_are_no_command),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_types_are_found_or_the_nearest_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
