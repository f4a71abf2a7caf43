/* support_roundtrip.h - what a fuzzer of the codec asks of any bytes, whatever the dialect. */
#ifndef TEST_FUZZ_SUPPORT_ROUNDTRIP_H
#define TEST_FUZZ_SUPPORT_ROUNDTRIP_H

#include "wire/codec.h"

typedef void roundtrip_judge(struct slice taken, struct slice encoded);

/* What decodes must encode, to the size that codec_size says; that must decode again, to an equal
 * value, and encode again, to equal bytes. True with what stands behind the message when it
 * decoded. */
bool fuzz_roundtrip_message(const struct codec_message *message,
                            int version,
                            struct slice in,
                            roundtrip_judge *judge,
                            struct slice *behind);

/* data[0] chooses the message, data[1] the version, the rest is decoded. */
void fuzz_roundtrip(const struct codec_message *const *messages,
                    size_t count,
                    const uint8_t *data,
                    size_t size,
                    roundtrip_judge *judge);

#endif
