/* SPDX-License-Identifier: Apache-2.0
 * Loading a module's shared object: dlopen, the symbol, the ABI, the build id, where its views lie. Thread: any. */
#ifndef WEIRI_MODULE_H
#define WEIRI_MODULE_H

#include <weir/domain.h>
#include "base/error.h"

typedef struct weiri_loaded_module {
    void *handle; /* NULL: linked into the program */
    const weir_module *module;
    char *views_dir;   /* resolved; NULL: no views */
    char build_id[65]; /* hexadecimal GNU build id; without one, a hash of the object's bytes */
} weiri_loaded_module;

/* Errors: INVALID: no such file, not a shared object (the loader's words), no symbol weir_module_object, another ABI. `views_setting`
 * NULL: the module's own, relative to the object's directory. */
WEIR_MUST_USE weir_status weiri_module_load(const char *path, const char *views_setting, weiri_loaded_module *ret_module, weir_error *err);
/* The same for a module linked into this program. */
WEIR_MUST_USE weir_status weiri_module_linked(
    const weir_module *module, const char *views_setting, weiri_loaded_module *ret_module, weir_error *err);
void weiri_module_unload(weiri_loaded_module *module);

#endif
