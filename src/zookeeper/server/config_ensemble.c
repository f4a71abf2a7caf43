/* config_ensemble.c - see config_ensemble.h.
 *
 * The members stand either in zoo.cfg or, when it names one, in the dynamic file, whose name ends
 * in the version of what it holds. With none or one participant (and standaloneEnabled) there is no
 * ensemble. With more, myid says which of them we are, and the own line says our role and may say
 * where clients are served.
 */
#include "zookeeper/server/config_ensemble.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "zookeeper/server/own_listener.h"

/* The session ids of extended types have room for no more (EphemeralType.validateServerID). */
#define SERVER_ID_MAX_EXTENDED 254
#define MYID_BYTES_MAX ((size_t)4096)
#define FACTOR_DIGITS_MAX 9
#define NEXT_SUFFIX ".dynamic.next"

static const char without_voters[] =
    "standaloneEnabled = false then number of participants should be >0";

/* ---- collecting ------------------------------------------------------------------------------ */

void config_members_init(struct config_members *members)
{
    members->first_key[0] = '\0';
    buffer_init(&members->text, QUORUM_TEXT_MAX);
}

void config_members_release(struct config_members *members)
{
    buffer_release(&members->text);
}

static void append_escaped(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' || text.ptr[i] == '\n' || text.ptr[i] == '\r') {
            buffer_append_u8(out, '\\');
        }
        buffer_append_u8(out, text.ptr[i]);
    }
}

bool config_members_add(struct config_members *members, struct slice key, struct slice value)
{
    if (buffer_room(&members->text) < 2 * (key.len + value.len) + 2) {
        return false;
    }
    /* Beside dynamicConfigFile a version alone is no fault, and counts for nothing. */
    if (members->first_key[0] == '\0' && !slice_equal_cstr(key, "version")) {
        snprintf(members->first_key, sizeof members->first_key, "%.*s", (int)key.len,
                 (const char *)key.ptr);
    }
    append_escaped(&members->text, key);
    buffer_append_cstr(&members->text, "=");
    append_escaped(&members->text, value);
    buffer_append_cstr(&members->text, "\n");
    return true;
}

bool config_read_factor(struct slice text, double *factor)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = is_negative ? 1 : 0;
    size_t digits = 0;
    double value = 0;
    double scale = 0; /* of the next digit behind the point; 0: there was none */
    for (; at < text.len; at++) {
        uint8_t c = text.ptr[at];
        if (c == '.' && scale == 0) {
            scale = 0.1;
            continue;
        }
        if (c < '0' || c > '9' || ++digits > FACTOR_DIGITS_MAX) {
            return false;
        }
        value = scale == 0 ? value * 10 + (c - '0') : value + scale * (c - '0');
        scale /= 10;
    }
    *factor = is_negative ? -value : value;
    return digits > 0;
}

void zk_config_release(struct zk_config *config)
{
    quorum_config_drop(config->members);
    quorum_config_drop(config->next_members);
    config->members = NULL;
    config->next_members = NULL;
}

/* ---- saying what is wrong -------------------------------------------------------------------- */

static int fault(const struct config_surroundings *around, const char *name, const char *why)
{
    return errmsg_set(around->message, ERR_CONFIG, "Error processing %s: %s", name, why);
}

static void warn(const struct config_surroundings *around, const char *text)
{
    if (around->warning != NULL) {
        around->warning(around->ctx, text);
    }
}

/* ---- who is in it ---------------------------------------------------------------------------- */

static int parse_members(struct slice text,
                         const char *name,
                         const struct config_surroundings *around,
                         struct quorum_config **config)
{
    char problem[512];
    int error = quorum_config_parse(text, config, problem, sizeof problem);
    return error == 0 ? 0 : fault(around, name, problem);
}

/* The version at the end of a dynamic file's name: "zoo.cfg.dynamic.100000a5f"; 0 when what stands
 * behind the last dot is no hexadecimal number. */
static int64_t version_of_file(const char *path)
{
    const char *dot = strrchr(path, '.');
    uint64_t version = 0;
    if (dot == NULL || text_parse_hex64(slice_of_cstr(dot + 1), &version) != 0 ||
        version > INT64_MAX) {
        return 0;
    }
    return (int64_t)version;
}

static int read_dynamic_file(struct zk_config *config, const struct config_surroundings *around)
{
    struct buffer text;
    struct quorum_config *read = NULL;
    const char *path = config->dynamic_config_file;
    buffer_init(&text, SIZE_MAX);
    int error = config_read_file(around->runtime, path, &text, around->message);
    if (error != 0) {
        error = ERR_CONFIG;
    } else {
        error = parse_members(buffer_slice(&text), path, around, &read);
    }
    if (error == 0 && read->version != 0) {
        error = fault(around, path, "dynamic file shouldn't have version inside");
    }
    if (error == 0) {
        config->members = quorum_config_at_version(read, version_of_file(path));
    }
    quorum_config_drop(read);
    buffer_release(&text);
    return error;
}

