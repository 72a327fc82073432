/* SPDX-License-Identifier: Apache-2.0
 * The bank: accounts that take deposits and withdrawals. */
#include "bank.h"

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "bank",
    .views = "views",
    .aggregates = { &bank_account },
};
