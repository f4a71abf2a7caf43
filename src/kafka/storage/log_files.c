/* log_files.c - see log_files.h. */
#include "kafka/storage/log_files.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

#define OFFSET_DIGITS 20
#define FIRST_READ ((size_t)512)
#define LAST_READ ((size_t)1024 * 1024)

static const char *const extensions[] = {
    [LOG_FILE_RECORDS] = ".log",          [LOG_FILE_OFFSET_INDEX] = ".index",
    [LOG_FILE_TIME_INDEX] = ".timeindex", [LOG_FILE_TXN_INDEX] = ".txnindex",
    [LOG_FILE_SNAPSHOT] = ".snapshot",
};

static bool ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static const char *suffix_of(struct slice name)
{
    static const char *const suffixes[] = {SUFFIX_DELETED, SUFFIX_CLEANED, SUFFIX_SWAP};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (ends_with(name, suffixes[i])) {
            return suffixes[i];
        }
    }
    return SUFFIX_NONE;
}

struct log_file_name log_file_parse(const char *name)
{
    struct slice text = slice_of_cstr(name);
    struct log_file_name parsed = {LOG_FILE_OTHER, -1, suffix_of(text)};
    text.len -= strlen(parsed.suffix);
    int64_t offset;
    if (text.len <= OFFSET_DIGITS || text.ptr[0] == '-' || text.ptr[0] == '+' ||
        text_parse_i64(slice_part(text, 0, OFFSET_DIGITS), &offset) != 0) {
        return parsed;
    }
    struct slice extension = slice_part(text, OFFSET_DIGITS, text.len);
    for (size_t kind = 0; kind < ARRAY_LEN(extensions); kind++) {
        if (slice_equal_cstr(extension, extensions[kind])) {
            parsed.kind = (enum log_file_kind)kind;
            parsed.offset = offset;
        }
    }
    return parsed;
}

int log_file_path(char path[PATH_TEXT_MAX],
                  const char *dir,
                  int64_t offset,
                  enum log_file_kind kind,
                  const char *suffix)
{
    ASSERT(kind < LOG_FILE_OTHER && offset >= 0);
    int len = snprintf(path, PATH_TEXT_MAX, "%s/%020" PRId64 "%s%s", dir, offset, extensions[kind],
                       suffix);
    return len > 0 && len < PATH_TEXT_MAX ? 0 : ERR_LIMIT;
}

int log_path_join(char path[PATH_TEXT_MAX], const char *dir, const char *name)
{
    int len = snprintf(path, PATH_TEXT_MAX, "%s/%s", dir, name);
    return len > 0 && len < PATH_TEXT_MAX ? 0 : ERR_LIMIT;
}

int log_path_remove(struct runtime *runtime, const char *path)
{
    int error = path_remove(runtime, path);
    return error == ERR_NOT_FOUND ? 0 : error;
}

/* Asking for the size first would be one call more, and these files are small. */
int log_file_read_all(struct runtime *runtime, const char *path, size_t max, struct buffer *into)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    size_t start = into->len;
    for (size_t want = FIRST_READ;; want = MIN(want * 4, LAST_READ)) {
        size_t got;
        want = MIN(want, buffer_room(into));
        if (want == 0 || into->len - start > max) {
            error = ERR_LIMIT;
            break;
        }
        error = file_read(file, into->len - start, buffer_reserve(into, want), want, &got);
        if (error != 0) {
            break;
        }
        into->len += got;
        if (got < want) {
            error = into->len - start > max ? ERR_LIMIT : 0;
            break;
        }
    }
    file_close(file);
    return error;
}

/* Kafka's CheckpointFile: whoever reads sees the old text or the new one. */
int log_file_replace(struct runtime *runtime,
                     const char *dir,
                     const char *name,
                     struct slice content,
                     bool sync)
{
    char path[PATH_TEXT_MAX];
    char temporary[PATH_TEXT_MAX];
    struct file *file = NULL;
    int error = log_path_join(path, dir, name);
    if (error != 0 || strlen(path) + sizeof ".tmp" > PATH_TEXT_MAX) {
        return ERR_LIMIT;
    }
    memcpy(temporary, path, strlen(path));
    memcpy(temporary + strlen(path), ".tmp", sizeof ".tmp");
    error = file_open(runtime, temporary, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file);
    if (error != 0) {
        return error;
    }
    error = file_write(file, 0, content);
    if (error == 0 && sync) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    error = error == 0 ? close_error : error;
    if (error == 0) {
        error = path_rename(runtime, temporary, path);
    }
    return error == 0 && sync ? directory_sync(runtime, dir) : error;
}
