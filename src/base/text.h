/* text.h - reading numbers and words out of slices, without libc's locale or overflow surprises. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/slice.h"

/* The whole slice must be the number, with an optional sign (decimal) or 0x (hex). ERR_INVALID when
 * it is not, ERR_LIMIT when it does not fit. */
NODISCARD int text_parse_i64(struct slice text, int64_t *value);
NODISCARD int text_parse_i32(struct slice text, int32_t *value);
NODISCARD int text_parse_hex64(struct slice text, uint64_t *value);

/* true|yes|on|1 / false|no|off|0 in any case are accepted; else ERR_INVALID. */
NODISCARD int text_parse_bool(struct slice text, bool *value);

struct slice text_trim(struct slice text);

/* Splits off what stands before the first `separator`; *rest becomes what follows it. Returns false
 * and leaves *rest empty when there was no separator (the whole text is then *head). */
bool text_cut(struct slice text, uint8_t separator, struct slice *head, struct slice *rest);

bool text_equal_ignoring_case(struct slice a, struct slice b);

/* Is this well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool text_is_utf8(struct slice text);

#endif
