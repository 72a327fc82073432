/* SPDX-License-Identifier: Apache-2.0
 * The parts of the shop's module. */
#ifndef SHOP_H
#define SHOP_H
#include <inttypes.h>
#include <string.h>
#include <weir/weir.h>
#include "shop.pb-c.h"

extern const weir_aggregate shop_order, shop_stock;
extern const weir_process shop_fulfilment, shop_restocking;
#endif
