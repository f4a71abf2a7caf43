/* test_kafka_store_files.c - meta.properties and offset checkpoints, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/meta_properties.h"
#include "kafka/storage/offset_checkpoint.h"

static struct errmsg message;

static int parse_meta(const char *text, struct meta_properties *meta)
{
    message.text[0] = '\0';
    return meta_properties_parse(slice_of_cstr(text), "/d/meta.properties", meta, &message);
}

static void meta_as_apache_writes_it(void **state)
{
    struct meta_properties meta;
    (void)state;
    assert_int_equal(parse_meta("#\n#Sat Nov 21 14:22:05 UTC 2026\nbroker.id=7\n"
                                "cluster.id=WZEKwK-bTuKq7gxmSzXFhg\nversion=0\n",
                                &meta),
                     0);
    assert_int_equal(meta.broker_id, 7);
    assert_string_equal(meta.cluster_id, "WZEKwK-bTuKq7gxmSzXFhg");
    assert_string_equal(meta.directory_id, "");
    assert_int_equal(parse_meta("broker.id=7\ndirectory.id=abc\n", &meta), 0);
    assert_string_equal(meta.directory_id, "abc");
    assert_string_equal(meta.cluster_id, "");
    assert_int_equal(parse_meta("", &meta), 0);
    assert_int_equal(meta.broker_id, -1);
}

static void meta_that_is_refused(void **state)
{
    struct meta_properties meta;
    (void)state;
    assert_int_equal(parse_meta("version=1\nnode.id=1\ncluster.id=x\n", &meta), ERR_CONFIG);
    assert_non_null(strstr(message.text, "Found unexpected version in /d/meta.properties. ZK-based "
                                         "brokers that are not migrating only support version 0"));
    assert_int_equal(parse_meta("broker.id=one\n", &meta), ERR_CONFIG);
    assert_non_null(strstr(message.text, "line 1: the value of broker.id cannot be understood"));
    assert_int_equal(parse_meta("broker.id=-2\n", &meta), ERR_CONFIG);
    assert_int_equal(parse_meta("cluster.id=0123456789012345678901234567890123456789012345678901234"
                                "567890123456789\n",
                                &meta),
                     ERR_CONFIG);
}

static void meta_as_we_write_it(void **state)
{
    struct meta_properties meta = {.broker_id = 3, .cluster_id = "c"};
    static const struct {
        int64_t wall_ms;
        const char *date;
    } dates[] = {
        {0, "Thu Jan 01 00:00:00 UTC 1970"},
        {1795270925000, "Sat Nov 21 14:22:05 UTC 2026"},
        {951782400000, "Tue Feb 29 00:00:00 UTC 2000"},
        {4107542399000, "Sun Feb 28 23:59:59 UTC 2100"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        char wanted[256];
        struct buffer out;
        buffer_init(&out, SIZE_MAX);
        meta_properties_print(&meta, dates[i].wall_ms, &out);
        snprintf(wanted, sizeof wanted, "#\n#%s\nbroker.id=3\ncluster.id=c\nversion=0\n",
                 dates[i].date);
        buffer_append_u8(&out, '\0');
        assert_string_equal((const char *)out.data, wanted);
        buffer_release(&out);
    }
}

struct entries {
    char text[256];
    size_t len;
};

static void take(void *ctx, const struct offset_checkpoint_entry *entry)
{
    struct entries *entries = ctx;
    entries->len += (size_t)snprintf(entries->text + entries->len,
                                     sizeof entries->text - entries->len, "%.*s/%d/%lld;",
                                     (int)entry->topic.len, (const char *)entry->topic.ptr,
                                     entry->partition, (long long)entry->offset);
}

static int parse_checkpoint(const char *text, struct entries *entries)
{
    *entries = (struct entries){.text = ""};
    message.text[0] = '\0';
    return offset_checkpoint_parse(slice_of_cstr(text), "/d/file", take, entries, &message);
}

static void checkpoints(void **state)
{
    struct entries entries;
    (void)state;
    assert_int_equal(parse_checkpoint("0\n2\norders 0 1234\nwith.dots-and_more 17 0\n", &entries),
                     0);
    assert_string_equal(entries.text, "orders/0/1234;with.dots-and_more/17/0;");
    assert_int_equal(parse_checkpoint("", &entries), 0);
    assert_int_equal(parse_checkpoint("0\n0\n", &entries), 0);
    assert_int_equal(parse_checkpoint("1\n0\n", &entries), ERR_CORRUPT);
    assert_string_equal(
        message.text, "Unrecognised version:1, expected version: 0 in checkpoint file at: /d/file");
    assert_int_equal(parse_checkpoint("0\n2\na 0 1\n", &entries), ERR_CORRUPT);
    assert_string_equal(message.text,
                        "Expected [2] entries in checkpoint file [/d/file], but found only [1]");
    assert_int_equal(parse_checkpoint("0\n1\na 0\n", &entries), ERR_CORRUPT);
    assert_string_equal(message.text, "Malformed line in checkpoint file [/d/file]: a 0");
    assert_int_equal(parse_checkpoint("0\n1\na 0 1 2\n", &entries), ERR_CORRUPT);
    assert_int_equal(parse_checkpoint("0\n1\na -1 2\n", &entries), ERR_CORRUPT);
    assert_int_equal(parse_checkpoint("x\n", &entries), ERR_CORRUPT);
}

static void checkpoint_writing(void **state)
{
    struct offset_checkpoint_writer writer;
    struct buffer out;
    (void)state;
    buffer_init(&out, SIZE_MAX);
    offset_checkpoint_begin(&writer);
    offset_checkpoint_add(&writer, SLICE_LIT("orders"), 0, INT64_MAX);
    offset_checkpoint_add(&writer, SLICE_LIT("x"), 12, 0);
    offset_checkpoint_end(&writer, &out);
    assert_true(
        slice_equal_cstr(buffer_slice(&out), "0\n2\norders 0 9223372036854775807\nx 12 0\n"));
    buffer_release(&out);
    assert_int_equal(mem_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meta_as_apache_writes_it), cmocka_unit_test(meta_that_is_refused),
        cmocka_unit_test(meta_as_we_write_it),      cmocka_unit_test(checkpoints),
        cmocka_unit_test(checkpoint_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
