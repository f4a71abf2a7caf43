/*
 * The corpus replayer: gives every file below the named folders to a fuzz target once, without
 * libFuzzer, so that each input that once broke a parser runs in every build and with every
 * compiler.
 *
 * An empty corpus is a failure: a test that reads nothing proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REPLAY_FILE_BYTES_MAX (64L * 1024 * 1024)
#define REPLAY_PATH_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path, long size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    if (size > REPLAY_FILE_BYTES_MAX) {
        fprintf(stderr, "%s: longer than %ld bytes\n", path, REPLAY_FILE_BYTES_MAX);
        (void)fclose(file);
        return -1;
    }
    /* An exact allocation, so that the sanitizer sees a read past the end of the input. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL) {
        abort();
    }
    size_t got = fread(data, 1, (size_t)size, file);
    (void)fclose(file);
    if (got != (size_t)size) {
        fprintf(stderr, "%s: read %zu bytes of %ld\n", path, got, size);
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, got);
    free(data);
    replayed++;
    return 0;
}

static int replay_path(const char *path, int depth);

static int replay_folder(const char *path, int depth)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return -1;
    }
    int rv = 0;
    for (int i = 0; i < count; i++) {
        char child[REPLAY_PATH_MAX];
        int written = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            if (written < 0 || (size_t)written >= sizeof(child)) {
                fprintf(stderr, "%s: path too long\n", path);
                rv = -1;
            } else if (replay_path(child, depth + 1) != 0) {
                rv = -1;
            }
        }
        free(entries[i]);
    }
    free(entries);
    return rv;
}

static int replay_path(const char *path, int depth)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(info.st_mode)) {
        return replay_file(path, (long)info.st_size);
    }
    if (depth > 4) {
        fprintf(stderr, "%s: too deep for a corpus\n", path);
        return -1;
    }
    return replay_folder(path, depth);
}

int main(int argc, char **argv)
{
    int rv = 0;
    for (int i = 1; i < argc; i++) {
        if (replay_path(argv[i], 0) != 0) {
            rv = 1;
        }
    }
    printf("%lu inputs replayed\n", replayed);
    if (replayed == 0) {
        fprintf(stderr, "no input: name a corpus folder that has files\n");
        rv = 1;
    }
    return rv;
}
