/* SPDX-License-Identifier: Apache-2.0
 * JSON over a tree: the reader of trees and the reader of text judge alike and make the same message. */
#include "fuzz.h"
#include "message/json.h"
#include "message/random_message.h"

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

/* A tree can't hold some numbers; all else is judged alike. */
static bool
is_limit_of_trees(const weir_error *err)
{
    return strstr(err->text, "too big") != NULL || strstr(err->text, "real number overflow") != NULL ||
           strstr(err->text, "expected an integer from") != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *straight = NULL, *over = NULL;
    weiri_bytes text = { data, size };
    weir_error err, tree_err;
    json_t *json = NULL;

    weir_status status = weiri_json_parse_message(everything, text, &straight, &err);
    weir_status tree_status = weiri_json_parse(text, &json, &tree_err);
    weiri_assert((tree_status == WEIR_OK) == (json != NULL));
    if (tree_status == WEIR_OK)
        tree_status = weiri_json_to_message(everything, json, &over, &tree_err);
    json_decref(json);
    if (tree_status != WEIR_OK) {
        weiri_assert(over == NULL);
        fuzz_said(tree_status, &tree_err);
    }
    weiri_assert(status == tree_status || (status == WEIR_OK && is_limit_of_trees(&tree_err)));
    /* -0 is an integer to a tree, and so 0 */
    if (status == WEIR_OK && tree_status == WEIR_OK && memmem(data, size, "-0", 2) == NULL)
        weiri_assert(packs_equal(straight, over));
    protobuf_c_message_free_unpacked(straight, NULL);
    protobuf_c_message_free_unpacked(over, NULL);
    return 0;
}
