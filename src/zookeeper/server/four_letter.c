/* four_letter.c - the four-letter words: plain text questions on the client port.
 *
 * A word is recognised before any length is read, on a connection without a session; the answer is
 * sent whole and the connection closed. Words outside 4lw.commands.whitelist are answered with a
 * sentence that says so. The texts are Apache's to the letter, since scripts parse them.
 * Sources: server/command, ServerCnxn.dumpConnectionInfo, ServerStats.toString; reference 3.6.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "zookeeper/core/quorum.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/node.h"
#include "zookeeper/server/server_metrics.h"
#include "zookeeper/server/status.h"

#define WORD(a, b, c, d) \
    (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))
#define WORD_STMK WORD('s', 't', 'm', 'k')
#define WORD_TELNET_CLOSE 0xfff4fffdu

typedef void answer_function(struct node *node, struct slice argument, struct buffer *out);

static answer_function answer_conf, answer_cons, answer_crst, answer_dirs, answer_dump, answer_envi,
    answer_gtmk, answer_hash, answer_isro, answer_mntr, answer_ruok, answer_srst, answer_srvr,
    answer_stat, answer_stmk, answer_wchc, answer_wchp, answer_wchs;

static const struct {
    uint32_t word;
    const char *name;
    answer_function *answer;
    bool is_always; /* also answered by a server that takes no clients */
} words[] = {
    {WORD('c', 'o', 'n', 'f'), "conf", answer_conf, false},
    {WORD('c', 'o', 'n', 's'), "cons", answer_cons, false},
    {WORD('c', 'r', 's', 't'), "crst", answer_crst, false},
    {WORD('d', 'i', 'r', 's'), "dirs", answer_dirs, false},
    {WORD('d', 'u', 'm', 'p'), "dump", answer_dump, false},
    {WORD('e', 'n', 'v', 'i'), "envi", answer_envi, true},
    {WORD('g', 't', 'm', 'k'), "gtmk", answer_gtmk, true},
    {WORD('h', 'a', 's', 'h'), "hash", answer_hash, false},
    {WORD('i', 's', 'r', 'o'), "isro", answer_isro, true},
    {WORD('m', 'n', 't', 'r'), "mntr", answer_mntr, false},
    {WORD('r', 'u', 'o', 'k'), "ruok", answer_ruok, true},
    {WORD('s', 'r', 's', 't'), "srst", answer_srst, false},
    {WORD('s', 'r', 'v', 'r'), "srvr", answer_srvr, false},
    {WORD('s', 't', 'a', 't'), "stat", answer_stat, false},
    {WORD_STMK, "stmk", answer_stmk, true},
    {WORD('w', 'c', 'h', 'c'), "wchc", answer_wchc, false},
    {WORD('w', 'c', 'h', 'p'), "wchp", answer_wchp, false},
    {WORD('w', 'c', 'h', 's'), "wchs", answer_wchs, false},
    {WORD_TELNET_CLOSE, "telnet close", NULL, true},
};

static size_t find_word(uint32_t word)
{
    size_t i = 0;
    while (i < ARRAY_LEN(words) && words[i].word != word) {
        i++;
    }
    return i;
}

bool four_letter_is_word(uint32_t word)
{
    return find_word(word) < ARRAY_LEN(words);
}

size_t four_letter_argument_len(uint32_t word)
{
    return word == WORD_STMK ? 8 : 0;
}

/* The whitelist is a comma-separated list; isro joins it by itself when read-only mode is on. */
static bool is_allowed(const struct node *node, const char *name)
{
    const struct zk_config *config = &node->config;
    struct slice rest = slice_of_cstr(config->four_letter_whitelist);
    if (config->four_letter_all || (config->read_only_mode_enabled && strcmp(name, "isro") == 0)) {
        return true;
    }
    while (rest.len > 0) {
        struct slice word;
        text_cut(rest, ',', &word, &rest);
        if (slice_equal_cstr(text_trim(word), name)) {
            return true;
        }
    }
    return false;
}

/* A leader with leaderServes=no is not given to the client port at all upstream (Leader.lead); its
 * admin server has it. */
static bool takes_clients(const struct node *node)
{
    return status_is_serving(node) && node->service->takes_clients;
}

