/* SPDX-License-Identifier: Apache-2.0
 * Watching view files by inotify: editors write a file in place or put another in its place; both are seen, and nothing else.
 * Thread: one. */
#include "cli/watch.h"
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { SAVED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR };

weir_status
weiri_watch_open(weiri_watch *watch, const char *directory, weir_error *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0)
        return weiri_error_set(err, WEIR_IO, "%s can't be watched: %s", directory, strerror(errno));
    *watch = (weiri_watch){ .directory = directory, .fd = fd, .watch = inotify_add_watch(fd, directory, SAVED) };
    if (watch->watch >= 0)
        return WEIR_OK;
    weiri_error_set(err, WEIR_IO, "%s can't be watched: %s", directory, strerror(errno));
    weiri_watch_close(watch);
    return err == NULL ? WEIR_IO : err->status;
}

static bool
is_view(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".sql") == 0;
}

/* All that is waiting: is something of it about views? */
static bool
read_events(weiri_watch *watch)
{
    alignas(struct inotify_event) char events[8192];
    bool about = false;
    ssize_t n;

    while ((n = read(watch->fd, events, sizeof events)) > 0)
        for (char *p = events; p < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            if ((event->mask & IN_IGNORED) != 0 && event->wd == watch->watch)
                watch->watch = -1;
            about = about || (event->mask & IN_Q_OVERFLOW) != 0 || (event->len > 0 && is_view(event->name));
            p += sizeof *event + event->len;
        }
    return about;
}

bool
weiri_watch_changed(weiri_watch *watch)
{
    bool more = read_events(watch);

    if (watch->watch < 0) {
        watch->watch = inotify_add_watch(watch->fd, watch->directory, SAVED);
        more = more || watch->watch >= 0;
    }
    bool changed = watch->moving && !more;
    watch->moving = more;
    return changed;
}

void
weiri_watch_close(weiri_watch *watch)
{
    if (watch->fd > 0)
        (void)close(watch->fd);
    *watch = (weiri_watch){ 0 };
}
