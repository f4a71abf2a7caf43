#include "support_memory_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

static int memory_fd = -1;

struct runtime *fuzz_runtime(void)
{
    static struct runtime *runtime;
    if (runtime == NULL) {
        struct log_options quiet = {.level = LOG_OFF};
        int error = log_configure(&quiet);
        ASSERT(error == 0);
        error = runtime_create(NULL, &runtime);
        ASSERT(error == 0);
    }
    return runtime;
}

void memory_file_make(struct slice content, char name[16])
{
    ASSERT(memory_fd < 0);
    memory_fd = memfd_create("fuzz", MFD_CLOEXEC);
    ASSERT(memory_fd >= 0);
    for (size_t at = 0; at < content.len;) {
        ssize_t written = write(memory_fd, content.ptr + at, content.len - at);
        ASSERT(written > 0);
        at += (size_t)written;
    }
    snprintf(name, 16, "%d", memory_fd);
}

void memory_file_remove(void)
{
    close(memory_fd);
    memory_fd = -1;
}
