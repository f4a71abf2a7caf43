/* frame.c - see frame.h. */
#include "wire/frame.h"

#include "base/endian.h"

size_t frame_fill(struct buffer *partial, size_t len_max, struct slice bytes)
{
    size_t taken = 0;
    if (partial->len < FRAME_LENGTH_BYTES) {
        taken = MIN(FRAME_LENGTH_BYTES - partial->len, bytes.len);
        buffer_append(partial, slice_part(bytes, 0, taken));
    }
    if (partial->len >= FRAME_LENGTH_BYTES) {
        size_t len = load_be32(partial->data);
        size_t whole = FRAME_LENGTH_BYTES + MIN(len, len_max);
        size_t more = MIN(whole - partial->len, bytes.len - taken);
        buffer_append(partial, slice_part(bytes, taken, taken + more));
        taken += more;
    }
    return taken;
}