void four_letter_answer(struct node *node, uint32_t word, struct slice argument, struct buffer *out)
{
    size_t at = find_word(word);
    ASSERT(at < ARRAY_LEN(words));
    if (words[at].answer == NULL) {
        return; /* telnet says goodbye */
    }
    if (!is_allowed(node, words[at].name)) {
        buffer_append_cstr(out, words[at].name);
        buffer_append_cstr(out, " is not executed because it is not in the whitelist.\n");
        return;
    }
    if (!words[at].is_always && !takes_clients(node)) {
        buffer_append_cstr(out, STATUS_NOT_SERVING "\n");
        return;
    }
    words[at].answer(node, argument, out);
}

/* ---- small ones ------------------------------------------------------------------------------ */

static void put_line(struct buffer *out, const char *name, int64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_decimal(out, value);
    buffer_append_u8(out, '\n');
}

static void answer_ruok(struct node *node, struct slice argument, struct buffer *out)
{
    (void)node;
    (void)argument;
    buffer_append_cstr(out, "imok");
}

static void answer_isro(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    const char *text = service_is_read_only(node->service) ? "ro" : "rw";
    buffer_append_cstr(out, takes_clients(node) ? text : "null");
}

/* The trace mask selects what Apache's text trace logs; kept so that scripts which set it read it
 * back. */
static void answer_gtmk(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    buffer_append_decimal(out, node->trace_mask);
}

static void answer_stmk(struct node *node, struct slice argument, struct buffer *out)
{
    node->trace_mask = (int64_t)load_be64(argument.ptr);
    buffer_append_decimal(out, node->trace_mask);
}

static void answer_crst(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    status_reset_connections(node);
    buffer_append_cstr(out, "Connection stats reset.\n");
}

static void answer_srst(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    service_stats_reset(node->service);
    /* StatResetCommand: a leader's, and by this way only; /commands/stat_reset leaves them. */
    if (node->peer != NULL && node->peer->state == PEER_LEADING) {
        peer_reset_proposal_sizes(node->peer);
    }
    buffer_append_cstr(out, "Server stats reset.\n");
}

static void answer_dirs(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    put_line(out, "datadir_size: ", status_snapshot_bytes(node));
    put_line(out, "logdir_size: ", status_log_bytes(node));
}

static void put_digest(void *ctx, int64_t zxid, uint64_t digest)
{
    struct buffer *out = ctx;
    buffer_append_hex(out, (uint64_t)zxid);
    put_line(out, ": ", (int64_t)digest);
}

static void answer_hash(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    tree_each_digest(&node->service->tree, put_digest, out);
}

static void answer_mntr(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    server_metrics_print_mntr(node->metrics, out);
}

/* ---- conf and envi --------------------------------------------------------------------------- */

/* QuorumZooKeeperServer.dumpConf. */
static void put_ensemble(const struct node *node, struct buffer *out)
{
    const struct zk_config *config = &node->config;
    const struct quorum_config *members = ensemble_config(node);
    const struct quorum_server *own = quorum_config_find(members, config->server_id);
    put_line(out, "initLimit=", config->init_limit);
    put_line(out, "syncLimit=", config->sync_limit);
    put_line(out, "electionAlg=", 3);
    buffer_append_cstr(out, "electionPort=");
    for (uint32_t i = 0; own != NULL && i < own->address_count; i++) {
        buffer_append_cstr(out, i == 0 ? "" : "|");
        buffer_append_decimal(out, own->addresses[i].election_port);
    }
    buffer_append_cstr(out, "\nquorumPort=");
    for (uint32_t i = 0; own != NULL && i < own->address_count; i++) {
        buffer_append_cstr(out, i == 0 ? "" : "|");
        buffer_append_decimal(out, own->addresses[i].quorum_port);
    }
    put_line(out, "\npeerType=", own != NULL && own->role == QUORUM_OBSERVER ? 1 : 0);
    buffer_append_cstr(out, "membership: \n");
    quorum_config_text(members, out);
}

