/* The real runtime's TCP with files in the output, and reads right into a place of the owner's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"
#include "support_runtime.h"

/* One end of a connection as its owner sees it. */
struct side {
    struct tcp_stream *stream;
    struct buffer got;
    int opened;
    int closed;
    int reason;
};

static struct runtime *runtime;
static struct tcp_listener *listener;
static struct tcp_address address;
static struct side accepted[2];
static size_t accepted_count;

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct side *side = ctx;
    assert_int_equal(error, 0);
    side->stream = stream;
    side->opened += 1;
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct side *side = ctx;
    (void)stream;
    buffer_append(&side->got, bytes);
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct side *side = ctx;
    (void)stream;
    side->stream = NULL;
    side->closed += 1;
    side->reason = reason;
}

static const struct tcp_handler handler = {.on_open = on_open,
                                           .on_data = on_data,
                                           .on_close = on_close};

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    (void)ctx;
    assert_true(accepted_count < ARRAY_LEN(accepted));
    struct side *side = &accepted[accepted_count++];
    side->stream = stream;
    tcp_accept(stream, &handler, side);
}

static int begin(void **state)
{
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {.reuse_address = true};
    (void)state;
    memset(accepted, 0, sizeof accepted);
    accepted_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        buffer_init(&accepted[i].got, SIZE_MAX / 2);
    }
    assert_int_equal(runtime_create(NULL, &runtime), 0);
    assert_int_equal(tcp_listen(runtime, &any, &options, on_accept, NULL, &listener), 0);
    address = tcp_listener_address(listener);
    return 0;
}

static int end(void **state)
{
    (void)state;
    runtime_destroy(runtime);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        buffer_release(&accepted[i].got);
    }
    assert_int_equal(mem_used(), 0);
    return 0;
}

static void connect_side(struct side *side)
{
    buffer_init(&side->got, SIZE_MAX / 2);
    assert_int_equal(tcp_connect(runtime, &address, &handler, side, &side->stream), 0);
    TURN_UNTIL(side->opened == 1);
}

static void leave(struct side *side)
{
    if (side->stream != NULL) {
        tcp_close(side->stream, 0);
        TURN_UNTIL(side->closed == 1);
    }
    buffer_release(&side->got);
}

static void fill_pattern(struct buffer *out, size_t from, size_t len)
{
    uint8_t *bytes = buffer_reserve(out, len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((from + i) * 2654435761u >> 13);
    }
    out->len += len;
}

static void assert_pattern(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != (uint8_t)(i * 2654435761u >> 13)) {
            fail_msg("byte %zu of %zu differs", i, bytes.len);
        }
    }
}

static struct file *pattern_file(size_t len)
{
    char path[] = "/tmp/samsa-tcp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct file *file = NULL;
    assert_int_equal(file_open(runtime, path, FILE_READ | FILE_WRITE, &file), 0);
    struct buffer content;
    buffer_init(&content, len);
    fill_pattern(&content, 0, len);
    assert_int_equal(file_write(file, 0, buffer_slice(&content)), 0);
    buffer_release(&content);
    assert_int_equal(path_remove(runtime, path), 0);
    return file;
}

/* Ranges of a file between bytes, more than any socket takes at once, and the file closed
 * meanwhile. */
static void test_files_in_the_output(void **state)
{
    (void)state;
    enum {
        FILE_BYTES = 24 << 20,
        HEAD = 1000
    };
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(accepted_count == 1);
    struct file *file = pattern_file(FILE_BYTES);
    fill_pattern(tcp_output(client.stream), 0, HEAD);
    tcp_output_file(client.stream, file, HEAD, FILE_BYTES / 2 - HEAD);
    fill_pattern(tcp_output(client.stream), FILE_BYTES / 2, HEAD);
    tcp_output_file(client.stream, file, FILE_BYTES / 2 + HEAD, HEAD);
    tcp_output_file(client.stream, file, FILE_BYTES / 2 + 2 * HEAD, 0);
    tcp_output_file(client.stream, file, FILE_BYTES / 2 + 2 * HEAD, FILE_BYTES / 2 - 2 * HEAD);
    assert_int_equal(tcp_output_pending(client.stream), FILE_BYTES);
    assert_int_equal(file_close(file), 0);
    TURN_UNTIL(accepted[0].got.len == FILE_BYTES);
    assert_pattern(buffer_slice(&accepted[0].got));
    assert_int_equal(tcp_output_pending(client.stream), 0);
    leave(&client);
    TURN_UNTIL(accepted[0].closed == 1);
}

/* A promise that the file does not keep ends the stream; so does closing with ranges that wait. */
static void test_files_that_fall_short(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(accepted_count == 1);
    struct file *file = pattern_file(1000);
    tcp_output_file(client.stream, file, 0, 1001);
    TURN_UNTIL(client.closed == 1);
    assert_int_equal(client.reason, ERR_IO);
    TURN_UNTIL(accepted[0].closed == 1);
    assert_int_equal(accepted[0].got.len, 1000);

    struct side other = {0};
    connect_side(&other);
    tcp_output_file(other.stream, file, 0, 1000);
    assert_int_equal(file_close(file), 0);
    leave(&other);
    TURN_UNTIL(accepted[1].closed == 1);
    assert_int_equal(accepted[1].got.len, 0);
    leave(&client);
}

/* What comes goes to its place, and what comes behind it to on_data as ever. */
static void test_read_into_a_place(void **state)
{
    (void)state;
    enum {
        PLACE = 100000
    };
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(accepted_count == 1);
    uint8_t *place = mem_alloc_zeroed(PLACE);
    tcp_read_into(accepted[0].stream, place, PLACE);
    fill_pattern(tcp_output(client.stream), 0, PLACE + 5000);
    TURN_UNTIL(accepted[0].got.len == PLACE + 5000);
    assert_pattern(buffer_slice(&accepted[0].got));
    assert_pattern(slice_of(place, 4096));
    memset(place, 0, PLACE);
    tcp_read_into(accepted[0].stream, place, PLACE);
    tcp_read_into(accepted[0].stream, NULL, 0);
    fill_pattern(tcp_output(client.stream), PLACE + 5000, 1000);
    TURN_UNTIL(accepted[0].got.len == PLACE + 6000);
    assert_pattern(buffer_slice(&accepted[0].got));
    assert_int_equal(place[0] | place[999], 0);
    mem_free(place, PLACE);
    leave(&client);
    TURN_UNTIL(accepted[0].closed == 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_in_the_output, begin, end),
        cmocka_unit_test_setup_teardown(test_files_that_fall_short, begin, end),
        cmocka_unit_test_setup_teardown(test_read_into_a_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
