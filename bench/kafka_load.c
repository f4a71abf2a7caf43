/*
 * The raw load generator for Kafka brokers: pre-built frames, one thread, one epoll, so that the
 * broker is what is measured.
 *
 *   kafka_load produce  --topic T --partitions P --connections C --depth D --records N --size S
 *                       --acks A --seconds s [--rate requests/s: open loop] [--warmup s]
 *   kafka_load fetch    --topic T --partitions P --connections C --bytes B --seconds s
 *   kafka_load connect  --connections C [--hold s]
 *   kafka_load create   --topic PREFIX --topics N --partitions P
 *   kafka_load metadata                     how many partitions have a leader
 *
 * Each also takes --port and --server-pid, and prints one line of JSON: rates, latencies, the CPU
 * of the broker and of itself. In an open loop latency counts from the time at which the request
 * was due.
 */
#include "kafka/frames.h"
#include "load/histogram.h"
#include "load/usage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 1024
#define EVENTS_MAX 1024
#define NS_PER_S 1000000000ull
#define ANSWER_LIMIT_NS (120 * NS_PER_S)

struct options {
    const char *mode;
    const char *topic;
    uint32_t topics;
    uint32_t partitions;
    uint32_t connections;
    uint32_t depth;
    uint32_t records;
    uint32_t size;
    int32_t bytes;
    int16_t acks;
    double seconds;
    double warmup;
    double hold;
    double rate;
    uint16_t port;
    pid_t server;
};

struct conn {
    int fd;
    uint32_t partition;
    uint32_t outstanding;
    uint32_t due_first; /* ring of due times */
    uint64_t *due_ns;
    struct frame frame; /* fetch: the offset differs */
    const struct frame *sends;
    size_t send_at; /* bytes of the frame that are sent; frame->len: nothing is under way */
    uint32_t to_send;
    bool waits_to_write;
    uint8_t *in;
    size_t in_len;
    size_t in_cap;
    int64_t offset;
};

struct run {
    const struct options *options;
    int epoll_fd;
    struct conn *conns;
    struct frame *frames; /* produce: one a partition */
    bool is_counting;
    bool is_over;
    uint64_t ops;
    uint64_t records;
    uint64_t bytes;
    uint64_t errors;
    int first_error;
    struct load_histogram latency;
    struct load_usage start;
    struct load_usage end;
};

static struct options parse(int argc, char **argv)
{
    struct options options = {.topic = "load",
                              .topics = 1,
                              .partitions = 1,
                              .connections = 1,
                              .depth = 1,
                              .records = 1,
                              .size = 100,
                              .bytes = 1 << 20,
                              .acks = 1,
                              .seconds = 2,
                              .warmup = 0.3,
                              .port = 9092};
    if (argc < 2) {
        load_die("usage: kafka_load produce|fetch|connect|create|metadata [--option value]...");
    }
    options.mode = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        const char *value = argv[i + 1];
        char *value_end;
        double number = strtod(value, &value_end);
        if (strcmp(name, "--topic") == 0) {
            options.topic = value;
        } else if (strcmp(name, "--topics") == 0) {
            options.topics = (uint32_t)number;
        } else if (strcmp(name, "--partitions") == 0) {
            options.partitions = (uint32_t)number;
        } else if (strcmp(name, "--connections") == 0) {
            options.connections = (uint32_t)number;
        } else if (strcmp(name, "--depth") == 0) {
            options.depth = (uint32_t)number;
        } else if (strcmp(name, "--records") == 0) {
            options.records = (uint32_t)number;
        } else if (strcmp(name, "--size") == 0) {
            options.size = (uint32_t)number;
        } else if (strcmp(name, "--bytes") == 0) {
            options.bytes = (int32_t)number;
        } else if (strcmp(name, "--acks") == 0) {
            options.acks = (int16_t)number;
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = number;
        } else if (strcmp(name, "--warmup") == 0) {
            options.warmup = number;
        } else if (strcmp(name, "--hold") == 0) {
            options.hold = number;
        } else if (strcmp(name, "--rate") == 0) {
            options.rate = number;
        } else if (strcmp(name, "--port") == 0) {
            options.port = (uint16_t)number;
        } else if (strcmp(name, "--server-pid") == 0) {
            options.server = (pid_t)number;
        } else {
            load_die("unknown option %s", name);
        }
    }
    if (options.depth == 0 || options.depth > DEPTH_MAX || options.connections == 0) {
        load_die("--depth is 1 to %d, --connections at least 1", DEPTH_MAX);
    }
    return options;
}