static void answer_conf(struct node *node, struct slice argument, struct buffer *out)
{
    const struct zk_config *config = &node->config;
    (void)argument;
    put_line(out, "clientPort=", node_client_address(node).port);
    put_line(out, "secureClientPort=", -1);
    buffer_append_cstr(out, "dataDir=");
    buffer_append_cstr(out, node->dir.snap_dir);
    put_line(out, "\ndataDirSize=", status_snapshot_bytes(node));
    buffer_append_cstr(out, "dataLogDir=");
    buffer_append_cstr(out, node->dir.log_dir);
    put_line(out, "\ndataLogSize=", status_log_bytes(node));
    put_line(out, "tickTime=", config->tick_time_ms);
    put_line(out, "maxClientCnxns=", config->max_client_connections);
    put_line(out, "minSessionTimeout=", config->min_session_timeout_ms);
    put_line(out, "maxSessionTimeout=", config->max_session_timeout_ms);
    put_line(out, "clientPortListenBacklog=", config->client_port_listen_backlog);
    put_line(out, "serverId=", node->peer == NULL ? 0 : config->server_id);
    if (node->peer != NULL) {
        put_ensemble(node, out);
    }
}

static void put_entry(void *ctx, const char *name, const char *value)
{
    struct buffer *out = ctx;
    buffer_append_cstr(out, name);
    buffer_append_u8(out, '=');
    buffer_append_cstr(out, value);
    buffer_append_u8(out, '\n');
}

static void answer_envi(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    buffer_append_cstr(out, "Environment:\n");
    status_environment(node->runtime, put_entry, out);
}

/* ---- srvr, stat, cons ------------------------------------------------------------------------ */

struct connection_dump {
    struct buffer *out;
    bool is_brief;
};

static void put_field(struct buffer *out, const char *name, int64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_decimal(out, value);
}

static void put_hex_field(struct buffer *out, const char *name, uint64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_hex(out, value);
}

static void put_session_fields(struct buffer *out, const struct service_conn *conn)
{
    const struct conn_stats *stats = &conn->stats;
    put_hex_field(out, ",sid=0x", (uint64_t)conn->session_id);
    buffer_append_cstr(out, ",lop=");
    buffer_append_cstr(out, service_last_op_text(stats->last_op));
    put_field(out, ",est=", (int64_t)stats->established_ms);
    put_field(out, ",to=", conn->session_timeout_ms);
    if (stats->last_cxid >= 0) {
        put_hex_field(out, ",lcxid=0x", (uint64_t)stats->last_cxid);
    }
    put_hex_field(out, ",lzxid=0x", (uint64_t)stats->last_zxid);
    put_field(out, ",lresp=", (int64_t)stats->last_response_ms);
    put_field(out, ",llat=", stats->last_latency_ms);
    put_field(out, ",minlat=", MAX(stats->min_latency_ms, 0));
    put_field(out, ",avglat=",
              stats->latency_count == 0 ? 0
                                        : (int64_t)(stats->latency_sum_ms / stats->latency_count));
    put_field(out, ",maxlat=", stats->max_latency_ms);
}

static void put_connection(void *ctx,
                           struct service_conn *conn,
                           const struct tcp_address *peer,
                           size_t queued_bytes)
{
    const struct connection_dump *dump = ctx;
    struct buffer *out = dump->out;
    char address[TCP_ADDRESS_TEXT_MAX];
    (void)queued_bytes;
    tcp_address_text(peer, address);
    buffer_append_cstr(out, " /");
    buffer_append_cstr(out, address);
    buffer_append_cstr(out, conn->is_paused ? "[0]" : "[1]");
    put_field(out, "(queued=", conn->pending_count);
    put_field(out, ",recved=", (int64_t)conn->stats.received);
    put_field(out, ",sent=", (int64_t)conn->stats.sent);
    if (!dump->is_brief && conn->session_id != 0) {
        put_session_fields(out, conn);
    }
    buffer_append_cstr(out, ")\n");
}

static void put_connections(struct node *node, bool is_brief, struct buffer *out)
{
    struct connection_dump dump = {.out = out, .is_brief = is_brief};
    client_port_each(node, put_connection, &dump);
}

