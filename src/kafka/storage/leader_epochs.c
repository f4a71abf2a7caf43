/* leader_epochs.c - see leader_epochs.h. */
#include "kafka/storage/leader_epochs.h"

#include "base/memory.h"
#include "base/text.h"
#include "kafka/storage/log_files.h"

#define CHECKPOINT_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define EPOCHS_MAX 1000000

void leader_epochs_init(struct leader_epochs *epochs)
{
    *epochs = (struct leader_epochs){0};
}

void leader_epochs_release(struct leader_epochs *epochs)
{
    mem_free(epochs->entries, epochs->cap * sizeof *epochs->entries);
    leader_epochs_init(epochs);
}

static void push(struct leader_epochs *epochs, int32_t epoch, int64_t start_offset)
{
    if (epochs->count == epochs->cap) {
        size_t cap = epochs->cap == 0 ? 2 : epochs->cap * 2;
        epochs->entries = mem_realloc(epochs->entries, epochs->cap * sizeof *epochs->entries,
                                      cap * sizeof *epochs->entries);
        epochs->cap = cap;
    }
    epochs->entries[epochs->count++] = (struct epoch_start){epoch, start_offset};
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool take_line(struct slice *text, struct slice *line)
{
    if (text->len == 0) {
        return false;
    }
    struct slice rest;
    text_cut(*text, '\n', line, &rest);
    *text = rest;
    return true;
}

static int parse(struct leader_epochs *epochs, struct slice text)
{
    struct slice line;
    int64_t version;
    int64_t count;
    if (!take_line(&text, &line) || text_parse_i64(text_trim(line), &version) != 0 ||
        version != 0 || !take_line(&text, &line) || text_parse_i64(text_trim(line), &count) != 0 ||
        count < 0 || count > EPOCHS_MAX) {
        return ERR_CORRUPT;
    }
    for (int64_t n = 0; n < count; n++) {
        struct slice word;
        struct slice rest;
        int32_t epoch;
        int64_t start;
        if (!take_line(&text, &line) || !text_cut(text_trim(line), ' ', &word, &rest) ||
            text_parse_i32(word, &epoch) != 0 || text_parse_i64(text_trim(rest), &start) != 0 ||
            epoch < 0 || start < 0) {
            return ERR_CORRUPT;
        }
        (void)leader_epochs_assign(epochs, epoch, start);
    }
    return text_trim(text).len == 0 ? 0 : ERR_CORRUPT;
}

int leader_epochs_load(struct leader_epochs *epochs, struct runtime *runtime, const char *dir)
{
    char path[PATH_TEXT_MAX];
    struct buffer text;
    epochs->count = 0;
    int error = log_path_join(path, dir, LEADER_EPOCH_FILE);
    if (error != 0) {
        return error;
    }
    buffer_init(&text, CHECKPOINT_BYTES_MAX);
    error = log_file_read_all(runtime, path, CHECKPOINT_BYTES_MAX, &text);
    if (error == 0) {
        error = parse(epochs, buffer_slice(&text));
    }
    buffer_release(&text);
    return error == ERR_NOT_FOUND ? 0 : error;
}

int leader_epochs_save(const struct leader_epochs *epochs,
                       struct runtime *runtime,
                       const char *dir,
                       bool sync)
{
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    buffer_append_cstr(&text, "0\n");
    buffer_append_unsigned(&text, epochs->count);
    buffer_append_u8(&text, '\n');
    for (size_t n = 0; n < epochs->count; n++) {
        buffer_append_decimal(&text, epochs->entries[n].epoch);
        buffer_append_u8(&text, ' ');
        buffer_append_decimal(&text, epochs->entries[n].start_offset);
        buffer_append_u8(&text, '\n');
    }
    int error = log_file_replace(runtime, dir, LEADER_EPOCH_FILE, buffer_slice(&text), sync);
    buffer_release(&text);
    return error;
}

/* ---- changes --------------------------------------------------------------------------------- */

bool leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t start_offset)
{
    ASSERT(epoch >= 0 && start_offset >= 0);
    if (epochs->count > 0) {
        const struct epoch_start *last = &epochs->entries[epochs->count - 1];
        if (last->epoch == epoch && start_offset >= last->start_offset) {
            return false;
        }
    }
    while (epochs->count > 0) {
        const struct epoch_start *last = &epochs->entries[epochs->count - 1];
        if (last->epoch < epoch && last->start_offset < start_offset) {
            break;
        }
        epochs->count -= 1;
    }
    push(epochs, epoch, start_offset);
    return true;
}

bool leader_epochs_truncate_end(struct leader_epochs *epochs, int64_t end_offset)
{
    size_t before = epochs->count;
    while (epochs->count > 0 && epochs->entries[epochs->count - 1].start_offset >= end_offset) {
        epochs->count -= 1;
    }
    return epochs->count != before;
}

bool leader_epochs_truncate_start(struct leader_epochs *epochs, int64_t start_offset)
{
    size_t passed = 0;
    while (passed < epochs->count && epochs->entries[passed].start_offset <= start_offset) {
        passed += 1;
    }
    if (passed == 0 || (passed == 1 && epochs->entries[0].start_offset == start_offset)) {
        return false;
    }
    memmove(epochs->entries, epochs->entries + passed - 1,
            (epochs->count - passed + 1) * sizeof *epochs->entries);
    epochs->count -= passed - 1;
    epochs->entries[0].start_offset = start_offset;
    return true;
}

bool leader_epochs_clear(struct leader_epochs *epochs)
{
    bool changed = epochs->count > 0;
    epochs->count = 0;
    return changed;
}

/* ---- questions ------------------------------------------------------------------------------- */

int32_t leader_epochs_latest(const struct leader_epochs *epochs)
{
    return epochs->count == 0 ? -1 : epochs->entries[epochs->count - 1].epoch;
}

int32_t leader_epochs_of(const struct leader_epochs *epochs, int64_t offset)
{
    for (size_t n = epochs->count; n > 0; n--) {
        if (epochs->entries[n - 1].start_offset <= offset) {
            return epochs->entries[n - 1].epoch;
        }
    }
    return -1;
}

void leader_epochs_end_of(const struct leader_epochs *epochs,
                          int32_t epoch,
                          int64_t log_end_offset,
                          int32_t *found_epoch,
                          int64_t *end_offset)
{
    *found_epoch = -1;
    *end_offset = -1;
    if (epoch < 0) {
        return;
    }
    if (leader_epochs_latest(epochs) == epoch) {
        *found_epoch = epoch;
        *end_offset = log_end_offset;
        return;
    }
    size_t higher = 0;
    while (higher < epochs->count && epochs->entries[higher].epoch <= epoch) {
        higher += 1;
    }
    if (higher == epochs->count) {
        return; /* larger than any that is known here */
    }
    /* Smaller than any that is left: its records are gone, the follower goes on where ours begin.
     */
    *found_epoch = higher == 0 ? epoch : epochs->entries[higher - 1].epoch;
    *end_offset = epochs->entries[higher].start_offset;
}
