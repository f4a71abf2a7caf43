/* runtime.h - the one seam between Samsa and the outside: clock, random, timers, TCP, files, jobs.
 *
 * Two implementations are linked instead of each other: src/runtime/uv/ (libuv and the kernel) and
 * sim/ (virtual time, network and disk, everything from one seed). All server code runs in both.
 *
 * Model: a `struct runtime` is one event loop: one shard of a real process, or one simulated node.
 * Its callbacks run one at a time, to completion; nothing here is called from another thread,
 * except that a job's `work` runs on a worker thread and may use the file functions (which are
 * blocking) and nothing else. A loop turn: deliver bytes, timers and completions; then run the
 * turn-end hooks; then flush the output of every stream with one writev each; then sleep. Replies
 * collected during a turn therefore leave together.
 *
 * Errors: negative codes of base/errors.h. ERR_NO_SPACE, ERR_ACCESS, ERR_NOT_FOUND, ERR_EXISTS,
 * ERR_IN_USE, ERR_READ_ONLY are told apart; the rest is ERR_IO. runtime_error_detail() gives the
 * system's own words for the log.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "base/buffer.h"
#include "base/errors.h"
#include "base/list.h"
#include "base/slice.h"

struct runtime;

/* ---- clock and random ------------------------------------------------------------------------ */

/* Monotonic, for every timeout and latency. */
uint64_t runtime_now_ns(struct runtime *runtime);

/* Wall clock, milliseconds since 1970 UTC; only for timestamps that people or the protocol see. */
int64_t runtime_wall_ms(struct runtime *runtime);

/* From the system's generator (real) or the seed (simulated). */
void runtime_random(struct runtime *runtime, void *bytes, size_t len);

/* What the last failing call of this thread said ("No space left on device"); "" when there was
 * none. */
const char *runtime_error_detail(void);

/* ---- the machine ----------------------------------------------------------------------------- */

/* What the server tells of the machine it runs on. Texts are "" where the system does not say. */
struct runtime_machine {
    char host_name[256];
    char os_name[96];
    char os_arch[96]; /* as Java calls it: amd64 */
    char os_version[160];
    char user_name[96];
    char user_home[256];
    char user_dir[512]; /* the process's current folder */
    uint64_t memory_free_bytes;
    uint64_t memory_total_bytes;
    int64_t open_files;     /* -1: not known */
    int64_t open_files_max; /* -1: not known */
};

void runtime_machine(struct runtime *runtime, struct runtime_machine *machine);

/* ---- timers ---------------------------------------------------------------------------------- */

struct runtime_timer {
    struct runtime *runtime;
    void (*on_fire)(struct runtime_timer *timer);
    uint64_t deadline_ns; /* valid while armed */
    bool armed;
    size_t heap_index; /* the implementation's own */
};

void runtime_timer_init(struct runtime_timer *timer,
                        struct runtime *runtime,
                        void (*on_fire)(struct runtime_timer *timer));

/* Arms, or moves, the timer; a deadline in the past fires in the next turn. Fires once. */
void runtime_timer_set(struct runtime_timer *timer, uint64_t deadline_ns);
void runtime_timer_stop(struct runtime_timer *timer);

/* ---- turn-end hooks -------------------------------------------------------------------------- */

struct runtime_hook {
    struct list link;
    void (*run)(struct runtime_hook *hook);
};

/* `run` is called at the end of every turn, before output is flushed, in the order of adding. */
void runtime_hook_add(struct runtime *runtime, struct runtime_hook *hook);
void runtime_hook_remove(struct runtime_hook *hook);

/* ---- TCP ------------------------------------------------------------------------------------- */

#define TCP_ADDRESS_TEXT_MAX 64

/* A numeric address. `ip` is 4 bytes (is_v6 false) or 16. */
struct tcp_address {
    uint8_t ip[16];
    bool is_v6;
    uint16_t port;
};

/* "127.0.0.1" or "0:0:0:0:0:0:0:1" (Java's form, no compression); returns the length without the
 * NUL. */
size_t tcp_address_host_text(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT_MAX]);

/* With the port, an IPv6 host in brackets: "127.0.0.1:2181", "[0:0:0:0:0:0:0:1]:2181". */
size_t tcp_address_text(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT_MAX]);

/* Numeric host only; false when it is a name. An IPv4 address mapped into IPv6 becomes IPv4. */
bool tcp_address_parse(struct slice host, uint16_t port, struct tcp_address *address);

struct file;
struct tcp_listener;
struct tcp_stream;

