/* SPDX-License-Identifier: Apache-2.0
 * JSON trees (jansson): made from text, and read into messages by the same rules as text. A tree's reals have gone through a
 * double: where an integer is asked for, they count up to 2^53. Thread: any. */
#include "message/build.h"
#include "message/json.h"
#include "base/number.h"
#include "message/literal.h"

static weir_status read_object(weiri_build *build, const json_t *json, ProtobufCMessage *message);

/* What `json` says; numbers are printed into `number`. */
static weiri_literal
value_of(const json_t *json, weiri_buffer *number)
{
    static const weiri_literal_kind kinds[] = { [JSON_OBJECT] = WEIRI_LITERAL_OBJECT,
        [JSON_ARRAY] = WEIRI_LITERAL_LIST,
        [JSON_STRING] = WEIRI_LITERAL_STRING,
        [JSON_INTEGER] = WEIRI_LITERAL_NUMBER,
        [JSON_REAL] = WEIRI_LITERAL_NUMBER,
        [JSON_TRUE] = WEIRI_LITERAL_TRUE,
        [JSON_FALSE] = WEIRI_LITERAL_FALSE,
        [JSON_NULL] = WEIRI_LITERAL_NULL };
    weiri_literal value = { .kind = json == NULL ? WEIRI_LITERAL_NULL : kinds[json_typeof(json)] };

    if (json_is_string(json)) {
        value.text = (weiri_bytes){ json_string_value(json), json_string_length(json) };
    } else if (value.kind == WEIRI_LITERAL_NUMBER) {
        weiri_buffer_clear(number);
        value.rounded = json_is_real(json);
        if (value.rounded)
            weiri_number_add_double(number, json_real_value(json));
        else
            weiri_number_add_int64(number, json_integer_value(json));
        value.text = weiri_buffer_bytes(number);
    }
    return value;
}

static weir_status
store(weiri_build *build, const json_t *json, const ProtobufCFieldDescriptor *field, void *member, weiri_buffer *number)
{
    weiri_literal value = value_of(json, number);

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return weiri_build_locate(build, weiri_literal_store(&value, field, member, build->err));
    if (!json_is_object(json))
        return weiri_build_locate(build, weiri_literal_refuse(&value, "an object", build->err));
    ProtobufCMessage *message;
    weir_status status = weiri_build_nested(build, field, member, &message);
    return status == WEIR_OK ? read_object(build, json, message) : status;
}

/* Stored, and of an enum whose module had a value that this one hasn't. */
static bool
is_passed_by(const weiri_build *build, const json_t *json, const ProtobufCFieldDescriptor *field)
{
    if (!build->stored || field->type != PROTOBUF_C_TYPE_ENUM)
        return false;
    if (json_is_string(json))
        return protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, json_string_value(json)) == NULL;
    return json_is_integer(json) && protobuf_c_enum_descriptor_get_value(field->descriptor, (int)json_integer_value(json)) == NULL;
}

static weir_status
read_field(weiri_build *build, const json_t *json, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, weiri_buffer *number)
{
    weir_status status = WEIR_OK;
    void *member;

    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (is_passed_by(build, json, field))
            return WEIR_OK;
        status = weiri_build_member(build, message, field, &member);
        return status == WEIR_OK ? store(build, json, field, member, number) : status;
    }
    if (!json_is_array(json)) {
        weiri_literal value = value_of(json, number);
        return weiri_build_locate(build, weiri_literal_refuse(&value, "a list", build->err));
    }
    for (size_t i = 0; status == WEIR_OK && i < json_array_size(json); i++)
        if (!is_passed_by(build, json_array_get(json, i), field))
            status = store(build, json_array_get(json, i), field, weiri_build_element(build, message, field), number);
    return status;
}

static weir_status
read_object(weiri_build *build, const json_t *json, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field;
    weiri_buffer number = { 0 };
    weir_status status = WEIR_OK;
    json_t *object = (json_t *)json; /* jansson iterates over what it could change */
    weiri_given given;

    weiri_given_init(&given, message->descriptor);
    for (void *at = json_object_iter(object); status == WEIR_OK && at != NULL; at = json_object_iter_next(object, at)) {
        weiri_bytes name = { json_object_iter_key(at), json_object_iter_key_len(at) };
        if (build->stored && !weiri_build_knows(message->descriptor, name))
            continue;
        status = weiri_build_field(build, message->descriptor, name, &given, &field);
        if (status != WEIR_OK)
            break;
        weiri_build_enter(build, field);
        if (!json_is_null(json_object_iter_value(at)))
            status = read_field(build, json_object_iter_value(at), message, field, &number);
        if (status == WEIR_OK)
            weiri_build_leave(build);
    }
    weiri_given_fini(&given);
    weiri_buffer_fini(&number);
    return status;
}

static weir_status
read_message(const ProtobufCMessageDescriptor *descriptor, const json_t *json, bool stored, ProtobufCMessage **ret_message, weir_error *err)
{
    weiri_buffer number = { 0 };
    weiri_build build;
    build.depth = 0;
    build.err = err;
    build.stored = stored;

    if (!json_is_object(json)) {
        weiri_literal value = value_of(json, &number);
        (void)weiri_literal_refuse(&value, "an object", err);
        weiri_buffer_fini(&number);
        return weiri_error_prefix(err, "%s", descriptor->name);
    }
    ProtobufCMessage *message = weiri_build_message(descriptor);
    weir_status status = read_object(&build, json, message);
    if (status == WEIR_OK)
        *ret_message = message;
    else
        protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

weir_status
weiri_json_to_message(const ProtobufCMessageDescriptor *descriptor, const json_t *json, ProtobufCMessage **ret_message, weir_error *err)
{
    return read_message(descriptor, json, false, ret_message, err);
}

weir_status
weiri_json_parse(weiri_bytes text, json_t **ret_json, weir_error *err)
{
    char shown[WEIRI_LITERAL_SHOWN];
    json_error_t error;

    json_t *json = json_loadb(text.size == 0 ? "" : text.data, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (json == NULL) {
        bool nul = json_error_code(&error) == json_error_null_character;
        (void)weiri_text_show(weiri_bytes_of(nul ? "a string can't hold the character NUL" : error.text), shown);
        return weiri_error_set(
            err, WEIR_INVALID, "line %d, column %d: %s", error.line < 1 ? 1 : error.line, error.column < 1 ? 1 : error.column, shown);
    }
    *ret_json = json;
    return WEIR_OK;
}

weir_status
weiri_json_parse_stored(const ProtobufCMessageDescriptor *descriptor, weiri_bytes text, ProtobufCMessage **ret_message, weir_error *err)
{
    json_t *json = NULL;

    weir_status status = weiri_json_parse(text, &json, err);
    if (status == WEIR_OK)
        status = read_message(descriptor, json, true, ret_message, err);
    json_decref(json);
    if (status == WEIR_INVALID) {
        status = WEIR_CORRUPT;
        if (err != NULL)
            err->status = status;
    }
    return status;
}
