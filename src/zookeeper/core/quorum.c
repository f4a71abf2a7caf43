/* quorum.c - see quorum.h.
 *
 * The model is small: servers in ascending order of their ids, found by halving. With groups, what
 * the group and weight lines say of a server stands apart from the servers (shares), since upstream
 * keeps it so: a line may name an observer or nobody at all, it then counts in its group's whole
 * weight and never on the side of those who agree, and it is printed again.
 *
 * The text is data of the node /zookeeper/config, so its order is upstream's: that of a Java
 * HashMap with Long keys, which is ascending as long as all ids are below the table's size (16 for
 * up to twelve servers). Only the order of two ids in one slot of the table is not followed: it
 * depends on the order of insertion there, ours is ascending.
 */
#include "zookeeper/core/quorum.h"

#include "base/memory.h"
#include "zookeeper/core/quorum_private.h"

#define HASH_TABLE_MIN 16u

/* ---- life ------------------------------------------------------------------------------------ */

struct quorum_config *quorum_config_new(void)
{
    struct quorum_config *config = mem_alloc_zeroed(sizeof *config);
    config->references = 1;
    buffer_init(&config->text, SIZE_MAX);
    return config;
}

struct quorum_config *quorum_config_keep(struct quorum_config *config)
{
    ASSERT(config->references > 0);
    config->references++;
    return config;
}

void quorum_config_drop(struct quorum_config *config)
{
    if (config == NULL) {
        return;
    }
    ASSERT(config->references > 0);
    if (--config->references > 0) {
        return;
    }
    mem_free(config->servers, config->server_count * sizeof *config->servers);
    mem_free(config->shares, config->share_count * sizeof *config->shares);
    buffer_release(&config->text);
    mem_free(config, sizeof *config);
}

struct quorum_config *quorum_config_at_version(const struct quorum_config *config, int64_t version)
{
    struct quorum_config *other = NULL;
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text_at(config, version, &text);
    int error = quorum_config_parse(buffer_slice(&text), &other, NULL, 0);
    ASSERT(error == 0); /* the parser has seen to that */
    buffer_release(&text);
    return other;
}

/* ---- finding --------------------------------------------------------------------------------- */

const struct quorum_server *quorum_config_find(const struct quorum_config *config, int64_t id)
{
    uint32_t from = 0;
    uint32_t to = config->server_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (config->servers[middle].id == id) {
            return &config->servers[middle];
        }
        if (config->servers[middle].id < id) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

struct quorum_share *quorum_config_share(const struct quorum_config *config, int64_t id)
{
    uint32_t from = 0;
    uint32_t to = config->share_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (config->shares[middle].id == id) {
            return &config->shares[middle];
        }
        if (config->shares[middle].id < id) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

bool quorum_config_is_voter(const struct quorum_config *config, int64_t id)
{
    const struct quorum_server *server = quorum_config_find(config, id);
    return server != NULL && server->role == QUORUM_PARTICIPANT;
}

uint32_t quorum_config_voter_count(const struct quorum_config *config)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->server_count; i++) {
        count += config->servers[i].role == QUORUM_PARTICIPANT ? 1 : 0;
    }
    return count;
}

int64_t quorum_config_weight(const struct quorum_config *config, int64_t id)
{
    const struct quorum_server *server = quorum_config_find(config, id);
    return server != NULL ? server->weight : 1;
}

/* ---- deciding -------------------------------------------------------------------------------- */

static bool is_listed(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static bool is_majority(const struct quorum_config *config, const int64_t *ids, size_t count)
{
    uint32_t voters = 0;
    uint32_t agreeing = 0;
    for (uint32_t i = 0; i < config->server_count; i++) {
        if (config->servers[i].role == QUORUM_PARTICIPANT) {
            voters++;
            agreeing += is_listed(ids, count, config->servers[i].id) ? 1 : 0;
        }
    }
    return agreeing > voters / 2;
}

static bool is_first_of_group(const struct quorum_config *config, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (config->shares[i].has_group && config->shares[i].group == config->shares[at].group) {
            return false;
        }
    }
    return true;
}

/* QuorumHierarchical.containsQuorum: more than half of the weight in more than half of the groups
 * that have any. */
