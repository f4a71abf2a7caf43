/* test_kafka_cleaner.c - what compaction keeps: the map of keys, and the filter's rules one by one.
 * The whole of it, on a disk that loses power, is in test_sim_kafka_store.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"
#include "base/random.h"
#include "kafka/storage/clean_filter.h"

#define NOW_MS INT64_C(1700000000000)
#define RETENTION_MS INT64_C(1000)
#define BATCHES_MAX 64

static const struct hash_key keys[2] = {{1, 2}, {3, 4}};

/* ---- the map --------------------------------------------------------------------------------- */

static void map_against_model(void **state)
{
    struct offset_map map;
    struct random random;
    static int64_t model[5000];
    char key[32];
    (void)state;
    random_init(&random, 7);
    memset(model, 0xff, sizeof model);
    offset_map_init(&map, (size_t)1 << 20, 0.9, keys);
    for (int64_t offset = 0; offset < 60000; offset++) {
        uint64_t number = random_below(&random, ARRAY_LEN(model));
        int len = snprintf(key, sizeof key, "k%llu", (unsigned long long)number);
        assert_true(offset_map_put(&map, slice_of(key, (size_t)len), offset));
        model[number] = offset;
    }
    for (size_t number = 0; number < ARRAY_LEN(model); number++) {
        int len = snprintf(key, sizeof key, "k%zu", number);
        assert_int_equal(offset_map_get(&map, slice_of(key, (size_t)len)), model[number]);
    }
    assert_int_equal(offset_map_get(&map, SLICE_LIT("another")), -1);
    offset_map_release(&map);
    assert_int_equal(mem_used(), 0);
}

static void map_is_bounded(void **state)
{
    struct offset_map map;
    char key[32];
    size_t count = 0;
    (void)state;
    offset_map_init(&map, 24 * 4096, 0.5, keys);
    for (;; count++) {
        int len = snprintf(key, sizeof key, "%zu", count);
        if (!offset_map_put(&map, slice_of(key, (size_t)len), (int64_t)count)) {
            break;
        }
    }
    assert_int_equal(count, 2048);
    assert_true(mem_used() <= 24 * 4096);
    /* A key that is there has room. */
    assert_true(offset_map_put(&map, SLICE_LIT("17"), 99));
    assert_int_equal(offset_map_get(&map, SLICE_LIT("17")), 99);
    offset_map_release(&map);
}

/* ---- a log in memory ------------------------------------------------------------------------- */

struct log {
    struct buffer bytes[BATCHES_MAX];
    size_t count;
    int64_t end;
    struct offset_map map;
    struct clean_filter filter;
    struct aborted_txn aborted[8];
    size_t aborted_count;
    struct clean_producer producers[8];
    size_t producer_count;
    int64_t now_ms;
    bool map_was_full;
};

static void log_init(struct log *log)
{
    memset(log, 0, sizeof *log);
    log->now_ms = NOW_MS;
}

static void log_release(struct log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        buffer_release(&log->bytes[i]);
    }
    assert_int_equal(mem_used(), 0);
}

static struct batch_view view_of(const struct buffer *bytes)
{
    struct batch_view view;
    assert_int_equal(batch_view(buffer_slice(bytes), &view, NULL), 0);
    assert_int_equal(batch_check_crc(&view), 0);
    assert_int_equal(view.bytes.len, bytes->len);
    return view;
}

/* "a=1 b= =3": keys and values; nothing before = is no key, nothing behind it a tombstone. */
static void add_built(struct log *log, struct batch_build build, const char *text)
{
    struct batch_builder builder;
    struct buffer *bytes = &log->bytes[log->count++];
    int64_t base = log->end;
    build.base_offset = base;
    buffer_init(bytes, SIZE_MAX);
    batch_builder_init(&builder, &build, bytes);
    while (*text != '\0') {
        size_t key_len = strcspn(text, "=");
        const char *value = text + key_len + 1;
        size_t value_len = strcspn(value, " ");
        batch_builder_add(&builder, log->end, NOW_MS - 5000 + log->end,
                          key_len == 0 ? SLICE_NULL : slice_of(text, key_len),
                          value_len == 0 ? SLICE_NULL : slice_of(value, value_len), SLICE_NULL, 0);
        log->end += 1;
        text = value + value_len;
        text += *text == ' ' ? 1 : 0;
    }
    assert_int_equal(batch_builder_finish(&builder, log->end - 1), 0);
}

