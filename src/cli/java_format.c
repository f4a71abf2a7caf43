/* java_format.c - see java_format.h. */
#include "cli/java_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_S 1000
#define NO_DIGIT 36

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A') + 10;
    }
    return NO_DIGIT;
}

/* The digits of a number whose sign was read; at most 2^63 - 1, or 2^63 when negative. */
static bool parse_digits(const char *text, unsigned radix, bool is_negative, int64_t *value)
{
    uint64_t most = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        unsigned digit = digit_of(*text);
        if (digit >= radix || sum > (most - digit) / radix) {
            return false;
        }
        sum = sum * radix + digit;
    }
    *value = is_negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

static const char *take_sign(const char *text, bool *is_negative)
{
    *is_negative = *text == '-';
    return *text == '-' || *text == '+' ? text + 1 : text;
}

bool java_parse_int(const char *text, int32_t *value)
{
    bool is_negative;
    int64_t wide;
    text = take_sign(text, &is_negative);
    if (!parse_digits(text, 10, is_negative, &wide) || wide < INT32_MIN || wide > INT32_MAX) {
        return false;
    }
    *value = (int32_t)wide;
    return true;
}

bool java_decode_long(const char *text, int64_t *value)
{
    bool is_negative;
    unsigned radix = 10;
    text = take_sign(text, &is_negative);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        radix = 16;
        text += 2;
    } else if (text[0] == '#') {
        radix = 16;
        text += 1;
    } else if (text[0] == '0' && text[1] != '\0') {
        radix = 8;
        text += 1;
    }
    return parse_digits(text, radix, is_negative, value);
}

static bool local_time(int64_t ms, struct tm *local)
{
    int64_t seconds = ms / MS_PER_S - (ms % MS_PER_S < 0 ? 1 : 0);
    time_t at = (time_t)seconds;
    return localtime_r(&at, local) != NULL;
}

static const char *unreachable(int64_t ms, char text[JAVA_DATE_TEXT_MAX])
{
    snprintf(text, JAVA_DATE_TEXT_MAX, "%" PRId64 " ms", ms);
    return text;
}

const char *java_date(int64_t ms, char text[JAVA_DATE_TEXT_MAX])
{
    struct tm local;
    if (!local_time(ms, &local) ||
        strftime(text, JAVA_DATE_TEXT_MAX, "%a %b %d %H:%M:%S %Z %Y", &local) == 0) {
        return unreachable(ms, text);
    }
    return text;
}

/* Hours of a clock of twelve: 12, 1, 2 ... 11. */
static int clock_hour(const struct tm *local)
{
    return local->tm_hour % 12 == 0 ? 12 : local->tm_hour % 12;
}

static const char *half_day(const struct tm *local)
{
    return local->tm_hour < 12 ? "AM" : "PM";
}

const char *java_short_date_long_time(int64_t ms, char text[JAVA_DATE_TEXT_MAX])
{
    struct tm local;
    if (!local_time(ms, &local)) {
        return unreachable(ms, text);
    }
    int64_t year = (int64_t)local.tm_year + 1900;
    snprintf(text, JAVA_DATE_TEXT_MAX, "%d/%d/%02d, %d:%02d:%02d %s %.20s", local.tm_mon + 1,
             local.tm_mday, (int)(year < 0 ? -year % 100 : year % 100), clock_hour(&local),
             local.tm_min, local.tm_sec, half_day(&local), local.tm_zone);
    return text;
}

const char *java_medium_date_time(int64_t ms, char text[JAVA_DATE_TEXT_MAX])
{
    struct tm local;
    char month[8];
    if (!local_time(ms, &local) || strftime(month, sizeof month, "%b", &local) == 0) {
        return unreachable(ms, text);
    }
    snprintf(text, JAVA_DATE_TEXT_MAX, "%s %d, %" PRId64 ", %d:%02d:%02d %s", month, local.tm_mday,
             (int64_t)local.tm_year + 1900, clock_hour(&local), local.tm_min, local.tm_sec,
             half_day(&local));
    return text;
}
