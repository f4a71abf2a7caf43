/* quorum_parse.c - the text of a configuration; see quorum.h.
 *
 * All lines are collected first, since the last of equal keys wins (java.util.Properties) and the
 * group lines may stand before the servers that they name. Then servers, shares and the whole are
 * read in that order. Hosts are copied into config->text, which is reserved once: an IPv6 address
 * in brackets may become longer than it was, everything else becomes shorter.
 * Sources: QuorumPeer.QuorumServer, ConfigUtils.getHostAndPort, QuorumMaj, QuorumHierarchical.
 */
#include "base/arena.h"
#include "base/java_properties.h"
#include "base/memory.h"
#include "base/text.h"
#include "zookeeper/core/quorum_private.h"

#define SHARES_MAX (2 * QUORUM_SERVERS_MAX)
/* Of servers, of groups and weights, and the version: as many as are printed at most. */
#define LINES_MAX (QUORUM_SERVERS_MAX + 2 * SHARES_MAX + 1)
#define PARTS_MAX 8
#define PROBLEM_MAX 512

struct quorum_line {
    struct slice key;
    struct slice value;
};

struct quorum_reader {
    struct quorum_config *config;
    struct quorum_line *lines;
    size_t line_count;
    uint32_t server_room;
    uint32_t share_room;
    struct buffer problem;
};

/* ---- telling what is wrong ------------------------------------------------------------------- */

/* What came from outside, without bytes that would end the sentence or a line. */
static void append_readable(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        buffer_append_u8(out, text.ptr[i] < ' ' ? '?' : text.ptr[i]);
    }
}

/* Sets the sentence "key=value: why". */
static int refuse(struct quorum_reader *reader, const struct quorum_line *line, const char *why)
{
    struct buffer *problem = &reader->problem;
    buffer_clear(problem, PROBLEM_MAX);
    append_readable(problem, slice_part(line->key, 0, MIN(line->key.len, 64)));
    buffer_append_cstr(problem, "=");
    append_readable(problem, slice_part(line->value, 0, MIN(line->value.len, 200)));
    buffer_append_cstr(problem, ": ");
    buffer_append_cstr(problem, why);
    return ERR_CONFIG;
}

/* "Server N <why>". */
static int refuse_server(struct quorum_reader *reader, int64_t id, const char *why)
{
    buffer_clear(&reader->problem, PROBLEM_MAX);
    buffer_append_cstr(&reader->problem, "Server ");
    buffer_append_decimal(&reader->problem, id);
    buffer_append_cstr(&reader->problem, why);
    return ERR_CONFIG;
}

static const char form[] =
    "does not have the form host:port:port or host:port:port:role, several of them joined by |, "
    "then perhaps ;port or ;host:port for clients";

/* ---- numbers, hosts and ports ---------------------------------------------------------------- */

/* Behind the first dot of a key. */
static int read_key_id(struct quorum_reader *reader, const struct quorum_line *line, int64_t *id)
{
    struct slice head;
    struct slice digits;
    text_cut(line->key, '.', &head, &digits);
    if (text_parse_i64(digits, id) != 0 || *id < 0) {
        return refuse(reader, line, "what stands behind the dot is not a number from 0 up");
    }
    return 0;
}

static bool read_port(struct slice text, uint16_t *port)
{
    int64_t number;
    if (text_parse_i64(text, &number) != 0 || number < 0 || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

/* Splits at ':' but for an IPv6 address in brackets, which is the first part. Empty parts at the
 * end do not count (String.split). Returns how many; PARTS_MAX + 1: too many, 0: a bracket is not
 * closed or nothing is there. */
static size_t split_parts(struct slice text, struct slice parts[PARTS_MAX])
{
    size_t count = 0;
    if (text.len > 0 && text.ptr[0] == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);
        if (end == NULL) {
            return 0;
        }
        size_t len = (size_t)(end - text.ptr);
        parts[count++] = slice_part(text, 1, len);
        text = slice_part(text, MIN(len + 2, text.len), text.len);
    }
    while (text.len > 0) {
        if (count == PARTS_MAX) {
            return PARTS_MAX + 1;
        }
        text_cut(text, ':', &parts[count], &text);
        count++;
    }
    while (count > 0 && parts[count - 1].len == 0) {
        count--;
    }
    return count;
}

static bool is_good_host(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        if (c <= ' ' || c == '[' || c == ']' || c == '\\') {
            return false;
        }
    }
    return host.len > 0 && host.len <= QUORUM_HOST_MAX;
}

