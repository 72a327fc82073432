/* SPDX-License-Identifier: Apache-2.0
 * Loading a module, and finding out which build of it this is: the GNU build id of the object that holds it, read from the
 * notes of the object as the dynamic loader has mapped it. Thread: any. */
#include "engine/module.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/bytes.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the object that holds an address ----------------------------------------------------------------- */

typedef struct holder {
    uintptr_t address;
    bool found;
    char path[PATH_MAX]; /* absolute; "" not known */
    char build_id[65];   /* "" it has none */
} holder;

static void
read_notes(holder *h, const uint8_t *notes, size_t size)
{
    size_t at = 0;

    while (at + sizeof(ElfW(Nhdr)) <= size) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)(notes + at);
        size_t name = at + sizeof *note;
        size_t words = name + ((note->n_namesz + 3u) & ~(size_t)3u);
        if (words + note->n_descsz > size)
            return;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0) {
            size_t n = note->n_descsz < 32 ? note->n_descsz : 32;
            for (size_t i = 0; i < n; i++)
                (void)snprintf(h->build_id + 2 * i, 3, "%02x", notes[words + i]);
            return;
        }
        at = words + ((note->n_descsz + 3u) & ~(size_t)3u);
    }
}

static int
look_at_object(struct dl_phdr_info *info, size_t size, void *user)
{
    holder *h = user;
    bool here = false;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + p->p_vaddr;
        here = here || (p->p_type == PT_LOAD && h->address >= start && h->address - start < p->p_memsz);
    }
    if (!here)
        return 0;
    h->found = true;
    for (int i = 0; i < info->dlpi_phnum && h->build_id[0] == '\0'; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_NOTE)
            read_notes(h, (const uint8_t *)info->dlpi_addr + p->p_vaddr, p->p_memsz);
    }
    /* The program itself has no name here. */
    const char *name = info->dlpi_name != NULL && info->dlpi_name[0] != '\0' ? info->dlpi_name : "/proc/self/exe";
    if (realpath(name, h->path) == NULL)
        h->path[0] = '\0';
    return 1;
}

/* Without a build id: the bytes of the object's file tell builds apart just as well, only slower. */
static void
hash_file(const char *path, char *to, size_t size)
{
    uint8_t block[16384];
    uint64_t hash = 0;
    size_t n;
    FILE *file = fopen(path, "re");

    while (file != NULL && (n = fread(block, 1, sizeof block, file)) > 0)
        hash = weiri_hash64(hash, block, n);
    if (file != NULL)
        (void)fclose(file);
    (void)snprintf(to, size, "%016" PRIx64, hash);
}

/* Whether the file holds all that its headers speak of. The loader maps it without looking, and a file that was cut short, as one
 * that is still being copied, would end the process with SIGBUS. What isn't an object of this machine is left to the loader. */
static bool
is_whole(const char *path)
{
    ElfW(Ehdr) header;
    struct stat about;
    bool whole = true;
    FILE *file = fopen(path, "re");

    if (file == NULL || fstat(fileno(file), &about) != 0 || fread(&header, sizeof header, 1, file) != 1 ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr)) ||
        fseek(file, (long)header.e_phoff, SEEK_SET) != 0)
        goto out;
    for (unsigned i = 0; whole && i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        whole = fread(&part, sizeof part, 1, file) == 1 && part.p_offset <= (uint64_t)about.st_size &&
                part.p_filesz <= (uint64_t)about.st_size - part.p_offset;
    }
out:
    if (file != NULL)
        (void)fclose(file);
    return whole;
}

/* ---- module ------------------------------------------------------------------------------------------- */

static char *
resolve_views(const weir_module *module, const char *views_setting, const char *object)
{
    weiri_buffer path = { 0 };

    if (views_setting != NULL && views_setting[0] != '\0')
        return weiri_text_copy(views_setting);
    if (module->views == NULL)
        return NULL;
    const char *slash = strrchr(object, '/');
    if (module->views[0] != '/' && slash != NULL)
        weiri_buffer_add(&path, object, (size_t)(slash + 1 - object));
    weiri_buffer_add_text(&path, module->views);
    char *text = weiri_text_copy(weiri_buffer_text(&path));
    weiri_buffer_fini(&path);
    return text;
}

weir_status
weiri_module_linked(const weir_module *module, const char *views_setting, weiri_loaded_module *ret_module, weir_error *err)
{
    holder h = { .address = (uintptr_t)module };

    if (module->abi != WEIR_ABI)
        return weiri_error_set(
            err, WEIR_INVALID, "the module was built for ABI %d of weir, this is ABI %d: build it again", module->abi, WEIR_ABI);
    (void)dl_iterate_phdr(look_at_object, &h);
    if (h.build_id[0] == '\0')
        hash_file(h.path, h.build_id, sizeof h.build_id);
    *ret_module = (weiri_loaded_module){ .module = module, .views_dir = resolve_views(module, views_setting, h.path) };
    memcpy(ret_module->build_id, h.build_id, sizeof h.build_id);
    return WEIR_OK;
}

weir_status
weiri_module_load(const char *path, const char *views_setting, weiri_loaded_module *ret_module, weir_error *err)
{
    char full[PATH_MAX];

    /* Without a slash the loader would look in its own directories. */
    if (realpath(path, full) == NULL)
        return weiri_error_set(err, WEIR_INVALID, "module %s: %s", path, strerror(errno));
    if (!is_whole(full))
        return weiri_error_set(err, WEIR_INVALID,
            "module %s: not a shared object that can be loaded: the file is cut short (is it still being copied?)", path);
    void *handle = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return weiri_error_set(err, WEIR_INVALID, "module %s: not a shared object that can be loaded: %s", path, dlerror());
    const weir_module *module = dlsym(handle, "weir_module_object");
    weir_status status;
    if (module == NULL)
        status = weiri_error_set(err, WEIR_INVALID,
            "module %s: it has no symbol weir_module_object: define `const weir_module weir_module_object = { ... }` in one of its files "
            "(after #include <weir/domain.h>, which makes it visible)",
            path);
    else
        status = weiri_module_linked(module, views_setting, ret_module, err);
    if (status == WEIR_OK) {
        ret_module->handle = handle;
        return WEIR_OK;
    }
    if (module != NULL)
        (void)weiri_error_prefix(err, "module %s", path);
    (void)dlclose(handle);
    return status;
}

void
weiri_module_unload(weiri_loaded_module *module)
{
    weiri_release(module->views_dir);
    if (module->handle != NULL)
        (void)dlclose(module->handle);
    memset(module, 0, sizeof *module);
}
