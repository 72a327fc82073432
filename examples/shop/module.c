/* SPDX-License-Identifier: Apache-2.0
 * The shop: stock that is received, sold and returned, and orders that reserve it. */
#include "shop.h"

const weir_module weir_module_object = {
    .abi = WEIR_ABI,
    .name = "shop",
    .views = "views",
    .aggregates = { &shop_stock, &shop_order },
    .processes = { &shop_fulfilment, &shop_restocking },
};
