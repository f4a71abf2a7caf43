/* support_roundtrip.h - what a fuzzer of the codec asks of any bytes, whatever the dialect. */
#ifndef TEST_FUZZ_SUPPORT_ROUNDTRIP_H
#define TEST_FUZZ_SUPPORT_ROUNDTRIP_H

#include "wire/codec.h"

/* data[0] chooses the message, data[1] the version, the rest is decoded. What decodes must encode,
 * to the size that codec_size says; that must decode again, to an equal value, and encode again, to
 * equal bytes. */
void fuzz_roundtrip(const struct codec_message *const *messages,
                    size_t count,
                    const uint8_t *data,
                    size_t size,
                    void (*judge)(struct slice taken, struct slice encoded));

#endif
