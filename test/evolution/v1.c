/* SPDX-License-Identifier: Apache-2.0
 * The first version of the module `parcel`: see the tests of evolution. */
#include <weir/weir.h>
#include "v1.pb-c.h"

static weir_status
post(weir_decision *d, const void *state, const void *command)
{
    Parcel__V1__Posted e = PARCEL__V1__POSTED__INIT;
    const Parcel__V1__Post *cmd = command;

    (void)state;
    if (weir_version(d) > 0)
        return weir_reject(d, "posted", "it has been posted");
    e.recipient = cmd->recipient;
    e.weight_g = cmd->weight_g;
    e.note = cmd->note;
    return weir_emit(d, &e.base);
}

static weir_status
deliver(weir_decision *d, const void *state, const void *command)
{
    Parcel__V1__Delivered e = PARCEL__V1__DELIVERED__INIT;
    const Parcel__V1__Parcel *parcel = state;
    const Parcel__V1__Deliver *cmd = command;

    if (weir_version(d) == 0 || parcel->delivered)
        return weir_reject(d, "not-under-way", "it isn't under way");
    e.signed_by = cmd->signed_by;
    e.remark = cmd->remark;
    return weir_emit(d, &e.base);
}

static void
delivered(void *state, const void *event)
{
    (void)event;
    ((Parcel__V1__Parcel *)state)->delivered = 1;
}

static void
posted(void *state, const void *event)
{
    const Parcel__V1__Posted *e = event;
    Parcel__V1__Parcel *parcel = state;

    weir_string_set(&parcel->recipient, e->recipient);
    parcel->weight_g = e->weight_g;
}

static const weir_aggregate parcel_parcel = {
    .name = "parcel",
    .key = "parcel_id",
    .state = &parcel__v1__parcel__descriptor,
    .commands = { { &parcel__v1__post__descriptor, post }, { &parcel__v1__deliver__descriptor, deliver } },
    .events = { { &parcel__v1__posted__descriptor, posted }, { &parcel__v1__delivered__descriptor, delivered } },
};

const weir_module weir_module_object = { .abi = WEIR_ABI, .name = "parcel", .views = "views-v1", .aggregates = { &parcel_parcel } };
