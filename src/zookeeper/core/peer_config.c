/* peer_config.c - which configuration is in force, which one is on its way.
 *
 * committed_config decides: whose votes count, who is a voter. seen_config is the newest that was
 * heard of; while it is newer than the committed one both must agree to everything (the leader and
 * the election see to that), also after a restart: the host keeps it in a file (peer_set_next). A
 * leader's NEWLEADER says what is to be known from now on. A configuration becomes committed by the
 * commit of its reconfig, by the NEWLEADER of a leader that has it (at UPTODATE), or by an election
 * message of a server that knows it to be.
 *
 * Sources: QuorumPeer.setLastSeenQuorumVerifier, processReconfig, updateVote, updateLearnerType.
 */
#include "zookeeper/core/peer_private.h"

#include "wire/jute.h"

/* A configuration from outside: one that nobody can vote in is none. */
static int parse_config(struct slice text, struct quorum_config **config)
{
    if (slice_is_null(text)) {
        return ERR_CONFIG;
    }
    int rv = quorum_config_parse(text, config, NULL, 0);
    if (rv == ERR_OK && quorum_config_voter_count(*config) == 0) {
        quorum_config_drop(*config);
        rv = ERR_CONFIG;
    }
    return rv;
}

static void set_seen(struct peer *peer, struct quorum_config *config, struct zk_outbox *outbox)
{
    quorum_config_drop(peer->seen_config);
    peer->seen_config = config;
    zk_outbox_add_config(outbox, config, false);
}

struct quorum_config *peer_read_config(struct slice text)
{
    struct quorum_config *config = NULL;
    return parse_config(text, &config) == ERR_OK ? config : NULL;
}

/* Without reconfigEnabled what others propose is read and forgotten (setLastSeenQuorumVerifier).
 * Takes it over. */
static void see(struct peer *peer, struct quorum_config *config, struct zk_outbox *outbox)
{
    if (peer->config->reconfig_enabled && config->version > peer->seen_config->version) {
        set_seen(peer, config, outbox);
    } else {
        quorum_config_drop(config);
    }
}

int peer_see_config(struct peer *peer, struct slice text, struct zk_outbox *outbox)
{
    struct quorum_config *config = NULL;
    int rv = parse_config(text, &config);
    if (rv == ERR_OK) {
        see(peer, config, outbox);
    }
    return rv;
}

/* What was proposed by a leader that is lost, and is not in the history of the next, is no
 * configuration any more: nobody may wait for a quorum of it, or complete it. */
int peer_adopt_config(struct peer *peer, struct slice text, struct zk_outbox *outbox)
{
    struct quorum_config *config = NULL;
    int rv = parse_config(text, &config);
    if (rv != ERR_OK) {
        return rv;
    }
    if (config->version < peer->committed_config->version) {
        quorum_config_drop(config);
        config = quorum_config_keep(peer->committed_config);
    }
    if (peer->config->reconfig_enabled && config->version != peer->seen_config->version) {
        set_seen(peer, config, outbox);
    } else {
        quorum_config_drop(config);
    }
    return ERR_OK;
}

void peer_set_next(struct peer *peer, struct quorum_config *next)
{
    ASSERT(peer->state == PEER_LOOKING && peer->seen_config == peer->committed_config);
    if (peer->config->reconfig_enabled && next->version > peer->committed_config->version) {
        quorum_config_drop(peer->seen_config);
        peer->seen_config = quorum_config_keep(next);
    }
}

/* One of this server's own epoch that is not in its log was never acknowledged by it, like any
 * other transaction that is not: it must not come back by way of its file, and be in force without
 * ever having been committed (ensemble seed 13). One of an older epoch has been taken from a
 * NEWLEADER since, and that was acknowledged. */
void peer_forget_lost_config(struct peer *peer)
{
    int64_t version = peer->seen_config->version;
    if (config_was_proposed(version) && zxid_epoch(version) >= peer->current_epoch &&
        version > peer->logged_zxid) {
        quorum_config_drop(peer->seen_config);
        peer->seen_config = quorum_config_keep(peer->committed_config);
    }
}

void peer_recall_next(struct peer *peer, struct zk_outbox *outbox)
{
    struct quorum_config *config = peer_read_config(tree_config_text(&peer->service.tree));
    if (config != NULL) {
        see(peer, config, outbox);
    }
}