/* What the owner of a stream wants to hear. `ctx` is the pointer given at accept or connect; the
 * handler itself stays where it is as long as the stream lives (make it static).
 *
 * on_open:     only for tcp_connect: 0, or why it failed (the stream is then closed already, and no
 *              on_close follows).
 * on_data:     bytes borrowed for the call, during which the owner may also change them in place
 *              (they are nobody else's). The stream may be closed from inside the call.
 * on_close:    exactly once for an opened stream, and for one that tcp_close met while connecting.
 *              Reason 0 is the peer's orderly end (told after the replies of that turn have left),
 *              ERR_CANCELLED our own tcp_close, else the error. The stream is gone afterwards.
 * on_writable: output of which the kernel had left more than 1 MiB has drained to 64 KiB (may be
 *              NULL). */
struct tcp_handler {
    void (*on_open)(struct tcp_stream *stream, void *ctx, int error);
    void (*on_data)(struct tcp_stream *stream, void *ctx, struct slice bytes);
    void (*on_writable)(struct tcp_stream *stream, void *ctx);
    void (*on_close)(struct tcp_stream *stream, void *ctx, int reason);
};

struct tcp_listen_options {
    int backlog; /* <= 0: the largest the system takes */
    bool reuse_address;
};

/* Binds and listens. on_accept is called for each new stream and must call tcp_accept (which gives
 * it its handler) or tcp_reject on it before returning. ERR_IN_USE, ERR_ACCESS, ERR_INVALID,
 * ERR_TOO_MANY_FILES. */
NODISCARD int tcp_listen(struct runtime *runtime,
                         const struct tcp_address *address,
                         const struct tcp_listen_options *options,
                         void (*on_accept)(struct tcp_stream *stream, void *ctx),
                         void *ctx,
                         struct tcp_listener **listener);
void tcp_listener_close(struct tcp_listener *listener);

/* The bound address (the real port when 0 was asked for). */
struct tcp_address tcp_listener_address(const struct tcp_listener *listener);

void tcp_accept(struct tcp_stream *stream, const struct tcp_handler *handler, void *ctx);
void tcp_reject(struct tcp_stream *stream);

/* Starts connecting; on_open tells the end of it. Resolve names first (tcp_resolve). */
NODISCARD int tcp_connect(struct runtime *runtime,
                          const struct tcp_address *address,
                          const struct tcp_handler *handler,
                          void *ctx,
                          struct tcp_stream **stream);

struct tcp_address tcp_stream_peer(const struct tcp_stream *stream);
struct tcp_address tcp_stream_local(const struct tcp_stream *stream);

/* The stream's output: append to it, it is flushed at the end of the turn. Never blocks; what the
 * kernel does not take stays queued. tcp_output_pending is what is queued in bytes: the owner stops
 * reading when it is too much. */
struct buffer *tcp_output(struct tcp_stream *stream);
size_t tcp_output_pending(const struct tcp_stream *stream);

/* Appends a range of a file to the stream's output, behind what tcp_output has collected so far;
 * the bytes leave without a copy. The stream keeps a reference of its own, so the file may be
 * closed at once. The range must be there already and must not change before it has left: a file
 * that has become shorter ends the stream with ERR_IO. Pages that are not in memory are read by the
 * loop's own thread, so what may be cold is warmed first. */
void tcp_output_file(struct tcp_stream *stream, struct file *file, uint64_t offset, size_t len);

/* What comes next is read right into bytes[0..len), so that a large message is not copied into its
 * place; on_data then gets a slice of it, and what came behind it in another call. For one read;
 * ask again for more. The bytes must stay put until then, or until tcp_read_into(stream, NULL, 0).
 */
void tcp_read_into(struct tcp_stream *stream, uint8_t *bytes, size_t len);

/* Stop and go on delivering on_data. */
void tcp_read_pause(struct tcp_stream *stream);
void tcp_read_resume(struct tcp_stream *stream);

/* Flushes what is queued (bounded by linger_ms), then closes; on_close follows in a later turn with
 * ERR_CANCELLED. With linger_ms 0 the queue is dropped. No other callback comes after this call. */
void tcp_close(struct tcp_stream *stream, uint32_t linger_ms);

/* Name -> addresses, off the loop. `done` gets up to `count` addresses in the resolver's order, or
 * an error (ERR_RESOLVE). A numeric host is answered too (in a later turn). */
#define TCP_RESOLVE_MAX 16
typedef void tcp_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count);
void tcp_resolve(struct runtime *runtime,
                 struct slice host,
                 uint16_t port,
                 tcp_resolved *done,
                 void *ctx);