static void make_room_for_descriptors(uint32_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + 64) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_socket(const struct options *options)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(options->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        load_die("cannot connect to port %u: %s", options->port, strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* ---- one request, one answer ----------------------------------------------------------------- */

static void send_all(int fd, const struct frame *frame)
{
    size_t sent = 0;
    while (sent < frame->len) {
        ssize_t count = send(fd, frame->bytes + sent, frame->len - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            load_die("the broker has closed the connection: %s", strerror(errno));
        }
        sent += (size_t)count;
    }
}

static void read_all(int fd, uint8_t *bytes, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t count = recv(fd, bytes + got, len - got, 0);
        if (count <= 0) {
            load_die("the broker has closed the connection: %s", strerror(errno));
        }
        got += (size_t)count;
    }
}

static size_t answer_len(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* The answer from its correlation id on; to be freed. */
static uint8_t *ask(int fd, const struct frame *frame, size_t *len)
{
    uint8_t head[4];
    send_all(fd, frame);
    read_all(fd, head, sizeof head);
    *len = answer_len(head);
    uint8_t *answer = malloc(*len);
    if (answer == NULL) {
        load_die("an answer of %zu bytes", *len);
    }
    read_all(fd, answer, *len);
    return answer;
}

/* ---- produce and fetch ----------------------------------------------------------------------- */

static void watch(struct run *run, struct conn *conn, bool writes)
{
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0u), .data.ptr = conn};
    /* The first call adds it: nothing waits to be written then. */
    int how = conn->waits_to_write == writes ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    conn->waits_to_write = writes;
    if (epoll_ctl(run->epoll_fd, how, conn->fd, &event) != 0) {
        load_die("epoll_ctl: %s", strerror(errno));
    }
}

/* Sends what is due, several small frames in one call. */
static void conn_flush(struct run *run, struct conn *conn)
{
    while (conn->to_send > 0) {
        struct iovec parts[64];
        int count = 0;
        size_t offered = 0;
        for (uint32_t i = 0; i < conn->to_send && count < 64; i++) {
            size_t from = i == 0 ? conn->send_at : 0;
            parts[count].iov_base = conn->sends->bytes + from;
            parts[count].iov_len = conn->sends->len - from;
            offered += parts[count++].iov_len;
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            load_die("send: %s", strerror(errno));
        }
        size_t done = sent > 0 ? (size_t)sent : 0;
        conn->send_at += done;
        while (conn->send_at >= conn->sends->len && conn->to_send > 0) {
            conn->send_at -= conn->sends->len;
            conn->to_send -= 1;
        }
        if (done < offered) {
            if (!conn->waits_to_write) {
                watch(run, conn, true);
            }
            return;
        }
    }
    if (conn->waits_to_write) {
        watch(run, conn, false);
    }
}

static void conn_request(struct run *run, struct conn *conn, uint64_t due_ns)
{
    (void)run;
    conn->due_ns[(conn->due_first + conn->outstanding) % DEPTH_MAX] = due_ns;
    conn->outstanding += 1;
    conn->to_send += 1;
}

static void note_error(struct run *run, int error)
{
    if (error != 0) {
        run->first_error = run->errors == 0 ? error : run->first_error;
        run->errors += 1;
    }
}

static void take_answer(struct run *run, struct conn *conn, const uint8_t *answer, size_t len)
{
    const struct options *options = run->options;
    uint64_t now_ns = load_now_ns();
    uint64_t records = options->records;
    uint64_t bytes = conn->sends->len;
    if (conn->frame.len > 0) {
        struct fetch_answer read;
        fetch_answer_read(answer, len, &read);
        note_error(run, read.error);
        records = read.records;
        bytes = read.record_bytes;
        /* At the end it begins again. */
        conn->offset = read.next_offset >= 0 && read.next_offset < read.high_watermark
                           ? read.next_offset
                           : 0;
        frame_set_fetch_offset(&conn->frame, conn->offset);
    } else {
        note_error(run, produce_answer_error(answer, len));
    }
    if (run->is_counting) {
        run->ops += 1;
        run->records += records;
        run->bytes += bytes;
        load_histogram_record(&run->latency, now_ns - conn->due_ns[conn->due_first]);
    }
    conn->due_first = (conn->due_first + 1) % DEPTH_MAX;
    conn->outstanding -= 1;
    if (!run->is_over && options->rate == 0) {
        conn_request(run, conn, now_ns);
    }
}

static void conn_read(struct run *run, struct conn *conn)
{
    if (conn->in_cap - conn->in_len < conn->in_cap / 2) {
        conn->in_cap *= 2;
        uint8_t *larger = realloc(conn->in, conn->in_cap);
        if (larger == NULL) {
            load_die("no memory for an answer of %zu bytes", conn->in_cap);
        }
        conn->in = larger;
    }
    ssize_t got = recv(conn->fd, conn->in + conn->in_len, conn->in_cap - conn->in_len,
                       MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        load_die("the broker has closed the connection");
    }
    conn->in_len += got > 0 ? (size_t)got : 0;
    size_t at = 0;
    while (conn->in_len - at >= 4) {
        size_t len = answer_len(conn->in + at);
        if (conn->in_len - at - 4 < len) {
            break;
        }
        take_answer(run, conn, conn->in + at + 4, len);
        at += 4 + len;
    }
    memmove(conn->in, conn->in + at, conn->in_len - at);
    conn->in_len -= at;
    conn_flush(run, conn);
}

