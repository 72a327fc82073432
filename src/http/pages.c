/* SPDX-License-Identifier: Apache-2.0
 * Loading pages, and answering with one. What a page may load, and who may frame it, is said with each: only what comes from here. */
#include "http/pages.h"
#include "base/hash.h"
#include "base/memory.h"
#include "http/answer.h"
#include "http/handlers.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct {
    const char *ending, *type;
} types[] = { { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
    { ".svg", "image/svg+xml" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".ico", "image/x-icon" },
    { ".json", "application/json" }, { ".txt", "text/plain; charset=utf-8" }, { ".woff2", "font/woff2" } };

static const char *
type_of(const char *name)
{
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].ending, ending) == 0)
            return types[i].type;
    }
    return NULL;
}

static weir_status
read_page(const char *path, size_t size, weiri_page *page, weir_error *err)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    uint8_t *data = weiri_allocate(size + 1);
    page->size = fread(data, 1, size, file);
    page->data = data;
    (void)snprintf(page->etag, sizeof page->etag, "\"%08x-%zx\"", weiri_crc32c(0, data, page->size), page->size);
    (void)fclose(file);
    return WEIR_OK;
}

static weir_status
load_page(const char *dir, const char *name, weiri_page *pages, size_t *n, size_t *bytes, weir_error *err)
{
    weiri_buffer path = { 0 };
    struct stat st;
    weir_status status = WEIR_OK;

    weiri_buffer_print(&path, "%s/%s", dir, name);
    if (name[0] == '.' || stat(weiri_buffer_text(&path), &st) != 0 || !S_ISREG(st.st_mode)) {
        weiri_buffer_fini(&path);
        return WEIR_OK;
    }
    *bytes += (size_t)st.st_size;
    if (type_of(name) == NULL)
        status = weiri_error_set(err, WEIR_INVALID,
            "%s: a page's name ends in .html, .js, .css, .svg, .png, .jpg, .ico, .json, .txt or .woff2", weiri_buffer_text(&path));
    else if (*n == WEIRI_PAGES_MOST || *bytes > WEIRI_PAGES_BYTES)
        status = weiri_error_set(
            err, WEIR_INVALID, "%s: at most %d pages of %d MB together", dir, WEIRI_PAGES_MOST, WEIRI_PAGES_BYTES >> 20);
    else
        status = read_page(weiri_buffer_text(&path), (size_t)st.st_size, &pages[*n], err);
    if (status == WEIR_OK) {
        pages[*n].name = weiri_text_copy(name);
        pages[(*n)++].type = type_of(name);
    }
    weiri_buffer_fini(&path);
    return status;
}

weir_status
weiri_http_pages_load(const char *dir, weiri_page **ret_pages, weir_error *err)
{
    weiri_page *pages = weiri_allocate((WEIRI_PAGES_MOST + 1) * sizeof *pages);
    weir_status status = WEIR_OK;
    size_t n = 0, bytes = 0;
    struct dirent *entry;
    DIR *open = opendir(dir);

    if (open == NULL && errno != ENOENT)
        status = weiri_error_set(err, WEIR_IO, "%s: %s", dir, strerror(errno));
    while (status == WEIR_OK && open != NULL && (entry = readdir(open)) != NULL)
        status = load_page(dir, entry->d_name, pages, &n, &bytes, err);
    if (open != NULL)
        (void)closedir(open);
    if (status != WEIR_OK) {
        weiri_http_pages_free(pages);
        return status;
    }
    *ret_pages = pages;
    return WEIR_OK;
}

void
weiri_http_pages_free(weiri_page *pages)
{
    for (weiri_page *page = pages; page != NULL && page->name != NULL; page++) {
        weiri_release((void *)(uintptr_t)page->name);
        weiri_release((void *)(uintptr_t)page->data);
    }
    weiri_release(pages);
}

/* ---- answering ------------------------------------------------------------------------------------------- */

static void
answer(weiri_request *request, const weiri_page *pages, const char *name)
{
    static const char *const names[] = { NULL };

    if (!weiri_http_parameters_known(request, names))
        return;
    for (const weiri_page *page = pages; page != NULL && page->name != NULL; page++) {
        if (strcmp(page->name, name) == 0) {
            request->page = page;
            request->reply.http = 200;
            request->reply.content_type = page->type;
        }
    }
    if (request->page == NULL)
        weiri_request_problem(request, WEIR_NOT_FOUND, "there is no page '%.60s'", name);
    weiri_request_ready(request);
}

void
weiri_http_console(weiri_request *request)
{
    answer(request, weiri_console_pages, request->parameters[0]);
}

/* Browsers get the console, programs the list of what there is. */
void
weiri_http_root(weiri_request *request)
{
    const char *accept = request->headers.accept;

    if (accept != NULL && strcasestr(accept, "text/html") != NULL && weiri_accept_quality(accept, "text/html") > 0)
        answer(request, weiri_console_pages, "index.html");
    else
        weiri_http_listing(request);
}

void
weiri_http_app(weiri_request *request)
{
    const weiri_target *target = &request->target;

    if (request->http->app == NULL || request->http->app[0].name == NULL) {
        weiri_request_problem(request, WEIR_NOT_FOUND, "this module has no pages of its own");
        weiri_request_ready(request);
    } else if (target->n_segments == 1) { /* links in a page are relative to /app/ */
        request->reply.http = 308;
        weiri_buffer_add_text(&request->reply.location, "/app/");
        weiri_request_ready(request);
    } else {
        answer(request, request->http->app, target->n_segments > 2 || target->segments[1][0] == '\0' ? "index.html" : target->segments[1]);
    }
}
