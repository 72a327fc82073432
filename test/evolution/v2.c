/* SPDX-License-Identifier: Apache-2.0
 * The second version of the module `parcel`: Posted is upcast to PostedTo. The third, which breaks the messages of both, has the same
 * rules; and with STRICT the upcast fails for whom it can't split. */
#include <string.h>
#include <weir/weir.h>
#include PARCEL_PROTO

/* "Ada, London": renamed, split into a nested message, and grams become milligrams. What it points to is the caller's. */
typedef struct posted_to {
    Parcel__V1__PostedTo event;
    Parcel__V1__Address to;
    char name[200];
} posted_to;

static const Parcel__V1__PostedTo *
fill(posted_to *p, char *recipient, int32_t weight_g, char *note)
{
    const char *comma = strstr(recipient, ", ");
    size_t size = comma == NULL ? strlen(recipient) : (size_t)(comma - recipient);

    p->event = (Parcel__V1__PostedTo)PARCEL__V1__POSTED_TO__INIT;
    p->to = (Parcel__V1__Address)PARCEL__V1__ADDRESS__INIT;
    size = size < sizeof p->name ? size : sizeof p->name - 1;
    memcpy(p->name, recipient, size);
    p->name[size] = '\0';
    p->to.name = p->name;
    if (comma != NULL)
        p->to.city = recipient + (comma + 2 - recipient);
    p->event.to = &p->to;
    p->event.weight_mg = 1000 * (int64_t)weight_g;
    p->event.note = note;
    return &p->event;
}

static weir_status
upcast_posted(const void *old, void *fresh, weir_error *err)
{
    const Parcel__V1__Posted *e = old;
    posted_to p;

    (void)err;
#ifdef STRICT
    if (strstr(e->recipient, ", ") == NULL)
        return weir_upcast_fail(err, "'%s' has no city", e->recipient);
#endif
    weir_assign(fresh, fill(&p, e->recipient, e->weight_g, e->note));
    weir_string_set(&((Parcel__V1__PostedTo *)fresh)->parcel_id, e->parcel_id);
    return WEIR_OK;
}

static weir_status
post(weir_decision *d, const void *state, const void *command)
{
    const Parcel__V1__Post *cmd = command;
    posted_to p;

    (void)state;
    if (weir_version(d) > 0)
        return weir_reject(d, "posted", "it has been posted");
    return weir_emit(d, &fill(&p, cmd->recipient, cmd->weight_g, cmd->note)->base);
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
#ifndef BREAKING
    e.remark = cmd->remark;
#endif
    return weir_emit(d, &e.base);
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
    .events = { { &parcel__v1__posted_to__descriptor, weir_assign }, { &parcel__v1__delivered__descriptor, delivered } },
};

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "parcel",
    .views = "views-v2",
    .aggregates = { &parcel_parcel },
    .upcasts = { { &parcel__v1__posted__descriptor, &parcel__v1__posted_to__descriptor, upcast_posted } },
};
