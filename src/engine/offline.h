/* SPDX-License-Identifier: Apache-2.0
 * A data directory read without an engine, or beside a running one: nothing is written and no lock is taken. With a module the
 * events come with their data and aggregates with their states; without one, what the log itself knows. Thread: one at a time. */
#ifndef WEIRI_OFFLINE_H
#define WEIRI_OFFLINE_H

#include <weir/domain.h>
#include "engine/service.h"
#include "engine/settings.h"
#include "log/embedded/embedded.h"

typedef struct weiri_offline weiri_offline;

/* module NULL: any log. Owns: gives *ret_offline, for weiri_offline_close. Errors: NOT_FOUND (no log there), INVALID (another
 * module's log, or the module itself is wrong), IO, CORRUPT. */
WEIR_MUST_USE weir_status weiri_offline_open(const char *dir, const weir_module *module, weiri_offline **ret_offline, weir_error *err);
void weiri_offline_close(weiri_offline *offline); /* NULL is fine */

/* Opens the log in `dir`, whatever is wrong with it, and reads all of it; `found` hears of each fault in words. The reply: {"batches",
 * "bytes", "commands", "events", "outcomes", ..., "aggregates", "faults"}, the last alone if damage kept it from being opened; a problem if it could not be read otherwise. `place`: as in
 * weiri_log_verify. *ret_faults: how many. */
void weiri_offline_verify(const char *dir, void (*found)(void *user, const char *words), void *user, weiri_verify_place *place,
    weiri_reply *reply, uint64_t *ret_faults);

/* As weiri_service_events. Called again, it sees what a running engine has written since. */
void weiri_offline_events(weiri_offline *offline, const char *types, const char *after, uint64_t limit, weiri_reply *reply);

/* As weiri_service_state and weiri_service_history, by reading the aggregate's partition. A state needs the module. */
void weiri_offline_state(weiri_offline *offline, const char *aggregate, const char *key, uint64_t at_version, weiri_reply *reply);
void weiri_offline_history(weiri_offline *offline, const weiri_history_call *call, weiri_reply *reply);

/* What is wrong with the topics of the broker that the settings name, or with `apply` what was done about it: `found` hears of each
 * in words. Nothing is opened. Errors: IO, INVALID. */
typedef struct weiri_topics_call {
    bool apply;
    uint32_t partitions, replication; /* 0: as they are, or the default */
    void (*found)(void *user, const char *words);
    void *user;
} weiri_topics_call;
WEIR_MUST_USE weir_status weiri_offline_topics(
    const char *module, const weiri_settings *settings, const weiri_topics_call *call, weir_error *err);

/* Copies the embedded log in `from` into the empty topics of the settings' app on their brokers, or goes on with a copy that was begun;
 * nobody may write the log meanwhile. module NULL: events stay Protobuf. The local copy goes into the setting dir, or APP.kafka.data.
 * Errors: those of weiri_kafka_transfer and of opening the log. */
typedef struct weiri_copy_call {
    const char *from;
    const weir_module *module;
    void (*told)(void *user, const char *words);
    void *user;
} weiri_copy_call;
typedef struct weiri_copy_report {
    uint64_t id, commands, events, outcomes;
    bool was_done; /* before this call */
    char dir[1024];
} weiri_copy_report;
WEIR_MUST_USE weir_status weiri_offline_copy(
    const weiri_settings *settings, const weiri_copy_call *call, weiri_copy_report *ret_report, weir_error *err);

/* Lines for kafka-acls.sh: what a process of the role ("front", "lane", "views", or "admin": whoever applies topics) may do. principal
 * NULL: User:APP-ROLE. */
void weiri_offline_acl(const char *module, const weiri_settings *settings, const char *role, const char *principal, weiri_buffer *to);

/* The versions of the module that a log was written with (docs/schema.md), and how `module` differs: from all of them, or with `latest`
 * from the last one alone. The log is the one in `dir`; or without, the one of `app` on the settings' brokers; or `against`, a file with
 * what `weir schema list --json` printed; or another module. Appends {"versions": [as recorded], and with a module "known": which of
 * them it is, or 0, "messages": how many it has, "breaks": how many, "changes": [{"rule" if it breaks, "place", "words"}]}.
 * Errors: INVALID (the module, the file), CORRUPT (a version that can't be read), and those of opening the log. */
typedef struct weiri_schema_call {
    const weir_module *module; /* NULL: only the versions are told */
    const char *build;
    const char *dir, *app, *against;
    const weir_module *against_module;
    const char *against_build;
    bool latest;
} weiri_schema_call;
WEIR_MUST_USE weir_status weiri_offline_schema(
    const weiri_settings *settings, const weiri_schema_call *call, weiri_buffer *to, weir_error *err);

/* As problems, what `module` breaks of the log in `dir`, or of `app`. Errors: as above. */
WEIR_MUST_USE weir_status weiri_offline_schema_check(
    const weiri_settings *settings, const weiri_schema_call *call, weiri_problems *problems, weir_error *err);

/* The canonical dump of a view's newest database file in DIR/views, text/plain. No module is needed. */
void weiri_offline_view_dump(const char *dir, const char *view, weiri_reply *reply);

#endif