static void put_server(struct node *node, struct buffer *out)
{
    const struct service *service = node->service;
    const struct service_stats *stats = &service->stats;
    put_field(out, "Latency min/avg/max: ", stats->latency_count == 0 ? 0 : stats->latency_min_ms);
    buffer_append_u8(out, '/');
    status_put_average(out, stats->latency_sum_ms, stats->latency_count);
    put_field(out, "/", stats->latency_max_ms);
    put_field(out, "\nReceived: ", (int64_t)stats->packets_received);
    put_field(out, "\nSent: ", (int64_t)stats->packets_sent);
    put_field(out, "\nConnections: ", (int64_t)node->client_count);
    put_field(out, "\nOutstanding: ", service->outstanding);
    put_hex_field(out, "\nZxid: 0x", (uint64_t)service->tree.last_processed_zxid);
    buffer_append_cstr(out, "\nMode: ");
    buffer_append_cstr(out, status_mode(node));
    put_field(out, "\nNode count: ", (int64_t)service->tree.node_count);
    buffer_append_u8(out, '\n');
    if (node->peer != NULL && node->peer->state == PEER_LEADING) {
        const struct peer_stats *sizes = peer_stats_of(node->peer);
        put_field(out, "Proposal sizes last/min/max: ", sizes->last_proposal_bytes);
        put_field(out, "/", sizes->min_proposal_bytes);
        put_field(out, "/", sizes->max_proposal_bytes);
        buffer_append_u8(out, '\n');
    }
}

static void put_version(const struct node *node, struct buffer *out)
{
    buffer_append_cstr(out, "Zookeeper version: ");
    status_put_version(out);
    buffer_append_u8(out, '\n');
    if (node->peer != NULL && node->peer->is_read_only) {
        buffer_append_cstr(out, "READ-ONLY mode; serving only read-only clients\n");
    }
}

static void answer_srvr(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    put_version(node, out);
    put_server(node, out);
}

static void answer_stat(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    put_version(node, out);
    buffer_append_cstr(out, "Clients:\n");
    put_connections(node, true, out);
    buffer_append_u8(out, '\n');
    put_server(node, out);
}

static void answer_cons(struct node *node, struct slice argument, struct buffer *out)
{
    (void)argument;
    put_connections(node, false, out);
    buffer_append_u8(out, '\n');
}

/* ---- dump and the watches -------------------------------------------------------------------- */

/* Sessions or connections, by the moment when they end: ExpiryQueue.dump. */
struct expiring {
    uint64_t expires_ms;
    int64_t session_id;
    const struct tcp_address *peer; /* NULL: it is a session */
};

struct expiring_list {
    struct expiring *items;
    size_t count;
    size_t cap;
    bool is_local; /* sessions: of which kind are gathered; `is_any`: both */
    bool is_any;
};

static void expiring_add(struct expiring_list *list, struct expiring item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = mem_realloc(list->items, list->cap * sizeof list->items[0],
                                  cap * sizeof list->items[0]);
        list->cap = cap;
    }
    list->items[list->count++] = item;
}

static int compare_expiring(const void *a, const void *b)
{
    const struct expiring *left = a;
    const struct expiring *right = b;
    if (left->expires_ms != right->expires_ms) {
        return left->expires_ms < right->expires_ms ? -1 : 1;
    }
    return left->session_id < right->session_id ? -1 : left->session_id > right->session_id;
}

/* How many, from `at` on, end together? */
static size_t bucket_len(const struct expiring_list *list, size_t at)
{
    size_t end = at;
    while (end < list->count && list->items[end].expires_ms == list->items[at].expires_ms) {
        end++;
    }
    return end - at;
}

static void put_expiring(struct buffer *out, const struct expiring *item)
{
    if (item->peer != NULL) {
        char address[TCP_ADDRESS_TEXT_MAX];
        tcp_address_text(item->peer, address);
        buffer_append_cstr(out, "\tip: /");
        buffer_append_cstr(out, address);
        put_hex_field(out, " sessionId: 0x", (uint64_t)item->session_id);
    } else {
        put_hex_field(out, "\t0x", (uint64_t)item->session_id);
    }
    buffer_append_u8(out, '\n');
}

/* Prints the list and frees it. Upstream shows buckets that have become empty, too. */
static void put_expiring_list(const struct node *node,
                              struct expiring_list *list,
                              struct buffer *out)
{
    int64_t buckets = 0;
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof list->items[0], compare_expiring);
    }
    for (size_t i = 0; i < list->count; i += bucket_len(list, i)) {
        buckets++;
    }
    put_field(out, "Sets (", buckets);
    put_field(out, ")/(", (int64_t)list->count);
    buffer_append_cstr(out, "):\n");
    for (size_t i = 0; i < list->count;) {
        size_t len = bucket_len(list, i);
        buffer_append_decimal(out, (int64_t)len);
        buffer_append_cstr(out, " expire at ");
        status_put_date(out, status_monotonic_to_wall_ms(node, list->items[i].expires_ms));
        buffer_append_cstr(out, ":\n");
        for (size_t end = i + len; i < end; i++) {
            put_expiring(out, &list->items[i]);
        }
    }
    mem_free(list->items, list->cap * sizeof list->items[0]);
}

