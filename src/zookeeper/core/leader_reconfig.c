/* leader_reconfig.c - what a client asks of the ensemble's configuration becomes the next one.
 *
 * Incremental: the servers that are there, without those that leave, with those that join (a joiner
 * with an id that is there replaces that server). Otherwise: the servers that the client names, and
 * only those. The new configuration's version is the zxid of its txn, so it is the newest.
 *
 * Refused: while another one is on its way (RECONFIGINPROGRESS); on another version than the client
 * saw (BADVERSION); what cannot be read, has too few voters, or gives one address to two servers
 * (BADARGUMENTS); when those of its voters that follow now are no quorum of it
 * (NEWCONFIGNOQUORUM): it could then not be committed.
 *
 * It works on texts, line by line, since a configuration is immutable and its text says all.
 * Source: PrepRequestProcessor.pRequest2Txn (reconfig), QuorumServer.checkAddressDuplicate.
 */
#include "base/text.h"
#include "zookeeper/core/leader_private.h"

#define SERVER_KEY "server."
#define LIST_MAX 512 /* servers named in one list of a request */

/* ---- lists --------------------------------------------------------------------------- */

/* What is joined to a text stays on its line there: no end of a line in it, nor what Java's
 * properties would make one of, nor what would take the next line to it. */
static bool is_within_a_line(struct slice spec)
{
    for (size_t i = 0; i < spec.len; i++) {
        if (spec.ptr[i] < ' ' || spec.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

/* The id in "server.N=...", or in a joiner's "whatever.N=...". */
static bool read_line_id(struct slice line, int64_t *id, struct slice *spec)
{
    struct slice key;
    struct slice more;
    if (!text_cut(line, '=', &key, spec) || spec->len == 0) {
        return false;
    }
    struct slice rest = *spec;
    if (text_cut(rest, '=', &more, &rest)) {
        return false; /* more than one '=' */
    }
    key = text_trim(key);
    size_t dot = key.len;
    while (dot > 0 && key.ptr[dot - 1] != '.') {
        dot -= 1;
    }
    return text_parse_i64(slice_part(key, dot, key.len), id) == ERR_OK;
}

struct id_list {
    int64_t ids[LIST_MAX];
    size_t count;
};

static bool id_list_has(const struct id_list *list, int64_t id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Takes the next item that is not empty off the front of a list with commas. */
static bool next_item(struct slice *rest, struct slice *item)
{
    while (rest->len > 0) {
        (void)text_cut(*rest, ',', item, rest);
        *item = text_trim(*item);
        if (item->len > 0) {
            return true;
        }
    }
    return false;
}

/* ---- an incremental change ----------------------------------------------------------- */

static int32_t read_leaving(struct slice leaving, struct id_list *gone)
{
    struct slice item;
    while (next_item(&leaving, &item)) {
        int64_t id = 0;
        if (text_parse_i64(item, &id) != ERR_OK) {
            return ZK_ERR_MARSHALLINGERROR; /* upstream: a NumberFormatException */
        }
        if (gone->count == LIST_MAX) {
            return ZK_ERR_BADARGUMENTS;
        }
        gone->ids[gone->count++] = id;
    }
    return ZK_ERR_OK;
}

/* Joiners replace who has their id, so they are gone, too. A later joiner replaces an earlier one
 * of its id. */
static int32_t read_joining(struct slice joining, struct id_list *gone, struct id_list *new_ids)
{
    struct slice item;
    while (next_item(&joining, &item)) {
        int64_t id = 0;
        struct slice spec;
        if (!read_line_id(item, &id, &spec) || !is_within_a_line(spec) || gone->count == LIST_MAX ||
            id_list_has(new_ids, id)) {
            return ZK_ERR_BADARGUMENTS;
        }
        gone->ids[gone->count++] = id;
        new_ids->ids[new_ids->count++] = id;
    }
    return ZK_ERR_OK;
}

static void append_server(struct buffer *out, int64_t id, struct slice spec)
{
    buffer_append_cstr(out, SERVER_KEY);
    buffer_append_decimal(out, id);
    buffer_append_u8(out, '=');
    buffer_append(out, text_trim(spec));
    buffer_append_u8(out, '\n');
}

static void append_staying(struct buffer *out, struct slice text, const struct id_list *gone)
{
    while (text.len > 0) {
        struct slice line;
        struct slice spec;
        int64_t id = 0;
        (void)text_cut(text, '\n', &line, &text);
        if (slice_starts_with(line, SLICE_LIT(SERVER_KEY)) && read_line_id(line, &id, &spec) &&
            !id_list_has(gone, id)) {
            append_server(out, id, spec);
        }
    }
}

static bool is_special(struct slice host)
{
    static const char *const names[] = {"0.0.0.0", "localhost",       "0:0:0:0:0:0:0:0",
                                        "::",      "0:0:0:0:0:0:0:1", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_equal_cstr(host, names[i])) {
            return true;
        }
    }
    return host.len == 0 || slice_starts_with(host, SLICE_LIT("127."));
}

struct place {
    struct slice host;
    uint16_t port;
};

#define PLACES_MAX (QUORUM_ADDRESSES_MAX * 2 + 1)

static size_t places_of(const struct quorum_server *server, struct place places[PLACES_MAX])
{
    size_t count = 0;
    for (uint32_t i = 0; i < server->address_count; i++) {
        const struct quorum_address *address = &server->addresses[i];
        if (!is_special(address->host)) {
            places[count++] = (struct place){address->host, address->quorum_port};
            places[count++] = (struct place){address->host, address->election_port};
        }
    }
    if (server->client_port != 0 && !is_special(server->client_host)) {
        places[count++] = (struct place){server->client_host, server->client_port};
    }
    return count;
}

static bool collides(const struct quorum_server *a, const struct quorum_server *b)
{
    struct place ours[PLACES_MAX];
    struct place theirs[PLACES_MAX];
    size_t our_count = places_of(a, ours);
    size_t their_count = places_of(b, theirs);
    for (size_t i = 0; i < our_count; i++) {
        for (size_t j = 0; j < their_count; j++) {
            if (ours[i].port == theirs[j].port && slice_equal(ours[i].host, theirs[j].host)) {
                return true;
            }
        }
    }
    return false;
}

/* Each joiner names all three ports, and none that another server has. */
static bool joiners_are_good(const struct quorum_config *config, const struct id_list *joined)
{
    for (size_t i = 0; i < joined->count; i++) {
        const struct quorum_server *joiner = quorum_config_find(config, joined->ids[i]);
        if (joiner == NULL || joiner->client_port == 0) {
            return false;
        }
        for (uint32_t j = 0; j < config->server_count; j++) {
            const struct quorum_server *other = &config->servers[j];
            if (other->id != joiner->id && collides(joiner, other)) {
                return false;
            }
        }
    }
    return true;
}

static int32_t change_incrementally(struct leader *leader,
                                    const struct prep_reconfig *asked,
                                    struct quorum_config **config)
{
    const struct quorum_config *seen = leader->peer->seen_config;
    struct id_list gone = {.count = 0};
    struct id_list joined = {.count = 0};
    if (seen->is_hierarchical) {
        return ZK_ERR_BADARGUMENTS; /* whose group and weight would a joiner have? */
    }
    int32_t error = read_leaving(asked->leaving, &gone);
    error = error == ZK_ERR_OK ? read_joining(asked->joining, &gone, &joined) : error;
    if (error != ZK_ERR_OK) {
        return error;
    }
    leader->reconfig.len = 0;
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text(seen, &text);
    append_staying(&leader->reconfig, buffer_slice(&text), &gone);
    buffer_release(&text);
    struct slice joining = asked->joining;
    struct slice item;
    while (next_item(&joining, &item)) {
        int64_t id = 0;
        struct slice spec;
        (void)read_line_id(item, &id, &spec);
        append_server(&leader->reconfig, id, spec);
    }
    if (quorum_config_parse(buffer_slice(&leader->reconfig), config, NULL, 0) != ERR_OK) {
        return ZK_ERR_BADARGUMENTS;
    }
    return joiners_are_good(*config, &joined) ? ZK_ERR_OK : ZK_ERR_BADARGUMENTS;
}

/* ---- a whole new one ----------------------------------------------------------------- */

/* Observers whom nobody, or one who stands alone, would lead; nobody at all where none may stand
 * alone. Upstream refuses it while it reads the list, so the error is that of a bad message
 * (parseDynamicConfig: an IllegalArgumentException). */
static bool has_no_ensemble(const struct quorum_config *config, bool may_stand_alone)
{
    uint32_t voters = quorum_config_voter_count(config);
    bool has_observers = config->server_count > voters;
    return may_stand_alone ? voters < 2 && has_observers : voters == 0;
}

static int32_t replace(struct leader *leader,
                       const struct prep_reconfig *asked,
                       struct quorum_config **config)
{
    struct buffer *text = &leader->reconfig;
    text->len = 0;
    buffer_append(text, asked->new_members);
    for (size_t i = 0; i < text->len; i++) {
        text->data[i] = text->data[i] == ',' ? '\n' : text->data[i];
    }
    int error = quorum_config_parse(buffer_slice(text), config, NULL, 0);
    if (error == ERR_NOT_FOUND) {
        return ZK_ERR_MARSHALLINGERROR; /* upstream: a NullPointerException */
    }
    if (error != ERR_OK) {
        return ZK_ERR_BADARGUMENTS;
    }
    return has_no_ensemble(*config, leader->peer->config->standalone_enabled)
               ? ZK_ERR_MARSHALLINGERROR
               : ZK_ERR_OK;
}

/* ---- both ---------------------------------------------------------------------------- */

static bool is_synced(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->is_forwarding;
}

static int32_t check_config(const struct leader *leader, const struct quorum_config *config)
{
    int64_t ids[PEER_LEARNERS_MAX + 1];
    uint32_t least = leader->peer->config->standalone_enabled ? 2 : 1;
    if (quorum_config_voter_count(config) < least) {
        return ZK_ERR_BADARGUMENTS;
    }
    size_t count = leader_collect(leader, true, is_synced, 0, ids);
    return quorum_config_is_quorum(config, ids, count) ? ZK_ERR_OK : ZK_ERR_NEWCONFIGNOQUORUM;
}

int32_t leader_reconfig(void *ctx, const struct prep_reconfig *asked, struct slice *text)
{
    struct leader *leader = ctx;
    const struct peer *peer = leader->peer;
    struct quorum_config *config = NULL;
    if (peer->seen_config->version != peer->committed_config->version) {
        return ZK_ERR_RECONFIGINPROGRESS;
    }
    if (asked->version != -1 && asked->version != peer->seen_config->version) {
        return ZK_ERR_BADVERSION;
    }
    int32_t error = slice_is_null(asked->new_members) ? change_incrementally(leader, asked, &config)
                                                      : replace(leader, asked, &config);
    error = error == ZK_ERR_OK ? check_config(leader, config) : error;
    if (error == ZK_ERR_OK) {
        leader->reconfig.len = 0;
        quorum_config_text_at(config, asked->zxid, &leader->reconfig);
        *text = buffer_slice(&leader->reconfig);
    }
    if (config != NULL) {
        quorum_config_drop(config);
    }
    return error;
}