/* What was proposed before we went down. A file that cannot be read is no reason not to start
 * (upstream warns, too). */
static void read_next_file(struct zk_config *config, const struct config_surroundings *around)
{
    char path[PATH_TEXT_MAX];
    char problem[512];
    struct path_info info;
    struct errmsg ignored;
    struct buffer text;
    int len = snprintf(path, sizeof path, "%s" NEXT_SUFFIX, around->name);
    if (len < 0 || (size_t)len >= sizeof path || path_stat(around->runtime, path, &info) != 0) {
        return;
    }
    buffer_init(&text, SIZE_MAX);
    int error = config_read_file(around->runtime, path, &text, &ignored);
    if (error == 0) {
        error = quorum_config_parse(buffer_slice(&text), &config->next_members, problem,
                                    sizeof problem);
    }
    if (error != 0) {
        warn(around, "the configuration in " NEXT_SUFFIX " cannot be read and is not taken over");
    }
    buffer_release(&text);
}

static int read_members(struct zk_config *config,
                        const struct config_members *members,
                        const struct config_surroundings *around)
{
    if (config->dynamic_config_file[0] == '\0') {
        if (members->text.len == 0) {
            return config->standalone_enabled ? 0 : fault(around, around->name, without_voters);
        }
        return parse_members(buffer_slice(&members->text), around->name, around, &config->members);
    }
    if (members->first_key[0] != '\0') {
        return errmsg_set(around->message, ERR_CONFIG,
                          "Error processing %s: parameter: %s must be in a separate dynamic config "
                          "file, since dynamicConfigFile is set",
                          around->name, members->first_key);
    }
    if (around->runtime == NULL) {
        return 0;
    }
    int error = read_dynamic_file(config, around);
    if (error == 0) {
        read_next_file(config, around);
    }
    return error;
}

static int check_addresses(const struct zk_config *config, const struct config_surroundings *around)
{
    for (uint32_t i = 0; i < config->members->server_count; i++) {
        if (config->members->servers[i].address_count > 1 && !config->multi_address_enabled) {
            return errmsg_set(around->message, ERR_CONFIG,
                              "Error processing %s: Multiple address feature is disabled, but "
                              "multiple addresses were specified for sid %" PRId64
                              ". Set multiAddress.enabled=true on every server, or leave one.",
                              around->name, config->members->servers[i].id);
        }
    }
    return 0;
}

/* parseDynamicConfig: how many participants make what. */
static int check_members(struct zk_config *config, const struct config_surroundings *around)
{
    uint32_t voters = quorum_config_voter_count(config->members);
    uint32_t observers = config->members->server_count - voters;
    if (voters == 0 && !config->standalone_enabled) {
        return fault(around, around->name, without_voters);
    }
    if (voters == 0 && observers > 0) {
        return fault(around, around->name,
                     "Observers w/o participants is an invalid configuration");
    }
    config->is_ensemble = voters > 1 || (voters == 1 && !config->standalone_enabled);
    if (voters == 1 && config->standalone_enabled) {
        warn(around, "Only one server is specified: it runs alone (standaloneEnabled=true)");
        if (observers > 0) {
            return fault(around, around->name, "Observers w/o quorum is an invalid configuration");
        }
    } else if (voters == 2) {
        warn(around, "No server failure will be tolerated. You need at least 3 servers.");
    } else if (voters > 0 && voters % 2 == 0) {
        warn(around, "Non-optimal configuration, consider an odd number of servers.");
    }
    return check_addresses(config, around);
}

/* ---- which of them we are -------------------------------------------------------------------- */