static bool is_hierarchical_quorum(const struct quorum_config *config,
                                   const int64_t *ids,
                                   size_t count)
{
    uint32_t groups = 0;
    uint32_t agreeing_groups = 0;
    for (uint32_t i = 0; i < config->share_count; i++) {
        if (!config->shares[i].has_group || !is_first_of_group(config, i)) {
            continue;
        }
        int64_t whole = 0;
        int64_t agreeing = 0;
        for (uint32_t j = i; j < config->share_count; j++) {
            const struct quorum_share *share = &config->shares[j];
            if (share->has_group && share->group == config->shares[i].group) {
                bool agrees = is_listed(ids, count, share->id) &&
                              quorum_config_is_voter(config, share->id);
                whole += share->weight;
                agreeing += agrees ? share->weight : 0;
            }
        }
        groups += whole > 0 ? 1 : 0;
        agreeing_groups += agreeing > whole / 2 ? 1 : 0;
    }
    return agreeing_groups > groups / 2;
}

bool quorum_config_is_quorum(const struct quorum_config *config, const int64_t *ids, size_t count)
{
    return config->is_hierarchical ? is_hierarchical_quorum(config, ids, count)
                                   : is_majority(config, ids, count);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_server(const struct quorum_server *a, const struct quorum_server *b)
{
    bool same = a->id == b->id && a->role == b->role && a->address_count == b->address_count &&
                a->client_port == b->client_port && a->group == b->group &&
                a->weight == b->weight && slice_equal(a->client_host, b->client_host);
    for (uint32_t i = 0; same && i < a->address_count; i++) {
        same = a->addresses[i].quorum_port == b->addresses[i].quorum_port &&
               a->addresses[i].election_port == b->addresses[i].election_port &&
               slice_equal(a->addresses[i].host, b->addresses[i].host);
    }
    return same;
}

bool quorum_config_same_members(const struct quorum_config *a, const struct quorum_config *b)
{
    bool same = a->is_hierarchical == b->is_hierarchical && a->server_count == b->server_count &&
                a->share_count == b->share_count;
    for (uint32_t i = 0; same && i < a->server_count; i++) {
        same = same_server(&a->servers[i], &b->servers[i]);
    }
    for (uint32_t i = 0; same && i < a->share_count; i++) {
        const struct quorum_share *one = &a->shares[i];
        const struct quorum_share *two = &b->shares[i];
        same = one->id == two->id && one->group == two->group && one->weight == two->weight &&
               one->has_group == two->has_group && one->has_weight == two->has_weight;
    }
    return same;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Where a HashMap with room for `table` keys puts a Long. */
static uint32_t hash_slot(int64_t id, uint32_t table)
{
    uint64_t bits = (uint64_t)id;
    uint32_t hash = (uint32_t)(bits ^ bits >> 32);
    return (hash ^ hash >> 16) & (table - 1);
}

static uint32_t hash_table_size(uint32_t count)
{
    uint32_t table = HASH_TABLE_MIN;
    while (count > table / 4 * 3) {
        table *= 2;
    }
    return table;
}

/* The ids in a HashMap's order; `ids` come ascending. */
static void sort_as_map(int64_t *ids, uint32_t count)
{
    uint32_t table = hash_table_size(count);
    for (uint32_t i = 1; i < count; i++) {
        int64_t id = ids[i];
        uint32_t at = i;
        while (at > 0 && hash_slot(ids[at - 1], table) > hash_slot(id, table)) {
            ids[at] = ids[at - 1];
            at--;
        }
        ids[at] = id;
    }
}

static void append_host(struct buffer *out, struct slice host)
{
    bool is_ipv6 = host.len > 0 && memchr(host.ptr, ':', host.len) != NULL;
    buffer_append_cstr(out, is_ipv6 ? "[" : "");
    buffer_append(out, host);
    buffer_append_cstr(out, is_ipv6 ? "]:" : ":");
}

static void append_server(struct buffer *out, const struct quorum_server *server)
{
    buffer_append_cstr(out, "server.");
    buffer_append_decimal(out, server->id);
    for (uint32_t i = 0; i < server->address_count; i++) {
        const struct quorum_address *address = &server->addresses[i];
        buffer_append_cstr(out, i == 0 ? "=" : "|");
        append_host(out, address->host);
        buffer_append_decimal(out, address->quorum_port);
        buffer_append_cstr(out, ":");
        buffer_append_decimal(out, address->election_port);
    }
    buffer_append_cstr(out, server->role == QUORUM_OBSERVER ? ":observer" : ":participant");
    if (!slice_is_null(server->client_host)) {
        buffer_append_cstr(out, ";");
        append_host(out, server->client_host);
        buffer_append_decimal(out, server->client_port);
    }
    buffer_append_cstr(out, "\n");
}

/* One "group.G=a:b:c" line; the servers in the order of the map from server to group. */
static void append_group(struct buffer *out,
                         const struct quorum_config *config,
                         int64_t group,
                         const int64_t *ids,
                         uint32_t count)
{
    buffer_append_cstr(out, "group.");
    buffer_append_decimal(out, group);
    const char *mark = "=";
    for (uint32_t i = 0; i < count; i++) {
        if (quorum_config_share(config, ids[i])->group == group) {
            buffer_append_cstr(out, mark);
            buffer_append_decimal(out, ids[i]);
            mark = ":";
        }
    }
    buffer_append_cstr(out, "\n");
}

static uint32_t collect_groups(const struct quorum_config *config, int64_t *groups)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->share_count; i++) {
        if (config->shares[i].has_group && is_first_of_group(config, i)) {
            uint32_t at = count++;
            while (at > 0 && groups[at - 1] > config->shares[i].group) {
                groups[at] = groups[at - 1];
                at--;
            }
            groups[at] = config->shares[i].group;
        }
    }
    sort_as_map(groups, count);
    return count;
}

