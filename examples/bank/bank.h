/* SPDX-License-Identifier: Apache-2.0
 * The parts of the bank's module. */
#ifndef BANK_H
#define BANK_H
#include <inttypes.h>
#include <weir/weir.h>
#include "bank.pb-c.h"

/* No amount, limit or balance is above this, so no sum of two overflows. */
#define BANK_MOST_CENTS INT64_C(1000000000000000)

extern const weir_aggregate bank_account;
#endif