void peer_set_committed(struct peer *peer, struct quorum_config *config, struct zk_outbox *outbox)
{
    quorum_config_drop(peer->committed_config);
    peer->committed_config = config;
    election_tell_config(&peer->election, config);
    zk_outbox_add_config(outbox, config, true);
    if (config->version > peer->seen_config->version) {
        quorum_config_drop(peer->seen_config);
        peer->seen_config = quorum_config_keep(config);
    }
    peer_write_config_node(peer);
}

static bool same_addresses(const struct quorum_server *a, const struct quorum_server *b)
{
    if (a->address_count != b->address_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->address_count; i++) {
        const struct quorum_address *one = &a->addresses[i];
        const struct quorum_address *other = &b->addresses[i];
        if (!slice_equal(one->host, other->host) || one->quorum_port != other->quorum_port ||
            one->election_port != other->election_port) {
            return false;
        }
    }
    return true;
}

static int64_t leader_id(const struct peer *peer)
{
    return peer->election.vote.leader;
}

bool peer_observes(const struct quorum_config *config, int64_t id)
{
    const struct quorum_server *server = quorum_config_find(config, id);
    return server != NULL && server->role == QUORUM_OBSERVER;
}

/* Without a designated leader: does the one that leads still vote, at its old addresses? */
static bool leader_stays(const struct peer *peer,
                         const struct quorum_config *before,
                         const struct quorum_config *after)
{
    int64_t id = leader_id(peer);
    if (!quorum_config_is_voter(before, id) || !quorum_config_is_voter(after, id)) {
        return false;
    }
    return same_addresses(quorum_config_find(before, id), quorum_config_find(after, id));
}

bool peer_activate_config(struct peer *peer,
                          struct slice text,
                          int64_t designated,
                          struct zk_outbox *outbox)
{
    struct quorum_config *config = peer->config->reconfig_enabled ? peer_read_config(text) : NULL;
    if (config == NULL) {
        return false;
    }
    struct quorum_config *before = quorum_config_keep(peer->committed_config);
    bool is_change = config->version > before->version &&
                     !quorum_config_same_members(before, config);
    int64_t self = peer->config->server_id;
    bool is_big = false;
    if (is_change) {
        bool changes_role = peer_observes(before, self) != peer_observes(config, self);
        bool changes_leader = designated >= 0 ? designated != leader_id(peer)
                                              : !leader_stays(peer, before, config);
        is_big = changes_role || changes_leader;
        if (changes_leader && designated >= 0) {
            peer->private->designated = designated;
        }
    }
    if (config->version >= before->version) {
        peer_set_committed(peer, config, outbox);
    } else {
        quorum_config_drop(config);
    }
    quorum_config_drop(before);
    return is_big;
}

/* NULL: none. */
static struct quorum_config *read_history(const struct peer *peer)
{
    struct quorum_config *written = NULL;
    struct slice text = tree_config_text(&peer->service.tree);
    bool is_there = text.len > 0 && quorum_config_parse(text, &written, NULL, 0) == ERR_OK;
    return is_there ? written : NULL;
}

int64_t peer_history_version(const struct peer *peer)
{
    struct quorum_config *written = read_history(peer);
    int64_t version = written == NULL ? 0 : written->version;
    quorum_config_drop(written);
    return version;
}

bool peer_history_names_members(const struct peer *peer)
{
    struct quorum_config *written = read_history(peer);
    bool names = written != NULL && written->version != 0 &&
                 quorum_config_same_members(written, peer->committed_config);
    quorum_config_drop(written);
    return names;
}

void peer_write_config_node(struct peer *peer)
{
    const struct quorum_config *config = peer->committed_config;
    if (peer->config->reconfig_enabled && peer_history_version(peer) > config->version) {
        return; /* the tree comes from a server that knows more: so will we, soon */
    }
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text(config, &text);
    tree_set_config(&peer->service.tree, buffer_slice(&text), config->version);
    buffer_release(&text);
}

struct slice peer_txn_config(struct slice txn)
{
    struct jute_reader reader = jute_reader_of(txn, SIZE_MAX);
    struct zk_txn_header header = {
        .client_id = jute_read_i64(&reader),
        .cxid = jute_read_i32(&reader),
        .zxid = jute_read_i64(&reader),
        .time = jute_read_i64(&reader),
        .type = jute_read_i32(&reader),
    };
    if (reader.error != 0 || header.type != ZK_OP_RECONFIG) {
        return SLICE_NULL;
    }
    (void)jute_read_bytes(&reader); /* the path */
    struct slice text = jute_read_bytes(&reader);
    return reader.error != 0 ? SLICE_NULL : text;
}
