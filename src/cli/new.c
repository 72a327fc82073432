/* SPDX-License-Identifier: Apache-2.0
 * weir new: a project that builds and passes its stories at once. Its files are those of src/cli/new/, with the project's name in
 * their places; all of them are written, or none stays. Thread: the main thread. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"

typedef struct weiri_embedded {
    const char *path;
    weiri_bytes text;
} weiri_embedded;
#include "cli/new_files.h"

enum { NAME_MOST = 63, N_FILES = sizeof files / sizeof *files };
static const char *const folders[] = { "", "/views", "/test" };
enum { N_FOLDERS = sizeof folders / sizeof *folders };

/* What the places in the files become. */
typedef struct words {
    const char *name;                                                  /* "gift-cards" */
    char ident[NAME_MOST + 1], camel[NAME_MOST + 1];                   /* "gift_cards", and "GiftCards" as protoc-c writes it */
    char upper[2 * NAME_MOST + 1], weir[PATH_MAX], path[2 * PATH_MAX]; /* "GIFT_CARDS"; of the build file: the program, a line */
} words;

/* ---- names -------------------------------------------------------------------------------------------- */

/* It is the module's, and a part of the names of C and of Protobuf. */
static bool
name_fits(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > NAME_MOST || !islower((unsigned char)name[0]) || name[n - 1] == '-' || strstr(name, "--") != NULL)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && strcmp(name, "weir") != 0;
}

static void
make_names(words *w)
{
    bool begins = true;
    size_t camel = 0, i;

    for (i = 0; w->name[i] != '\0'; i++) {
        char c = w->name[i] == '-' ? '_' : w->name[i];
        w->ident[i] = c;
        w->upper[i] = (char)toupper((unsigned char)c);
        if (c != '_')
            w->camel[camel++] = begins ? w->upper[i] : c;
        begins = c == '_';
    }
    w->ident[i] = w->upper[i] = w->camel[camel] = '\0';
}

/* Where weir.pc lies, beside the program: in a build, or where it was installed. */
static bool
find_package(const char *bin, char *to)
{
    static const char *const places[] = { "", "/../lib/*/pkgconfig", "/../lib/pkgconfig", "/../lib64/pkgconfig" };
    char pattern[2 * PATH_MAX];
    bool found = false;

    for (size_t i = 0; !found && i < sizeof places / sizeof *places; i++) {
        glob_t list = { 0 };
        (void)snprintf(pattern, sizeof pattern, "%s%s/weir.pc", bin, places[i]);
        found = glob(pattern, 0, NULL, &list) == 0 && list.gl_pathc > 0;
        if (found) {
            *strrchr(list.gl_pathv[0], '/') = '\0';
            found = realpath(list.gl_pathv[0], to) != NULL;
        }
        globfree(&list);
    }
    return found;
}

/* What is installed where everybody looks needs no path; another weir is told by the paths of its own. */
static void
make_paths(words *w, bool linked)
{
    char self[PATH_MAX] = "", bin[PATH_MAX], package[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    (void)snprintf(w->weir, sizeof w->weir, "weir");
    if (linked || n <= 0 || strncmp(self, "/usr/", 5) == 0)
        return;
    (void)snprintf(bin, sizeof bin, "%.*s", (int)(strrchr(self, '/') - self), self);
    /* A path that make or the shell would read as more than that is left to the person. */
    if (strpbrk(self, " \t\n$#%&;'\"\\|<>()`*?[]{}:=~!") != NULL || !find_package(bin, package))
        return;
    memcpy(w->weir, self, sizeof self);
    (void)snprintf(w->path, sizeof w->path, "export PKG_CONFIG_PATH := %s:$(PKG_CONFIG_PATH)", package);
}

/* ---- files -------------------------------------------------------------------------------------------- */

/* @name@ and its like. Every @ of the files is one of them. */
static void
fill(const words *w, weiri_bytes text, weiri_buffer *to)
{
    const struct {
        const char *place, *word;
    } places[] = { { "@name@", w->name }, { "@ident@", w->ident }, { "@Ident@", w->camel }, { "@IDENT@", w->upper }, { "@weir@", w->weir },
        { "@path@", w->path } };
    const char *p = text.data, *end = p + text.size;

    while (p < end) {
        size_t i = 0, n = 0;
        for (; *p == '@' && i < sizeof places / sizeof *places; i++) {
            n = strlen(places[i].place);
            if ((size_t)(end - p) >= n && memcmp(p, places[i].place, n) == 0)
                break;
            n = 0;
        }
        if (n > 0)
            weiri_buffer_add_text(to, places[i].word);
        else
            weiri_buffer_add_char(to, *p);
        p += n > 0 ? n : 1;
    }
}

/* 0, or errno. */
static int
write_file(const char *path, weiri_bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), error;
    const char *p = text.data;

    if (fd < 0)
        return errno;
    for (size_t left = text.size; left > 0;) {
        ssize_t n = write(fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error = n < 0 ? errno : EIO;
            (void)close(fd);
            return error;
        }
        p += n;
        left -= (size_t)n;
    }
    return close(fd) == 0 ? 0 : errno;
}

