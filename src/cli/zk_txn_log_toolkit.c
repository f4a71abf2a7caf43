/* zk_txn_log_toolkit.c - zkTxnLogToolkit.sh: shows a transaction log, repairs checksums, cuts a log
 * at a zxid.
 *
 * Usage: zkTxnLogToolkit [-dhrvc] <txn_log_file_name> (-z <zxid>)
 *   dump     every entry, those whose checksum is wrong twice, once marked "CRC ERROR"
 *   -r       copies the log to <file>.fixed, asking (or not: -y) whether a wrong checksum is to be
 *            made right
 *   -c -z    copies what stands up to the zxid to <file>.chopped<zxid>
 * The log itself is never written. Its end is where zeros or the file's end are; an entry that its
 * file cuts short ends it too. An entry that cannot be decoded stops the tool: what is behind it
 * cannot be trusted to begin there. Words, streams and exit codes are upstream's (chopping exits
 * with 0 even when it failed). Source: TxnLogToolkit, LogChopper.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/command_line.h"
#include "cli/java_format.h"
#include "cli/offline_tool.h"
#include "cli/tool.h"
#include "cli/zk_txn_log_print.h"
#include "cli/zookeeper_server.h"
#include "zookeeper/storage/txn_log.h"

#define COPY_BYTES ((size_t)1 << 20) /* gathered before they are written */
#define COPY_BYTES_MAX ((size_t)256 << 20)

static const struct command_option options[] = {
    {'c', "chop", false, false},    {'d', "dump", false, false},    {'h', "help", false, false},
    {'r', "recover", false, false}, {'v', "verbose", false, false}, {'y', "yes", false, false},
    {'z', "zxid", true, false},
};

static const char usage[] =
    "usage: TxnLogToolkit [-dhrvc] <txn_log_file_name> (-z <zxid>)\n"
    " -c,--chop         Chop mode. Chop txn file to a zxid.\n"
    " -d,--dump         Dump mode. Dump all entries of the log file with printing the content of a "
    "nodepath (default)\n"
    " -h,--help         Print help message\n"
    " -r,--recover      Recovery mode. Re-calculate CRC for broken entries.\n"
    " -v,--verbose      Be verbose in recovery mode: print all entries, not just fixed ones.\n"
    " -y,--yes          Non-interactive mode: repair all CRC errors without asking\n"
    " -z,--zxid <arg>   Used with chop. Zxid to which to chop.\n";

struct toolkit {
    const char *tool;
    struct runtime *runtime;
    const char *path;
    char folder[DATA_DIR_PATH_MAX];
    char name[DATA_FILE_NAME_MAX];
    struct txn_log_reader reader;
    struct txn_printer printer;
    uint64_t count; /* entries passed */

    bool is_chopping;
    bool is_recovering;
    bool is_verbose;
    bool is_forced;
    uint64_t fixed;

    struct file *copy; /* .fixed or .chopped<zxid>; NULL: none is written */
    char copy_path[PATH_TEXT_MAX];
    uint64_t copy_offset;
    struct buffer copy_bytes;
};

/* ---- the copy -------------------------------------------------------------------------------- */

static int copy_flush(struct toolkit *toolkit)
{
    int error = file_write(toolkit->copy, toolkit->copy_offset, buffer_slice(&toolkit->copy_bytes));
    toolkit->copy_offset += toolkit->copy_bytes.len;
    buffer_clear(&toolkit->copy_bytes, COPY_BYTES);
    return error;
}

static int copy_open(struct toolkit *toolkit, unsigned flags)
{
    int error = file_open(toolkit->runtime, toolkit->copy_path,
                          FILE_READ | FILE_WRITE | FILE_CREATE | flags, &toolkit->copy);
    if (error == 0) {
        buffer_append_be32(&toolkit->copy_bytes, toolkit->reader.magic);
        buffer_append_be32(&toolkit->copy_bytes, toolkit->reader.version);
        buffer_append_be64(&toolkit->copy_bytes, (uint64_t)toolkit->reader.dbid);
    }
    return error;
}

