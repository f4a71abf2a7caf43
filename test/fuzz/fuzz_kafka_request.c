/* fuzz_kafka_request.c - any bytes as a frame from a client: the header, whose form the API and the
 * version decide, and the body behind it. The broker reads frames in the same two steps. */
#include "base/endian.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "support_roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct slice taken, struct slice encoded)
{
    ASSERT(encoded.len <= taken.len);
}

/* Requests stand before the replies of the same key. */
static const struct codec_message *find_request(int api_key)
{
    for (size_t i = 0; i < kafka_message_count; i++) {
        if (codec_api_key(kafka_messages[i]) == api_key) {
            return kafka_messages[i];
        }
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return 0;
    }
    int api_key = (int16_t)load_be16(data);
    int version = (int16_t)load_be16(data + 2);
    const struct codec_message *message = api_key < 0 ? NULL : find_request(api_key);
    if (message == NULL || version < codec_min_version(message) ||
        version > codec_max_version(message)) {
        return 0;
    }
    int header_version = codec_is_flexible(message, version) ? 2 : 1;
    if (api_key == KAFKA_API_CONTROLLED_SHUTDOWN && version == 0) {
        header_version = 0;
    }
    struct slice behind;
    if (fuzz_roundtrip_message(&kafka_request_header_message, header_version, slice_of(data, size),
                               judge, &behind)) {
        (void)fuzz_roundtrip_message(message, version, behind, judge, &behind);
    }
    return 0;
}