static void gather_session(void *ctx, const struct session *session)
{
    struct expiring_list *list = ctx;
    if (list->is_any || session->is_local == list->is_local) {
        expiring_add(list, (struct expiring){session->expires_ms, session->id, NULL});
    }
}

static void put_session_sets(struct node *node, struct expiring_list list, struct buffer *out)
{
    buffer_append_cstr(out, "Session ");
    session_table_each_by_expiry(&node->service->sessions, gather_session, &list);
    put_expiring_list(node, &list, out);
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* All that the tree knows. (UpgradeableSessionTracker.dumpSessions; a read-only server's own
 * sessions are among them upstream, and belong to nobody else here.) */
static void put_global_sessions(const struct node *node, struct buffer *out)
{
    struct expiring_list own = {.is_any = true};
    struct u64_map timeouts;
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    u64_map_init(&timeouts);
    while (u64_map_next(&node->service->tree.sessions, &position, &id, &timeout_ms)) {
        u64_map_put(&timeouts, id, timeout_ms);
    }
    if (service_is_read_only(node->service) && !node->config.local_sessions_enabled) {
        session_table_each_by_expiry(&node->service->sessions, gather_session, &own);
    }
    for (size_t i = 0; i < own.count; i++) {
        const struct session *session = session_table_find(&node->service->sessions,
                                                           own.items[i].session_id);
        u64_map_put(&timeouts, (uint64_t)session->id, (uint64_t)session->timeout_ms);
    }
    mem_free(own.items, own.cap * sizeof own.items[0]);
    size_t count = timeouts.count;
    int64_t *ids = mem_alloc((count + 1) * sizeof *ids);
    position = 0;
    for (size_t i = 0; u64_map_next(&timeouts, &position, &id, &timeout_ms); i++) {
        ids[i] = (int64_t)id;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    put_field(out, "Global Sessions(", (int64_t)count);
    buffer_append_cstr(out, "):\n");
    for (size_t i = 0; i < count; i++) {
        put_hex_field(out, "0x", (uint64_t)ids[i]);
        u64_map_get(&timeouts, (uint64_t)ids[i], &timeout_ms);
        put_field(out, "\t", (int32_t)timeout_ms);
        buffer_append_cstr(out, "ms\n");
    }
    mem_free(ids, (count + 1) * sizeof *ids);
    u64_map_release(&timeouts);
}

/* Who has which tracker: SessionTrackerImpl alone, LeaderSessionTracker, LearnerSessionTracker. */
static void put_sessions(struct node *node, struct buffer *out)
{
    bool may_be_local = node->peer != NULL && node->config.local_sessions_enabled;
    if (may_be_local) {
        buffer_append_cstr(out, "Local ");
        put_session_sets(node, (struct expiring_list){.is_local = true}, out);
    }
    if (node->service->mode != SERVICE_OWNER) {
        put_global_sessions(node, out);
        return;
    }
    buffer_append_cstr(out, may_be_local ? "Global " : "");
    put_session_sets(node, (struct expiring_list){.is_any = !may_be_local}, out);
}

static void gather_connection(void *ctx,
                              struct service_conn *conn,
                              const struct tcp_address *peer,
                              size_t queued_bytes)
{
    (void)queued_bytes;
    expiring_add(ctx, (struct expiring){client_port_expires_ms(conn), conn->session_id, peer});
}

static void put_ephemeral(void *ctx, struct slice path)
{
    struct buffer *out = ctx;
    buffer_append_u8(out, '\t');
    buffer_append(out, path);
    buffer_append_u8(out, '\n');
}

struct owner_dump {
    const struct tree *tree;
    struct buffer *out;
};

static void put_owner(void *ctx, int64_t session_id, uint64_t count)
{
    const struct owner_dump *dump = ctx;
    (void)count;
    put_hex_field(dump->out, "0x", (uint64_t)session_id);
    buffer_append_cstr(dump->out, ":\n");
    tree_each_ephemeral(dump->tree, session_id, put_ephemeral, dump->out);
}

static void count_owner(void *ctx, int64_t session_id, uint64_t count)
{
    (void)session_id;
    (void)count;
    (*(int64_t *)ctx)++;
}

static void answer_dump(struct node *node, struct slice argument, struct buffer *out)
{
    struct owner_dump owners = {.tree = &node->service->tree, .out = out};
    struct expiring_list connections = {0};
    int64_t owner_count = 0;
    (void)argument;
    buffer_append_cstr(out, "SessionTracker dump:\n");
    put_sessions(node, out);
    tree_each_ephemeral_owner(owners.tree, count_owner, &owner_count);
    put_field(out, "ephemeral nodes dump:\nSessions with Ephemerals (", owner_count);
    buffer_append_cstr(out, "):\n");
    tree_each_ephemeral_owner(owners.tree, put_owner, &owners);
    buffer_append_cstr(out, "Connections dump:\nConnections ");
    client_port_each(node, gather_connection, &connections);
    put_expiring_list(node, &connections, out);
}

static void answer_wchs(struct node *node, struct slice argument, struct buffer *out)
{
    struct status_watches watches;
    (void)argument;
    status_count_watches(node, &watches);
    buffer_append_decimal(out, watches.connections);
    put_field(out, " connections watching ", watches.paths);
    put_field(out, " paths\nTotal watches:", watches.total);
    buffer_append_u8(out, '\n');
}

/* wchp and wchc show the data watches only, as upstream does. Pairs are gathered once, then put in
 * the order that is wanted. */
struct watch_pair {
    const struct watcher *watcher;
    struct slice path;
};

struct watch_pairs {
    struct watch_pair *pairs;
    size_t count;
    size_t cap;
};

static void gather_pair(void *ctx, struct slice path, const struct watcher *watcher)
{
    struct watch_pairs *gathered = ctx;
    if (gathered->count == gathered->cap) {
        size_t cap = gathered->cap == 0 ? 64 : gathered->cap * 2;
        gathered->pairs = mem_realloc(gathered->pairs, gathered->cap * sizeof gathered->pairs[0],
                                      cap * sizeof gathered->pairs[0]);
        gathered->cap = cap;
    }
    gathered->pairs[gathered->count++] = (struct watch_pair){watcher, path};
}

static int compare_by_watcher(const void *a, const void *b)
{
    const struct watch_pair *left = a;
    const struct watch_pair *right = b;
    if (left->watcher->id != right->watcher->id) {
        return left->watcher->id < right->watcher->id ? -1 : 1;
    }
    return slice_compare(left->path, right->path);
}

static uint64_t session_of(const struct watcher *watcher)
{
    const char *conn = (const char *)watcher - offsetof(struct service_conn, watcher);
    return (uint64_t)((const struct service_conn *)(const void *)conn)->session_id;
}

static void put_path(struct buffer *out, struct slice path)
{
    buffer_append(out, path);
    buffer_append_u8(out, '\n');
}

static void answer_wchp(struct node *node, struct slice argument, struct buffer *out)
{
    struct watch_pairs gathered = {0};
    (void)argument;
    watch_each(&node->service->data_watches, gather_pair, &gathered);
    for (size_t i = 0; i < gathered.count; i++) {
        if (i == 0 || !slice_equal(gathered.pairs[i].path, gathered.pairs[i - 1].path)) {
            put_path(out, gathered.pairs[i].path);
        }
        put_hex_field(out, "\t0x", session_of(gathered.pairs[i].watcher));
        buffer_append_u8(out, '\n');
    }
    buffer_append_u8(out, '\n');
    mem_free(gathered.pairs, gathered.cap * sizeof gathered.pairs[0]);
}

static void answer_wchc(struct node *node, struct slice argument, struct buffer *out)
{
    struct watch_pairs gathered = {0};
    (void)argument;
    watch_each(&node->service->data_watches, gather_pair, &gathered);
    if (gathered.count > 0) {
        qsort(gathered.pairs, gathered.count, sizeof gathered.pairs[0], compare_by_watcher);
    }
    for (size_t i = 0; i < gathered.count; i++) {
        if (i == 0 || gathered.pairs[i].watcher != gathered.pairs[i - 1].watcher) {
            put_hex_field(out, "0x", session_of(gathered.pairs[i].watcher));
            buffer_append_u8(out, '\n');
        }
        buffer_append_u8(out, '\t');
        put_path(out, gathered.pairs[i].path);
    }
    buffer_append_u8(out, '\n');
    mem_free(gathered.pairs, gathered.cap * sizeof gathered.pairs[0]);
}