static void add(struct log *log, const char *text)
{
    struct batch_build build;
    batch_build_defaults(&build);
    add_built(log, build, text);
}

static struct batch_build of_producer(int64_t id, bool is_transactional)
{
    struct batch_build build;
    batch_build_defaults(&build);
    build.producer_id = id;
    build.producer_epoch = 0;
    build.base_sequence = 0;
    build.attributes = is_transactional ? BATCH_ATTRIBUTE_TRANSACTIONAL : 0;
    return build;
}

static void add_marker(struct log *log, int64_t producer_id, int16_t type)
{
    static uint8_t key[4];
    static const uint8_t value[6];
    struct batch_builder builder;
    struct batch_build build = of_producer(producer_id, true);
    struct buffer *bytes = &log->bytes[log->count++];
    build.attributes |= BATCH_ATTRIBUTE_CONTROL;
    build.base_sequence = NO_SEQUENCE;
    build.base_offset = log->end;
    store_be16(key + 2, (uint16_t)type);
    buffer_init(bytes, SIZE_MAX);
    batch_builder_init(&builder, &build, bytes);
    batch_builder_add(&builder, log->end, NOW_MS, slice_of(key, sizeof key),
                      slice_of(value, sizeof value), SLICE_NULL, 0);
    log->end += 1;
    assert_int_equal(batch_builder_finish(&builder, log->end - 1), 0);
}

/* Compacts everything below `end`, the keys from `from` on; -1: the map's own end. */
static void clean(struct log *log, int64_t from, size_t map_bytes, double load)
{
    struct clean_txns txns;
    struct buffer unpacked;
    struct log before = *log;
    offset_map_init(&log->map, map_bytes, load, keys);
    clean_txns_init(&txns, log->aborted, log->aborted_count, from);
    buffer_init(&unpacked, SIZE_MAX);
    log->map_was_full = false;
    for (size_t i = 0; i < log->count && !log->map_was_full; i++) {
        struct batch_view view = view_of(&log->bytes[i]);
        if (view.last_offset >= from) {
            assert_int_equal(
                clean_map_batch(&log->map, &txns, &view, from, &unpacked, &log->map_was_full), 0);
        }
    }
    buffer_release(&unpacked);
    clean_txns_release(&txns);
    clean_filter_init(&log->filter, &log->map, log->aborted, log->aborted_count, log->producers,
                      log->producer_count);
    log->filter.now_ms = log->now_ms;
    log->filter.delete_retention_ms = RETENTION_MS;
    log->filter.end_offset = log->map.latest_offset + 1;
    log->filter.retains_legacy_deletes = true;
    size_t aborted_count = 0;
    log->count = 0;
    for (size_t i = 0; i < before.count; i++) {
        struct cleaned_batch cleaned;
        struct batch_view view = view_of(&before.bytes[i]);
        assert_int_equal(clean_filter_batch(&log->filter, &view, &cleaned), 0);
        if (cleaned.ends_aborted) {
            before.aborted[aborted_count++] = cleaned.aborted;
        }
        if (cleaned.bytes.len > 0) {
            struct buffer *kept = &log->bytes[log->count++];
            struct buffer copy;
            buffer_init(&copy, SIZE_MAX);
            buffer_append(&copy, cleaned.bytes);
            *kept = copy; /* before.bytes holds what stood there */
            struct batch_view after = view_of(kept);
            assert_int_equal(cleaned.last_offset, after.last_offset);
            if (view.magic == 2) {
                assert_int_equal(after.base_offset, view.base_offset);
                assert_int_equal(after.last_offset, view.last_offset);
            }
            assert_int_equal(after.producer_id, view.producer_id);
            assert_int_equal(after.base_sequence, view.base_sequence);
            assert_int_equal(batch_is_control(&after), batch_is_control(&view));
        }
        buffer_release(&before.bytes[i]);
    }
    memcpy(log->aborted, before.aborted, sizeof log->aborted);
    log->aborted_count = aborted_count;
    clean_filter_release(&log->filter);
    offset_map_release(&log->map);
}

