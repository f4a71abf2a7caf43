/* tcp.c - streams: reading into the loop's one buffer, output that leaves once a turn, and how a
 * stream ends.
 *
 * STATES
 *
 *   ACCEPTED ----tcp_accept----> OPEN ----the peer's end, tcp_close with linger----> ENDING
 *   CONNECTING --connected-----> OPEN
 *
 *   ACCEPTED    -> CLOSED  tcp_reject
 *   CONNECTING  -> CLOSED  refused, tcp_close
 *   OPEN        -> CLOSED  an error, tcp_close without linger
 *   ENDING      -> CLOSED  all is sent, or time is up, or an error
 *
 * CLOSED means: the descriptor is gone, the last callback is due in the next turn, then the memory
 * goes. Only stream_close_descriptor enters it.
 *
 * READING. The descriptor is edge-triggered: an edge sets `readable`, a read that the kernel filled
 * only in part clears it, since the next byte makes a new edge. A full read leaves the stream on
 * the ready list for the next turn. When the peer's end has been seen (`hangup`) no further edge
 * comes, so reading goes on until it meets the end itself.
 *
 * OUTPUT. tcp_output hands out a buffer and puts the stream on the dirty list; the turn's end sends
 * once. What the kernel does not take stays (`sent` marks where it begins), `blocked` is set, and
 * only the edge for writing tries again. An emptied buffer goes back to the loop's pool, so a
 * stream with nothing to say owns no buffer: an idle stream is its struct, below 300 bytes.
 *
 * FILES. A range of a file in the output is an element of `files`, with the position in `out` that
 * it comes before. Bytes and ranges leave in order, the ranges by sendfile: page cache to socket
 * without a copy here. A stream without ranges owns no queue.
 *
 * ENDING. The peer's end is reported after the replies of the same turn have left, so `echo ruok |
 * nc` gets its answer; output that the kernel does not take has END_LINGER_MS. Before the
 * descriptor is closed, bytes that arrived meanwhile are dropped: closing with unread bytes makes
 * the kernel send a reset, which can destroy the reply on its way.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/uv/loop.h"

#define OUTPUT_LIMIT ((size_t)1 << 30)
#define OUTPUT_HIGH_WATER ((size_t)1 << 20)
#define OUTPUT_LOW_WATER ((size_t)64 * 1024)
#define END_LINGER_MS 5000
#define DROP_CHUNK ((size_t)1 << 20)
#define DROP_ROUNDS_MAX 16
/* Behind what has a place of its own: enough to see what comes next. When that is large, too, its
 * owner gives it a place, and what was taken before that is copied there. */
#define READ_BEHIND_BYTES ((size_t)32 * 1024)
#define SENDFILE_MOST ((size_t)1 << 30) /* the kernel takes no more at once than 2 GiB */

enum stream_state {
    STREAM_ACCEPTED,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_ENDING,
    STREAM_CLOSED,
};

/* What is told to the owner when a closed stream goes. */
enum last_word {
    LAST_NOTHING, /* rejected */
    LAST_ON_OPEN, /* the connection was never made */
    LAST_ON_CLOSE,
};

/* A range of a file that leaves between out[at - 1] and out[at]. */
struct output_range {
    struct list link;
    struct file *file;
    uint64_t offset;
    size_t len;
    size_t at;
};

/* The ranges that wait; allocated while there are any. */
struct output_ranges {
    struct list ranges;
    size_t bytes;
};

struct tcp_stream {
    struct runtime_poller poller;
    struct runtime *runtime;
    const struct tcp_handler *handler;
    void *ctx;
    struct list link;       /* runtime->streams or runtime->closed */
    struct list ready_link; /* runtime->ready, or alone */
    struct list dirty_link; /* runtime->dirty, or alone */
    struct buffer out;
    size_t sent; /* bytes of `out` that the kernel has */
    struct output_ranges *files;
    uint8_t *read_into; /* tcp_read_into; NULL: the loop's buffer */
    size_t read_into_len;
    struct runtime_timer linger;
    struct tcp_address peer;
    int fd;
    int reason;
    uint8_t state;     /* enum stream_state */
    uint8_t last_word; /* enum last_word */
    bool readable;     /* the kernel may have bytes */
    bool hangup;       /* the peer has ended: read until the end */
    bool paused;
    bool blocked;    /* the kernel took less than offered: wait for its edge */
    bool above_high; /* more than OUTPUT_HIGH_WATER was left: on_writable is owed */
};

