/* script_config.c - see script_config.h. */
#include "cli/script_config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define LINE_BYTES_MAX 8192

const char *script_environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

bool script_config_value(const char *path, const char *key, char *value, size_t size)
{
    char line[LINE_BYTES_MAX];
    bool is_found = false;
    FILE *file = path[0] == '\0' ? NULL : fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        struct slice name;
        struct slice rest;
        bool has_value = text_cut(text_trim(slice_of_cstr(line)), '=', &name, &rest);
        if (has_value && slice_equal_cstr(text_trim(name), key)) {
            struct slice text = text_trim(rest);
            size_t len = MIN(text.len, size - 1);
            memcpy(value, text.ptr, len);
            value[len] = '\0';
            is_found = true;
        }
    }
    (void)fclose(file);
    return is_found;
}