static int read_myid(struct zk_config *config, const struct config_surroundings *around)
{
    char path[CONFIG_TEXT_MAX + 8];
    struct path_info info;
    struct buffer text;
    struct slice line;
    struct slice rest;
    int64_t most = config->extended_types_enabled ? SERVER_ID_MAX_EXTENDED : INT64_MAX;
    snprintf(path, sizeof path, "%s/myid", config->data_dir);
    if (path_stat(around->runtime, path, &info) != 0) {
        return errmsg_set(around->message, ERR_CONFIG,
                          "Error processing %s: myid file is missing: write this server's number "
                          "(the N of its server.N line) into %s",
                          around->name, path);
    }
    buffer_init(&text, SIZE_MAX);
    int error = info.size > MYID_BYTES_MAX
                    ? ERR_LIMIT
                    : config_read_file(around->runtime, path, &text, around->message);
    text_cut(buffer_slice(&text), '\n', &line, &rest);
    line = text_trim(line);
    if (error == ERR_LIMIT || (error == 0 && text_parse_i64(line, &config->server_id) != 0)) {
        error = errmsg_set(around->message, ERR_CONFIG,
                           "Error processing %s: serverid %.*s is not a number (in %s)",
                           around->name, (int)MIN(line.len, 32), (const char *)line.ptr, path);
    } else if (error == 0 && (config->server_id < 0 || config->server_id > most)) {
        error = errmsg_set(around->message, ERR_CONFIG,
                           "Error processing %s: serverid %" PRId64
                           " (in %s) is out of range: a server's number is from 1 to %" PRId64,
                           around->name, config->server_id, path, most);
    }
    buffer_release(&text);
    return error;
}

static bool is_any_address(struct slice host)
{
    return host.len == 0 || slice_equal_cstr(host, "0.0.0.0") ||
           slice_equal_cstr(host, "0:0:0:0:0:0:0:0");
}

/* setupClientPort: where the own line says where clients are served, zoo.cfg must not say
 * otherwise. */
static int take_client_port(struct zk_config *config,
                            const struct quorum_server *own,
                            const struct config_surroundings *around)
{
    if (own == NULL || slice_is_null(own->client_host) || own->client_port == 0) {
        return 0;
    }
    struct slice said = slice_of_cstr(config->client_port_address);
    bool same_host = is_any_address(said) || own_listener_same_host(said, own->client_host);
    if (config->client_port != 0 && (config->client_port != own->client_port || !same_host)) {
        return errmsg_set(around->message, ERR_CONFIG,
                          "Error processing %s: client address for this server (id = %" PRId64
                          ") in static config file is %s:%" PRId32
                          " is different from client address found in dynamic file: %.*s:%d",
                          around->name, own->id,
                          said.len > 0 ? config->client_port_address : "0.0.0.0",
                          config->client_port, (int)own->client_host.len,
                          (const char *)own->client_host.ptr, (int)own->client_port);
    }
    if (own->client_host.len >= sizeof config->client_port_address) {
        return fault(around, around->name, "the host for clients in the server line is too long");
    }
    config->client_port = own->client_port;
    memcpy(config->client_port_address, own->client_host.ptr, own->client_host.len);
    config->client_port_address[own->client_host.len] = '\0';
    return 0;
}

static int take_own_place(struct zk_config *config, const struct config_surroundings *around)
{
    if (config->init_limit == 0) {
        return fault(around, around->name,
                     "initLimit is not set. Add a line like initLimit=10 (ticks).");
    }
    if (config->sync_limit == 0) {
        return fault(around, around->name,
                     "syncLimit is not set. Add a line like syncLimit=5 (ticks).");
    }
    int error = around->runtime != NULL ? read_myid(config, around) : 0;
    if (error != 0 || config->server_id < 0) {
        return error;
    }
    const struct quorum_server *own = quorum_config_find(config->members, config->server_id);
    if (own == NULL) {
        return errmsg_set(around->message, ERR_CONFIG,
                          "Error processing %s: My id %" PRId64
                          " not in the peer list: there is no server.%" PRId64 " line",
                          around->name, config->server_id, config->server_id);
    }
    bool is_observer = own->role == QUORUM_OBSERVER;
    if (is_observer != config->is_observer) {
        char text[256];
        snprintf(text, sizeof text,
                 "Peer type from servers list (%s) doesn't match peerType (%s). Defaulting to "
                 "servers list.",
                 is_observer ? "OBSERVER" : "PARTICIPANT",
                 config->is_observer ? "OBSERVER" : "PARTICIPANT");
        warn(around, text);
        config->is_observer = is_observer;
    }
    return take_client_port(config, own, around);
}

/* ---- the whole ------------------------------------------------------------------------------- */

int config_members_resolve(struct zk_config *config,
                           const struct config_members *members,
                           const struct config_surroundings *around)
{
    int error = read_members(config, members, around);
    if (error != 0 || config->members == NULL) {
        return error;
    }
    error = check_members(config, around);
    if (error != 0) {
        return error;
    }
    if (config->is_ensemble) {
        return take_own_place(config, around);
    }
    /* the one server of a server line that runs alone; upstream wants its myid to take the port */
    error = config->members->server_count == 0
                ? 0
                : take_client_port(config, &config->members->servers[0], around);
    zk_config_release(config);
    return error;
}
