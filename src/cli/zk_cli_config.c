/* zk_cli_config.c - config, reconfig: the ensemble's membership. */
#include <stdio.h>

#include "base/text.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"

#define CONFIG_PATH SLICE_LIT("/zookeeper/config")

/* ---- config ---------------------------------------------------------------------------------- */

struct client_addresses {
    struct slice version;
    struct buffer hosts;
    bool has_first;
};

/* What stands behind the ';' of "host:2888:3888:participant;0.0.0.0:2181": where clients
 * connect. */
static void append_client_address(struct buffer *out, struct slice server)
{
    struct slice quorum;
    struct slice client;
    if (!text_cut(server, ';', &quorum, &client) || client.len == 0) {
        return;
    }
    bool has_host = memchr(client.ptr, ':', client.len) != NULL;
    buffer_append_cstr(out, has_host ? "" : "0.0.0.0:");
    buffer_append(out, client);
}

static void take_config_entry(void *ctx, struct slice key, struct slice value)
{
    struct client_addresses *found = ctx;
    value = text_trim(value);
    if (slice_equal_cstr(key, "version")) {
        found->version = value;
    } else if (slice_starts_with(key, SLICE_LIT("server."))) {
        buffer_append_cstr(&found->hosts, found->has_first ? "," : "");
        append_client_address(&found->hosts, value);
        found->has_first = true;
    }
}

/* "version host:port,host:port" (ConfigUtils.getClientConfigStr). */
static void print_client_string(struct zk_cli *cli, struct slice config)
{
    struct client_addresses found = {.version = SLICE_LIT("")};
    buffer_init(&found.hosts, config.len * 2 + 64);
    java_read_properties(&cli->arena, config, take_config_entry, &found);
    zk_cli_print_text(found.version);
    putchar(' ');
    zk_cli_print_text(buffer_slice(&found.hosts));
    putchar('\n');
    buffer_release(&found.hosts);
}

int zk_cli_config(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct zk_watcher *watcher = zk_cli_has(parsed, "w") ? &cli->watcher : NULL;
    int32_t err = zk_cli_wait(cli, zk_client_get_config(cli->client, watcher, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, CONFIG_PATH);
    }
    struct slice data = slice_is_null(cli->reply.data) ? SLICE_LIT("null") : cli->reply.data;
    if (zk_cli_has(parsed, "c")) {
        print_client_string(cli, data);
    } else {
        zk_cli_print_text(data);
        putchar('\n');
    }
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

/* ---- reconfig -------------------------------------------------------------------------------- */

static struct slice lower_case(struct arena *arena, struct slice text)
{
    if (slice_is_null(text)) {
        return text;
    }
    uint8_t *bytes = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        bool is_upper = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
        bytes[i] = is_upper ? (uint8_t)(text.ptr[i] + 'a' - 'A') : text.ptr[i];
    }
    return slice_of(bytes, text.len);
}

struct members {
    struct buffer text;
    bool has_unknown;
    struct slice unknown;
};

static void take_member(void *ctx, struct slice key, struct slice value)
{
    struct members *members = ctx;
    bool is_member = slice_starts_with(key, SLICE_LIT("server.")) ||
                     slice_starts_with(key, SLICE_LIT("group")) ||
                     slice_starts_with(key, SLICE_LIT("weight"));
    if (is_member) {
        buffer_append(&members->text, key);
        buffer_append_u8(&members->text, '=');
        buffer_append(&members->text, text_trim(value));
        buffer_append_u8(&members->text, '\n');
    } else if (!slice_equal_cstr(key, "version") && !members->has_unknown) {
        members->has_unknown = true;
        members->unknown = key;
    }
}

/* The membership of a configuration file; the leader judges what it says. The version ends it, as
 * it ends Apache's: no members are something else than no list, which would ask for no change. */
static bool read_members(struct zk_cli *cli, struct slice file, struct slice *members)
{
    struct errmsg message;
    struct slice text;
    struct members found = {.has_unknown = false};
    if (java_read_file(&cli->arena, file, &text, &message) != 0) {
        zk_cli_say("Error processing %.*s%.*s (%s)", LOG_SLICE(file), LOG_SLICE(file),
                   message.text);
        return false;
    }
    buffer_init(&found.text, text.len * 2 + 64);
    java_read_properties(&cli->arena, text, take_member, &found);
    buffer_append_cstr(&found.text, "version=0");
    *members = arena_copy(&cli->arena, buffer_slice(&found.text));
    buffer_release(&found.text);
    if (found.has_unknown) {
        zk_cli_say("Error processing %.*sUnrecognised parameter: %.*s", LOG_SLICE(file),
                   LOG_SLICE(found.unknown));
    }
    return !found.has_unknown;
}

/* False, with the reason said, for options that do not go together. */
static bool check_modes(const struct zk_cli_parsed *parsed)
{
    bool has_file = zk_cli_has(parsed, "file");
    bool has_members = zk_cli_has(parsed, "members");
    bool is_incremental = zk_cli_has(parsed, "add") || zk_cli_has(parsed, "remove");
    if ((has_file || has_members) && is_incremental) {
        zk_cli_say("Can't use -file or -members together with -add or -remove (mixing incremental "
                   "and non-incremental modes is not allowed)");
        return false;
    }
    if (has_file && has_members) {
        zk_cli_say("Can't use -file and -members together (conflicting non-incremental modes)");
        return false;
    }
    return true;
}

int zk_cli_reconfig(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct zk_reconfig_request request = {
        .joining_servers = lower_case(&cli->arena, zk_cli_value(parsed, "add")),
        .leaving_servers = lower_case(&cli->arena, zk_cli_value(parsed, "remove")),
        .new_members = lower_case(&cli->arena, zk_cli_value(parsed, "members")),
        .cur_config_id = -1,
    };
    bool has_change = zk_cli_has(parsed, "file") || zk_cli_has(parsed, "members") ||
                      zk_cli_has(parsed, "add") || zk_cli_has(parsed, "remove");
    if (!has_change) {
        const struct zk_cli_command *command = zk_cli_find_command(SLICE_LIT("reconfig"));
        zk_cli_say("%s %s", command->name, command->usage);
        return ZK_CLI_FAILED;
    }
    if (zk_cli_has(parsed, "v") &&
        java_parse_hex(zk_cli_value(parsed, "v"), &request.cur_config_id) != 0) {
        zk_cli_say("-v must be followed by a long (configuration version)");
        return ZK_CLI_FAILED;
    }
    if (!check_modes(parsed)) {
        return ZK_CLI_FAILED;
    }
    if (zk_cli_has(parsed, "file") &&
        !read_members(cli, zk_cli_value(parsed, "file"), &request.new_members)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli, zk_client_reconfig(cli->client, &request, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, SLICE_LIT(""));
    }
    printf("Committed new configuration:\n");
    zk_cli_print_text(cli->reply.data);
    putchar('\n');
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}
