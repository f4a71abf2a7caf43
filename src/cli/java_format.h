/* java_format.h - numbers read and dates written the way the JDK does it, since people and scripts
 * know the tools' output.
 *
 * Dates are local time (TZ) in US English. A time that no calendar reaches is written as "<n> ms".
 * Sources: Integer.parseInt, Long.decode, Date.toString, DateFormat.
 */
#ifndef CLI_JAVA_FORMAT_H
#define CLI_JAVA_FORMAT_H

#include "base/base.h"

#define JAVA_DATE_TEXT_MAX 64

/* Decimal with an optional sign and nothing else. */
bool java_parse_int(const char *text, int32_t *value);

/* Optional sign, then 0x, 0X or # (hexadecimal), 0 (octal) or decimal. */
bool java_decode_long(const char *text, int64_t *value);

/* "Thu Jan 01 00:00:00 UTC 1970" */
const char *java_date(int64_t ms, char text[JAVA_DATE_TEXT_MAX]);

/* "11/20/26, 8:35:47 PM UTC": DateFormat.SHORT and LONG */
const char *java_short_date_long_time(int64_t ms, char text[JAVA_DATE_TEXT_MAX]);

/* "Jan 2, 2026, 3:04:01 AM": the default style */
const char *java_medium_date_time(int64_t ms, char text[JAVA_DATE_TEXT_MAX]);

#endif