static int copy_entry(struct toolkit *toolkit, int64_t checksum, struct slice payload)
{
    struct buffer *out = &toolkit->copy_bytes;
    buffer_append_be64(out, (uint64_t)checksum);
    buffer_append_be32(out, (uint32_t)payload.len);
    buffer_append(out, payload);
    buffer_append_u8(out, TXN_LOG_END_OF_ENTRY);
    return out->len < COPY_BYTES ? 0 : copy_flush(toolkit);
}

/* Writes what is gathered and makes it durable, so that the log may be replaced by its copy. */
static int copy_finish(struct toolkit *toolkit)
{
    int error = copy_flush(toolkit);
    if (error == 0) {
        error = file_sync(toolkit->copy);
    }
    int close_error = file_close(toolkit->copy);
    toolkit->copy = NULL;
    return error != 0 ? error : close_error;
}

static int say_copy_failed(struct toolkit *toolkit, int error)
{
    return offline_tool_fail(toolkit->tool,
                             "cannot write %s: %s (%s). Make room or check who may write there, "
                             "and remove the file before the next try.",
                             toolkit->copy_path, error_text(error), runtime_error_detail());
}

/* ---- reading --------------------------------------------------------------------------------- */

static void print_head(const struct toolkit *toolkit)
{
    printf("ZooKeeper Transactional Log File with dbid %" PRId64 " txnlog format version %" PRIu32
           "\n",
           toolkit->reader.dbid, toolkit->reader.version);
}

static int say_not_a_log(struct toolkit *toolkit, int error)
{
    if (error == ERR_END && toolkit->reader.size < TXN_LOG_HEADER_BYTES) {
        return offline_tool_fail(toolkit->tool,
                                 "%s ends inside its header: a log that holds no transaction. It "
                                 "can be removed while the server is down.",
                                 toolkit->path);
    }
    if (error == ERR_CORRUPT && toolkit->reader.magic == TXN_LOG_MAGIC) {
        return offline_tool_fail(
            toolkit->tool, "%s is a log of format version %" PRIu32 "; this tool knows version %d.",
            toolkit->path, toolkit->reader.version, TXN_LOG_VERSION);
    }
    if (error == ERR_CORRUPT || error == ERR_END) {
        if (toolkit->is_chopping) {
            fprintf(stderr, "Invalid magic number in txn log file\n");
            printf("Got exception: Failed to chop %s\n", toolkit->name);
            return EXIT_OK;
        }
        fprintf(stderr, "Invalid magic number for %s\n", toolkit->name);
        return EXIT_INVOCATION;
    }
    return offline_tool_fail(toolkit->tool, "cannot read %s: %s (%s)", toolkit->path,
                             error_text(error), runtime_error_detail());
}

static int say_undecodable(struct toolkit *toolkit, uint64_t offset, int error)
{
    return offline_tool_fail(toolkit->tool,
                             "%s: the entry at offset %" PRIu64
                             " is not a transaction (%s). The %" PRIu64
                             " before it are good: keep those with -c -z and the last one's zxid.",
                             toolkit->path, offset, error_text(error), toolkit->count);
}

/* The next entry, good or bad. ERR_END at the end of the log or where the file cuts an entry short
 * and nothing follows; ERR_CORRUPT when a length leads nowhere. */
static int next_entry(struct toolkit *toolkit,
                      struct slice *payload,
                      int64_t *stored,
                      bool *has_end_mark)
{
    int error = txn_log_reader_next(&toolkit->reader, payload, stored);
    *has_end_mark = error != ERR_TRUNCATED;
    if (error == ERR_TRUNCATED || error == ERR_CHECKSUM) {
        if (!slice_is_null(*payload)) {
            txn_log_reader_skip(&toolkit->reader, *payload);
            return 0;
        }
        bool is_cut = error == ERR_TRUNCATED && !txn_log_reader_valid_behind(&toolkit->reader, 1);
        return is_cut ? ERR_END : ERR_CORRUPT;
    }
    return error;
}

/* ---- dump and recovery ----------------------------------------------------------------------- */

enum answer {
    ANSWER_YES,
    ANSWER_NO,
    ANSWER_ABORT,
    ANSWER_NONE
};

