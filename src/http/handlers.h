/* SPDX-License-Identifier: Apache-2.0
 * The functions of the routes' table, one file a concern. Each translates a request into one call of the service. Thread: HTTP. */
#ifndef WEIRI_HANDLERS_H
#define WEIRI_HANDLERS_H

#include "http/request.h"

/* commands.c */
weiri_handler weiri_http_command, weiri_http_commands;
/* aggregates.c */
weiri_handler weiri_http_state, weiri_http_history, weiri_http_outcome, weiri_http_source, weiri_http_events;
/* views.c */
weiri_handler weiri_http_table, weiri_http_query, weiri_http_views, weiri_http_rebuild;
/* feeds_open.c */
weiri_handler weiri_http_changes;
/* quarantine.c */
weiri_handler weiri_http_quarantine, weiri_http_held, weiri_http_release;
weiri_handler weiri_http_processes;
/* letters.c */
weiri_handler weiri_http_letters, weiri_http_letter, weiri_http_letter_retry, weiri_http_letter_discard;
/* about.c */
weiri_handler weiri_http_root, weiri_http_types, weiri_http_info, weiri_http_metrics, weiri_http_live, weiri_http_ready, weiri_http_later;

/* parameters.c: refuses a query parameter that `names` (NULL at its end) does not hold, or that comes twice; false: the request has
 * its problem and is answered. */
bool weiri_http_parameters_known(weiri_request *request, const char *const *names);
/* One of two words, the first of which is the default; false as above. */
bool weiri_http_parameter_choice(weiri_request *request, const char *name, const char *first, const char *second, bool *ret_second);
/* A parameter as a number in a range, `fallback` without it; false as above. */
bool weiri_http_parameter_number(
    weiri_request *request, const char *name, uint64_t least, uint64_t most, uint64_t fallback, uint64_t *ret_value);

#endif
