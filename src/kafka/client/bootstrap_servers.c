/* bootstrap_servers.c - "host:port,host:port" taken apart.
 *
 * Source: ClientUtils.parseAndValidateAddresses, Utils.getHost and getPort of Apache Kafka 3.9.
 */
#include "base/text.h"
#include "kafka/client/client_private.h"

static int parse_one(struct slice text, char *host, uint16_t *port, struct errmsg *message)
{
    size_t colon = text.len;
    int32_t number;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    struct slice name = colon > 0 ? slice_part(text, 0, colon - 1) : SLICE_NULL;
    struct slice digits = colon > 0 ? slice_part(text, colon, text.len) : SLICE_NULL;
    bool is_v6 = name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']';
    if (is_v6) {
        name = slice_part(name, 1, name.len - 1);
    }
    if (name.len == 0 || name.len >= HOST_TEXT_MAX || text_parse_i32(digits, &number) != 0) {
        return errmsg_set(message, ERR_INVALID, "Invalid url in bootstrap.servers: %.*s",
                          (int)MIN(text.len, HOST_TEXT_MAX), (const char *)text.ptr);
    }
    if (number < 0 || number > UINT16_MAX) {
        return errmsg_set(message, ERR_INVALID, "Invalid port in bootstrap.servers: %.*s",
                          (int)MIN(text.len, HOST_TEXT_MAX), (const char *)text.ptr);
    }
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *port = (uint16_t)number;
    return 0;
}

int bootstrap_servers_parse(struct slice text,
                            void (*each)(void *ctx, const char *host, uint16_t port),
                            void *ctx,
                            struct errmsg *message)
{
    char host[HOST_TEXT_MAX];
    uint16_t port = 0;
    size_t count = 0;
    bool has_more = true;
    while (has_more) {
        struct slice one;
        has_more = text_cut(text, ',', &one, &text);
        one = text_trim(one);
        if (one.len == 0) {
            continue;
        }
        int error = parse_one(one, host, &port, message);
        if (error != 0) {
            return error;
        }
        if (++count > KAFKA_CLIENT_BOOTSTRAP_MAX) {
            return errmsg_set(message, ERR_INVALID, "bootstrap.servers names more than %d brokers",
                              KAFKA_CLIENT_BOOTSTRAP_MAX);
        }
        each(ctx, host, port);
    }
    if (count == 0) {
        return errmsg_set(message, ERR_INVALID,
                          "No resolvable bootstrap urls given in bootstrap.servers");
    }
    return 0;
}
