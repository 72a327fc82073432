/* SPDX-License-Identifier: Apache-2.0
 * For tests of the engine: one over a temporary directory, with the tests' module and a view; requests that wait for their
 * replies. Linked into tests only. Thread: the test's. */
#ifndef ENGINE_TESTING_H
#define ENGINE_TESTING_H

#include "engine/inside.h"
#include "testing_module.h"

typedef struct testing_engine {
    char dir[64]; /* holds data/ and sql/counters.sql */
    weiri_service *service;
} testing_engine;

/* cmocka's setup and teardown: *state is a testing_engine, opened. */
int testing_engine_setup(void **state);
int testing_engine_teardown(void **state);
void testing_engine_open(testing_engine *engine, const char *more_settings);
void testing_engine_close(testing_engine *engine);

/* Each reply is to be fini'd; the body ends with a NUL beyond its size. */
weiri_reply testing_send(testing_engine *engine, const char *type, const char *json, const char *id);
weiri_reply testing_call(testing_engine *engine, weiri_command_call call); /* done and user are filled in */
weiri_reply testing_batch(testing_engine *engine, const char *body, bool json_array);
weiri_reply testing_outcome(testing_engine *engine, const char *aggregate, const char *key, const char *id);
weiri_reply testing_state(testing_engine *engine, const char *aggregate, const char *key, uint64_t version);
weiri_reply testing_history(testing_engine *engine, weiri_history_call call);
weiri_reply testing_view(testing_engine *engine, const char *view, const char *name, bool query, const char *position);

/* Fails with the body if the status is another, or the words are not in it. Fini's the reply. */
void testing_expect(weiri_reply reply, int http, const char *words);
const char *testing_body(weiri_reply *reply);

#endif
