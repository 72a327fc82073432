/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mailbox.h"

enum { SENDERS = 4, EACH = 20000 };

static weir_status
send_text(weiri_mailbox *mailbox, const char *text)
{
    weiri_bytes piece = weiri_bytes_of(text);

    return weiri_mailbox_send(mailbox, &piece, 1, 0);
}

static void
test_a_full_mailbox_refuses_and_a_closed_one_says_so(void **state)
{
    weiri_signal arrived;
    weiri_mailbox mailbox;
    weiri_buffer items = { 0 };
    weiri_bytes item;
    size_t at = 0;

    weiri_signal_init(&arrived);
    weiri_mailbox_init(&mailbox, 1 << 20, 2, &arrived);
    assert_int_equal(send_text(&mailbox, "one"), WEIR_OK);
    assert_int_equal(send_text(&mailbox, "two, which is longer than sixteen"), WEIR_OK);
    assert_int_equal(send_text(&mailbox, "three"), WEIR_BUSY);
    assert_int_equal(weiri_mailbox_take(&mailbox, &items), 2);
    assert_true(weiri_mailbox_next(&items, &at, &item) && weiri_bytes_are(item, "one"));
    assert_true(weiri_mailbox_next(&items, &at, &item) && weiri_bytes_are(item, "two, which is longer than sixteen"));
    assert_false(weiri_mailbox_next(&items, &at, &item));
    assert_int_equal(send_text(&mailbox, "three"), WEIR_OK);
    weiri_mailbox_close(&mailbox);
    assert_int_equal(send_text(&mailbox, "four"), WEIR_CLOSED);
    weiri_buffer_clear(&items);
    assert_int_equal(weiri_mailbox_take(&mailbox, &items), 1);
    weiri_buffer_fini(&items);
    weiri_mailbox_fini(&mailbox);
    weiri_signal_fini(&arrived);
}

typedef struct sender {
    weiri_mailbox *mailbox;
    uint32_t number;
} sender;

static void
send_many(void *argument)
{
    sender *s = argument;

    for (uint32_t i = 0; i < EACH; i++) {
        uint32_t words[2] = { s->number, i };
        weiri_bytes piece = { words, sizeof words };
        assert_int_equal(weiri_mailbox_send(s->mailbox, &piece, 1, -1), WEIR_OK);
    }
}

static void
test_each_senders_items_arrive_once_and_in_order(void **state)
{
    weiri_signal arrived;
    weiri_mailbox mailbox;
    weiri_buffer items = { 0 };
    weiri_thread threads[SENDERS] = { 0 };
    sender senders[SENDERS];
    uint32_t next[SENDERS] = { 0 };
    size_t got = 0;

    weiri_signal_init(&arrived);
    weiri_mailbox_init(&mailbox, 1 << 20, 100, &arrived);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (sender){ &mailbox, i };
        assert_int_equal(weiri_thread_start(&threads[i], "sender", send_many, &senders[i]), WEIR_OK);
    }
    while (got < (size_t)SENDERS * EACH) {
        uint64_t seen = weiri_signal_count(&arrived);
        weiri_bytes item;
        size_t at = 0, n = weiri_mailbox_take(&mailbox, &items);
        while (weiri_mailbox_next(&items, &at, &item)) {
            uint32_t words[2];
            memcpy(words, item.data, sizeof words);
            assert_int_equal(words[1], next[words[0]]++);
        }
        weiri_buffer_clear(&items);
        got += n;
        if (n == 0)
            (void)weiri_signal_wait(&arrived, seen, -1);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        weiri_thread_join(&threads[i]);
    weiri_buffer_fini(&items);
    weiri_mailbox_fini(&mailbox);
    weiri_signal_fini(&arrived);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_mailbox_refuses_and_a_closed_one_says_so),
        cmocka_unit_test(test_each_senders_items_arrive_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
