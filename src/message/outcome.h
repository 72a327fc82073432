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
 *                     in events; of a rejection weir-original-offset alone, of its outcome
 *   weir.quarantined  the command killed the process twice */
#define WEIRI_OUTCOME_ACCEPTED "weir.accepted"
#define WEIRI_OUTCOME_REJECTED "weir.rejected"
#define WEIRI_OUTCOME_CONFLICT "weir.conflict"
#define WEIRI_OUTCOME_REPEATED "weir.repeated"
#define WEIRI_OUTCOME_QUARANTINED "weir.quarantined"
#define WEIRI_HEADER_CODE "weir-code"
#define WEIRI_HEADER_ORIGINAL "weir-original"
#define WEIRI_HEADER_ORIGINAL_VERSION "weir-original-version"
#define WEIRI_HEADER_ORIGINAL_EVENTS "weir-original-events"
#define WEIRI_HEADER_ORIGINAL_OFFSET "weir-original-offset"
#define WEIRI_HEADER_LAST "weir-last"

/* Codes of rejections that are told with another status than REJECTED. */
#define WEIRI_CODE_GAP "gap"                           /* CONFLICT */
#define WEIRI_CODE_TOO_MANY_SOURCES "too-many-sources" /* BUSY */

#endif