/* Words of standard input until one begins with y, n or a. */
static enum answer ask(void)
{
    for (;;) {
        char word[2];
        printf("Would you like to fix it (Yes/No/Abort) ? ");
        fflush(stdout);
        if (scanf("%1s%*[^ \t\r\n\f\v]", word) < 1) {
            return ANSWER_NONE;
        }
        switch (toupper((unsigned char)word[0])) {
        case 'Y':
            return ANSWER_YES;
        case 'N':
            return ANSWER_NO;
        case 'A':
            return ANSWER_ABORT;
        default:
            break;
        }
    }
}

/* Prints an entry with a wrong checksum and settles which one the copy gets. *exit_code is set when
 * that ends the tool. */
static int judge_checksum(struct toolkit *toolkit,
                          struct slice payload,
                          int64_t *checksum,
                          int *exit_code)
{
    int64_t right = txn_log_checksum(payload);
    bool is_forced = toolkit->is_recovering && toolkit->is_forced;
    int error = txn_print(&toolkit->printer, payload, is_forced ? "CRC FIXED" : "CRC ERROR");
    if (error != 0 || !toolkit->is_recovering) {
        return error;
    }
    enum answer answer = is_forced ? ANSWER_YES : ask();
    switch (answer) {
    case ANSWER_YES:
        *checksum = right;
        toolkit->fixed++;
        return 0;
    case ANSWER_NO:
        return 0;
    case ANSWER_ABORT:
        fflush(stdout);
        fprintf(stderr, "Recovery aborted.\n");
        *exit_code = EXIT_OK;
        return ERR_CANCELLED;
    case ANSWER_NONE:
        *exit_code = offline_tool_fail(toolkit->tool,
                                       "standard input ended without an answer; -y repairs without "
                                       "asking. %s is incomplete: remove it.",
                                       toolkit->copy_path);
        return ERR_CANCELLED;
    }
    UNREACHABLE();
}

static int dump_entry(struct toolkit *toolkit,
                      struct slice payload,
                      int64_t checksum,
                      bool has_end_mark,
                      uint64_t offset)
{
    int exit_code = 0;
    int error = 0;
    if (checksum != (int64_t)txn_log_checksum(payload)) {
        error = judge_checksum(toolkit, payload, &checksum, &exit_code);
    }
    if (error == 0 && (!toolkit->is_recovering || toolkit->is_verbose)) {
        error = txn_print(&toolkit->printer, payload, "");
    }
    if (error == ERR_CANCELLED) {
        return exit_code == 0 ? -1 : exit_code;
    }
    if (error != 0) {
        return say_undecodable(toolkit, offset, error);
    }
    if (!has_end_mark) {
        fflush(stdout);
        fprintf(stderr, "Last transaction was partial.\n");
        return EXIT_UNEXPECTED;
    }
    if (toolkit->is_recovering) {
        error = copy_entry(toolkit, checksum, payload);
        if (error != 0) {
            return say_copy_failed(toolkit, error);
        }
    }
    toolkit->count++;
    return 0;
}

/* 0 at the end of the log; -1 when the user gave up; else the exit code. */
static int dump_entries(struct toolkit *toolkit)
{
    for (;;) {
        struct slice payload;
        int64_t checksum = 0;
        bool has_end_mark;
        uint64_t offset = toolkit->reader.offset;
        int error = next_entry(toolkit, &payload, &checksum, &has_end_mark);
        if (error == ERR_END) {
            printf("EOF reached after %" PRIu64 " txns.\n", toolkit->count);
            return 0;
        }
        if (error == ERR_CORRUPT) {
            return say_undecodable(toolkit, offset, error);
        }
        if (error != 0) {
            return say_not_a_log(toolkit, error);
        }
        int exit_code = dump_entry(toolkit, payload, checksum, has_end_mark, offset);
        if (exit_code != 0) {
            return exit_code;
        }
    }
}

static int dump(struct toolkit *toolkit)
{
    print_head(toolkit);
    if (toolkit->is_recovering) {
        int error = copy_open(toolkit, FILE_EXCLUSIVE);
        if (error != 0) {
            return say_copy_failed(toolkit, error);
        }
    }
    int exit_code = dump_entries(toolkit);
    if (toolkit->is_recovering) {
        int error = copy_finish(toolkit);
        if (error != 0) {
            return say_copy_failed(toolkit, error);
        }
    }
    if (exit_code == 0 && toolkit->is_recovering) {
        printf("Recovery file %s has been written with %" PRIu64 " fixed CRC error(s)\n",
               toolkit->copy_path, toolkit->fixed);
    }
    return exit_code < 0 ? EXIT_OK : exit_code;
}