static void append_shares(struct buffer *out, const struct quorum_config *config)
{
    size_t size = config->share_count * sizeof(int64_t);
    int64_t *ids = mem_alloc(size);
    int64_t *groups = mem_alloc(size);
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->share_count; i++) {
        if (config->shares[i].has_group) {
            ids[count++] = config->shares[i].id;
        }
    }
    sort_as_map(ids, count);
    uint32_t group_count = collect_groups(config, groups);
    for (uint32_t i = 0; i < group_count; i++) {
        append_group(out, config, groups[i], ids, count);
    }
    count = 0;
    for (uint32_t i = 0; i < config->share_count; i++) {
        if (config->shares[i].has_weight) {
            ids[count++] = config->shares[i].id;
        }
    }
    sort_as_map(ids, count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_cstr(out, "weight.");
        buffer_append_decimal(out, ids[i]);
        buffer_append_cstr(out, "=");
        buffer_append_decimal(out, quorum_config_share(config, ids[i])->weight);
        buffer_append_cstr(out, "\n");
    }
    mem_free(ids, size);
    mem_free(groups, size);
}

void quorum_config_text_at(const struct quorum_config *config, int64_t version, struct buffer *out)
{
    int64_t ids[QUORUM_SERVERS_MAX];
    ASSERT(config->server_count <= ARRAY_LEN(ids));
    for (uint32_t i = 0; i < config->server_count; i++) {
        ids[i] = config->servers[i].id;
    }
    sort_as_map(ids, config->server_count);
    for (uint32_t i = 0; i < config->server_count; i++) {
        append_server(out, quorum_config_find(config, ids[i]));
    }
    if (config->share_count > 0) {
        append_shares(out, config);
    }
    buffer_append_cstr(out, "version=");
    buffer_append_hex(out, (uint64_t)version);
}

void quorum_config_text(const struct quorum_config *config, struct buffer *out)
{
    quorum_config_text_at(config, config->version, out);
}

/* The next line in byte order behind `last`; a null slice when there is none. No two lines are
 * equal. */
static struct slice next_line(struct slice text, struct slice last)
{
    struct slice best = SLICE_NULL;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        struct slice line = slice_part(text, 0, len);
        text = slice_part(text, MIN(len + 1, text.len), text.len);
        bool is_behind = slice_is_null(last) || slice_compare(line, last) > 0;
        if (is_behind && (slice_is_null(best) || slice_compare(line, best) < 0)) {
            best = line;
        }
    }
    return best;
}

void quorum_config_file_text(const struct quorum_config *config,
                             bool with_version,
                             struct buffer *out)
{
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text(config, &text);
    const char *mark = "";
    struct slice line = next_line(buffer_slice(&text), SLICE_NULL);
    while (!slice_is_null(line)) {
        if (with_version || !slice_starts_with(line, SLICE_LIT("version="))) {
            buffer_append_cstr(out, mark);
            buffer_append(out, line);
            mark = "\n";
        }
        line = next_line(buffer_slice(&text), line);
    }
    buffer_release(&text);
}
