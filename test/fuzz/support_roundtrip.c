#include "support_roundtrip.h"

#define ARENA_ROOM ((size_t)1 << 24)
#define STRING_ROOM ((size_t)1 << 20)
#define PRINT_ROOM 512 /* small: most messages do not fit, which must not matter */

struct trip {
    const struct codec_message *message;
    int version;
    struct arena arena;
    struct buffer first;
    struct buffer second;
    struct buffer text;
};

static const struct codec_limits limits = {STRING_ROOM, ARENA_ROOM / 4};

static void *new_value(struct trip *trip)
{
    return arena_alloc_zeroed(&trip->arena, codec_struct_size(trip->message));
}

static bool run(struct trip *trip, struct slice in, roundtrip_judge *judge, struct slice *behind)
{
    struct slice rest = in;
    void *value = new_value(trip);
    int err = codec_decode(trip->message, trip->version, &rest, &limits, &trip->arena, value);
    if (err != 0) {
        ASSERT(err == ERR_TRUNCATED || err == ERR_INVALID || err == ERR_LIMIT);
        ASSERT(rest.ptr == in.ptr && rest.len == in.len);
        return false;
    }
    *behind = rest;
    int64_t size = codec_size(trip->message, trip->version, value);
    ASSERT(size >= 0);
    err = codec_encode(trip->message, trip->version, value, &trip->first);
    ASSERT(err == 0 && trip->first.len == (size_t)size);
    judge(slice_part(in, 0, in.len - rest.len), buffer_slice(&trip->first));

    void *again = new_value(trip);
    rest = buffer_slice(&trip->first);
    err = codec_decode(trip->message, trip->version, &rest, &limits, &trip->arena, again);
    ASSERT(err == 0 && rest.len == 0);
    ASSERT(codec_equal(trip->message, trip->version, value, again));

    void *copy = new_value(trip);
    codec_copy(trip->message, again, &trip->arena, copy);
    err = codec_encode(trip->message, trip->version, copy, &trip->second);
    ASSERT(err == 0);
    ASSERT(slice_equal(buffer_slice(&trip->first), buffer_slice(&trip->second)));
    codec_print(trip->message, trip->version, copy, &trip->text);
    return true;
}

bool fuzz_roundtrip_message(const struct codec_message *message,
                            int version,
                            struct slice in,
                            roundtrip_judge *judge,
                            struct slice *behind)
{
    struct trip trip = {.message = message, .version = version};
    arena_init(&trip.arena, 4096, ARENA_ROOM);
    buffer_init(&trip.first, STRING_ROOM * 4);
    buffer_init(&trip.second, STRING_ROOM * 4);
    buffer_init(&trip.text, PRINT_ROOM);
    bool decoded = run(&trip, in, judge, behind);
    arena_release(&trip.arena);
    buffer_release(&trip.first);
    buffer_release(&trip.second);
    buffer_release(&trip.text);
    return decoded;
}

void fuzz_roundtrip(const struct codec_message *const *messages,
                    size_t count,
                    const uint8_t *data,
                    size_t size,
                    roundtrip_judge *judge)
{
    if (size < 2) {
        return;
    }
    const struct codec_message *message = messages[data[0] % count];
    int first = codec_min_version(message);
    int version = first + data[1] % (codec_max_version(message) - first + 1);
    struct slice behind;
    (void)fuzz_roundtrip_message(message, version, slice_of(data + 2, size - 2), judge, &behind);
}
