/* SPDX-License-Identifier: Apache-2.0
 * Each bucket is counted alone and summed when it is written: one addition a command. */
#include "http/meter.h"
#include <inttypes.h>

static const uint32_t bounds_us[WEIRI_METER_BOUNDS] = { 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
    2500000, 10000000 };

void
weiri_meter_add(weiri_meter *meter, int64_t us)
{
    size_t i = 0;

    while (i < WEIRI_METER_BOUNDS && us > (int64_t)bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&meter->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&meter->sum_us, us < 0 ? 0 : (uint64_t)us, memory_order_relaxed);
}

void
weiri_meter_write(weiri_meter *meter, const char *name, const char *help, weiri_buffer *to)
{
    uint64_t n = 0;

    weiri_buffer_print(to, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    for (size_t i = 0; i < WEIRI_METER_BOUNDS; i++) {
        n += atomic_load_explicit(&meter->counts[i], memory_order_relaxed);
        weiri_buffer_print(to, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds_us[i] / 1e6, n);
    }
    n += atomic_load_explicit(&meter->counts[WEIRI_METER_BOUNDS], memory_order_relaxed);
    weiri_buffer_print(to, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, n, name,
        (double)atomic_load_explicit(&meter->sum_us, memory_order_relaxed) / 1e6, name, n);
}