/* ---- jobs ------------------------------------------------------------------------------------ */

/* Work that would block the loop. `work` runs on a worker thread, `done` on the loop later. Jobs of
 * one lane other than LANE_ANY run one after another in the order of submission. */
enum runtime_lane {
    LANE_LOG,      /* the transaction log's writes and syncs */
    LANE_SNAPSHOT, /* snapshot files and purging */
    LANE_FLUSH,    /* Kafka's group commit: syncs of the partitions' logs */
    LANE_CLEAN,    /* Kafka's upkeep of its logs: compaction, retention, checkpoints */
    LANE_ANY,
    LANE_COUNT,
};

/* `begin` (may be NULL) is called on the loop when the job really starts, right before `work` runs
 * there or is handed to a thread: what comes between runtime_submit and `begin` can still join the
 * job. With waits_for_quiet (LANE_LOG, LANE_FLUSH) the submitter says that nobody whom it serves
 * can be served before the job is done: the runtime may then take what else arrives first, for a
 * moment, and run `work` on the loop when nothing does, since a hand-off to a thread would gain
 * nothing. */
struct runtime_job {
    struct list link; /* the implementation's own */
    void (*begin)(struct runtime_job *job);
    void (*work)(struct runtime_job *job);
    void (*done)(struct runtime_job *job);
    bool waits_for_quiet;
};

void runtime_submit(struct runtime *runtime, enum runtime_lane lane, struct runtime_job *job);

/* ---- files (blocking: at start-up, or inside a job) ------------------------------------------ */

#define FILE_READ 1u
#define FILE_WRITE 2u
#define FILE_CREATE 4u    /* create when absent */
#define FILE_EXCLUSIVE 8u /* with FILE_CREATE: ERR_EXISTS when present */
#define FILE_TRUNCATE 16u

#define PATH_TEXT_MAX 4096

NODISCARD int file_open(struct runtime *runtime,
                        const char *path,
                        unsigned flags,
                        struct file **file);

/* Closes always; the result tells whether the system complained. */
int file_close(struct file *file);
NODISCARD int file_size(struct file *file, uint64_t *size);

/* Reads up to len bytes; *got < len only at the end of the file. */
NODISCARD int file_read(struct file *file, uint64_t offset, void *bytes, size_t len, size_t *got);

/* Is all of the range in memory, so that reading it, or sending it by tcp_output_file, will not
 * wait for the disk? Does not wait itself, and may be asked on the loop. True where the system
 * cannot say. */
bool file_is_resident(struct file *file, uint64_t offset, uint64_t len);

/* Reads the range so that it is in memory; what lies behind the file's end is left out. An error
 * comes again with whoever reads it. */
void file_warm(struct file *file, uint64_t offset, uint64_t len);

/* Writes all or fails. */
NODISCARD int file_write(struct file *file, uint64_t offset, struct slice bytes);

/* fdatasync: what was written, and the size, survive a power cut. A failure is never to be retried.
 */
NODISCARD int file_sync(struct file *file);
NODISCARD int file_resize(struct file *file, uint64_t size);

/* Makes [offset, offset+len) allocated and zero, so that later syncs need no metadata. */
NODISCARD int file_zero_ahead(struct file *file, uint64_t offset, uint64_t len);

/* Exclusive advisory lock, released with the file. ERR_IN_USE when another process has it. */
NODISCARD int file_lock(struct file *file);

struct path_info {
    bool is_directory;
    uint64_t size;
    int64_t modified_ms; /* wall clock */
};

NODISCARD int path_stat(struct runtime *runtime, const char *path, struct path_info *info);
NODISCARD int path_rename(struct runtime *runtime, const char *from, const char *to);
NODISCARD int path_remove(struct runtime *runtime, const char *path);

/* Makes the entries of a directory durable. */
NODISCARD int directory_sync(struct runtime *runtime, const char *path);

/* Creates the directory and its parents where absent. */
NODISCARD int directory_create(struct runtime *runtime, const char *path);

/* Calls `entry` for each name but "." and "..", in byte order of the names. */
NODISCARD int directory_list(struct runtime *runtime,
                             const char *path,
                             void (*entry)(void *ctx, const char *name),
                             void *ctx);

/* Free and total bytes of the file system that holds path. */
NODISCARD int path_space(struct runtime *runtime,
                         const char *path,
                         uint64_t *free_bytes,
                         uint64_t *total_bytes);

#endif
