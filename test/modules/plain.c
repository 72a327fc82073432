/* SPDX-License-Identifier: Apache-2.0
 * A module with nothing in it, for loading: of today's ABI, of another (-DMODULE_ABI=...), or without its symbol. */
#include <weir/domain.h>

#ifndef MODULE_ABI
#define MODULE_ABI WEIR_ABI
#endif

#ifdef MODULE_WITHOUT_SYMBOL
WEIR_API const char weir_module_objekt[] = "misspelt";
#else
const weir_module weir_module_object = { .abi = MODULE_ABI, .name = "plain", .views = "sql" };
#endif
