/* fuzz_log_dir_files.c - any bytes as the text files of a log directory: meta.properties (the first
 * byte is even) and offset checkpoints (odd). What was understood is printed and read again: it
 * must say the same. */
#include "base/memory.h"
#include "kafka/storage/meta_properties.h"
#include "kafka/storage/offset_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_meta_properties(struct slice text)
{
    struct meta_properties first;
    struct meta_properties second;
    struct errmsg message = {.text = ""};
    struct buffer printed;
    if (meta_properties_parse(text, "a file", &first, &message) != 0) {
        ASSERT(message.text[0] != '\0');
        return;
    }
    ASSERT(first.broker_id >= -1);
    buffer_init(&printed, SIZE_MAX);
    meta_properties_print(&first, (int64_t)(text.len * 86400001), &printed);
    for (size_t i = 0; i < sizeof first.cluster_id; i++) {
        /* A backslash or a control character comes back otherwise: Apache writes none. */
        if (first.cluster_id[i] == '\\' || first.directory_id[i] == '\\' ||
            (first.cluster_id[i] != '\0' && first.cluster_id[i] <= ' ') ||
            (first.directory_id[i] != '\0' && first.directory_id[i] <= ' ')) {
            buffer_release(&printed);
            return;
        }
    }
    ASSERT(meta_properties_parse(buffer_slice(&printed), "itself", &second, &message) == 0);
    ASSERT(meta_properties_equal(&first, &second));
    buffer_release(&printed);
}

static void again(void *ctx, const struct offset_checkpoint_entry *entry)
{
    offset_checkpoint_add(ctx, entry->topic, entry->partition, entry->offset);
}

static void as_checkpoint(struct slice text)
{
    struct offset_checkpoint_writer writer;
    struct errmsg message = {.text = ""};
    struct buffer first;
    struct buffer second;
    offset_checkpoint_begin(&writer);
    int error = offset_checkpoint_parse(text, "a file", again, &writer, &message);
    ASSERT(error == 0 || message.text[0] != '\0');
    buffer_init(&first, SIZE_MAX);
    buffer_init(&second, SIZE_MAX);
    offset_checkpoint_end(&writer, &first);
    offset_checkpoint_begin(&writer);
    ASSERT(offset_checkpoint_parse(buffer_slice(&first), "itself", again, &writer, &message) == 0);
    offset_checkpoint_end(&writer, &second);
    ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_release(&first);
    buffer_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice text = slice_of(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        as_meta_properties(text);
    } else {
        as_checkpoint(text);
    }
    ASSERT(mem_used() == 0);
    return 0;
}
