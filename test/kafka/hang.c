/* SPDX-License-Identifier: Apache-2.0
 * A program that is not weir: puts one command into partition 0 in a transaction, says "open", and commits it when it is told so.
 *   kafka_hang BROKERS TOPIC KEY ID TYPE VALUE */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 30000, WORDS = 512 };

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char words[WORDS];

    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) == RD_KAFKA_CONF_OK)
        return;
    fprintf(stderr, "hang: %s: %s\n", name, words);
    exit(2);
}

static void
good(rd_kafka_error_t *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "hang: %s\n", rd_kafka_error_string(error));
    exit(1);
}

int
main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[WORDS], line[64] = "", id[128];

    if (argc != 7)
        return 2;
    (void)snprintf(id, sizeof id, "foreign-%s", argv[4]);
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "transactional.id", id);
    set(conf, "transaction.timeout.ms", "8000");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (rk == NULL)
        return 2;
    good(rd_kafka_init_transactions(rk, STEP_MS));
    good(rd_kafka_begin_transaction(rk));
    const rd_kafka_resp_err_t code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_KEY(argv[3], strlen(argv[3])), RD_KAFKA_V_VALUE(argv[6], strlen(argv[6])), RD_KAFKA_V_HEADER("ce_id", argv[4], -1),
        RD_KAFKA_V_HEADER("ce_type", argv[5], -1), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || rd_kafka_flush(rk, STEP_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 1;
    printf("open\n");
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "commit\n") != 0)
        return 0; /* nobody ends it but the broker */
    good(rd_kafka_commit_transaction(rk, STEP_MS));
    rd_kafka_destroy(rk);
    return 0;
}