static struct slice keep_host(struct quorum_reader *reader, struct slice host)
{
    struct buffer *text = &reader->config->text;
    size_t from = text->len;
    size_t cap = text->cap;
    quorum_address_append(text, host);
    ASSERT(text->cap == cap);
    return slice_of(text->data + from, text->len - from);
}

/* ---- a server -------------------------------------------------------------------------------- */

/* host:quorum:election[:role] */
static int read_address(struct quorum_reader *reader,
                        const struct quorum_line *line,
                        struct slice text,
                        struct quorum_server *server,
                        bool *has_role)
{
    struct slice parts[PARTS_MAX];
    size_t count = split_parts(text, parts);
    if (count < 3 || count > 4 || !is_good_host(parts[0])) {
        return refuse(reader, line, form);
    }
    struct quorum_address address = {0};
    if (!read_port(parts[1], &address.quorum_port) ||
        !read_port(parts[2], &address.election_port)) {
        return refuse(reader, line, "a port is not a number from 0 to 65535");
    }
    if (address.quorum_port == address.election_port) {
        return refuse(reader, line, "the quorum port and the election port must be different");
    }
    if (count == 4) {
        struct slice role = text_trim(parts[3]);
        bool is_observer = text_equal_ignoring_case(role, SLICE_LIT("observer"));
        if (!is_observer && !text_equal_ignoring_case(role, SLICE_LIT("participant"))) {
            return refuse(reader, line, "Unrecognised peertype: it is participant or observer");
        }
        enum quorum_role said = is_observer ? QUORUM_OBSERVER : QUORUM_PARTICIPANT;
        if (*has_role && said != server->role) {
            return refuse(reader, line, "Multiple addresses should have similar roles");
        }
        server->role = said;
        *has_role = true;
    }
    if (server->address_count == QUORUM_ADDRESSES_MAX) {
        return refuse(reader, line, "a server has at most 8 addresses");
    }
    address.host = keep_host(reader, parts[0]);
    uint32_t at = server->address_count++;
    while (at > 0 && slice_compare(server->addresses[at - 1].host, address.host) > 0) {
        server->addresses[at] = server->addresses[at - 1];
        at--;
    }
    server->addresses[at] = address;
    return 0;
}

/* [host:]port */
static int read_client(struct quorum_reader *reader,
                       const struct quorum_line *line,
                       struct slice text,
                       struct quorum_server *server)
{
    struct slice parts[PARTS_MAX];
    size_t count = split_parts(text, parts);
    if (count == 0 || count > 2) {
        return refuse(reader, line, form);
    }
    struct slice host = count == 2 ? parts[0] : SLICE_LIT("0.0.0.0");
    if (!is_good_host(host) || !read_port(parts[count - 1], &server->client_port)) {
        return refuse(reader, line, "the client address is not host:port or a port");
    }
    server->client_host = keep_host(reader, host);
    return 0;
}

static int read_server(struct quorum_reader *reader, const struct quorum_line *line)
{
    struct quorum_server server = {.role = QUORUM_PARTICIPANT, .weight = 1};
    int error = read_key_id(reader, line, &server.id);
    struct slice addresses;
    struct slice client;
    struct slice secure;
    text_cut(line->value, ';', &addresses, &client);
    text_cut(client, ';', &client, &secure);
    if (error == 0 && secure.len > 0) {
        error = refuse(reader, line, "a secure client port is not served by this version");
    }
    bool has_role = false;
    bool goes_on = true;
    while (error == 0 && goes_on) {
        struct slice one;
        goes_on = text_cut(addresses, '|', &one, &addresses) && addresses.len > 0;
        error = read_address(reader, line, one, &server, &has_role);
    }
    if (error == 0 && client.len > 0) {
        error = read_client(reader, line, client, &server);
    }
    if (error != 0) {
        return error;
    }
    struct quorum_config *config = reader->config;
    uint32_t at = config->server_count;
    while (at > 0 && config->servers[at - 1].id > server.id) {
        at--;
    }
    if (at > 0 && config->servers[at - 1].id == server.id) {
        return refuse(reader, line,
                      "another line speaks of the same server"); /* server.1, server.01 */
    }
    memmove(&config->servers[at + 1], &config->servers[at],
            (config->server_count - at) * sizeof server);
    config->servers[at] = server;
    config->server_count++;
    return 0;
}

/* ---- groups and weights ---------------------------------------------------------------------- */

