/* SPDX-License-Identifier: Apache-2.0
 * posix_fallocate on a name. Thread: any. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

weir_status
weiri_file_allocate(const char *path, size_t size, weir_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);

    if (fd >= 0)
        (void)close(fd);
    if (error == ENOSPC || error == EDQUOT || error == EIO || error == EFBIG)
        return weiri_error_set(err, WEIR_IO, "%s: no room for %zu bytes: %s", path, size, strerror(error));
    return WEIR_OK;
}
