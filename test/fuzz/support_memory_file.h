/* support_memory_file.h - the input of a fuzzer as a file that the storage can open. */
#ifndef TEST_FUZZ_SUPPORT_MEMORY_FILE_H
#define TEST_FUZZ_SUPPORT_MEMORY_FILE_H

#include "base/slice.h"
#include "runtime/runtime.h"

#define MEMORY_FILE_FOLDER "/proc/self/fd"

/* One runtime for the whole run. */
struct runtime *fuzz_runtime(void);

/* An anonymous file with this content, to be opened as <MEMORY_FILE_FOLDER>/<name>; one at a
 * time. */
void memory_file_make(struct slice content, char name[16]);
void memory_file_remove(void);

#endif