/* The share of that server, made when it is new; NULL: there are too many. */
static struct quorum_share *add_share(struct quorum_reader *reader, int64_t id)
{
    struct quorum_config *config = reader->config;
    struct quorum_share *share = quorum_config_share(config, id);
    if (share != NULL || config->share_count == reader->share_room) {
        return share;
    }
    uint32_t at = config->share_count++;
    while (at > 0 && config->shares[at - 1].id > id) {
        config->shares[at] = config->shares[at - 1];
        at--;
    }
    config->shares[at] = (struct quorum_share){.id = id};
    return &config->shares[at];
}

static int read_group(struct quorum_reader *reader, const struct quorum_line *line)
{
    int64_t group;
    int error = read_key_id(reader, line, &group);
    struct slice rest = line->value;
    if (error == 0 && rest.len == 0) {
        return refuse(reader, line, "the value is not a list of server numbers like 1:2:3");
    }
    while (error == 0 && rest.len > 0) {
        struct slice text;
        int64_t id;
        text_cut(rest, ':', &text, &rest);
        if (text_parse_i64(text, &id) != 0 || id < 0) {
            return refuse(reader, line, "the value is not a list of server numbers like 1:2:3");
        }
        struct quorum_share *share = add_share(reader, id);
        if (share == NULL) {
            return refuse(reader, line, "too many servers");
        }
        if (share->has_group) {
            return refuse_server(reader, id, " is in multiple groups");
        }
        share->has_group = true;
        share->group = group;
    }
    return error;
}

static int read_weight(struct quorum_reader *reader, const struct quorum_line *line)
{
    int64_t id;
    int64_t weight;
    int error = read_key_id(reader, line, &id);
    if (error != 0) {
        return error;
    }
    if (text_parse_i64(line->value, &weight) != 0 || weight < 0 || weight > QUORUM_WEIGHT_MAX) {
        return refuse(reader, line, "the weight is not a number from 0 to 2147483647");
    }
    struct quorum_share *share = add_share(reader, id);
    if (share == NULL) {
        return refuse(reader, line, "too many servers");
    }
    share->weight = weight;
    share->has_weight = true;
    return 0;
}