static void turn(struct run *run, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(run->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0) {
            conn_flush(run, conn);
        }
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            conn_read(run, conn);
        }
    }
}

static void open_conns(struct run *run, bool fetches)
{
    const struct options *options = run->options;
    run->conns = calloc(options->connections, sizeof *run->conns);
    run->frames = calloc(options->partitions, sizeof *run->frames);
    struct batch_options batch = {options->records, options->size, (int64_t)time(NULL) * 1000};
    for (uint32_t i = 0; i < options->partitions && !fetches; i++) {
        frame_produce(&run->frames[i], options->topic, (int32_t)i, options->acks, &batch);
    }
    for (uint32_t i = 0; i < options->connections; i++) {
        struct conn *conn = &run->conns[i];
        conn->fd = open_socket(options);
        conn->partition = i % options->partitions;
        conn->due_ns = calloc(DEPTH_MAX, sizeof *conn->due_ns);
        conn->in_cap = fetches ? (size_t)4 << 20 : (size_t)16 << 10;
        conn->in = malloc(conn->in_cap);
        conn->sends = &run->frames[conn->partition];
        if (fetches) {
            frame_fetch(&conn->frame, options->topic, (int32_t)conn->partition, 500, 1,
                        options->bytes);
            conn->sends = &conn->frame;
        }
        watch(run, conn, false);
    }
}

/* Closed loop: every connection keeps `depth` requests under way. */
static void closed_loop(struct run *run)
{
    const struct options *options = run->options;
    uint64_t begin_ns = load_now_ns();
    uint64_t count_ns = begin_ns + (uint64_t)(options->warmup * 1e9);
    uint64_t end_ns = count_ns + (uint64_t)(options->seconds * 1e9);
    for (uint32_t i = 0; i < options->connections; i++) {
        for (uint32_t j = 0; j < options->depth; j++) {
            conn_request(run, &run->conns[i], begin_ns);
        }
        conn_flush(run, &run->conns[i]);
    }
    for (uint64_t now_ns = begin_ns; now_ns < end_ns; now_ns = load_now_ns()) {
        if (!run->is_counting && now_ns >= count_ns) {
            load_usage_start(&run->start, options->server);
            run->is_counting = true;
        }
        turn(run, 10);
    }
}

/* Open loop: requests leave when they are due, round the connections. */
static void open_loop(struct run *run)
{
    const struct options *options = run->options;
    uint64_t step_ns = (uint64_t)(1e9 / options->rate);
    uint64_t due_ns = load_now_ns() + step_ns;
    uint64_t count_ns = due_ns + (uint64_t)(options->warmup * 1e9);
    uint64_t end_ns = count_ns + (uint64_t)(options->seconds * 1e9);
    uint32_t next = 0;
    while (due_ns < end_ns) {
        uint64_t now_ns = load_now_ns();
        if (!run->is_counting && now_ns >= count_ns) {
            load_usage_start(&run->start, options->server);
            run->is_counting = true;
        }
        while (due_ns <= now_ns) {
            struct conn *conn = &run->conns[next++ % options->connections];
            if (conn->outstanding >= DEPTH_MAX) {
                break;
            }
            conn_request(run, conn, due_ns);
            conn_flush(run, conn);
            due_ns += step_ns;
        }
        /* Sleeping would add the timer's slack to what is measured, so the generator looks on. */
        turn(run, 0);
    }
}

static void print_end(void)
{
    printf("}\n");
}

static void print_latency(const struct load_histogram *histogram)
{
    static const struct {
        const char *name;
        double fraction;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        printf(",\"%s_us\":%.2f", points[i].name,
               (double)load_histogram_percentile(histogram, points[i].fraction) / 1e3);
    }
}

