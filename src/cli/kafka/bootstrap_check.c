/* bootstrap_check.c - see bootstrap_check.h. */
#include "cli/kafka/bootstrap_check.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define HOST_BYTES_MAX 256

/* The host of "host:port" or "[host]:port"; false: it is neither. */
static bool host_of(struct slice entry, char host[HOST_BYTES_MAX])
{
    size_t colon = entry.len;
    while (colon > 0 && entry.ptr[colon - 1] != ':') {
        colon--;
    }
    struct slice name = colon > 0 ? slice_part(entry, 0, colon - 1) : SLICE_NULL;
    size_t listener = 0;
    for (size_t i = 0; i + 2 < name.len; i++) {
        listener = memcmp(name.ptr + i, "://", 3) == 0 ? i + 3 : listener;
    }
    name = slice_part(name, listener, name.len);
    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        name = slice_part(name, 1, name.len - 1);
    }
    if (name.len == 0 || name.len >= HOST_BYTES_MAX) {
        return false;
    }
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    return true;
}

int bootstrap_check(struct slice servers, struct errmsg *message)
{
    size_t unknown = 0;
    size_t others = 0;
    bool has_more = true;
    while (has_more) {
        struct slice entry;
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        char host[HOST_BYTES_MAX];
        has_more = text_cut(servers, ',', &entry, &servers);
        entry = text_trim(entry);
        if (!host_of(entry, host)) {
            others++;
        } else if (getaddrinfo(host, NULL, &hints, &found) == 0) {
            freeaddrinfo(found);
            others++;
        } else {
            fprintf(stderr,
                    "WARN Couldn't resolve server %.*s from bootstrap.servers: %s is not known\n",
                    (int)entry.len, (const char *)entry.ptr, host);
            unknown++;
        }
    }
    if (unknown > 0 && others == 0) {
        return errmsg_set(message, ERR_CONFIG,
                          "No resolvable bootstrap urls given in bootstrap.servers");
    }
    return 0;
}