_Static_assert(sizeof(struct tcp_stream) <= 320, "ten thousand idle streams must stay cheap");

static void stream_on_ready(struct runtime_poller *poller, uint32_t events);
static void stream_on_linger(struct runtime_timer *timer);

/* ---- output buffers -------------------------------------------------------------------------- */

static void output_borrow(struct tcp_stream *stream)
{
    struct runtime *runtime = stream->runtime;
    if (stream->out.data == NULL && runtime->output_pool_count > 0) {
        runtime->output_pool_count -= 1;
        stream->out = runtime->output_pool[runtime->output_pool_count];
    }
}

static void output_give_back(struct tcp_stream *stream)
{
    struct runtime *runtime = stream->runtime;
    stream->sent = 0;
    buffer_clear(&stream->out, OUTPUT_POOL_BYTES_MAX);
    if (stream->out.data == NULL) {
        return;
    }
    if (runtime->output_pool_count < OUTPUT_POOL_MAX) {
        runtime->output_pool[runtime->output_pool_count] = stream->out;
        runtime->output_pool_count += 1;
        buffer_init(&stream->out, OUTPUT_LIMIT);
    } else {
        buffer_release(&stream->out);
    }
}

struct buffer *tcp_output(struct tcp_stream *stream)
{
    ASSERT_ON_LOOP(stream->runtime);
    if (stream->state != STREAM_CLOSED) {
        output_borrow(stream);
        if (list_is_empty(&stream->dirty_link)) {
            list_append(&stream->runtime->dirty, &stream->dirty_link);
        }
    }
    return &stream->out;
}

size_t tcp_output_pending(const struct tcp_stream *stream)
{
    return stream->out.len - stream->sent + (stream->files != NULL ? stream->files->bytes : 0);
}

/* ---- ranges of files ------------------------------------------------------------------------- */

void tcp_output_file(struct tcp_stream *stream, struct file *file, uint64_t offset, size_t len)
{
    (void)tcp_output(stream);
    if (len == 0 || stream->state == STREAM_CLOSED) {
        return;
    }
    if (stream->files == NULL) {
        stream->files = mem_alloc_zeroed(sizeof *stream->files);
        list_init(&stream->files->ranges);
    }
    struct output_range *range = mem_alloc_zeroed(sizeof *range);
    file_keep(file);
    *range = (struct output_range){
        .file = file, .offset = offset, .len = len, .at = stream->out.len};
    list_append(&stream->files->ranges, &range->link);
    stream->files->bytes += len;
}

static struct output_range *first_range(const struct tcp_stream *stream)
{
    return stream->files == NULL
               ? NULL
               : CONTAINER_OF(stream->files->ranges.next, struct output_range, link);
}

static void range_release(struct tcp_stream *stream, struct output_range *range)
{
    stream->files->bytes -= range->len;
    (void)file_close(range->file);
    list_remove(&range->link);
    mem_free(range, sizeof *range);
    if (list_is_empty(&stream->files->ranges)) {
        mem_free(stream->files, sizeof *stream->files);
        stream->files = NULL;
    }
}

static void ranges_drop(struct tcp_stream *stream)
{
    struct output_range *range;
    while ((range = first_range(stream)) != NULL) {
        range_release(stream, range);
    }
}

/* ---- making and closing ---------------------------------------------------------------------- */

static struct tcp_stream *stream_create(struct runtime *runtime,
                                        int fd,
                                        const struct tcp_address *peer,
                                        enum stream_state state)
{
    struct tcp_stream *stream = mem_alloc_zeroed(sizeof *stream);
    stream->poller.on_ready = stream_on_ready;
    stream->runtime = runtime;
    stream->fd = fd;
    stream->peer = *peer;
    stream->state = (uint8_t)state;
    buffer_init(&stream->out, OUTPUT_LIMIT);
    runtime_timer_init(&stream->linger, runtime, stream_on_linger);
    list_init(&stream->ready_link);
    list_init(&stream->dirty_link);
    list_append(&runtime->streams, &stream->link);
    return stream;
}

