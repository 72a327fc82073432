/* SPDX-License-Identifier: Apache-2.0
 * A load for people: the progress bar and the summary. Thread: the main thread. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/world.h"
#include "cli/load.h"
#include "cli/output.h"

enum { DRAW_EVERY_US = 100000, BAR = 30 };

static int64_t
now_us(void)
{
    return weiri_world_real.monotonic_us(&weiri_world_real);
}

void
weiri_load_progress_begin(weiri_load_progress *progress, FILE *talk)
{
    progress->begun_us = now_us();
    progress->to = isatty(fileno(talk)) == 1 ? talk : NULL;
}

double
weiri_load_progress_seconds(const weiri_load_progress *progress)
{
    return (double)(now_us() - progress->begun_us) / 1e6;
}

void
weiri_load_progress_draw(weiri_load_progress *progress, uint64_t lines, uint64_t at, uint64_t size)
{
    int64_t now = now_us();
    double seconds = weiri_load_progress_seconds(progress);
    char bar[BAR + 1];

    if (progress->to == NULL || now - progress->drawn_us < DRAW_EVERY_US)
        return;
    progress->drawn_us = now;
    uint64_t part = size == 0 || at > size ? size : at;
    for (unsigned i = 0; i < BAR; i++)
        bar[i] = size > 0 && part * BAR >= (uint64_t)(i + 1) * size ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(progress->to, "\r[%s] %3" PRIu64 " %%  %" PRIu64 " lines  %.0f/s\033[K", bar, size == 0 ? 0 : part * 100 / size, lines,
        seconds > 0 ? (double)lines / seconds : 0);
    (void)fflush(progress->to);
}

void
weiri_load_progress_clear(weiri_load_progress *progress)
{
    if (progress->to != NULL && progress->drawn_us > 0)
        fprintf(progress->to, "\r\033[K");
    progress->drawn_us = 0;
}

static void
print_json(const weiri_cli *cli, const weiri_load_summary *s)
{
    json_t *codes = json_object();

    for (size_t i = 0; i < s->tally->n_codes; i++)
        json_object_set_new(codes, s->tally->codes[i].code, json_integer((json_int_t)s->tally->codes[i].n));
    json_t *all = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:f,s:b}", "file", s->path, "type", s->type, "source", s->source,
        "lines", (json_int_t)s->lines, "accepted", (json_int_t)s->tally->accepted, "refused", (json_int_t)s->tally->rejected, "codes",
        codes, "unreadable", (json_int_t)s->tally->unreadable, "repeated", (json_int_t)s->tally->repeated, "undecided",
        (json_int_t)s->undecided, "seconds", s->seconds, "interrupted", (int)s->interrupted);
    char *text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fprintf(cli->out, "%s\n", text);
    free(text);
    json_decref(all);
}

void
weiri_load_summary_print(const weiri_cli *cli, const weiri_load_summary *s)
{
    if (cli->json) {
        print_json(cli, s);
        return;
    }
    fprintf(cli->out, "%" PRIu64 " record%s of %s as %s in %.1f s (%.0f a second)\n", s->lines, s->lines == 1 ? "" : "s", s->path, s->type,
        s->seconds, s->seconds > 0 ? (double)s->lines / s->seconds : 0);
    fprintf(cli->out, "  accepted    %8" PRIu64 "\n", s->tally->accepted);
    fprintf(cli->out, "  refused     %8" PRIu64 "\n", s->tally->rejected);
    for (size_t i = 0; i < s->tally->n_codes; i++)
        fprintf(cli->out, "    %-18s %8" PRIu64 "\n", s->tally->codes[i].code, s->tally->codes[i].n);
    fprintf(cli->out, "  unreadable  %8" PRIu64 "\n", s->tally->unreadable);
    fprintf(cli->out, "  repeated    %8" PRIu64 "\n", s->tally->repeated);
    if (s->undecided > 0)
        fprintf(cli->out, "  undecided   %8" PRIu64 "\n", s->undecided);
}