static void run_load(const struct options *options, bool fetches)
{
    struct run *run = calloc(1, sizeof *run);
    struct load_usage usage;
    run->options = options;
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    make_room_for_descriptors(options->connections);
    open_conns(run, fetches);
    if (options->rate > 0) {
        open_loop(run);
    } else {
        closed_loop(run);
    }
    load_usage_end(&run->end, options->server);
    run->is_counting = false;
    run->is_over = true;
    load_usage_between(&usage, &run->start, &run->end);
    double wall_s = (double)usage.wall_ns / 1e9;
    double gigabytes = (double)run->bytes / 1e9;
    printf(
        "{\"mode\":\"%s\",\"connections\":%u,\"depth\":%u,\"records\":%u,\"size\":%u,\"acks\":%d,"
        "\"errors\":%llu,\"first_error\":%d,\"ops\":%llu,\"ops_per_s\":%.1f,\"records_per_s\":%.1f,"
        "\"mb_per_s\":%.2f,\"server_cpu_s_per_gb\":%.4f,\"server_cpu_s_per_m_records\":%.5f",
        options->mode, options->connections, options->depth, options->records, options->size,
        options->acks, (unsigned long long)run->errors, run->first_error,
        (unsigned long long)run->ops, (double)run->ops / wall_s, (double)run->records / wall_s,
        (double)run->bytes / 1e6 / wall_s,
        gigabytes > 0 ? (double)usage.server_cpu_ns / 1e9 / gigabytes : 0,
        run->records > 0 ? (double)usage.server_cpu_ns / 1e3 / (double)run->records : 0);
    load_usage_print(&usage, run->ops, stdout);
    print_latency(&run->latency);
    print_end();
}

/* ---- other modes ----------------------------------------------------------------------------- */

/* Every connection has asked something and got its answer. */
static void run_connect(const struct options *options)
{
    struct load_usage before;
    struct load_usage start;
    struct load_usage end;
    struct load_usage usage;
    struct frame frame = {0};
    int *fds = calloc(options->connections, sizeof *fds);
    make_room_for_descriptors(options->connections);
    frame_api_versions(&frame);
    load_usage_start(&before, options->server);
    load_usage_start(&start, options->server);
    for (uint32_t i = 0; i < options->connections; i++) {
        fds[i] = open_socket(options);
        send_all(fds[i], &frame);
    }
    for (uint32_t i = 0; i < options->connections; i++) {
        uint8_t head[4];
        uint8_t answer[65536];
        read_all(fds[i], head, sizeof head);
        size_t len = answer_len(head);
        read_all(fds[i], answer, len < sizeof answer ? len : sizeof answer);
    }
    load_usage_end(&end, options->server);
    load_usage_between(&usage, &start, &end);
    if (options->hold > 0) {
        struct timespec pause = {(time_t)options->hold,
                                 (long)((options->hold - (double)(time_t)options->hold) * 1e9)};
        nanosleep(&pause, NULL);
        load_usage_end(&end, options->server);
    }
    printf(
        "{\"mode\":\"connect\",\"connections\":%u,\"connect_s\":%.4f,\"kib_per_connection\":%.3f",
        options->connections, (double)usage.wall_ns / 1e9,
        ((double)end.rss_kib - (double)before.rss_kib) / options->connections);
    load_usage_print(&usage, options->connections, stdout);
    print_end();
    free(fds);
    frame_free(&frame);
}

static uint64_t count_led(int fd)
{
    struct frame frame = {0};
    size_t len;
    frame_metadata(&frame);
    uint8_t *answer = ask(fd, &frame, &len);
    uint64_t led = metadata_led_partitions(answer, len);
    free(answer);
    frame_free(&frame);
    return led;
}

static void run_create(const struct options *options)
{
    struct load_usage start;
    struct load_usage end;
    struct load_usage usage;
    struct frame frame = {0};
    size_t len;
    int fd = open_socket(options);
    uint64_t wanted = count_led(fd) + (uint64_t)options->topics * options->partitions;
    frame_create_topics(&frame, options->topic, options->topics, options->partitions, 120000);
    load_usage_start(&start, options->server);
    uint8_t *answer = ask(fd, &frame, &len);
    int error = create_answer_error(answer, len);
    uint64_t limit_ns = load_now_ns() + ANSWER_LIMIT_NS;
    while (error == 0 && count_led(fd) < wanted) {
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
        if (load_now_ns() > limit_ns) {
            load_die("only %llu partitions have a leader", (unsigned long long)count_led(fd));
        }
    }
    load_usage_end(&end, options->server);
    load_usage_between(&usage, &start, &end);
    printf(
        "{\"mode\":\"create\",\"partitions\":%u,\"errors\":%d,\"first_error\":%d,\"create_s\":%.4f",
        options->topics * options->partitions, error != 0, error, (double)usage.wall_ns / 1e9);
    load_usage_print(&usage, (uint64_t)options->topics * options->partitions, stdout);
    print_end();
    free(answer);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    if (strcmp(options.mode, "produce") == 0) {
        run_load(&options, false);
    } else if (strcmp(options.mode, "fetch") == 0) {
        run_load(&options, true);
    } else if (strcmp(options.mode, "connect") == 0) {
        run_connect(&options);
    } else if (strcmp(options.mode, "create") == 0) {
        run_create(&options);
    } else if (strcmp(options.mode, "metadata") == 0) {
        printf("{\"mode\":\"metadata\",\"led\":%llu}\n",
               (unsigned long long)count_led(open_socket(&options)));
    } else {
        load_die("unknown mode %s", options.mode);
    }
    return 0;
}
