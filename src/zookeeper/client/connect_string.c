/* connect_string.c - see connect_string.h. */
#include "zookeeper/client/connect_string.h"

#include "base/text.h"
#include "zookeeper/client/path_check.h"

#define SHOWN(s) (int)MIN((s).len, 256), (const char *)(s).ptr

static int parse_port(struct slice text, uint16_t *port, struct errmsg *message)
{
    int32_t value = 0;
    if (text_parse_i32(text, &value) != 0) {
        return errmsg_set(message, ERR_INVALID, "For input string: \"%.*s\"", SHOWN(text));
    }
    if (value < 0 || value > 65535) {
        return errmsg_set(message, ERR_INVALID, "port out of range:%d", (int)value);
    }
    *port = (uint16_t)value;
    return 0;
}

/* "[::1]" or "[::1]:2181". */
static int parse_bracketed(struct slice text, struct connect_host *host, struct errmsg *message)
{
    size_t end = text.len;
    while (end > 0 && text.ptr[end - 1] != ']') {
        end -= 1;
    }
    if (end == 0) {
        return errmsg_set(message, ERR_INVALID, "%.*s starts with '[' but has no matching ']'",
                          SHOWN(text));
    }
    host->host = slice_part(text, 1, end - 1);
    if (host->host.len == 0) {
        return errmsg_set(message, ERR_INVALID, " is empty.");
    }
    struct slice rest = slice_part(text, end, text.len);
    if (rest.len == 0) {
        return 0;
    }
    if (rest.ptr[0] != ':' || rest.len == 1) {
        return errmsg_set(message, ERR_INVALID, "%.*s doesn't have a port after colon",
                          SHOWN(text));
    }
    return parse_port(slice_part(rest, 1, rest.len), &host->port, message);
}

static int parse_host(struct slice text, struct connect_host *host, struct errmsg *message)
{
    *host = (struct connect_host){.host = text, .port = CONNECT_STRING_DEFAULT_PORT};
    if (text.ptr[0] == '[') {
        return parse_bracketed(text, host, message);
    }
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon -= 1;
    }
    if (colon == 0) {
        return 0;
    }
    host->host = slice_part(text, 0, colon - 1);
    /* A colon with nothing behind it means the default port. */
    return colon == text.len ? 0
                             : parse_port(slice_part(text, colon, text.len), &host->port, message);
}

static int parse_hosts(struct slice text, struct connect_string *parsed, struct errmsg *message)
{
    while (text.len > 0) {
        struct slice entry;
        text_cut(text, ',', &entry, &text);
        entry = text_trim(entry);
        if (entry.len == 0) {
            continue;
        }
        if (parsed->host_count == CONNECT_STRING_HOSTS_MAX) {
            return errmsg_set(message, ERR_LIMIT, "more than %d hosts in the connect string",
                              CONNECT_STRING_HOSTS_MAX);
        }
        int error = parse_host(entry, &parsed->hosts[parsed->host_count], message);
        if (error != 0) {
            return error;
        }
        parsed->host_count += 1;
    }
    return parsed->host_count > 0
               ? 0
               : errmsg_set(message, ERR_INVALID, "A HostProvider may not be empty!");
}

int connect_string_parse(struct slice text, struct connect_string *parsed, struct errmsg *message)
{
    *parsed = (struct connect_string){.chroot = SLICE_NULL};
    size_t slash = 0;
    while (slash < text.len && text.ptr[slash] != '/') {
        slash += 1;
    }
    if (slash + 1 < text.len) {
        parsed->chroot = slice_part(text, slash, text.len);
        int error = path_check(parsed->chroot, message);
        if (error != 0) {
            return error;
        }
    }
    return parse_hosts(slice_part(text, 0, slash), parsed, message);
}
