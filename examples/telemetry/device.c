/* SPDX-License-Identifier: Apache-2.0
 * A device and its readings, each counted once: a reading up to 48 hours behind the newest counts, an older one is refused,
 * a repeat changes nothing. An alert begins above the high limit and ends only below the low one. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <weir/weir.h>
#include "telemetry.pb-c.h"

enum { MAX_SENSORS = 16 };
static const int64_t late_ms = INT64_C(48) * 3600 * 1000;
static const double missing = -200, largest = 1e6;

static weir_status
register_device(weir_decision *d, const void *state, const void *command)
{
    const Telemetry__V1__RegisterDevice *cmd = command;
    (void)state;

    if (weir_version(d) > 0)
        return weir_reject(d, "exists", "%s is registered", weir_key(d));
    if (cmd->limits != NULL && !(cmd->limits->low <= cmd->limits->high))
        return weir_reject(d, "bad-limits", "low %g is above high %g", cmd->limits->low, cmd->limits->high);
    Telemetry__V1__DeviceRegistered e = TELEMETRY__V1__DEVICE_REGISTERED__INIT;
    e.limits = cmd->limits;
    return weir_emit(d, &e.base);
}

static void
registered(void *state, const void *event)
{
    Telemetry__V1__Device *device = state;
    weir_assign(device, event);
    device->registered = true;
}

/* The value of one sensor's field; false: absent or missing. */
static bool
measured(const Telemetry__V1__RecordReading *cmd, const ProtobufCFieldDescriptor *field, double *ret_value)
{
    const char *message = (const char *)cmd;
    uint32_t given;
    double value;

    if (field->type != PROTOBUF_C_TYPE_DOUBLE)
        return false;
    memcpy(&given, message + field->quantifier_offset, sizeof given);
    memcpy(&value, message + field->offset, sizeof value);
    if (given != field->id || value == missing)
        return false;
    *ret_value = value;
    return true;
}

static weir_status
watch(weir_decision *d, const Telemetry__V1__Device *device, int64_t at_ms, double value)
{
    if (!device->alert && value > device->limits->high) {
        Telemetry__V1__AlertRaised e = TELEMETRY__V1__ALERT_RAISED__INIT;
        e.measured_at_ms = at_ms;
        e.value = value;
        return weir_emit(d, &e.base);
    }
    if (device->alert && value < device->limits->low) {
        Telemetry__V1__AlertCleared e = TELEMETRY__V1__ALERT_CLEARED__INIT;
        e.measured_at_ms = at_ms;
        e.value = value;
        return weir_emit(d, &e.base);
    }
    return WEIR_OK;
}

static bool
seen(const Telemetry__V1__Device *device, int64_t at_ms)
{
    for (size_t i = 0; i < device->n_recent_ms; i++)
        if (device->recent_ms[i] == at_ms)
            return true;
    return false;
}

static weir_status
record(weir_decision *d, const void *state, const void *command)
{
    const Telemetry__V1__Device *device = state;
    const Telemetry__V1__RecordReading *cmd = command;
    const ProtobufCMessageDescriptor *type = cmd->base.descriptor;
    Telemetry__V1__Value values[MAX_SENSORS], *list[MAX_SENSORS];
    Telemetry__V1__ReadingRecorded e = TELEMETRY__V1__READING_RECORDED__INIT;
    const double *watched = NULL;
    double value, watched_value;

    if (!device->registered)
        return weir_reject(d, "unknown-device", "%s", weir_key(d));
    if (cmd->measured_at_ms <= 0 || cmd->measured_at_ms > weir_time_ms(d))
        return weir_reject(d, "bad-time", "%" PRId64 " is no time that has been", cmd->measured_at_ms);
    if (cmd->measured_at_ms < device->newest_ms - late_ms)
        return weir_reject(d, "too-late", "%" PRId64 " is more than 48 hours behind %" PRId64, cmd->measured_at_ms, device->newest_ms);
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (!measured(cmd, &type->fields[i], &value))
            continue;
        if (!(fabs(value) <= largest) || e.n_values == MAX_SENSORS)
            return weir_reject(d, "bad-value", "%s is %g", type->fields[i].name, value);
        Telemetry__V1__Value *v = list[e.n_values] = &values[e.n_values];
        telemetry__v1__value__init(v);
        v->sensor = (char *)type->fields[i].name;
        v->ten_thousandths = llround(value * 10000);
        e.n_values++;
        if (device->limits != NULL && strcmp(v->sensor, device->limits->sensor) == 0) {
            watched_value = value;
            watched = &watched_value;
        }
    }
    if (seen(device, cmd->measured_at_ms))
        return WEIR_OK;
    e.measured_at_ms = cmd->measured_at_ms;
    e.values = list;
    weir_status status = weir_emit(d, &e.base);
    if (status != WEIR_OK || watched == NULL || cmd->measured_at_ms < device->newest_ms)
        return status;
    return watch(d, device, cmd->measured_at_ms, *watched);
}

static void
recorded(void *state, const void *event)
{
    Telemetry__V1__Device *device = state;
    const Telemetry__V1__ReadingRecorded *e = event;

    if (e->measured_at_ms > device->newest_ms)
        device->newest_ms = e->measured_at_ms;
    weir_int64s_add(&device->n_recent_ms, &device->recent_ms, e->measured_at_ms);
    for (size_t i = device->n_recent_ms; i-- > 0;)
        if (device->recent_ms[i] < device->newest_ms - late_ms)
            weir_int64s_remove(&device->n_recent_ms, &device->recent_ms, i);
}

static void
raised(void *state, const void *event)
{
    Telemetry__V1__Device *device = state;
    (void)event;
    device->alert = true;
}

static void
cleared(void *state, const void *event)
{
    Telemetry__V1__Device *device = state;
    (void)event;
    device->alert = false;
}

static const weir_aggregate telemetry_device = {
    .name = "device", .key = "device_id", .state = &telemetry__v1__device__descriptor,
    .commands = {
        { &telemetry__v1__register_device__descriptor, register_device },
        { &telemetry__v1__record_reading__descriptor, record },
    },
    .events = {
        { &telemetry__v1__device_registered__descriptor, registered },
        { &telemetry__v1__reading_recorded__descriptor, recorded },
        { &telemetry__v1__alert_raised__descriptor, raised },
        { &telemetry__v1__alert_cleared__descriptor, cleared },
    },
};

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "telemetry",
    .views = "views",
    .aggregates = { &telemetry_device },
};
