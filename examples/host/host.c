/* SPDX-License-Identifier: Apache-2.0
 * A program with the shop inside and no HTTP: sends 1,000 commands, waits for all, asks a view. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>
#include "shop.pb-c.h"

typedef struct tally {
    int accepted, rejected, failed; /* touched by the engine's thread until weir_settle returns */
} tally;

static void
done(void *user, const weir_outcome *outcome)
{
    tally *t = user;

    if (outcome->status == WEIR_OK)
        t->accepted++;
    else if (outcome->status == WEIR_REJECTED)
        t->rejected++;
    else
        t->failed++;
}

static weir_status
send_all(weir_engine *engine, tally *t, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (int i = 0; i < 1000 && status == WEIR_OK; i++) {
        char sku[16], id[16];
        (void)snprintf(sku, sizeof sku, "sku-%d", i % 100);
        (void)snprintf(id, sizeof id, "load-%d", i);
        Shop__V1__ReceiveStock c = SHOP__V1__RECEIVE_STOCK__INIT;
        c.sku = sku;
        c.quantity = i % 7;
        weir_submission s = { .id = id };
        status = weir_submit(engine, &c.base, &s, done, t, err);
    }
    return status;
}

int
main(int argc, char **argv)
{
    weir_engine *engine = NULL;
    weir_rows *rows = NULL;
    weir_error err = { 0 };
    tally t = { 0 };
    weir_status status = weir_open(&weir_module_object, argc > 1 ? argv[1] : "dir=shop.data partitions=4", &engine, &err);

    if (status == WEIR_OK)
        status = send_all(engine, &t, &err);
    if (status == WEIR_OK)
        status = weir_settle(engine, true, 10000);
    if (status == WEIR_OK) {
        const char *const arguments[] = { "threshold", "20", NULL };
        status = weir_query(engine, "stock.running_low", arguments, NULL, 1000, &rows, &err);
    }
    while (status == WEIR_OK && weir_rows_next(rows))
        printf("%s %" PRId64 "\n", weir_rows_text(rows, 0), weir_rows_integer(rows, 1));
    if (status != WEIR_OK)
        fprintf(stderr, "host: %s: %s\n", weir_status_name(status), err.text);
    weir_rows_free(rows);
    weir_close(engine);
    printf("%d accepted, %d rejected, %d failed\n", t.accepted, t.rejected, t.failed);
    return status == WEIR_OK ? 0 : 1;
}
