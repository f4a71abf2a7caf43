/* dynamic_config.c - see dynamic_config.h. */
#include "zookeeper/server/dynamic_config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"

#define CONFIG_BYTES_MAX ((size_t)4 << 20)
#define TMP_SUFFIX ".tmp"

static int write_file(struct runtime *runtime, const char *path, struct slice bytes)
{
    char unfinished[PATH_TEXT_MAX];
    struct file *file;
    snprintf(unfinished, sizeof unfinished, "%s" TMP_SUFFIX, path);
    int error = file_open(runtime, unfinished, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                          &file);
    if (error != 0) {
        return error;
    }
    error = file_write(file, 0, bytes);
    if (error == 0) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    error = error != 0 ? error : close_error;
    return error == 0 ? path_rename(runtime, unfinished, path) : error;
}

/* Makes the names in the folder of this file durable. */
static int sync_folder(struct runtime *runtime, const char *path)
{
    char folder[PATH_TEXT_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path),
             slash == NULL ? "." : path);
    return directory_sync(runtime, folder[0] == '\0' ? "/" : folder);
}

static int write_durably(struct runtime *runtime, const char *path, struct slice bytes)
{
    int error = write_file(runtime, path, bytes);
    return error == 0 ? sync_folder(runtime, path) : error;
}

static int failed(struct errmsg *message, int error, const char *path)
{
    return errmsg_set(message, error, "cannot write %s: %s (%s)", path, error_text(error),
                      runtime_error_detail());
}

static int read_file(struct runtime *runtime, const char *path, struct buffer *out)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_size(file, &size);
    if (error == 0 && size > CONFIG_BYTES_MAX) {
        error = ERR_LIMIT;
    }
    if (error == 0 && size > 0) {
        error = file_read(file, 0, buffer_reserve(out, (size_t)size), (size_t)size, &got);
        out->len += got;
    }
    file_close(file);
    return error;
}

/* ---- zoo.cfg --------------------------------------------------------------------------------- */

static struct slice key_of(struct slice line)
{
    struct slice key = text_trim(line);
    size_t len = 0;
    while (len < key.len && key.ptr[len] != '=' && key.ptr[len] != ':' && key.ptr[len] != ' ' &&
           key.ptr[len] != '\t') {
        len++;
    }
    return slice_part(key, 0, len);
}

static bool is_dropped(struct slice line, bool drops_client_port)
{
    struct slice key = key_of(line);
    return slice_starts_with(key, SLICE_LIT("server.")) ||
           slice_starts_with(key, SLICE_LIT("group.")) ||
           slice_starts_with(key, SLICE_LIT("weight.")) || slice_equal_cstr(key, "peerType") ||
           slice_equal_cstr(key, "dynamicConfigFile") ||
           (drops_client_port &&
            (slice_equal_cstr(key, "clientPort") || slice_equal_cstr(key, "clientPortAddress")));
}

void dynamic_config_edit(struct slice text,
                         const char *dynamic_file,
                         bool drops_client_port,
                         struct buffer *out)
{
    while (text.len > 0) {
        struct slice line;
        text_cut(text, '\n', &line, &text);
        if (!is_dropped(line, drops_client_port)) {
            buffer_append(out, line);
            buffer_append_u8(out, '\n');
        }
    }
    buffer_append_cstr(out, "dynamicConfigFile=");
    buffer_append_cstr(out, dynamic_file);
    buffer_append_u8(out, '\n');
}

static bool has_server_lines(struct slice text)
{
    while (text.len > 0) {
        struct slice line;
        text_cut(text, '\n', &line, &text);
        if (slice_starts_with(key_of(line), SLICE_LIT("server."))) {
            return true;
        }
    }
    return false;
}

static int edit_static(struct runtime *runtime,
                       const char *config_file,
                       const char *dynamic_file,
                       bool drops_client_port,
                       struct errmsg *message)
{
    struct buffer before;
    struct buffer after;
    char backup[PATH_TEXT_MAX];
    buffer_init(&before, CONFIG_BYTES_MAX);
    buffer_init(&after, CONFIG_BYTES_MAX * 2);
    int error = read_file(runtime, config_file, &before);
    if (error != 0) {
        errmsg_set(message, error, "cannot read %s: %s", config_file, error_text(error));
    }
    if (error == 0 && has_server_lines(buffer_slice(&before))) {
        snprintf(backup, sizeof backup, "%s.bak", config_file);
        error = write_durably(runtime, backup, buffer_slice(&before));
        error = error == 0 ? 0 : failed(message, error, backup);
    }
    if (error == 0) {
        dynamic_config_edit(buffer_slice(&before), dynamic_file, drops_client_port, &after);
        error = write_durably(runtime, config_file, buffer_slice(&after));
        error = error == 0 ? 0 : failed(message, error, config_file);
    }
    buffer_release(&before);
    buffer_release(&after);
    return error;
}

/* ---- the dynamic file ------------------------------------------------------------------------ */

static int write_dynamic(struct runtime *runtime,
                         const char *path,
                         const struct quorum_config *config,
                         bool with_version,
                         struct errmsg *message)
{
    struct buffer text;
    buffer_init(&text, CONFIG_BYTES_MAX);
    quorum_config_file_text(config, with_version, &text);
    int error = write_durably(runtime, path, buffer_slice(&text));
    buffer_release(&text);
    return error == 0 ? 0 : failed(message, error, path);
}

/* What comes before ".dynamic" is zoo.cfg's own name, also when that names a dynamic file. */
static void dynamic_path(const char *config_file, const char *suffix, char path[PATH_TEXT_MAX])
{
    snprintf(path, PATH_TEXT_MAX, "%s.dynamic.%s", config_file, suffix);
}

int dynamic_config_propose(struct runtime *runtime,
                           const char *config_file,
                           const struct quorum_config *config,
                           struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    dynamic_path(config_file, "next", path);
    return write_dynamic(runtime, path, config, true, message);
}

int dynamic_config_commit(struct runtime *runtime,
                          const char *config_file,
                          const struct quorum_config *config,
                          int64_t own_id,
                          struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    char next[PATH_TEXT_MAX];
    char version[32];
    const struct quorum_server *own = quorum_config_find(config, own_id);
    snprintf(version, sizeof version, "%" PRIx64, (uint64_t)config->version);
    dynamic_path(config_file, version, path);
    dynamic_path(config_file, "next", next);
    int error = write_dynamic(runtime, path, config, false, message);
    if (error == 0) {
        error = edit_static(runtime, config_file, path, own != NULL && own->client_port != 0,
                            message);
    }
    if (error == 0) {
        int remove_error = path_remove(runtime, next);
        if (remove_error != 0 && remove_error != ERR_NOT_FOUND) {
            error = errmsg_set(message, remove_error, "cannot remove %s: %s", next,
                               error_text(remove_error));
        }
    }
    return error;
}