static void clean_all(struct log *log)
{
    clean(log, 0, 0, 0.9);
}

/* "0:a=1 2:b= | 5:c=2 [horizon]": batches between bars, "-" for one without records. */
static const char *told(const struct log *log)
{
    static char text[4096];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < log->count; i++) {
        struct batch_view view = view_of(&log->bytes[i]);
        struct record_iterator iterator;
        struct record record;
        struct buffer scratch;
        buffer_init(&scratch, SIZE_MAX);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", i == 0 ? "" : " | ");
        bool is_first = true;
        if (view.record_count == 0) {
            at += (size_t)snprintf(text + at, sizeof text - at, "-");
        }
        assert_int_equal(record_iterator_init(&iterator, &view, SIZE_MAX / 4, &scratch), 0);
        while (record_iterator_next(&iterator, &record) == 0) {
            if (batch_is_control(&view)) {
                at += (size_t)snprintf(text + at, sizeof text - at, "marker");
            } else {
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld:%.*s=%.*s",
                                       is_first ? "" : " ", (long long)record.offset,
                                       (int)record.key.len, (const char *)record.key.ptr,
                                       (int)record.value.len, (const char *)record.value.ptr);
                assert_int_equal(record.timestamp_ms, NOW_MS - 5000 + record.offset);
            }
            is_first = false;
        }
        if (view.magic == 2 && (view.attributes & BATCH_ATTRIBUTE_DELETE_HORIZON) != 0) {
            at += (size_t)snprintf(text + at, sizeof text - at, " +%lld",
                                   (long long)(view.base_timestamp_ms - NOW_MS));
        }
        buffer_release(&scratch);
    }
    return text;
}

/* ---- the rules ------------------------------------------------------------------------------- */

static void the_last_value_stays(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    add(&log, "a=1 b=1 c=1");
    add(&log, "a=2");
    add(&log, "b=2 d=1");
    add(&log, "=nokey");
    add(&log, "e=1");
    clean_all(&log);
    assert_string_equal(told(&log), "2:c=1 | 3:a=2 | 4:b=2 5:d=1 | 7:e=1");
    clean_all(&log);
    assert_string_equal(told(&log), "2:c=1 | 3:a=2 | 4:b=2 5:d=1 | 7:e=1");
    log_release(&log);
}

static void compressed_and_old_batches(void **state)
{
    (void)state;
    for (int8_t magic = 0; magic <= 2; magic++) {
        for (int codec = 0; codec <= 1; codec++) {
            struct log log;
            struct batch_build build;
            log_init(&log);
            batch_build_defaults(&build);
            build.magic = magic;
            build.codec = codec == 0 ? 0 : COMPRESSION_GZIP;
            if (magic < 2 && codec == 0) {
                continue; /* one record a message: the wrapper is what is of interest */
            }
            if (magic == 0) {
                continue; /* no timestamps to compare */
            }
            add_built(&log, build, "a=1 b=1 c=1");
            add_built(&log, build, "a=2 d=1");
            clean_all(&log);
            assert_string_equal(told(&log), "1:b=1 2:c=1 | 3:a=2 4:d=1");
            assert_int_equal(
                batch_codec(&(struct batch_view){.attributes = view_of(&log.bytes[0]).attributes}),
                build.codec);
            log_release(&log);
        }
    }
}