/* ---- chopping -------------------------------------------------------------------------------- */

static void print_gap(int64_t previous, int64_t zxid)
{
    uint64_t from = (uint64_t)previous;
    uint64_t to = (uint64_t)zxid;
    if (previous == -1 || to == from + 1) {
        return;
    }
    if (from >> 32 == to >> 32) {
        printf("There is intra-epoch gap between %" PRIx64 " and %" PRIx64 "\n", from, to);
    } else if ((to & UINT32_MAX) != 1) {
        printf("There is inter-epoch gap between %" PRIx64 " and %" PRIx64 "\n", from, to);
    }
}

/* One entry of a log that is being chopped: it must be whole and right. The reason why it is not
 * goes to *why. */
static int chop_next(struct toolkit *toolkit,
                     struct slice *payload,
                     int64_t *zxid,
                     char *why,
                     size_t why_size)
{
    int64_t stored = 0;
    bool has_end_mark;
    uint64_t offset = toolkit->reader.offset;
    int error = next_entry(toolkit, payload, &stored, &has_end_mark);
    if (error == ERR_END) {
        return error;
    }
    if (error != 0) {
        snprintf(why, why_size, "cannot read the entry at offset %" PRIu64 ": %s", offset,
                 error_text(error));
        return error;
    }
    uint32_t right = txn_log_checksum(*payload);
    if (stored != (int64_t)right) {
        snprintf(why, why_size, "CRC doesn't match %" PRId64 " vs %" PRIu32, stored, right);
        return ERR_CHECKSUM;
    }
    error = txn_check(&toolkit->printer, *payload, zxid);
    if (error != 0) {
        snprintf(why, why_size, "the entry at offset %" PRIu64 " is not a transaction: %s", offset,
                 error_text(error));
        return error;
    }
    if (!has_end_mark) {
        printf("Last transaction was partial.\n");
        snprintf(why, why_size, "Last transaction was partial.");
        return ERR_TRUNCATED;
    }
    return 0;
}

/* Copies up to and including the zxid; true when something was cut off behind it. *why says what
 * else went wrong. */
static bool chop_entries(struct toolkit *toolkit, int64_t wanted, char *why, size_t why_size)
{
    bool has_wanted = false;
    int64_t previous = -1;
    for (;;) {
        struct slice payload;
        int64_t zxid = 0;
        int error = chop_next(toolkit, &payload, &zxid, why, why_size);
        if (error == ERR_END) {
            /* nothing to chop off */
            printf("EOF reached after %" PRIu64 " txns.\n", toolkit->count);
        }
        if (error != 0) {
            return false;
        }
        has_wanted = has_wanted || zxid == wanted;
        print_gap(previous, zxid);
        previous = zxid;
        if (zxid > wanted) {
            break;
        }
        error = copy_entry(toolkit, txn_log_checksum(payload), payload);
        if (error != 0) {
            snprintf(why, why_size, "cannot write %s: %s", toolkit->copy_path,
                     runtime_error_detail());
            return false;
        }
        toolkit->count++;
    }
    if (toolkit->count == 0 || !has_wanted) {
        printf("This log does not contain zxid %" PRIx64 "\n", (uint64_t)wanted);
        return false;
    }
    printf("Chopping at %" PRIx64 " new log has %" PRIu64 " records\n", (uint64_t)wanted,
           toolkit->count);
    return true;
}

static int chop(struct toolkit *toolkit, int64_t zxid)
{
    char why[512];
    snprintf(why, sizeof why, "Failed to chop %s", toolkit->name);
    print_head(toolkit);
    int error = copy_open(toolkit, FILE_TRUNCATE);
    if (error != 0) {
        printf("Got exception: cannot write %s: %s (%s)\n", toolkit->copy_path, error_text(error),
               runtime_error_detail());
        return EXIT_OK;
    }
    bool is_chopped = chop_entries(toolkit, zxid, why, sizeof why);
    error = copy_finish(toolkit);
    if (is_chopped && error == 0) {
        return EXIT_OK;
    }
    if (error != 0) {
        snprintf(why, sizeof why, "cannot write %.300s: %s", toolkit->copy_path, error_text(error));
    }
    printf("Got exception: %s\n", why);
    if (path_remove(toolkit->runtime, toolkit->copy_path) != 0) {
        printf("%s is incomplete and could not be removed\n", toolkit->copy_path);
    }
    return EXIT_OK;
}

