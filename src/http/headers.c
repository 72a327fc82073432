/* SPDX-License-Identifier: Apache-2.0
 * One table says which header goes where and whether it may be repeated. */
#include "http/headers.h"
#include <strings.h>

typedef struct header_row {
    const char *name;
    size_t place; /* in weiri_request_headers */
    bool list;    /* repeated lines are one list (RFC 9110); weir reads the first of Accept */
} header_row;

#define PLACE(field) offsetof(weiri_request_headers, field)

static const header_row rows[] = {
    { "Host", PLACE(host), false },
    { "Content-Type", PLACE(content_type), false },
    { "Content-Length", PLACE(content_length), false },
    { "Transfer-Encoding", PLACE(transfer_encoding), false },
    { "Expect", PLACE(expect), true },
    { "Accept", PLACE(accept), true },
    { "Idempotency-Key", PLACE(idempotency_key), false },
    { "If-Match", PLACE(if_match), false },
    { "If-None-Match", PLACE(if_none_match), false },
    { "Weir-Position", PLACE(position), false },
    { "traceparent", PLACE(traceparent), true },
    { "Origin", PLACE(origin), true },
    { "Authorization", PLACE(authorization), false },
    { "Last-Event-ID", PLACE(last_event_id), false },
};

typedef struct walk {
    weiri_request *request;
    weir_status status;
    weir_error *err;
} walk;

static enum MHD_Result
take(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    walk *w = cls;
    weiri_request_headers *headers = &w->request->headers;
    (void)kind;

    if (value == NULL)
        value = "";
    if (strcasecmp(name, "Prefer") == 0) {
        w->status = weiri_prefer_read(value, &headers->prefer, w->err);
        return w->status == WEIR_OK ? MHD_YES : MHD_NO;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if ((name[0] | 0x20) != (rows[i].name[0] | 0x20) || strcasecmp(name, rows[i].name) != 0)
            continue;
        const char **place = (const char **)(void *)((char *)headers + rows[i].place);
        if (*place == NULL) {
            *place = value;
        } else if (!rows[i].list) {
            w->status = weiri_error_set(w->err, WEIR_INVALID, "the header %s came twice", rows[i].name);
            return MHD_NO;
        }
        return MHD_YES;
    }
    return MHD_YES;
}

weir_status
weiri_headers_collect(weiri_request *request, weir_error *err)
{
    walk w = { request, WEIR_OK, err };

    request->headers = (weiri_request_headers){ 0 };
    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take, &w);
    return w.status;
}