/* The one way into CLOSED. */
static void stream_close_descriptor(struct tcp_stream *stream, enum last_word last_word, int reason)
{
    ASSERT(stream->state != STREAM_CLOSED);
    if (stream->fd >= 0) {
        if (stream->state != STREAM_ACCEPTED) {
            loop_remove(stream->runtime, &stream->poller, stream->fd);
        }
        close(stream->fd);
        stream->fd = -1;
    }
    stream->state = STREAM_CLOSED;
    stream->last_word = (uint8_t)last_word;
    stream->reason = reason;
    runtime_timer_stop(&stream->linger);
    list_remove(&stream->ready_link);
    list_remove(&stream->dirty_link);
    ranges_drop(stream);
    output_give_back(stream);
    list_remove(&stream->link);
    list_append(&stream->runtime->closed, &stream->link);
}

/* The descriptor joins the set, for reading and writing at once and for good. */
static int stream_watch(struct tcp_stream *stream)
{
    return loop_add(stream->runtime, &stream->poller, stream->fd,
                    EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void tcp_finish_closed(struct runtime *runtime)
{
    struct list closed;
    list_init(&closed);
    list_splice(&runtime->closed, &closed);
    struct list *link;
    while ((link = list_pop(&closed)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        if (stream->last_word == LAST_ON_CLOSE) {
            stream->handler->on_close(stream, stream->ctx, stream->reason);
        } else if (stream->last_word == LAST_ON_OPEN) {
            stream->handler->on_open(stream, stream->ctx, stream->reason);
        }
        /* What the owner appended after the end was for nobody. */
        buffer_release(&stream->out);
        mem_free(stream, sizeof *stream);
    }
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* Everything is sent: leave so that it arrives (see the essay), and leave. */
static void stream_finish(struct tcp_stream *stream)
{
    /* After the peer's end (reason 0) there is nothing to drop. */
    for (int round = 0; stream->reason != 0 && round < DROP_ROUNDS_MAX; round++) {
        if (recv(stream->fd, NULL, DROP_CHUNK, MSG_TRUNC | MSG_DONTWAIT) <= 0) {
            break;
        }
    }
    stream_close_descriptor(stream, LAST_ON_CLOSE, stream->reason);
}

static void stream_on_linger(struct runtime_timer *timer)
{
    struct tcp_stream *stream = CONTAINER_OF(timer, struct tcp_stream, linger);
    stream_close_descriptor(stream, LAST_ON_CLOSE, stream->reason);
}

/* No more reading; the turn's end flushes, and closes when nothing is left. */
static void stream_end(struct tcp_stream *stream, int reason, uint32_t linger_ms)
{
    stream->state = STREAM_ENDING;
    stream->reason = reason;
    stream->readable = false;
    list_remove(&stream->ready_link);
    if (list_is_empty(&stream->dirty_link)) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
    }
    runtime_timer_set(&stream->linger, clock_now_ns() + linger_ms * NS_PER_MS);
}

void tcp_close(struct tcp_stream *stream, uint32_t linger_ms)
{
    ASSERT_ON_LOOP(stream->runtime);
    ASSERT(stream->state != STREAM_ACCEPTED);
    if (stream->state == STREAM_CLOSED) {
        stream->last_word = LAST_ON_CLOSE;
        stream->reason = ERR_CANCELLED;
    } else if (stream->state == STREAM_CONNECTING || linger_ms == 0) {
        stream_close_descriptor(stream, LAST_ON_CLOSE, ERR_CANCELLED);
    } else {
        stream_end(stream, ERR_CANCELLED, linger_ms);
    }
}

void tcp_release_all(struct runtime *runtime)
{
    while (!list_is_empty(&runtime->streams) || !list_is_empty(&runtime->closed)) {
        struct list *link = runtime->streams.next;
        while (link != &runtime->streams) {
            struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
            link = link->next;
            stream_close_descriptor(stream, LAST_ON_CLOSE, ERR_CANCELLED);
        }
        tcp_finish_closed(runtime);
    }
    while (runtime->output_pool_count > 0) {
        runtime->output_pool_count -= 1;
        buffer_release(&runtime->output_pool[runtime->output_pool_count]);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Offers the next bytes or the next range; how many the kernel took, or -1 with errno. `offered` is
 * what could have been taken. */
static ssize_t stream_send(struct tcp_stream *stream, size_t *offered)
{
    struct buffer *out = &stream->out;
    struct output_range *range = first_range(stream);
    stream->runtime->stats.writes += 1;
    if (range == NULL || range->at > stream->sent) {
        *offered = (range == NULL ? out->len : range->at) - stream->sent;
        /* The header of a range waits for it, so that both share a segment. */
        int flags = MSG_NOSIGNAL | (range == NULL ? 0 : MSG_MORE);
        ssize_t taken = send(stream->fd, out->data + stream->sent, *offered, flags);
        stream->sent += taken > 0 ? (size_t)taken : 0;
        return taken;
    }
    off_t offset = (off_t)range->offset;
    ssize_t taken = sendfile(stream->fd, file_descriptor(range->file), &offset,
                             MIN(range->len, SENDFILE_MOST));
    if (taken == 0) {
        errno = EIO; /* the file has become shorter */
        return -1;
    }
    /* A short count can be the file's end as well as a full socket: only asking again tells. */
    *offered = 0;
    if (taken > 0) {
        range->offset += (size_t)taken;
        range->len -= (size_t)taken;
        stream->files->bytes -= (size_t)taken;
        if (range->len == 0) {
            range_release(stream, range);
        }
    }
    return taken;
}

/* Frees what has left, when that pays. */
static void output_shrink(struct tcp_stream *stream)
{
    if (tcp_output_pending(stream) == 0) {
        output_give_back(stream);
        return;
    }
    /* Only when at least as much goes as is moved, so a byte moves once on average. */
    if (stream->sent == 0 || stream->sent < stream->out.len / 2) {
        return;
    }
    buffer_consume(&stream->out, stream->sent);
    if (stream->files != NULL) {
        LIST_FOR_EACH(link, &stream->files->ranges)
        {
            CONTAINER_OF(link, struct output_range, link)->at -= stream->sent;
        }
    }
    stream->sent = 0;
}

static void stream_flush(struct tcp_stream *stream)
{
    while (tcp_output_pending(stream) > 0 && !stream->blocked) {
        size_t offered = 0;
        ssize_t taken = stream_send(stream, &offered);
        if (taken >= 0) {
            stream->runtime->stats.written_bytes += (size_t)taken;
            stream->blocked = (size_t)taken < offered;
        } else if (errno == EAGAIN) {
            stream->blocked = true;
        } else if (errno != EINTR) {
            /* What ended the stream first is what its owner hears. */
            int error = system_error_now();
            bool ending = stream->state == STREAM_ENDING;
            stream_close_descriptor(stream, LAST_ON_CLOSE, ending ? stream->reason : error);
            return;
        }
    }
    output_shrink(stream);
    stream->above_high |= tcp_output_pending(stream) > OUTPUT_HIGH_WATER;
}

static void stream_flush_turn(struct tcp_stream *stream)
{
    if (!stream->blocked) {
        stream_flush(stream);
    } else {
        /* The kernel may take all of it at once when it has room again. */
        stream->above_high |= tcp_output_pending(stream) > OUTPUT_HIGH_WATER;
    }
    if (stream->state == STREAM_ENDING && tcp_output_pending(stream) == 0) {
        stream_finish(stream);
    }
}

void tcp_flush_dirty(struct runtime *runtime)
{
    struct list *link;
    while ((link = list_pop(&runtime->dirty)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, dirty_link);
        /* A connecting stream comes back when it is open. */
        if (stream->state != STREAM_CONNECTING) {
            stream_flush_turn(stream);
        }
    }
}

static void stream_on_drained(struct tcp_stream *stream)
{
    stream->blocked = false;
    stream_flush_turn(stream);
    if (stream->state == STREAM_OPEN && stream->above_high &&
        tcp_output_pending(stream) <= OUTPUT_LOW_WATER) {
        stream->above_high = false;
        if (stream->handler->on_writable != NULL) {
            stream->handler->on_writable(stream, stream->ctx);
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void stream_make_ready(struct tcp_stream *stream)
{
    if (list_is_empty(&stream->ready_link)) {
        list_append(&stream->runtime->ready, &stream->ready_link);
    }
}

static size_t read_behind(const struct runtime *runtime)
{
    return MIN(runtime->read_buffer_bytes, READ_BEHIND_BYTES);
}

/* One system call: into the owner's place first, if it gave one, and into the loop's buffer. */
static ssize_t stream_receive(struct tcp_stream *stream)
{
    struct runtime *runtime = stream->runtime;
    ssize_t got;
    do {
        if (stream->read_into == NULL) {
            got = recv(stream->fd, runtime->read_buffer, runtime->read_buffer_bytes, 0);
        } else {
            struct iovec places[2] = {{stream->read_into, stream->read_into_len},
                                      {runtime->read_buffer, read_behind(runtime)}};
            got = readv(stream->fd, places, 2);
        }
    } while (got < 0 && errno == EINTR);
    runtime->stats.reads += 1;
    return got;
}

static void stream_deliver(struct tcp_stream *stream, size_t got)
{
    struct runtime *runtime = stream->runtime;
    uint8_t *first = stream->read_into;
    size_t first_len = MIN(stream->read_into_len, got);
    stream->read_into = NULL;
    stream->read_into_len = 0;
    if (first_len > 0) {
        stream->handler->on_data(stream, stream->ctx, slice_of(first, first_len));
    }
    if (got > first_len && stream->state == STREAM_OPEN) {
        stream->handler->on_data(stream, stream->ctx,
                                 slice_of(runtime->read_buffer, got - first_len));
    }
}

static void stream_read(struct tcp_stream *stream)
{
    struct runtime *runtime = stream->runtime;
    ssize_t got = stream_receive(stream);
    if (got > 0) {
        runtime->stats.read_bytes += (size_t)got;
        size_t asked = stream->read_into == NULL ? runtime->read_buffer_bytes
                                                 : stream->read_into_len + read_behind(runtime);
        if ((size_t)got == asked || stream->hangup) {
            stream_make_ready(stream);
        } else {
            stream->readable = false;
        }
        stream_deliver(stream, (size_t)got);
    } else if (got == 0) {
        stream_end(stream, 0, END_LINGER_MS);
    } else if (errno == EAGAIN) {
        stream->readable = false;
    } else {
        stream_close_descriptor(stream, LAST_ON_CLOSE, system_error_now());
    }
}

void tcp_read_into(struct tcp_stream *stream, uint8_t *bytes, size_t len)
{
    ASSERT_ON_LOOP(stream->runtime);
    stream->read_into = len > 0 ? bytes : NULL;
    stream->read_into_len = len;
}

void tcp_read_ready(struct runtime *runtime)
{
    struct list ready;
    list_init(&ready);
    list_splice(&runtime->ready, &ready);
    struct list *link;
    while ((link = list_pop(&ready)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, ready_link);
        if (stream->state == STREAM_OPEN && !stream->paused && stream->readable) {
            stream_read(stream);
        }
    }
}

void tcp_read_pause(struct tcp_stream *stream)
{
    ASSERT_ON_LOOP(stream->runtime);
    stream->paused = true;
}

void tcp_read_resume(struct tcp_stream *stream)
{
    ASSERT_ON_LOOP(stream->runtime);
    stream->paused = false;
    if (stream->state == STREAM_OPEN && stream->readable) {
        stream_make_ready(stream);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static int pending_error(const struct tcp_stream *stream)
{
    int number = 0;
    socklen_t len = sizeof number;
    int failed = getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &number, &len);
    ASSERT(failed == 0);
    return number == 0 ? 0 : system_error(number);
}

static void stream_on_connected(struct tcp_stream *stream)
{
    int error = pending_error(stream);
    if (error != 0) {
        /* on_open comes in the next turn; see enum last_word. */
        stream_close_descriptor(stream, LAST_ON_OPEN, error);
        return;
    }
    stream->state = STREAM_OPEN;
    if (tcp_output_pending(stream) > 0) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
    }
    stream->handler->on_open(stream, stream->ctx, 0);
}

static void stream_on_input(struct tcp_stream *stream, uint32_t events)
{
    stream->readable = true;
    stream->hangup |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!stream->paused) {
        if (list_is_empty(&stream->ready_link)) {
            stream_read(stream);
        }
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        /* Nobody reads, so nobody would notice that the peer is gone. A plain end can wait for the
         * reader. */
        int error = pending_error(stream);
        stream_close_descriptor(stream, LAST_ON_CLOSE, error != 0 ? error : ERR_RESET);
    }
}

static void stream_on_ready(struct runtime_poller *poller, uint32_t events)
{
    struct tcp_stream *stream = CONTAINER_OF(poller, struct tcp_stream, poller);
    ASSERT(stream->state != STREAM_CLOSED && stream->state != STREAM_ACCEPTED);
    if (stream->state == STREAM_CONNECTING) {
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) {
            return;
        }
        stream_on_connected(stream);
    }
    if ((events & EPOLLOUT) != 0 && stream->blocked && stream->state != STREAM_CLOSED) {
        stream_on_drained(stream);
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    if (stream->state == STREAM_OPEN) {
        stream_on_input(stream, events);
    } else if (stream->state == STREAM_ENDING && (events & (EPOLLHUP | EPOLLERR)) != 0) {
        /* Nobody is there to take the rest. */
        stream_close_descriptor(stream, LAST_ON_CLOSE, stream->reason);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

struct tcp_stream *stream_create_accepted(struct runtime *runtime,
                                          int fd,
                                          const struct tcp_address *peer)
{
    return stream_create(runtime, fd, peer, STREAM_ACCEPTED);
}

bool stream_is_undecided(const struct tcp_stream *stream)
{
    return stream->state == STREAM_ACCEPTED;
}

void tcp_accept(struct tcp_stream *stream, const struct tcp_handler *handler, void *ctx)
{
    ASSERT_ON_LOOP(stream->runtime);
    ASSERT(stream->state == STREAM_ACCEPTED);
    ASSERT(handler->on_data != NULL && handler->on_close != NULL);
    stream->handler = handler;
    stream->ctx = ctx;
    int error = stream_watch(stream);
    if (error != 0) {
        stream_close_descriptor(stream, LAST_ON_CLOSE, error);
        return;
    }
    stream->state = STREAM_OPEN;
}

void tcp_reject(struct tcp_stream *stream)
{
    ASSERT_ON_LOOP(stream->runtime);
    ASSERT(stream->state == STREAM_ACCEPTED);
    stream_close_descriptor(stream, LAST_NOTHING, 0);
}

/* Begins to connect; 0, or why it cannot even begin. */
static int start_connecting(struct tcp_stream *stream)
{
    /* A request is one small write; waiting to join it with a later one only delays it. */
    int one = 1;
    int failed = setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ASSERT(failed == 0);
    struct sockaddr_storage storage;
    socklen_t len = socket_address_fill(&stream->peer, &storage);
    if (connect(stream->fd, (const struct sockaddr *)&storage, len) < 0 && errno != EINPROGRESS) {
        return system_error_now();
    }
    return stream_watch(stream);
}

int tcp_connect(struct runtime *runtime,
                const struct tcp_address *address,
                const struct tcp_handler *handler,
                void *ctx,
                struct tcp_stream **created)
{
    ASSERT_ON_LOOP(runtime);
    ASSERT(handler->on_open != NULL && handler->on_data != NULL && handler->on_close != NULL);
    int fd = socket(address->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    0);
    if (fd < 0) {
        return system_error_now();
    }
    struct tcp_stream *stream = stream_create(runtime, fd, address, STREAM_ACCEPTED);
    stream->handler = handler;
    stream->ctx = ctx;
    int error = start_connecting(stream);
    if (error != 0) {
        stream_close_descriptor(stream, LAST_ON_OPEN, error);
    } else {
        stream->state = STREAM_CONNECTING;
    }
    *created = stream;
    return 0;
}

struct tcp_address tcp_stream_peer(const struct tcp_stream *stream)
{
    return stream->peer;
}

struct tcp_address tcp_stream_local(const struct tcp_stream *stream)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    if (stream->fd < 0 || getsockname(stream->fd, (struct sockaddr *)&storage, &len) != 0) {
        return (struct tcp_address){0};
    }
    return socket_address_read(&storage);
}
