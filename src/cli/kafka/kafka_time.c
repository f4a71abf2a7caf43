/* kafka_time.c - see kafka_time.h. */
#include "cli/kafka/kafka_time.h"

#define MS_PER_SECOND 1000
#define MS_PER_MINUTE 60000
#define MS_PER_HOUR 3600000
#define MS_PER_DAY 86400000
#define DIGITS_MAX 12

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Up to `width` digits at the front; false when there is none. */
static bool take_number(struct slice *text, size_t width, int64_t *number, size_t *digits)
{
    size_t i = 0;
    *number = 0;
    while (i < text->len && i < width && is_digit(text->ptr[i])) {
        *number = *number * 10 + (text->ptr[i] - '0');
        i++;
    }
    *text = slice_part(*text, i, text->len);
    *digits = i;
    return i > 0;
}

static bool take_byte(struct slice *text, uint8_t byte)
{
    if (text->len == 0 || text->ptr[0] != byte) {
        return false;
    }
    *text = slice_part(*text, 1, text->len);
    return true;
}

/* Days since 1970 of a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = year - (month <= 2);
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Z, +hh, +hhmm or +hh:mm; nothing is UTC. */
static bool take_zone(struct slice *text, int64_t *offset_ms)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    size_t digits;
    *offset_ms = 0;
    if (text->len == 0 || take_byte(text, 'Z')) {
        return text->len == 0;
    }
    bool is_negative = take_byte(text, '-');
    if (!is_negative && !take_byte(text, '+')) {
        return false;
    }
    if (!take_number(text, 2, &hours, &digits) || digits != 2) {
        return false;
    }
    bool has_colon = take_byte(text, ':');
    bool has_minutes = take_number(text, 2, &minutes, &digits);
    if ((has_minutes ? digits != 2 : has_colon) || hours > 23 || minutes > 59 || text->len > 0) {
        return false;
    }
    *offset_ms = (hours * 60 + minutes) * MS_PER_MINUTE * (is_negative ? -1 : 1);
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int kafka_parse_datetime(struct slice text, int64_t *ms, struct errmsg *message)
{
    static const uint8_t separators[] = {'-', '-', 'T', ':', ':', '.'};
    static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t parts[7]; /* year, month, day, hour, minute, second, millisecond */
    struct slice rest = text;
    size_t digits;
    int64_t zone_ms = 0;
    const uint8_t *t = text.len > 0 ? memchr(text.ptr, 'T', text.len) : NULL;
    if (t == NULL || t + 1 == text.ptr + text.len) {
        return errmsg_set(
            message, ERR_INVALID,
            "java.text.ParseException: Error parsing timestamp. It does not contain a "
            "'T' according to ISO8601 format");
    }
    bool is_good = true;
    for (size_t i = 0; i < ARRAY_LEN(parts) && is_good; i++) {
        is_good = take_number(&rest, i == 0 ? 9 : 4, &parts[i], &digits) &&
                  (i == ARRAY_LEN(separators) || take_byte(&rest, separators[i]));
    }
    is_good = is_good && take_zone(&rest, &zone_ms) && parts[1] >= 1 && parts[1] <= 12 &&
              parts[2] >= 1 && parts[2] <= month_days[parts[1] - 1] && parts[3] <= 23 &&
              parts[4] <= 59 && parts[5] <= 59 && parts[6] <= 999;
    is_good = is_good && (parts[1] != 2 || parts[2] != 29 || is_leap(parts[0]));
    if (!is_good) {
        return errmsg_set(message, ERR_INVALID,
                          "java.text.ParseException: Unparseable date: \"%.*s\"", (int)text.len,
                          (const char *)text.ptr);
    }
    *ms = days_of(parts[0], parts[1], parts[2]) * MS_PER_DAY + parts[3] * MS_PER_HOUR +
          parts[4] * MS_PER_MINUTE + parts[5] * MS_PER_SECOND + parts[6] - zone_ms;
    return 0;
}

/* One "12H"; the seconds may have a fraction. */
static bool take_amount(struct slice *text, uint8_t unit, int64_t unit_ms, int64_t *total_ms)
{
    struct slice rest = *text;
    int64_t number;
    int64_t fraction = 0;
    size_t digits;
    bool is_negative = take_byte(&rest, '-');
    if (!is_negative) {
        (void)take_byte(&rest, '+');
    }
    if (!take_number(&rest, DIGITS_MAX, &number, &digits)) {
        return false;
    }
    if (unit == 'S' && take_byte(&rest, '.') && take_number(&rest, 9, &fraction, &digits)) {
        for (; digits < 9; digits++) {
            fraction *= 10;
        }
        fraction /= 1000000;
    }
    if (!take_byte(&rest, unit) && !take_byte(&rest, (uint8_t)(unit + ('a' - 'A')))) {
        return false;
    }
    int64_t amount = number * unit_ms + fraction;
    *total_ms += is_negative ? -amount : amount;
    *text = rest;
    return true;
}

int kafka_parse_duration(struct slice text, int64_t *ms, struct errmsg *message)
{
    static const struct {
        uint8_t name;
        int64_t ms;
    } units[] = {{'H', MS_PER_HOUR}, {'M', MS_PER_MINUTE}, {'S', MS_PER_SECOND}};
    int64_t total = 0;
    struct slice rest = text;
    bool is_negative = take_byte(&rest, '-');
    if (!is_negative) {
        (void)take_byte(&rest, '+');
    }
    bool is_good = take_byte(&rest, 'P') || take_byte(&rest, 'p');
    bool has_any = is_good && take_amount(&rest, 'D', MS_PER_DAY, &total);
    bool has_time = is_good && (take_byte(&rest, 'T') || take_byte(&rest, 't'));
    bool has_part = false;
    for (size_t i = 0; i < ARRAY_LEN(units) && has_time; i++) {
        has_part |= take_amount(&rest, units[i].name, units[i].ms, &total);
    }
    if (!is_good || rest.len > 0 || !(has_any || has_part) || (has_time && !has_part)) {
        return errmsg_set(message, ERR_INVALID, "Text cannot be parsed to a Duration");
    }
    *ms = is_negative ? -total : total;
    return 0;
}
