/* log.c - where the lines go: made in one buffer, escaped, cut, and written with one call.
 *
 * MODEL. One log per process. A line is formatted into a scratch buffer, escaped while it is copied
 * into the line, and written by a single write(2) to a descriptor opened for appending, so lines of
 * several processes do not mix.
 *
 * ESCAPING. What a client chose (a path, a name) may stand in a message. Control characters but the
 * tab, which parts the fields of an audit line, the C1 controls that terminals obey as well, the
 * characters that rearrange lines, and bytes that are no UTF-8 become \xNN in text and \u00NN in
 * JSON, so that a client can neither begin a line of its own nor talk to the reader's terminal.
 *
 * WHAT GOES WRONG. A full disk or a vanished file must not stop the server: the line is dropped and
 * counted, and the next line that can be written is preceded by one that tells the count. When a
 * rotated or reopened file cannot be opened, stderr takes over and hears why.
 */
#include "runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/text.h"

#define LOG_PATH_MAX 4096
#define LOG_KEEP_MAX 1000
#define LOG_FILE_MODE 0640 /* paths and addresses of clients are not everybody's business */

struct module_level {
    char name[LOG_MODULE_NAME_MAX];
    enum log_level level;
};

static struct {
    enum log_level level;
    enum log_level lowest; /* of all modules: what is below it is refused at once */
    struct module_level modules[LOG_MODULES_MAX];
    size_t module_count;
    bool json;
    int fd;
    char path[LOG_PATH_MAX]; /* "" for stderr */
    uint64_t size;
    uint64_t rotate_bytes;
    int rotate_keep;
    uint64_t dropped;
} state = {.level = LOG_INFO, .lowest = LOG_INFO, .fd = STDERR_FILENO};