static void tombstones_stay_for_a_while(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    add(&log, "a=1 b=1");
    add(&log, "a= c=1");
    add(&log, "z=1");
    clean_all(&log);
    assert_string_equal(told(&log), "1:b=1 | 2:a= 3:c=1 +1000 | 4:z=1");
    log.now_ms = NOW_MS + RETENTION_MS - 1;
    clean_all(&log);
    /* The horizon is not moved by a second pass. */
    assert_string_equal(told(&log), "1:b=1 | 2:a= 3:c=1 +1000 | 4:z=1");
    log.now_ms = NOW_MS + RETENTION_MS;
    clean_all(&log);
    assert_string_equal(told(&log), "1:b=1 | 3:c=1 +1000 | 4:z=1");
    log_release(&log);
}

static void the_last_batch_of_a_round_stays(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    add(&log, "a=1");
    add(&log, "b=1");
    add(&log, "=nokey");
    clean_all(&log);
    assert_string_equal(told(&log), "0:a=1 | 1:b=1 | -");
    assert_int_equal(view_of(&log.bytes[2]).last_offset, 2);
    /* With something behind it, it goes. */
    add(&log, "c=1");
    clean_all(&log);
    assert_string_equal(told(&log), "0:a=1 | 1:b=1 | 3:c=1");
    log_release(&log);
}

static void a_producers_last_batch_stays(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    add_built(&log, of_producer(7, false), "a=1");
    add_built(&log, of_producer(8, false), "a=2");
    add(&log, "a=3");
    add(&log, "z=1");
    log.producers[0] = (struct clean_producer){.producer_id = 8, .last_offset = 1};
    log.producers[1] = (struct clean_producer){.producer_id = 7, .last_offset = 99};
    log.producer_count = 2;
    clean_all(&log);
    assert_string_equal(told(&log), "- | 2:a=3 | 3:z=1");
    struct batch_view header = view_of(&log.bytes[0]);
    assert_int_equal(header.producer_id, 8);
    assert_int_equal(header.last_offset, 1);
    assert_int_equal(header.base_sequence, 0);
    log_release(&log);
}

static void transactions(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    add(&log, "a=1");
    add_built(&log, of_producer(5, true), "a=aborted"); /* 1 */
    add_built(&log, of_producer(6, true), "b=good");    /* 2 */
    add_marker(&log, 5, 0);                             /* 3 */
    add_marker(&log, 6, 1);                             /* 4 */
    add_built(&log, of_producer(5, true), "c=good");    /* 5: the producer's next one */
    add_marker(&log, 5, 1);                             /* 6 */
    add(&log, "z=1");                                   /* 7 */
    log.aborted[0] = (struct aborted_txn){
        .producer_id = 5, .first_offset = 1, .last_offset = 3, .last_stable_offset = 4};
    log.aborted_count = 1;
    clean_all(&log);
    /* The aborted value does not stand in the way of the one before it; its marker stays once more,
     * and its entry of the index with it. */
    assert_string_equal(told(&log),
                        "0:a=1 | 2:b=good | marker | marker | 5:c=good | marker | 7:z=1");
    assert_int_equal(log.aborted_count, 1);
    clean_all(&log);
    /* Nothing of it is left: the marker gets its time. */
    assert_string_equal(told(&log),
                        "0:a=1 | 2:b=good | marker +1000 | marker | 5:c=good | marker | 7:z=1");
    assert_int_equal(log.aborted_count, 0);
    log.now_ms = NOW_MS + RETENTION_MS;
    clean_all(&log);
    assert_string_equal(told(&log), "0:a=1 | 2:b=good | marker | 5:c=good | marker | 7:z=1");
    /* A committed one's marker goes when its records have. */
    add(&log, "b=2 c=2");
    add(&log, "z=2");
    clean_all(&log);
    assert_string_equal(told(&log), "0:a=1 | marker | marker | 8:b=2 9:c=2 | 10:z=2");
    clean_all(&log);
    assert_string_equal(told(&log), "0:a=1 | marker +2000 | marker +2000 | 8:b=2 9:c=2 | 10:z=2");
    log_release(&log);
}

