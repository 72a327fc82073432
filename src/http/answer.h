/* SPDX-License-Identifier: Apache-2.0
 * From a reply to what goes out on the connection. Thread: the connection's HTTP thread. */
#ifndef WEIRI_ANSWER_H
#define WEIRI_ANSWER_H

#include "http/request.h"

/* Queues request->reply, whose body stays where it is until the request is completed. `close`: the connection ends after it. */
enum MHD_Result weiri_answer_send(weiri_request *request, bool close);

/* A problem that only HTTP knows (405, 413, 415, ...): about:blank, so its title is the status's own words (RFC 9457, 4.2.1). */
void weiri_answer_http_problem(weiri_reply *reply, int http, const char *format, ...) WEIR_PRINTF(3, 4);

/* Appends a JSON string; `text` is UTF-8. */
void weiri_answer_add_text(weiri_buffer *to, const char *text);

#endif
