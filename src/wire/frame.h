/* frame.h - messages on a stream, each with its length in four bytes in front. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/buffer.h"

#define FRAME_LENGTH_BYTES 4u

/* Fills up the frame whose beginning (of which at least one byte has come) is in `partial`, its
 * length included; returns how much of `bytes` that took. Of a frame that says to be longer than
 * len_max no more is taken than that: whoever looks at its length then refuses it. */
size_t frame_fill(struct buffer *partial, size_t len_max, struct slice bytes);

#endif
