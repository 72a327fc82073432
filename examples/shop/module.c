/* SPDX-License-Identifier: Apache-2.0
 * The shop: stock that is received, sold and returned. */
#include "shop.h"

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "shop",
    .views = "views",
    .aggregates = { &shop_stock },
};
