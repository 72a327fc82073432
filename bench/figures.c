/* SPDX-License-Identifier: Apache-2.0
 * Pairs of measurements and their medians. */
#include "figures.h"
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MOST = 51 };

static const char *base = ".";

int64_t
bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

_Noreturn void
bench_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void
bench_directories(const char *below)
{
    base = below;
}

void
bench_directory(char *to, unsigned size)
{
    (void)snprintf(to, size, "%s/bench.XXXXXX", base);
    if (mkdtemp(to) == NULL)
        bench_fail("no directory can be made in %s", base);
}

static int
remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is;
    (void)kind;
    (void)at;
    return remove(path);
}

void
bench_remove(const char *directory)
{
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void
figure_measure(const figure *f)
{
    double values[ROUNDS_MOST], limits[ROUNDS_MOST], ratios[ROUNDS_MOST];

    for (int i = 0; i < f->rounds; i++) {
        values[i] = f->weir(f->context);
        limits[i] = f->limit(f->context);
        ratios[i] = f->lower_is_better ? limits[i] / values[i] : values[i] / limits[i];
    }
    printf("%s\t%.6g\t%s\t%.6g\t%.2f\n", f->name, median(values, f->rounds), f->unit, median(limits, f->rounds), median(ratios, f->rounds));
    fflush(stdout);
}
