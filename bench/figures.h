/* SPDX-License-Identifier: Apache-2.0
 * Figures beside their limits, measured in turn in one run: weir, limit, weir, limit, ... The ratio is the median of the pairs'. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

typedef double figure_fn(void *context); /* one measurement; ends the program with words when it can't */

typedef struct figure {
    const char *name, *unit;
    bool lower_is_better; /* times and bytes: ratio = limit / value */
    int rounds;
    figure_fn *weir, *limit;
    void *context;
} figure;

/* Prints "figure value unit limit ratio", tab separated. */
void figure_measure(const figure *f);

int64_t bench_now_ns(void);
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A fresh directory below the one given to bench_directories, removed with everything in it by bench_remove. */
void bench_directories(const char *below);
void bench_directory(char *to, unsigned size);
void bench_remove(const char *directory);

#endif