static void a_full_map_ends_the_round(void **state)
{
    struct log log;
    char text[16];
    (void)state;
    log_init(&log);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "k%d=1 x=%d", i, i);
        add(&log, text);
    }
    clean(&log, 0, 0, 0.02); /* 20 keys have room */
    assert_true(log.map_was_full);
    /* 19 batches were read: of x the last one read stays, and all that was not read. */
    assert_int_equal(log.count, 40);
    assert_int_equal(view_of(&log.bytes[17]).record_count, 1);
    assert_int_equal(view_of(&log.bytes[18]).record_count, 2);
    assert_int_equal(view_of(&log.bytes[39]).record_count, 2);
    log_release(&log);
}

/* One to five records of random letters, some of them tombstones; told to the model. */
static void add_random_batch(struct log *log,
                             struct random *random,
                             char model[][24],
                             int64_t last[26],
                             bool is_dead[26])
{
    char text[512];
    size_t at = 0;
    int count = 1 + (int)random_below(random, 5);
    for (int i = 0; i < count; i++) {
        int letter = (int)random_below(random, 26);
        int64_t offset = log->end + i;
        is_dead[letter] = random_chance(random, 1, 6);
        last[letter] = offset;
        if (is_dead[letter]) {
            snprintf(model[offset], sizeof model[offset], "%c=", 'a' + letter);
        } else {
            snprintf(model[offset], sizeof model[offset], "%c=%lld", 'a' + letter,
                     (long long)offset);
        }
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i == 0 ? "" : " ",
                               model[offset]);
    }
    struct batch_build build;
    batch_build_defaults(&build);
    build.codec = (int)random_below(random, 2); /* none, gzip */
    add_built(log, build, text);
}

static void random_logs_against_a_model(void **state)
{
    struct random random;
    (void)state;
    random_init(&random, 11);
    for (int round = 0; round < 200; round++) {
        struct log log;
        char model[2048][24] = {{0}}; /* by offset */
        int64_t last[26];
        bool is_dead[26];
        log_init(&log);
        for (int letter = 0; letter < 26; letter++) {
            last[letter] = -1;
            is_dead[letter] = false;
        }
        for (int pass = 0; pass < 3; pass++) {
            int64_t from = log.end;
            for (int batch = 0; batch < 12; batch++) {
                add_random_batch(&log, &random, model, last, is_dead);
            }
            clean(&log, from, 0, 0.9);
            const char *text_after = told(&log);
            for (int letter = 0; letter < 26; letter++) {
                char wanted[64];
                if (last[letter] < 0) {
                    continue;
                }
                snprintf(wanted, sizeof wanted, "%lld:%s", (long long)last[letter],
                         model[last[letter]]);
                if (strstr(text_after, wanted) == NULL && !is_dead[letter]) {
                    fail_msg("%s is missing in %s", wanted, text_after);
                }
                /* And only the last one. */
                for (int64_t offset = 0; offset < last[letter]; offset++) {
                    snprintf(wanted, sizeof wanted, " %lld:%c=", (long long)offset, 'a' + letter);
                    assert_null(strstr(text_after, wanted));
                }
            }
        }
        log_release(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_against_model),
        cmocka_unit_test(map_is_bounded),
        cmocka_unit_test(the_last_value_stays),
        cmocka_unit_test(compressed_and_old_batches),
        cmocka_unit_test(tombstones_stay_for_a_while),
        cmocka_unit_test(the_last_batch_of_a_round_stays),
        cmocka_unit_test(a_producers_last_batch_stays),
        cmocka_unit_test(transactions),
        cmocka_unit_test(a_full_map_ends_the_round),
        cmocka_unit_test(random_logs_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
