/* fuzz_kafka.c - any bytes as any message of Kafka's protocol: requests, replies, headers, and the
 * coordinators' records. */
#include "generated/kafka/messages.h"
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
    fuzz_roundtrip(kafka_messages, kafka_message_count, data, size, judge);
    return 0;
}