static void
path_of(const char *directory, const words *w, size_t file, weiri_buffer *path)
{
    weiri_buffer_clear(path);
    weiri_buffer_print(path, "%s/", directory);
    fill(w, weiri_bytes_of(files[file].path), path);
}

/* The first of the folders is the project's own: it must not be there. Returns 0, or errno with what it was about in `path`. */
static int
write_project(const char *directory, const words *w, size_t *folders_made, size_t *files_made, weiri_buffer *path)
{
    weiri_buffer text = { 0 };
    int error = 0;

    for (; *folders_made < N_FOLDERS; (*folders_made)++) {
        weiri_buffer_clear(path);
        weiri_buffer_print(path, "%s%s", directory, folders[*folders_made]);
        if (mkdir(weiri_buffer_text(path), 0777) != 0)
            return errno;
    }
    for (; error == 0 && *files_made < N_FILES; *files_made += 1) {
        path_of(directory, w, *files_made, path);
        weiri_buffer_clear(&text);
        fill(w, files[*files_made].text, &text);
        error = write_file(weiri_buffer_text(path), weiri_buffer_bytes(&text));
    }
    weiri_buffer_fini(&text);
    return error;
}

static void
take_back(const char *directory, const words *w, size_t folders_made, size_t files_made)
{
    weiri_buffer path = { 0 };

    while (files_made-- > 0) {
        path_of(directory, w, files_made, &path);
        (void)unlink(weiri_buffer_text(&path));
    }
    while (folders_made-- > 0) {
        weiri_buffer_clear(&path);
        weiri_buffer_print(&path, "%s%s", directory, folders[folders_made]);
        (void)rmdir(weiri_buffer_text(&path));
    }
    weiri_buffer_fini(&path);
}

static int
run(weiri_cli *cli)
{
    const char *directory = cli->arguments[0], *slash = strrchr(directory, '/');
    words w = { .name = slash == NULL ? directory : slash + 1 };
    size_t folders_made = 0, files_made = 0;
    weiri_buffer path = { 0 };
    int exit_code = WEIRI_EXIT_DONE;

    if (!name_fits(w.name))
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE,
            "'%.80s' is no name for a project: a-z first, then a-z, 0-9 and single '-' between them, at most %d; and not 'weir'", w.name,
            NAME_MOST);
    make_names(&w);
    make_paths(&w, cli->linked != NULL);
    int error = write_project(directory, &w, &folders_made, &files_made, &path);
    if (error != 0) {
        take_back(directory, &w, folders_made, files_made);
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s: %s; nothing was written", weiri_buffer_text(&path),
            error == EEXIST && folders_made == 0 ? "it exists already" : strerror(error));
    } else if (cli->json)
        fprintf(cli->out, "{\"name\":\"%s\",\"files\":%d}\n", w.name, N_FILES);
    else
        fprintf(cli->out, "%s: a project of %d files. README.md tells what each is for. Next:\n  cd %s\n  make test\n  make run\n",
            directory, N_FILES, directory);
    weiri_buffer_fini(&path);
    return exit_code;
}

static const weiri_cli_option options[] = { { NULL, 0, NULL, NULL } };

const weiri_cli_command weiri_cli_new = {
    .name = "new",
    .what = "A new project: messages, rules, a view, stories and a Makefile",
    .usage = "NAME",
    .examples = "weir new gifts\nweir new ~/projects/gift-cards",
    .more = "The project is a directory of that name, which must not be there yet. It builds, and its stories pass, at once.",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
