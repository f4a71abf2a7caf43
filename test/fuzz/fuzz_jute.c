/* fuzz_jute.c - any bytes as any of ZooKeeper's messages. */
#include "generated/zookeeper/messages.h"
#include "support_roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Jute has one way to write each value, but for booleans: any byte other than 0 is read as true. */
static void judge(struct slice taken, struct slice encoded)
{
    ASSERT(taken.len == encoded.len);
    for (size_t i = 0; i < taken.len; i++) {
        ASSERT(taken.ptr[i] == encoded.ptr[i] || (taken.ptr[i] > 1 && encoded.ptr[i] == 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_roundtrip(zk_messages, zk_message_count, data, size, judge);
    return 0;
}
