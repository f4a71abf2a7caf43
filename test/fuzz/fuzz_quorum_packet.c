/* fuzz_quorum_packet.c - any bytes as a stream of the quorum port.
 *
 * What passes is a packet that decodes, and whose parts stand within it; what is asked for while
 * bytes are missing grows, and asking byte by byte ends at the same length.
 */
#include "base/memory.h"
#include "zookeeper/core/quorum_packet.h"

#define DATA_MAX ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_parts(const struct quorum_packet *packet)
{
    struct learner_info info;
    struct prep_request request = {0};
    struct identities identities;
    struct arena arena;
    struct slice rest = packet->data;
    int64_t id = 0;
    int32_t number = 0;
    bool flag = false;
    arena_init(&arena, 4096, SIZE_MAX);
    const int codes[] = {
        quorum_read_learner_info(packet->data, &info),
        quorum_read_revalidate(packet->data, &id, &number),
        quorum_read_revalidated(packet->data, &id, &flag),
        quorum_read_activate(packet->data, &id, &rest),
        quorum_read_i32(packet->data, &number),
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        ASSERT(codes[i] == ERR_OK || codes[i] == ERR_INVALID);
    }
    if (quorum_read_request(packet->data, &request) == ERR_OK) {
        ASSERT(request.body.len + 16 == packet->data.len);
    }
    rest = packet->data;
    while (quorum_next_touched(&rest, &id, &number)) {
    }
    ASSERT(rest.len < 12);
    if (quorum_packet_identities(packet->authinfo, &arena, &identities) == ERR_OK) {
        ASSERT(identities.count <= QUORUM_PACKET_IDS_MAX);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    while (rest.len > 0) {
        size_t len = 0;
        int rv = quorum_packet_measure(rest, DATA_MAX, &len);
        ASSERT(rv == ERR_OK || rv == ERR_TRUNCATED || rv == ERR_LIMIT || rv == ERR_INVALID);
        ASSERT(rv != ERR_TRUNCATED || len > rest.len);
        if (rv != ERR_OK) {
            return 0;
        }
        struct quorum_packet packet;
        ASSERT(len <= rest.len);
        rv = quorum_packet_decode(slice_part(rest, 0, len), DATA_MAX, &packet);
        ASSERT(rv == ERR_OK);
        size_t have = 0;
        size_t need = 0;
        while (quorum_packet_measure(slice_of(rest.ptr, have), DATA_MAX, &need) == ERR_TRUNCATED) {
            ASSERT(need > have && need <= len);
            have = need;
        }
        ASSERT(need == len);
        read_parts(&packet);
        rest = slice_part(rest, len, rest.len);
    }
    return 0;
}