/* The file and its size: a job that fails on its own thread logs too. The levels are set before
 * there is a second thread. */
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {
    [LOG_TRACE] = "TRACE", [LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO",
    [LOG_WARN] = "WARN",   [LOG_ERROR] = "ERROR", [LOG_OFF] = "OFF",
};

/* ---- levels ---------------------------------------------------------------------------------- */

static void find_lowest(void)
{
    state.lowest = state.level;
    for (size_t i = 0; i < state.module_count; i++) {
        state.lowest = MIN(state.lowest, state.modules[i].level);
    }
}

void log_set_module_level(const char *module, enum log_level level)
{
    ASSERT(strlen(module) < LOG_MODULE_NAME_MAX);
    size_t i = 0;
    while (i < state.module_count && strcmp(state.modules[i].name, module) != 0) {
        i += 1;
    }
    if (i == state.module_count) {
        ASSERT(state.module_count < LOG_MODULES_MAX);
        memcpy(state.modules[i].name, module, strlen(module) + 1);
        state.module_count += 1;
    }
    state.modules[i].level = level;
    find_lowest();
}

bool log_enabled(const char *module, enum log_level level)
{
    if (level < state.lowest) {
        return false;
    }
    for (size_t i = 0; i < state.module_count; i++) {
        if (strcmp(state.modules[i].name, module) == 0) {
            return level >= state.modules[i].level;
        }
    }
    return level >= state.level;
}

int log_parse_level(struct slice text, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (text_equal_ignoring_case(text, slice_of_cstr(level_names[i]))) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void use_stderr(void)
{
    if (state.fd != STDERR_FILENO) {
        close(state.fd);
    }
    state.fd = STDERR_FILENO;
}

static int code_of_open(int number)
{
    return number == EACCES || number == EPERM ? ERR_ACCESS
           : number == ENOENT                  ? ERR_NOT_FOUND
           : number == ENOSPC                  ? ERR_NO_SPACE
           : number == EROFS                   ? ERR_READ_ONLY
                                               : ERR_IO;
}

/* Opens state.path and closes what was open; stderr stays when it cannot be opened. */
static int open_file(void)
{
    int fd = open(state.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, LOG_FILE_MODE);
    if (fd < 0) {
        int error = code_of_open(errno);
        use_stderr();
        return error;
    }
    use_stderr();
    state.fd = fd;
    struct stat info;
    state.size = fstat(fd, &info) == 0 ? (uint64_t)info.st_size : 0;
    return 0;
}

int log_configure(const struct log_options *options)
{
    const char *file = options->file != NULL ? options->file : "";
    if (strlen(file) >= sizeof state.path) {
        return ERR_LIMIT;
    }
    state.level = options->level;
    state.json = options->json;
    state.rotate_bytes = options->rotate_bytes;
    state.rotate_keep = MAX(0, MIN(options->rotate_keep, LOG_KEEP_MAX));
    find_lowest();
    memcpy(state.path, file, strlen(file) + 1);
    if (state.path[0] == '\0') {
        use_stderr();
        return 0;
    }
    return open_file();
}

int log_reopen(void)
{
    pthread_mutex_lock(&file_lock);
    int error = state.path[0] == '\0' ? 0 : open_file();
    pthread_mutex_unlock(&file_lock);
    return error;
}

/* FILE.1 is the youngest of the old ones; the oldest is overwritten, and so goes. */
static int rotate(void)
{
    char from[LOG_PATH_MAX + 16];
    char to[LOG_PATH_MAX + 16];
    for (int i = state.rotate_keep; i >= 1; i--) {
        if (i == 1) {
            snprintf(from, sizeof from, "%s", state.path);
        } else {
            snprintf(from, sizeof from, "%s.%d", state.path, i - 1);
        }
        snprintf(to, sizeof to, "%s.%d", state.path, i);
        /* ENOENT: there are not that many yet. Any other failure leaves a file that grows on. */
        (void)rename(from, to);
    }
    if (state.rotate_keep == 0) {
        (void)unlink(state.path);
    }
    return open_file();
}

/* ---- one line -------------------------------------------------------------------------------- */

#define CUT_MARK "..."
#define CUT_MARK_LEN (sizeof CUT_MARK - 1)

struct line {
    char text[LOG_LINE_MAX + 1]; /* and the newline */
    size_t len;
    size_t limit;  /* what the message may fill: JSON keeps room for its closing quote and brace */
    size_t cut_at; /* the last place between two whole characters or escapes that leaves room for
                      the mark */
    bool cut;
};

/* Adds all of the bytes, which belong together, or none. */
static void line_add(struct line *line, const char *bytes, size_t len)
{
    if (line->cut || line->len + len > line->limit) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
    if (line->len + CUT_MARK_LEN <= line->limit) {
        line->cut_at = line->len;
    }
}

static void line_add_cstr(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* U+2028, U+2029: ends of lines to some readers; U+202A to U+202E, U+2066 to U+2069: letters behind
 * them are shown in another order than they stand. */
static bool rearranges_lines(struct slice text)
{
    if (text.ptr[0] != 0xe2) {
        return false;
    }
    return (text.ptr[1] == 0x80 && text.ptr[2] >= 0xa8 && text.ptr[2] <= 0xae) ||
           (text.ptr[1] == 0x81 && text.ptr[2] >= 0xa6 && text.ptr[2] <= 0xa9);
}

/* The length of the UTF-8 character at the beginning of `text`, 0 when there is none that may stand
 * in a line. */
static size_t printable_len(struct slice text)
{
    uint8_t first = text.ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 1) {
        bool is_tab = first == '\t' && !state.json;
        return (first >= 0x20 && first != 0x7f) || is_tab ? 1 : 0;
    }
    if (len > text.len || !text_is_utf8(slice_part(text, 0, len))) {
        return 0;
    }
    bool is_c1 = first == 0xc2 && text.ptr[1] < 0xa0;
    return is_c1 || rearranges_lines(text) ? 0 : len;
}

static void line_add_escaped(struct line *line, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t at = 0; at < text.len && !line->cut;) {
        uint8_t byte = text.ptr[at];
        if (state.json && (byte == '"' || byte == '\\')) {
            char escape[2] = {'\\', (char)byte};
            line_add(line, escape, sizeof escape);
            at += 1;
            continue;
        }
        size_t len = printable_len(slice_part(text, at, text.len));
        if (len > 0) {
            line_add(line, (const char *)text.ptr + at, len);
            at += len;
            continue;
        }
        char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        if (state.json) {
            line_add(line, escape, 6);
        } else {
            escape[1] = 'x';
            memmove(escape + 2, escape + 4, 2);
            line_add(line, escape, 4);
        }
        at += 1;
    }
}

static void line_end_message(struct line *line)
{
    if (line->cut) {
        memcpy(line->text + line->cut_at, CUT_MARK, CUT_MARK_LEN);
        line->len = line->cut_at + CUT_MARK_LEN;
    }
}

static void line_add_time(struct line *line)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm parts;
    char day[32];
    char text[64];
    if (state.json) {
        gmtime_r(&now.tv_sec, &parts);
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text, sizeof text, "%s.%03dZ", day, (int)(now.tv_nsec / 1000000));
    } else {
        localtime_r(&now.tv_sec, &parts);
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
        snprintf(text, sizeof text, "%s,%03d", day, (int)(now.tv_nsec / 1000000));
    }
    line_add_cstr(line, text);
}

