/* SPDX-License-Identifier: Apache-2.0
 * Inside the room: between a story's world and what its processes do in it. Thread: one. */
#ifndef WEIRI_STORY_PROCESS_H
#define WEIRI_STORY_PROCESS_H

#include "story/story_world.h"

/* story_world.c */
weiri_story_state *weiri_story_state_of(weiri_story_world *world, uint16_t aggregate, const char *key); /* empty where there was none */
weiri_story_result *weiri_story_result_add(weiri_story_world *world, weiri_story_result_kind kind);
/* `from`: the command's mail; NULL: the story's own command, whose rejection is a result. */
WEIR_MUST_USE weir_status weiri_story_decide(weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *command,
    const weiri_story_mail *from, weiri_story_how how, weir_error *err);

/* story_process.c */
/* An event reaches the instances that it is for: in a run later, else now. `newest`: the event as of today. */
WEIR_MUST_USE weir_status weiri_story_reach(weiri_story_world *world, const weiri_type *type, weiri_bytes payload,
    const ProtobufCMessage *newest, weiri_story_how how, weir_error *err);
void weiri_story_post_rejection(weiri_story_world *world, const weiri_story_mail *command, const char *code, const char *text);
/* Until nothing is under way. */
WEIR_MUST_USE weir_status weiri_story_carry_out(weiri_story_world *world, weir_error *err);
void weiri_story_mail_fini(weiri_story_mail *mail);

#endif
