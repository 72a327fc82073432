/* SPDX-License-Identifier: Apache-2.0
 * The tests' domain with processes (testing_process.h) as a module of its own. */
#define testing_process_module weir_module_object
#include "../testing_process.c"
