/* zk_cli_session.c - connecting, closing, what the session tells us; version and close. */
#include <stdio.h>

#include "base/text.h"
#include "base/version.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define NS_PER_MS UINT64_C(1000000)

/* ---- configuration --------------------------------------------------------------------------- */

struct settings {
    struct zk_cli *cli;
    bool is_secure;
    bool has_bad_number;
};

static void take_setting(void *ctx, struct slice key, struct slice value)
{
    struct settings *settings = ctx;
    struct zk_client_config *config = &settings->cli->client_config;
    int32_t number = 0;
    bool is_true = text_equal_ignoring_case(text_trim(value), SLICE_LIT("true"));
    if (slice_equal_cstr(key, "zookeeper.client.secure")) {
        settings->is_secure = is_true;
    } else if (slice_equal_cstr(key, "zookeeper.disableAutoWatchReset")) {
        config->keep_no_watches = is_true;
    } else if (slice_equal_cstr(key, "jute.maxbuffer")) {
        bool is_good = java_decode_int(text_trim(value), &number) == 0 && number > 0 &&
                       (uint32_t)number <= ZK_CLIENT_REPLY_BYTES_LIMIT;
        config->reply_bytes_max = is_good ? (uint32_t)number : config->reply_bytes_max;
        settings->has_bad_number |= !is_good;
    } else if (slice_equal_cstr(key, "zookeeper.request.timeout")) {
        bool is_good = text_parse_i32(text_trim(value), &number) == 0;
        config->request_timeout_ms = is_good && number > 0 ? (uint32_t)number : 0;
        settings->has_bad_number |= !is_good;
    }
}

int zk_cli_configure(struct zk_cli *cli)
{
    struct settings settings = {.cli = cli};
    struct errmsg message;
    struct slice text;
    for (size_t i = 0; i < cli->properties.count; i++) {
        take_setting(&settings, slice_of_cstr(cli->properties.entries[i].name),
                     slice_of_cstr(cli->properties.entries[i].value));
    }
    if (cli->client_configuration != NULL) {
        struct slice path = slice_of_cstr(cli->client_configuration);
        if (java_read_file(&cli->arena, path, &text, &message) != 0) {
            zk_cli_say("Error while processing %s: %s", cli->client_configuration, message.text);
            return ZK_CLI_BAD_INVOCATION;
        }
        java_read_properties(&cli->arena, text, take_setting, &settings);
    }
    if (settings.has_bad_number) {
        zk_cli_say(
            "jute.maxbuffer is a number of bytes of at most %u, zookeeper.request.timeout one "
            "of milliseconds",
            ZK_CLIENT_REPLY_BYTES_LIMIT);
        return ZK_CLI_FAILED;
    }
    if (settings.is_secure) {
        zk_cli_say("zookeeper.client.secure: this client does not speak TLS");
        return ZK_CLI_FAILED;
    }
    return ZK_CLI_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_event(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct zk_cli *cli = CONTAINER_OF(watcher, struct zk_cli, watcher);
    if (event->type == ZK_EVENT_NONE && event->state == ZK_STATE_SYNC_CONNECTED) {
        cli->is_connected = true;
    }
    if (!cli->prints_watches) {
        return;
    }
    struct buffer text;
    buffer_init(&text, event->path.len + 256);
    zk_cli_append_event(&text, event);
    fputs("\nWATCHER::\n\n", stdout);
    zk_cli_print_text(buffer_slice(&text));
    putchar('\n');
    fflush(stdout);
    buffer_release(&text);
    if (cli->terminal != NULL) {
        zk_cli_terminal_refresh(cli->terminal);
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static bool wait_for_connection(struct zk_cli *cli, int32_t timeout_ms)
{
    uint64_t end_ns = runtime_now_ns(cli->runtime) + (uint64_t)timeout_ms * NS_PER_MS;
    while (!cli->is_connected) {
        uint64_t now_ns = runtime_now_ns(cli->runtime);
        if (now_ns >= end_ns || !zk_client_is_alive(cli->client)) {
            zk_cli_close(cli);
            zk_cli_die(cli, "KeeperErrorCode = ConnectionLoss");
            return false;
        }
        runtime_turn(cli->runtime, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
    }
    return true;
}

bool zk_cli_connect(struct zk_cli *cli, struct slice host)
{
    struct errmsg message;
    int32_t timeout_ms = 0;
    zk_cli_close(cli);
    if (cli->client != NULL) {
        zk_client_release(cli->client);
        cli->client = NULL;
    }
    if (host.ptr != cli->host.data) {
        buffer_clear(&cli->host, 4096);
        buffer_append(&cli->host, slice_part(host, 0, MIN(host.len, buffer_room(&cli->host))));
    }
    bool is_number = text_parse_i32(slice_of_cstr(cli->timeout_text), &timeout_ms) == 0;
    if (!is_number || timeout_ms <= 0) {
        zk_cli_die(cli, "-timeout: \"%s\" is not a number of milliseconds", cli->timeout_text);
        return false;
    }
    struct zk_client_config config = cli->client_config;
    cli->watcher.on_event = on_event;
    cli->is_connected = false;
    config.connect_string = buffer_slice(&cli->host);
    config.session_timeout_ms = timeout_ms;
    config.can_be_read_only = cli->is_read_only;
    config.watcher = &cli->watcher;
    if (zk_client_open(cli->runtime, &config, &message, &cli->client) != 0) {
        cli->client = NULL;
        zk_cli_die(cli, "%s", message.text);
        return false;
    }
    return !cli->waits_for_connection || wait_for_connection(cli, timeout_ms);
}

static void on_closed(void *ctx)
{
    bool *is_closed = ctx;
    *is_closed = true;
}

void zk_cli_close(struct zk_cli *cli)
{
    bool is_closed = false;
    if (cli->client == NULL || !zk_client_is_alive(cli->client)) {
        return;
    }
    zk_client_close(cli->client, on_closed, &is_closed);
    while (!is_closed) {
        runtime_turn(cli->runtime, -1);
    }
}

/* ---- commands -------------------------------------------------------------------------------- */

int zk_cli_close_command(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    (void)parsed;
    zk_cli_close(cli);
    return ZK_CLI_OK;
}

int zk_cli_version(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    (void)cli;
    (void)parsed;
    printf("ZooKeeper CLI version: %s, built on %s\n", samsa_zookeeper_version, samsa_build_date);
    return ZK_CLI_OK;
}
