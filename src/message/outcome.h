/* SPDX-License-Identifier: Apache-2.0
 * The outcome of a command, as a record of the outcomes topic. A command with events has no outcome record of its
 * own on the embedded log: its events are one. Thread: any. */
#ifndef WEIRI_OUTCOME_H
#define WEIRI_OUTCOME_H

#include "message/record.h"

/* The record's type says what became of the command; the types of the engine begin with "weir.".
 *   weir.accepted     nothing to record
 *   weir.rejected     header weir-code; payload: the words (UTF-8). Codes of weir itself: malformed, wrong-partition,
 *                     id-reused, source-reused, key-quarantined, failed; on a shared log, where a command that is refused has
 *                     been consumed, also gap (header weir-last: where its source is) and too-many-sources
 *   weir.conflict     version: where the aggregate is
 *   weir.repeated     header weir-original: the source of the command that it repeats; WEIRI_NO_OFFSET's decimal where
 *                     only (source, sequence) was known. Else what its first answer said, for who reads it elsewhere:
 *                     weir-original-version; weir-original-events, if it had any, with weir-original-offset, of the first of them
 *                     in events; of a rejection weir-original-offset alone, of its outcome. Of a command that is held in
 *                     quarantine instead weir-code, and the words
 *   weir.quarantined  the command killed the process twice: its aggregate takes no commands; header weir-attempt: what the attempt
 *                     file calls it, in decimal
 *   weir.released     a person has released the aggregate; header weir-original: the command in quarantine; weir-discard: 1 when
 *                     what is held is not to be tried again; payload: why
 * key-quarantined: header weir-original names the command in quarantine. */
#define WEIRI_OUTCOME_ACCEPTED "weir.accepted"
#define WEIRI_OUTCOME_REJECTED "weir.rejected"
#define WEIRI_OUTCOME_CONFLICT "weir.conflict"
#define WEIRI_OUTCOME_REPEATED "weir.repeated"
#define WEIRI_OUTCOME_QUARANTINED "weir.quarantined"
#define WEIRI_OUTCOME_RELEASED "weir.released"
#define WEIRI_HEADER_CODE "weir-code"
#define WEIRI_HEADER_ORIGINAL "weir-original"
#define WEIRI_HEADER_ORIGINAL_VERSION "weir-original-version"
#define WEIRI_HEADER_ORIGINAL_EVENTS "weir-original-events"
#define WEIRI_HEADER_ORIGINAL_OFFSET "weir-original-offset"
#define WEIRI_HEADER_LAST "weir-last"
#define WEIRI_HEADER_ATTEMPT "weir-attempt"
#define WEIRI_HEADER_DISCARD "weir-discard"

/* Headers that lanes write, beside those of record.h. They stand where a process has a hand in it, and nowhere else. */
#define WEIRI_HEADER_PROCESS "weir-process"                   /* of a rejection of such a command: whose it was ... */
#define WEIRI_HEADER_REJECTED "weir-rejected"                 /* ... the command's type ... */
#define WEIRI_HEADER_REJECTED_COMMAND "weir-rejected-command" /* ... and its bytes */
#define WEIRI_HEADER_UNANSWERED "weir-unanswered"             /* 1: of a rejection that no process hears */
#define WEIRI_HEADER_ROUTED "weir-routed" /* of any event or outcome: "process=position ..." of the partition's router */

/* Codes of rejections that are told with another status than REJECTED. */
#define WEIRI_CODE_GAP "gap"                           /* CONFLICT */
#define WEIRI_CODE_TOO_MANY_SOURCES "too-many-sources" /* BUSY */
#define WEIRI_CODE_QUARANTINE_FULL "quarantine-full"   /* BUSY */
#define WEIRI_CODE_NOT_HELD "not-held"                 /* NOT_FOUND */

/* The commands of weir itself, in the commands topic. */
#define WEIRI_COMMAND_RELEASE \
    "weir.ReleaseAggregate" /* payload: why, as text; header weir-discard. On a shared log, where anybody
                                                           may send it, JSON: {"aggregate", "discard", "reason"} */

#endif
