/* SPDX-License-Identifier: Apache-2.0
 * Settings as a file (weir.conf) or as the text of weir_open: whatever is taken is in range, comes from somewhere, and written as a
 * file reads back. The first byte chooses. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/settings.h"
#include "fuzz.h"

static weir_status
read_bytes(weiri_settings *settings, const void *data, size_t size, weir_error *err)
{
    char path[64];
    int fd = memfd_create("settings", MFD_CLOEXEC);

    weiri_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    weir_status status = weiri_settings_read_file(settings, path, true, err);
    (void)close(fd);
    return status;
}

static void
check_values(const weiri_settings *settings)
{
    for (const weiri_setting_row *row = weiri_setting_rows; row->name != NULL; row++) {
        weiri_assert(weiri_settings_text(settings, row->name) != NULL && weiri_settings_origin(settings, row->name)[0] != '\0');
        if (row->kind != WEIRI_SETTING_NUMBER && row->kind != WEIRI_SETTING_SIZE)
            continue;
        uint64_t value = weiri_settings_number(settings, row->name);
        weiri_assert(value >= row->least && value <= row->most);
    }
}

static void
read_back(const weiri_settings *settings)
{
    weiri_settings again = { 0 };
    weiri_buffer text = { 0 };
    weir_error err;

    for (int i = 0; weiri_setting_rows[i].name != NULL; i++)
        if (settings->values[i] != NULL)
            weiri_buffer_print(&text, "%s = \"%s\"\n", weiri_setting_rows[i].name, settings->values[i]);
    weir_status status = read_bytes(&again, text.data, text.size, &err);
    weiri_assert(status == WEIR_OK);
    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        weiri_assert((settings->values[i] == NULL) == (again.values[i] == NULL));
        weiri_assert(settings->values[i] == NULL || strcmp(settings->values[i], again.values[i]) == 0);
    }
    weiri_settings_fini(&again);
    weiri_buffer_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_settings settings = { 0 };
    weir_status status;
    weir_error err;

    if (size == 0)
        return 0;
    if ((data[0] & 1) != 0) {
        char *text = fuzz_text(data + 1, size - 1);
        status = weiri_settings_parse(&settings, text, &err);
        free(text);
    } else {
        status = read_bytes(&settings, data + 1, size - 1, &err);
    }
    check_values(&settings);
    if (status == WEIR_OK)
        read_back(&settings);
    else
        fuzz_said(status, &err);
    weiri_settings_fini(&settings);
    return 0;
}
