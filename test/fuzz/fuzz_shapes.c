/* fuzz_shapes.c - any bytes as any message of the sample schema (test/schema), which has every
 * shape of Kafka's dialect. */
#include "generated/sample/messages.h"
#include "support_roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A tagged field that holds its default is dropped, and a varint may be written longer than it need
 * be: what is encoded is never longer than what was read. */
static void judge(struct slice taken, struct slice encoded)
{
    ASSERT(encoded.len <= taken.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_roundtrip(sample_messages, sample_message_count, data, size, judge);
    return 0;
}