/* QuorumHierarchical.parse: every participant is in a group and weighs 1 unless said otherwise. */
static int join_shares(struct quorum_reader *reader)
{
    struct quorum_config *config = reader->config;
    for (uint32_t i = 0; i < config->server_count; i++) {
        struct quorum_server *server = &config->servers[i];
        struct quorum_share *share = quorum_config_share(config, server->id);
        bool is_voter = server->role == QUORUM_PARTICIPANT;
        if (is_voter && (share == NULL || !share->has_group)) {
            return refuse_server(reader, server->id, " is not in a group");
        }
        if (share == NULL) {
            continue;
        }
        if (is_voter && !share->has_weight) {
            share->weight = 1;
            share->has_weight = true;
        }
        server->group = share->group;
        server->weight = share->has_weight ? share->weight : 1;
    }
    for (uint32_t i = 0; i < config->share_count; i++) {
        if (config->shares[i].has_group && !config->shares[i].has_weight) {
            /* upstream dies of a null pointer here */
            (void)refuse_server(reader, config->shares[i].id,
                                " is in a group, but is no participant and has no weight");
            return ERR_NOT_FOUND;
        }
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int take_line(void *ctx, const struct java_property *property)
{
    struct quorum_reader *reader = ctx;
    struct quorum_line line = {property->key, text_trim(property->value)};
    for (size_t i = 0; i < reader->line_count; i++) {
        if (slice_equal(reader->lines[i].key, line.key)) {
            reader->lines[i].value = line.value;
            return 0;
        }
    }
    if (reader->line_count == LINES_MAX) {
        return refuse(reader, &line, "there are too many lines");
    }
    reader->lines[reader->line_count++] = line;
    return 0;
}

static bool is_kind(const struct quorum_line *line, const char *kind)
{
    return slice_starts_with(line->key, slice_of_cstr(kind));
}

static int read_version(struct quorum_reader *reader, const struct quorum_line *line)
{
    struct slice digits = line->value;
    uint64_t version;
    bool is_negative = digits.len > 0 && digits.ptr[0] == '-';
    if (is_negative) {
        digits = slice_part(digits, 1, digits.len);
    }
    if (text_parse_hex64(digits, &version) != 0 || version > INT64_MAX) {
        return refuse(reader, line, "the version is not a hexadecimal number");
    }
    reader->config->version = is_negative ? -(int64_t)version : (int64_t)version;
    return 0;
}

static int read_line(struct quorum_reader *reader, const struct quorum_line *line)
{
    if (is_kind(line, "server.")) {
        if (reader->config->server_count == reader->server_room) {
            return refuse(reader, line, "there are more than 255 servers");
        }
        return read_server(reader, line);
    }
    if (is_kind(line, "group.")) {
        return read_group(reader, line);
    }
    if (is_kind(line, "weight.")) {
        return read_weight(reader, line);
    }
    return slice_equal_cstr(line->key, "version") ? read_version(reader, line)
                                                  : refuse(reader, line, "Unrecognised parameter");
}

/* Room for all hosts, and for the servers and shares that the lines name at most. */
static void make_room(struct quorum_reader *reader, size_t text_len)
{
    struct quorum_config *config = reader->config;
    size_t brackets = 0;
    size_t colons = 0;
    for (size_t i = 0; i < reader->line_count; i++) {
        const struct quorum_line *line = &reader->lines[i];
        reader->server_room += is_kind(line, "server.") ? 1 : 0;
        config->is_hierarchical |= is_kind(line, "group.") || is_kind(line, "weight.");
        for (size_t j = 0; j < line->value.len; j++) {
            brackets += line->value.ptr[j] == '[' ? 1 : 0;
            colons += line->value.ptr[j] == ':' ? 1 : 0;
        }
    }
    reader->server_room = MIN(reader->server_room, QUORUM_SERVERS_MAX);
    if (config->is_hierarchical) {
        reader->share_room = (uint32_t)MIN(colons + reader->line_count, SHARES_MAX);
    }
    config->servers = mem_alloc_zeroed(reader->server_room * sizeof *config->servers);
    config->shares = mem_alloc_zeroed(reader->share_room * sizeof *config->shares);
    /* "0.0.0.0" stands for a client address without a host */
    (void)buffer_reserve(&config->text, text_len + brackets * QUORUM_IPV6_TEXT_MAX +
                                            reader->server_room * sizeof "0.0.0.0");
}

/* Gives back what the lines did not need. */
static void trim_room(struct quorum_reader *reader)
{
    struct quorum_config *config = reader->config;
    config->servers = mem_realloc(config->servers, reader->server_room * sizeof *config->servers,
                                  config->server_count * sizeof *config->servers);
    config->shares = mem_realloc(config->shares, reader->share_room * sizeof *config->shares,
                                 config->share_count * sizeof *config->shares);
}

static const struct quorum_line whole = {
    .key = {(const uint8_t *)"configuration", sizeof "configuration" - 1}};

/* What is left out in a text is printed: roles, weights, the zeros of an IPv6 address. The printed
 * text goes through here again, in a log, in a packet, in a file, and must pass. */
static int check_printed(struct quorum_reader *reader)
{
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text_at(reader->config, -1, &text); /* no version is longer */
    bool is_too_long = text.len > QUORUM_TEXT_MAX;
    buffer_release(&text);
    return is_too_long ? refuse(reader, &whole, "the text is too long when nothing is left out")
                       : 0;
}

static int read_text(struct quorum_reader *reader, struct slice text, struct arena *arena)
{
    int bad_line = 0;
    int error = java_properties_parse(text, arena, take_line, reader, &bad_line);
    if (error == ERR_INVALID || error == ERR_LIMIT) {
        return refuse(reader, &whole, "a line has a malformed \\u escape");
    }
    if (error != 0) {
        return error;
    }
    make_room(reader, text.len);
    for (size_t i = 0; i < reader->line_count && error == 0; i++) {
        error = read_line(reader, &reader->lines[i]);
    }
    if (error == 0 && reader->config->is_hierarchical) {
        error = join_shares(reader);
    }
    trim_room(reader);
    return error == 0 ? check_printed(reader) : error;
}

int quorum_config_parse(struct slice text,
                        struct quorum_config **config,
                        char *problem,
                        size_t problem_len)
{
    struct arena arena;
    struct quorum_reader reader = {.config = quorum_config_new()};
    *config = NULL;
    buffer_init(&reader.problem, SIZE_MAX);
    int error;
    if (text.len > QUORUM_TEXT_MAX) {
        error = refuse(&reader, &whole, "the text is too long");
    } else {
        arena_init(&arena, text.len + 4096, SIZE_MAX);
        reader.lines = ARENA_ARRAY(&arena, struct quorum_line, LINES_MAX);
        error = read_text(&reader, text, &arena);
        arena_release(&arena);
    }
    if (problem != NULL && problem_len > 0) {
        size_t len = MIN(reader.problem.len, problem_len - 1);
        memcpy(problem, len > 0 ? (const char *)reader.problem.data : "", len);
        problem[len] = '\0';
    }
    buffer_release(&reader.problem);
    if (error != 0) {
        quorum_config_drop(reader.config);
        return error;
    }
    *config = reader.config;
    return 0;
}
