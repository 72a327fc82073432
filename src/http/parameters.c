/* SPDX-License-Identifier: Apache-2.0
 * Query parameters that HTTP itself reads: a typo is answered with the nearest name, never passed by. Thread: HTTP. */
#include "base/text.h"
#include "http/handlers.h"
#include "http/routes.h"
#include <inttypes.h>

static bool
is_known(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool
weiri_http_parameters_known(weiri_request *request, const char *const *names)
{
    const weiri_target *target = &request->target;

    for (size_t i = 0; i < target->n_pairs; i++) {
        const char *name = target->pairs[i].name;
        char hint[96];
        if (!is_known(names, name)) {
            weiri_nearest nearest = { 0 };
            for (size_t j = 0; names[j] != NULL; j++)
                weiri_nearest_offer(&nearest, name, names[j]);
            weiri_request_problem(request, WEIR_INVALID, "%s takes no parameter '%.60s'%s", request->route->path, name,
                weiri_nearest_hint(&nearest, hint, sizeof hint));
            weiri_request_ready(request);
            return false;
        }
        if (weiri_target_pair(target, name) != target->pairs[i].value) {
            weiri_request_problem(request, WEIR_INVALID, "the parameter %s came twice", name);
            weiri_request_ready(request);
            return false;
        }
    }
    return true;
}

bool
weiri_http_parameter_number(weiri_request *request, const char *name, uint64_t least, uint64_t most, uint64_t fallback, uint64_t *ret_value)
{
    const char *text = weiri_target_pair(&request->target, name);
    uint64_t value = fallback;

    if (text != NULL && (!weiri_text_to_uint64(text, &value) || value < least || value > most)) {
        weiri_request_problem(
            request, WEIR_INVALID, "%s=%.40s: it is a whole number from %" PRIu64 " to %" PRIu64, name, text, least, most);
        weiri_request_ready(request);
        return false;
    }
    *ret_value = value;
    return true;
}

bool
weiri_http_parameter_choice(weiri_request *request, const char *name, const char *first, const char *second, bool *ret_second)
{
    const char *value = weiri_target_pair(&request->target, name);

    if (value == NULL || strcmp(value, first) == 0) {
        *ret_second = false;
    } else if (strcmp(value, second) == 0) {
        *ret_second = true;
    } else {
        weiri_request_problem(request, WEIR_INVALID, "%s=%.40s: it is %s or %s", name, value, first, second);
        weiri_request_ready(request);
        return false;
    }
    return true;
}
