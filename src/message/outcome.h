/* SPDX-License-Identifier: Apache-2.0
 * The outcome of a command, as a record of the outcomes topic. A command with events has no outcome record of its
 * own on the embedded log: its events are one. Thread: any. */
#ifndef WEIRI_OUTCOME_H
#define WEIRI_OUTCOME_H

#include "message/record.h"

/* The record's type says what became of the command; the types of the engine begin with "weir.".
 *   weir.accepted     nothing to record
 *   weir.rejected     header weir-code; payload: the words (UTF-8). Codes of weir itself: malformed, wrong-partition,
 *                     id-reused, source-reused, key-quarantined, gap, failed
 *   weir.conflict     version: where the aggregate is
 *   weir.repeated     header weir-original: the source of the command that it repeats; WEIRI_NO_OFFSET's decimal where
 *                     only (source, sequence) was known
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
#define WEIRI_HEADER_ATTEMPT "weir-attempt"
#define WEIRI_HEADER_DISCARD "weir-discard"

/* The commands of weir itself, in the commands topic. */
#define WEIRI_COMMAND_RELEASE "weir.ReleaseAggregate" /* payload: why, as text; header weir-discard */

#endif
