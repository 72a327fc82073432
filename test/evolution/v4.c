/* SPDX-License-Identifier: Apache-2.0
 * The version of the module `parcel` that follows the second: PostedTo is upcast to PostedFor, and so Posted in two steps. What it gives
 * up it says. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>
#include "v4.pb-c.h"

static weir_status
upcast_posted(const void *old, void *fresh, weir_error *err)
{
    const Parcel__V1__Posted *e = old;
    Parcel__V1__PostedTo p = PARCEL__V1__POSTED_TO__INIT;
    Parcel__V1__Address to = PARCEL__V1__ADDRESS__INIT;
    const char *comma = strstr(e->recipient, ", ");
    char name[200];

    (void)snprintf(name, sizeof name, "%.*s", comma == NULL ? (int)sizeof name : (int)(comma - e->recipient), e->recipient);
    (void)err;
    to.name = name;
    if (comma != NULL)
        to.city = e->recipient + (comma + 2 - e->recipient);
    p.parcel_id = e->parcel_id;
    p.to = &to;
    p.weight_mg = 1000 * (int64_t)e->weight_g;
    p.note = e->note;
    weir_assign(fresh, &p);
    return WEIR_OK;
}

static weir_status
upcast_posted_to(const void *old, void *fresh, weir_error *err)
{
    const Parcel__V1__PostedTo *e = old;
    Parcel__V1__PostedFor *f = fresh;

    (void)err;
    weir_assign(f, e);
    if (e->note[0] != '\0')
        weir_strings_add(&f->n_notes, &f->notes, e->note);
    return WEIR_OK;
}

static weir_status
post(weir_decision *d, const void *state, const void *command)
{
    Parcel__V1__PostedFor e = PARCEL__V1__POSTED_FOR__INIT;
    Parcel__V1__Address to = PARCEL__V1__ADDRESS__INIT;
    const Parcel__V1__Post *cmd = command;

    (void)state;
    if (weir_version(d) > 0)
        return weir_reject(d, "posted", "it has been posted");
    to.name = cmd->recipient;
    e.to = &to;
    e.weight_mg = 1000 * (int64_t)cmd->weight_g;
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
    return weir_emit(d, &e.base);
}

static void
posted_for(void *state, const void *event)
{
    const Parcel__V1__PostedFor *e = event;

    weir_assign(state, e); /* `notes` is of another type in the state: how many */
    ((Parcel__V1__Parcel *)state)->notes = (int32_t)e->n_notes;
}

static void
delivered(void *state, const void *event)
{
    (void)event;
    ((Parcel__V1__Parcel *)state)->delivered = 1;
}

static const weir_aggregate parcel_parcel = {
    .name = "parcel",
    .key = "parcel_id",
    .state = &parcel__v1__parcel__descriptor,
    .commands = { { &parcel__v1__post__descriptor, post }, { &parcel__v1__deliver__descriptor, deliver } },
    .events = { { &parcel__v1__posted_for__descriptor, posted_for }, { &parcel__v1__delivered__descriptor, delivered } },
};

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "parcel",
    .views = "views-v4",
    .aggregates = { &parcel_parcel },
    .upcasts = { { &parcel__v1__posted__descriptor, &parcel__v1__posted_to__descriptor, upcast_posted },
        { &parcel__v1__posted_to__descriptor, &parcel__v1__posted_for__descriptor, upcast_posted_to } },
    .retired = { "parcel.v1.Post.note", "parcel.v1.Delivered.remark" },
};