static void line_make(struct line *line,
                      const char *module,
                      enum log_level level,
                      struct slice message)
{
    line->len = 0;
    line->cut_at = 0;
    line->cut = false;
    line->limit = LOG_LINE_MAX;
    if (state.json) {
        line->limit = LOG_LINE_MAX - 2;
        line_add_cstr(line, "{\"time\":\"");
        line_add_time(line);
        line_add_cstr(line, "\",\"level\":\"");
        line_add_cstr(line, level_names[level]);
        line_add_cstr(line, "\",\"module\":\"");
        line_add_escaped(line, slice_of_cstr(module));
        line_add_cstr(line, "\",\"message\":\"");
        line_add_escaped(line, message);
        line_end_message(line);
        line->limit = LOG_LINE_MAX;
        line->cut = false;
        line_add_cstr(line, "\"}");
    } else {
        line_add_time(line);
        line_add_cstr(line, " [");
        line_add_cstr(line, module);
        line_add_cstr(line, "] ");
        line_add_cstr(line, level_names[level]);
        line_add_cstr(line, " ");
        line_add_escaped(line, message);
        line_end_message(line);
    }
    line->text[line->len] = '\n';
    line->len += 1;
}

/* Removes the beginning of a line whose end had no room. */
static void take_back(ssize_t written)
{
    struct stat info;
    if (written <= 0 || state.fd == STDERR_FILENO || fstat(state.fd, &info) != 0 ||
        !S_ISREG(info.st_mode) || info.st_size < written) {
        return;
    }
    /* When even that fails the half line stays: there is nobody to tell. */
    (void)!ftruncate(state.fd, info.st_size - written);
}

/* A line is written whole or it is lost; half a line would be taken for a forged one. */
static bool line_write(const struct line *line)
{
    ssize_t written;
    do {
        written = write(state.fd, line->text, line->len);
    } while (written < 0 && errno == EINTR);
    if (written != (ssize_t)line->len) {
        state.dropped += 1;
        take_back(written);
        return false;
    }
    state.size += line->len;
    return true;
}

static void tell_dropped(void)
{
    char text[64];
    int len = snprintf(text, sizeof text, "lines were lost count=%llu",
                       (unsigned long long)state.dropped);
    struct line line;
    line_make(&line, "log", LOG_WARN, slice_of(text, (size_t)len));
    uint64_t before = state.dropped;
    state.dropped = line_write(&line) ? 0 : before; /* what tells of them is not one of them */
}

static void rotate_and_tell(void)
{
    char text[LOG_LINE_MAX];
    struct line line;
    int error = rotate();
    if (error != 0) {
        int len = snprintf(text, sizeof text,
                           "cannot open the log file again, stderr it is file=%s error=%s",
                           state.path, error_name(error));
        line_make(&line, "log", LOG_ERROR, slice_of(text, MIN((size_t)len, sizeof text - 1)));
        line_write(&line);
    }
}

static void line_put(const struct line *line)
{
    bool is_full = state.rotate_bytes > 0 && state.size > 0 &&
                   state.size + line->len > state.rotate_bytes;
    if (state.path[0] != '\0' && state.fd != STDERR_FILENO && is_full) {
        rotate_and_tell();
    }
    if (state.dropped > 0) {
        tell_dropped();
    }
    line_write(line);
}

void log_write(const char *module, enum log_level level, const char *format, ...)
{
    ASSERT(level < LOG_OFF);
    char message[LOG_LINE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0);
    struct line line;
    /* A message that vsnprintf cut fills the buffer, and so is longer than what a line takes: it
     * gets its mark. */
    line_make(&line, module, level, slice_of(message, MIN((size_t)len, sizeof message - 1)));
    pthread_mutex_lock(&file_lock);
    line_put(&line);
    pthread_mutex_unlock(&file_lock);
}
