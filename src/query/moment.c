/* SPDX-License-Identifier: Apache-2.0
 * Days from and to the civil calendar, by the usual arithmetic over eras of 400 years (146,097 days) that begin in March.
 * Thread: any. */
#include "query/moment.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

typedef struct civil {
    int64_t year;
    unsigned month, day;
} civil;

static int64_t
floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t
weiri_moment_floor(int64_t ms, int64_t unit_ms)
{
    int64_t rest = ms % unit_ms;

    if (rest < 0)
        rest += unit_ms;
    return ms < INT64_MIN + rest ? INT64_MIN : ms - rest;
}

static civil
civil_of_days(int64_t days)
{
    int64_t shifted = days + 719468; /* days from 0000-03-01 */
    int64_t era = floor_divide(shifted, 146097);
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;
    civil c = { (int64_t)year_of_era + era * 400, shifted_month < 10 ? shifted_month + 3 : shifted_month - 9,
        day_of_year - (153 * shifted_month + 2) / 5 + 1 };

    c.year += c.month <= 2;
    return c;
}

static int64_t
days_of_civil(civil c)
{
    int64_t year = c.year - (c.month <= 2), era = floor_divide(year, 400);
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;

    return era * 146097 + (int64_t)(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) - 719468;
}

size_t
weiri_moment_date(int64_t ms, char to[WEIRI_MOMENT_SIZE])
{
    civil c = civil_of_days(floor_divide(ms, WEIRI_DAY_MS));

    return (size_t)snprintf(to, WEIRI_MOMENT_SIZE, "%04lld-%02u-%02u", (long long)c.year, c.month, c.day);
}

size_t
weiri_moment_text(int64_t ms, char to[WEIRI_MOMENT_SIZE])
{
    size_t n = weiri_moment_date(ms, to);
    int64_t rest = ms % WEIRI_DAY_MS + (ms % WEIRI_DAY_MS < 0 ? WEIRI_DAY_MS : 0); /* the day's beginning may be no int64 */
    int second = (int)(rest / 1000);

    return n + (size_t)snprintf(to + n, WEIRI_MOMENT_SIZE - n, "T%02d:%02d:%02d.%03dZ", second / 3600, second / 60 % 60, second % 60,
                   (int)(rest % 1000));
}

static bool
digits(const char **at, int n, unsigned *ret_value)
{
    unsigned value = 0;

    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (unsigned)(**at - '0');
    }
    *ret_value = value;
    return true;
}

static bool
take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool
read_date(const char **at, int64_t *ret_days)
{
    static const unsigned lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned year;
    civil c;

    if (!digits(at, 4, &year) || !take(at, '-') || !digits(at, 2, &c.month) || !take(at, '-') || !digits(at, 2, &c.day))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > lengths[c.month - 1] - (c.month == 2 && !leap))
        return false;
    c.year = year;
    *ret_days = days_of_civil(c);
    return true;
}

/* hh:mm[:ss[.fraction]]; beyond milliseconds a fraction is cut. */
static bool
read_time(const char **at, int64_t *ret_ms)
{
    unsigned hour, minute, second = 0, ms = 0, scale = 100;

    if (!digits(at, 2, &hour) || !take(at, ':') || !digits(at, 2, &minute))
        return false;
    if (take(at, ':')) {
        if (!digits(at, 2, &second))
            return false;
        if (take(at, '.')) {
            if (**at < '0' || **at > '9')
                return false;
            for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
                ms += (unsigned)(**at - '0') * scale;
        }
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
    return true;
}

static bool
read_zone(const char **at, int64_t *ret_ms)
{
    unsigned hour = 0, minute = 0;
    char sign = **at;

    if (take(at, 'Z') || sign == '\0') {
        *ret_ms = 0;
        return true;
    }
    if ((sign != '+' && sign != '-') || !(*at)++ || !digits(at, 2, &hour))
        return false;
    (void)take(at, ':');
    if (!digits(at, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_ms = ((int64_t)hour * 60 + minute) * WEIRI_MINUTE_MS * (sign == '-' ? -1 : 1);
    return true;
}

bool
weiri_moment_read(const char *text, int64_t *ret_ms)
{
    const char *at = text;
    int64_t days, ms = 0, zone = 0;

    if (weiri_text_to_int64(text, ret_ms))
        return true;
    if (!read_date(&at, &days))
        return false;
    if (take(&at, 'T') || take(&at, ' '))
        if (!read_time(&at, &ms) || !read_zone(&at, &zone))
            return false;
    if (*at != '\0')
        return false;
    *ret_ms = days * WEIRI_DAY_MS + ms - zone;
    return true;
}