/* ---- the tool -------------------------------------------------------------------------------- */

/* False when there is nothing to read; *exit_code is set then. */
static bool open_log(struct toolkit *toolkit, int *exit_code)
{
    struct path_info info;
    *exit_code = EXIT_UNEXPECTED;
    if (!offline_tool_split(toolkit->path, toolkit->folder, sizeof toolkit->folder, toolkit->name,
                            sizeof toolkit->name) ||
        path_stat(toolkit->runtime, toolkit->path, &info) != 0) {
        fprintf(stderr, "File doesn't exist or not readable: %s\n", toolkit->path);
        return false;
    }
    if (toolkit->is_recovering && path_stat(toolkit->runtime, toolkit->copy_path, &info) == 0) {
        fprintf(stderr, "Recovery file %s already exists or not writable\n", toolkit->copy_path);
        return false;
    }
    int error = txn_log_reader_open(&toolkit->reader, toolkit->runtime, toolkit->folder,
                                    toolkit->name);
    if (error == ERR_ACCESS) {
        fprintf(stderr, "File doesn't exist or not readable: %s\n", toolkit->path);
    } else if (error != 0) {
        *exit_code = say_not_a_log(toolkit, error);
    }
    return error == 0;
}

static int run(struct toolkit *toolkit, const struct command_line *line)
{
    int64_t zxid = -1;
    const char *text = command_line_value(line, 'z');
    toolkit->path = line->arguments[0];
    toolkit->is_chopping = command_line_has(line, 'c') && text != NULL;
    if (toolkit->is_chopping && (!java_decode_long(text, &zxid) || zxid < 0)) {
        return offline_tool_fail(toolkit->tool, "-z %s: not a zxid; write it as 0x1f (or 31)",
                                 text);
    }
    toolkit->is_recovering = !toolkit->is_chopping && command_line_has(line, 'r');
    toolkit->is_verbose = command_line_has(line, 'v');
    toolkit->is_forced = command_line_has(line, 'y');
    int len = toolkit->is_chopping
                  ? snprintf(toolkit->copy_path, PATH_TEXT_MAX, "%s.chopped%" PRId64, toolkit->path,
                             zxid)
                  : snprintf(toolkit->copy_path, PATH_TEXT_MAX, "%s.fixed", toolkit->path);
    if (len >= PATH_TEXT_MAX) {
        return offline_tool_fail(toolkit->tool, "the path is longer than %d bytes", PATH_TEXT_MAX);
    }
    int exit_code;
    if (open_log(toolkit, &exit_code)) {
        exit_code = toolkit->is_chopping ? chop(toolkit, zxid) : dump(toolkit);
        txn_log_reader_close(&toolkit->reader);
    }
    return exit_code;
}

int tool_zk_txn_log_toolkit(int argc, char **argv)
{
    static struct toolkit toolkit;
    struct command_line line;
    if (command_line_parse(&line, options, ARRAY_LEN(options), argc, argv) != 0) {
        fprintf(stderr, "%s\n\n", line.error);
        fputs(usage, stdout);
        return EXIT_UNEXPECTED;
    }
    if (command_line_has(&line, 'h') || line.argument_count < 1) {
        fputs(usage, stdout);
        return command_line_has(&line, 'h') ? EXIT_OK : EXIT_UNEXPECTED;
    }
    int exit_code = offline_tool_begin(&toolkit.runtime);
    if (exit_code != 0) {
        return exit_code;
    }
    toolkit.tool = argv[0];
    txn_printer_init(&toolkit.printer);
    buffer_init(&toolkit.copy_bytes, COPY_BYTES_MAX);
    exit_code = run(&toolkit, &line);
    buffer_release(&toolkit.copy_bytes);
    txn_printer_release(&toolkit.printer);
    return offline_tool_end(toolkit.runtime, exit_code);
}
