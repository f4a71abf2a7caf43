/* election.c - see election.h.
 *
 * The tally holds one line for each server that may vote in the members' configuration or in the
 * next one, in ascending order of ids, ourselves included, and a few lines for strangers that asked
 * (observers, servers that we do not know). Of each voter it keeps the vote of this round
 * (upstream's recvset) and what it said it follows (outofelection); both maps of upstream are these
 * two columns.
 *
 * While we look, the happy path is: start (a new round, own candidacy, NOTIFY to all) -> better
 * votes come, are taken over and told on -> a quorum stands for our vote -> nobody is left who
 * could know a better one, or 200 ms have gone by -> decided. Joining a running ensemble: those who
 * follow or lead answer; when a quorum says the same leader and that leader says so itself, it is
 * ours. What goes wrong: a vote that a quorum holds is no decision when a better one comes first
 * (the quorum is counted again after every change); a leader that others still name while it is
 * gone decides nothing, since its own word is missing; a round far ahead or behind is caught up
 * with, or answered; bytes that are no notification are dropped before they reach this file's
 * state.
 */
#include "zookeeper/core/election.h"

#include "base/memory.h"

#define STRANGERS_MAX 64
/* How soon the same stranger is answered again: two servers that take each other for strangers
 * would otherwise answer each other's answers for ever. */
#define STRANGER_PAUSE_MS 100
/* An observer asks all the time, since voters that are Apache's do not tell it of themselves. */
#define OBSERVER_ASK_MAX_MS 2000
#define VOTERS_MAX (2 * (size_t)QUORUM_SERVERS_MAX)

/* One server's word. */
struct word {
    struct vote vote;
    enum peer_state state;
    int32_t version;
};

struct voter {
    int64_t id;
    bool is_member; /* of the members, of the next: whose quorums it counts in */
    bool is_next;
    bool weighs; /* has a weight in one of them */
    bool has_word;
    bool has_settled_word;
    bool is_down;
    bool is_asking;           /* its last notification said LOOKING */
    struct word word;         /* of this round */
    struct word settled_word; /* of one that follows or leads, of any round */
};

struct stranger {
    int64_t id;
    uint64_t answered_ms;
};

struct election_tally {
    struct voter *voters; /* ascending by id */
    uint32_t voter_count;
    struct stranger strangers[STRANGERS_MAX];
    uint32_t stranger_count;
    /* what we send: of the members, or of newer ones (election_tell_config) */
    struct buffer config_text;
    bool is_appointed; /* decided before it began */
};

/* ---- life ------------------------------------------------------------------------------------ */

void election_init(struct election *election, const struct election_config *config)
{
    *election = (struct election){
        .config = config, .finalize_at_ms = UINT64_MAX, .tell_again_at_ms = UINT64_MAX};
    election->tally = mem_alloc_zeroed(sizeof *election->tally);
    election->vote.leader = config->server_id;
    buffer_init(&election->tally->config_text, SIZE_MAX);
}

static void release_voters(struct election_tally *tally)
{
    mem_free(tally->voters, tally->voter_count * sizeof *tally->voters);
    tally->voters = NULL;
    tally->voter_count = 0;
}

void election_release(struct election *election)
{
    quorum_config_drop(election->members);
    quorum_config_drop(election->next);
    release_voters(election->tally);
    buffer_release(&election->tally->config_text);
    mem_free(election->tally, sizeof *election->tally);
    *election = (struct election){0};
}

void election_set_next(struct election *election, struct quorum_config *next)
{
    struct quorum_config *before = election->next;
    election->next = next != NULL ? quorum_config_keep(next) : NULL;
    quorum_config_drop(before);
}

void election_set_known(struct election *election, int64_t version)
{
    election->known_version = version;
}

static bool is_voter_of(const struct quorum_config *config, int64_t id)
{
    return config != NULL && quorum_config_is_voter(config, id);
}

static void add_voters(struct election *election, const struct quorum_config *config)
{
    struct election_tally *tally = election->tally;
    for (uint32_t i = 0; config != NULL && i < config->server_count; i++) {
        int64_t id = config->servers[i].id;
        uint32_t at = tally->voter_count;
        if (config->servers[i].role != QUORUM_PARTICIPANT) {
            continue;
        }
        while (at > 0 && tally->voters[at - 1].id > id) {
            at--;
        }
        if (at > 0 && tally->voters[at - 1].id == id) {
            continue;
        }
        memmove(&tally->voters[at + 1], &tally->voters[at],
                (tally->voter_count - at) * sizeof *tally->voters);
        bool is_member = is_voter_of(election->members, id);
        bool is_next = is_voter_of(election->next, id);
        tally->voters[at] = (struct voter){
            .id = id,
            .is_member = is_member,
            .is_next = is_next,
            .weighs = (is_member && quorum_config_weight(election->members, id) > 0) ||
                      (is_next && quorum_config_weight(election->next, id) > 0)};
        tally->voter_count++;
    }
}

void election_tell_config(struct election *election, const struct quorum_config *config)
{
    buffer_clear(&election->tally->config_text, SIZE_MAX);
    quorum_config_text(config, &election->tally->config_text);
    if (!election->is_looking) {
        /* Who has got a vote while it follows is asked whom, from now on. */
        election->is_observer = !quorum_config_is_voter(config, election->config->server_id);
    }
}

/* The tally of the configurations that hold from now on, with nothing heard. What is known of who
 * cannot be reached stays. */
static void make_tally(struct election *election, struct quorum_config *members)
{
    struct election_tally *tally = election->tally;
    struct quorum_config *before = election->members;
    struct voter *old = tally->voters;
    uint32_t old_count = tally->voter_count;
    election->members = quorum_config_keep(members);
    quorum_config_drop(before);
    if (election->next != NULL && election->next->version <= members->version) {
        election_set_next(election, NULL);
    }
    tally->voters = mem_alloc_zeroed(VOTERS_MAX * sizeof *tally->voters);
    tally->voter_count = 0;
    add_voters(election, election->members);
    add_voters(election, election->next);
    for (uint32_t i = 0, j = 0; i < tally->voter_count; i++) {
        while (j < old_count && old[j].id < tally->voters[i].id) {
            j++;
        }
        tally->voters[i].is_down = j < old_count && old[j].id == tally->voters[i].id &&
                                   old[j].is_down;
    }
    mem_free(old, old_count * sizeof *old);
    tally->voters = mem_realloc(tally->voters, VOTERS_MAX * sizeof *tally->voters,
                                tally->voter_count * sizeof *tally->voters);
    election_tell_config(election, members);
}

static struct voter *find_voter(const struct election *election, int64_t id)
{
    for (uint32_t i = 0; i < election->tally->voter_count; i++) {
        if (election->tally->voters[i].id == id) {
            return &election->tally->voters[i];
        }
    }
    return NULL;
}

/* ---- votes ----------------------------------------------------------------------------------- */

/* totalOrderPredicate: does the first win over the second? */
static bool is_better(const struct election *election, const struct vote *a, const struct vote *b)
{
    if (quorum_config_weight(election->members, a->leader) == 0) {
        return false;
    }
    if (a->peer_epoch != b->peer_epoch) {
        return a->peer_epoch > b->peer_epoch;
    }
    return a->zxid != b->zxid ? a->zxid > b->zxid : a->leader > b->leader;
}

static bool same_vote(const struct vote *a, const struct vote *b)
{
    return a->leader == b->leader && a->zxid == b->zxid && a->election_epoch == b->election_epoch &&
           a->peer_epoch == b->peer_epoch;
}

/* Vote.equals between a word and what is asked for. Of those who have settled only the leader and
 * its epoch count: zxid and round are those of an election that one of them may not have been in
 * (ZOOKEEPER-1732, 1805). Words of servers older than 3.4.6 have no comparable epoch. */
static bool agrees(const struct word *word, const struct word *asked)
{
    if (word->state == PEER_LOOKING || asked->state == PEER_LOOKING) {
        return same_vote(&word->vote, &asked->vote);
    }
    bool is_mixed = (word->version > 0) != (asked->version > 0);
    return word->vote.leader == asked->vote.leader &&
           (is_mixed || word->vote.peer_epoch == asked->vote.peer_epoch);
}

/* Do those who agree decide, by the members and, while there is one, by the next configuration? For
 * joining others who have settled on a leader the members are enough: it is that leader who needs
 * both, and a proposal that only we remember must not keep us out. (Upstream waits for both.) */
static bool is_quorum(const struct election *election, const struct word *asked, bool of_settled)
{
    const struct election_tally *tally = election->tally;
    int64_t ids[VOTERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < tally->voter_count; i++) {
        const struct voter *voter = &tally->voters[i];
        bool has = of_settled ? voter->has_settled_word : voter->has_word;
        if (has && agrees(of_settled ? &voter->settled_word : &voter->word, asked)) {
            ids[count++] = voter->id;
        }
    }
    bool joins = of_settled && asked->vote.leader != election->config->server_id;
    return quorum_config_is_quorum(election->members, ids, count) &&
           (joins || election->next == NULL || quorum_config_is_quorum(election->next, ids, count));
}

/* checkLeader: a leader must have said itself that it leads; ourselves only in the round that we
 * are in. */
static bool is_leader_heard(const struct election *election,
                            const struct vote *vote,
                            bool of_settled)
{
    if (vote->leader == election->config->server_id) {
        return vote->election_epoch == election->election_epoch;
    }
    const struct voter *voter = find_voter(election, vote->leader);
    if (voter == NULL) {
        return false;
    }
    return of_settled ? voter->has_settled_word && voter->settled_word.state == PEER_LEADING
                      : voter->has_word && voter->word.state == PEER_LEADING;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(struct election *election,
                 int64_t server_id,
                 int64_t round,
                 struct zk_outbox *outbox)
{
    struct notification notification = {.state = election->state,
                                        .vote = election->vote,
                                        .config = buffer_slice(&election->tally->config_text)};
    notification.vote.election_epoch = round;
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PEER);
    effect->peer_kind = PEER_EFFECT_NOTIFY;
    effect->server_id = server_id;
    effect->offset = outbox->bytes.len;
    election_encode(&notification, &outbox->bytes);
    effect->len = outbox->bytes.len - effect->offset;
}

static void tell_all(struct election *election, uint64_t now_ms, struct zk_outbox *outbox)
{
    for (uint32_t i = 0; i < election->tally->voter_count; i++) {
        int64_t id = election->tally->voters[i].id;
        if (id != election->config->server_id) {
            tell(election, id, election->election_epoch, outbox);
        }
    }
    election->tell_again_at_ms = now_ms + (uint64_t)election->tell_again_ms;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Stands for that vote from now on; our own word in the tally says so, too. */
static void stand_for(struct election *election, const struct vote *vote)
{
    election->vote = *vote;
    election->vote.election_epoch = election->election_epoch;
    struct voter *self = find_voter(election, election->config->server_id);
    if (self != NULL && !election->is_observer) {
        self->has_word = true;
        self->word = (struct word){
            .vote = election->vote, .state = PEER_LOOKING, .version = NOTIFICATION_VERSION};
    }
}

/* Can nobody come with a better vote in this round? Everyone who weighs has been heard in it, and
 * every vote that was heard has been compared with ours; or cannot be reached. Who is going to
 * observe leaves the others the time to hear its vote, since an observer's word counts no more. */
static bool is_all_heard(const struct election *election)
{
    if (!is_voter_of(election->members, election->config->server_id)) {
        return false;
    }
    for (uint32_t i = 0; i < election->tally->voter_count; i++) {
        const struct voter *voter = &election->tally->voters[i];
        if (voter->weighs && !voter->has_word && !voter->is_down) {
            return false;
        }
    }
    return true;
}

/* Counts again; sets when it is decided if nothing better comes. */
static void count(struct election *election, uint64_t now_ms)
{
    const struct word asked = {
        .vote = election->vote, .state = PEER_LOOKING, .version = NOTIFICATION_VERSION};
    if (election->is_observer || !is_quorum(election, &asked, false)) {
        election->finalize_at_ms = UINT64_MAX;
    } else if (is_all_heard(election)) {
        election->finalize_at_ms = now_ms;
    } else if (election->finalize_at_ms == UINT64_MAX) {
        election->finalize_at_ms = now_ms + (uint64_t)election->config->finalize_ms;
    }
}

static enum election_outcome decide(struct election *election, const struct vote *vote)
{
    election->vote = *vote;
    election->election_epoch = vote->election_epoch;
    election->is_looking = false;
    election->finalize_at_ms = UINT64_MAX;
    election->tell_again_at_ms = UINT64_MAX;
    election->state = vote->leader == election->config->server_id ? PEER_LEADING
                      : election->is_observer                     ? PEER_OBSERVING
                                                                  : PEER_FOLLOWING;
    return ELECTION_DECIDED;
}

static enum election_outcome decide_if_due(struct election *election, uint64_t now_ms)
{
    if (!election->is_looking || election->finalize_at_ms > now_ms) {
        return ELECTION_GOES_ON;
    }
    const struct vote vote = election->vote;
    return decide(election, &vote);
}

/* Behind a round from which one cannot count on (a forged one: no ensemble gets there) comes the
 * first; who is still in the other says so, and is followed there. */
static int64_t next_round(int64_t round)
{
    return round == INT64_MAX ? 1 : round + 1;
}

/* What each round begins with. */
static void begin(struct election *election,
                  struct quorum_config *members,
                  int64_t zxid,
                  int64_t peer_epoch)
{
    make_tally(election, members);
    election->is_looking = true;
    /* Who is to have a vote only by the next configuration helps to elect, and is no candidate. */
    const struct voter *self = find_voter(election, election->config->server_id);
    election->is_observer = self == NULL;
    election->state = PEER_LOOKING;
    election->election_epoch = next_round(election->election_epoch);
    election->finalize_at_ms = UINT64_MAX;
    election->own = (struct vote){.leader = election->config->server_id,
                                  .zxid = zxid,
                                  .election_epoch = election->election_epoch,
                                  .peer_epoch = peer_epoch};
    if (self == NULL || !self->is_member) {
        election->own.leader = INT64_MIN;
        election->own.zxid = INT64_MIN;
        election->own.peer_epoch = INT64_MIN;
    }
}

void election_start(struct election *election,
                    struct quorum_config *members,
                    int64_t zxid,
                    int64_t peer_epoch,
                    uint64_t now_ms,
                    struct zk_outbox *outbox)
{
    begin(election, members, zxid, peer_epoch);
    stand_for(election, &election->own);
    election->tell_again_ms = election->config->notification_ms;
    tell_all(election, now_ms, outbox);
    count(election, now_ms);
}

void election_appoint(struct election *election,
                      struct quorum_config *members,
                      int64_t leader,
                      int64_t zxid,
                      int64_t peer_epoch,
                      uint64_t now_ms)
{
    begin(election, members, zxid, peer_epoch);
    election->tally->is_appointed = true;
    election->vote = election->own;
    election->vote.leader = leader;
    election->vote.zxid = zxid;
    election->vote.peer_epoch = peer_epoch;
    election->finalize_at_ms = now_ms;
    election->tell_again_at_ms = UINT64_MAX;
}

void election_settle(struct election *election,
                     enum peer_state state,
                     int64_t peer_epoch,
                     struct zk_outbox *outbox)
{
    struct election_tally *tally = election->tally;
    ASSERT(!election->is_looking && state != PEER_LOOKING);
    election->state = state;
    election->vote.peer_epoch = peer_epoch;
    for (uint32_t i = 0; i < tally->voter_count && !election->is_observer; i++) {
        struct voter *voter = &tally->voters[i];
        bool knows = voter->has_word && !voter->is_asking &&
                     voter->word.vote.leader == election->vote.leader;
        if (voter->id != election->config->server_id && !knows) {
            tell(election, voter->id, election->vote.election_epoch, outbox);
        }
        voter->is_asking = false;
    }
    for (uint32_t i = 0; i < tally->stranger_count && !election->is_observer; i++) {
        tell(election, tally->strangers[i].id, election->vote.election_epoch, outbox);
    }
    tally->stranger_count = 0;
}

/* ---- a notification -------------------------------------------------------------------------- */

/* Does it carry a configuration that is newer than ours? One that cannot be read is no reason to
 * drop the vote (ZOOKEEPER-4787). */
static bool is_config_newer(const struct election *election,
                            const struct notification *notification)
{
    struct quorum_config *config;
    struct slice text = notification->config;
    bool is_ours = text.len == 0 || slice_equal(text, buffer_slice(&election->tally->config_text));
    if (!election->config->reconfig_enabled || is_ours ||
        quorum_config_parse(text, &config, NULL, 0) != 0) {
        return false;
    }
    int64_t version = config->version;
    quorum_config_drop(config);
    const struct quorum_config *members = election->members;
    bool is_believed = members->version != 0 || version >= election->known_version ||
                       quorum_config_find(members, notification->sender) != NULL;
    return version > members->version && is_believed;
}

/* The line of that stranger; when it has none and all are taken, that of the one that was answered
 * longest ago. */
static struct stranger *find_stranger(struct election_tally *tally, int64_t id)
{
    struct stranger *oldest = &tally->strangers[0];
    for (uint32_t i = 0; i < tally->stranger_count; i++) {
        struct stranger *stranger = &tally->strangers[i];
        if (stranger->id == id) {
            return stranger;
        }
        oldest = stranger->answered_ms < oldest->answered_ms ? stranger : oldest;
    }
    return tally->stranger_count < STRANGERS_MAX ? &tally->strangers[tally->stranger_count++]
                                                 : oldest;
}

/* From a server whose vote does not count: an observer asks, or a server that we do not know. It is
 * told at once, and again when this election has come to its end. */
static void answer_stranger(struct election *election,
                            int64_t sender,
                            uint64_t now_ms,
                            struct zk_outbox *outbox)
{
    uint32_t known = election->tally->stranger_count;
    struct stranger *stranger = find_stranger(election->tally, sender);
    bool is_new = election->tally->stranger_count > known || stranger->id != sender;
    if (!is_new && now_ms - stranger->answered_ms < STRANGER_PAUSE_MS) {
        return;
    }
    *stranger = (struct stranger){sender, now_ms};
    if (!election->is_observer) {
        tell(election, sender, election->election_epoch, outbox);
    }
}

/* Ours is an older round: what was heard in it counts no more. */
static void join_round(struct election *election,
                       int64_t round,
                       const struct vote *stands_for,
                       uint64_t now_ms,
                       struct zk_outbox *outbox)
{
    for (uint32_t i = 0; i < election->tally->voter_count; i++) {
        election->tally->voters[i].has_word = false;
    }
    election->election_epoch = round;
    election->finalize_at_ms = UINT64_MAX;
    election->tell_again_ms = election->config->notification_ms;
    stand_for(election, stands_for);
    tell_all(election, now_ms, outbox);
}

/* Who has no vote, as far as it knows, says whom it would follow, once to each word: the one that
 * asks may know of a next configuration in which it has one, and then waits for it. (Upstream's
 * observers vote, too.) */
static void hear_as_observer(struct election *election,
                             struct voter *voter,
                             const struct vote *vote,
                             struct zk_outbox *outbox)
{
    bool is_newer = vote->election_epoch > election->election_epoch;
    bool is_known = voter->has_word && same_vote(&voter->word.vote, vote);
    if (vote->election_epoch < election->election_epoch || (is_known && !is_newer)) {
        return; /* it hears of our round when we ask again */
    }
    voter->has_word = true;
    voter->word = (struct word){
        .vote = *vote, .state = PEER_LOOKING, .version = NOTIFICATION_VERSION};
    if (is_newer || is_better(election, vote, &election->vote)) {
        election->election_epoch = vote->election_epoch;
        stand_for(election, vote);
    }
    tell(election, voter->id, election->election_epoch, outbox);
}

static void hear_looking(struct election *election,
                         struct voter *voter,
                         const struct notification *notification,
                         uint64_t now_ms,
                         struct zk_outbox *outbox)
{
    const struct vote *vote = &notification->vote;
    if (vote->zxid == -1) {
        return; /* it has no data yet and cannot judge */
    }
    if (election->is_observer) {
        hear_as_observer(election, voter, vote, outbox);
        return;
    }
    if (vote->election_epoch < election->election_epoch) {
        tell(election, voter->id, election->election_epoch, outbox);
        return;
    }
    if (vote->election_epoch > election->election_epoch) {
        join_round(election, vote->election_epoch,
                   is_better(election, vote, &election->own) ? vote : &election->own, now_ms,
                   outbox);
    } else if (is_better(election, vote, &election->vote)) {
        election->finalize_at_ms = UINT64_MAX;
        stand_for(election, vote);
        tell_all(election, now_ms, outbox);
    } else if (is_better(election, &election->vote, vote)) {
        /* What we told it may have come while it still followed a leader, and was only a question
         * then. Upstream lets it find out when we tell it again, 200 ms later. Of two votes without
         * weight neither is better: to answer each other's answer would never end. */
        tell(election, voter->id, election->election_epoch, outbox);
    }
    voter->has_word = true;
    voter->word = (struct word){
        .vote = *vote, .state = PEER_LOOKING, .version = NOTIFICATION_VERSION};
    count(election, now_ms);
}

static enum election_outcome hear_settled(struct election *election,
                                          struct voter *voter,
                                          const struct notification *notification)
{
    const struct vote *vote = &notification->vote;
    const struct word word = {
        .vote = *vote, .state = notification->state, .version = notification->version};
    if (vote->election_epoch == election->election_epoch && !election->is_observer) {
        /* somebody finished the round that we are in. Version 0: as upstream's map, which compares
         * only the leader here, because one has the epoch of before and another that of after */
        voter->has_word = true;
        voter->word = word;
        voter->word.version = 0;
        if (is_quorum(election, &word, false) && is_leader_heard(election, vote, false)) {
            return decide(election, vote);
        }
    }
    voter->has_settled_word = true;
    voter->settled_word = word;
    if (is_quorum(election, &word, true) && is_leader_heard(election, vote, true)) {
        return decide(election, vote);
    }
    return ELECTION_GOES_ON;
}

static enum election_outcome hear_while_looking(struct election *election,
                                                struct voter *voter,
                                                const struct notification *notification,
                                                uint64_t now_ms,
                                                struct zk_outbox *outbox)
{
    if (is_config_newer(election, notification)) {
        return ELECTION_CONFIG_NEWER;
    }
    const struct vote *vote = &notification->vote;
    if (find_voter(election, vote->leader) == NULL) { /* votes for somebody who is no voter here */
        /* Who is to have a vote only by the next configuration, and has not heard of a candidate in
         * its round, cannot hear of one in an older round. (Upstream lets them wait.) */
        if (vote->leader == INT64_MIN && notification->state == PEER_LOOKING &&
            vote->election_epoch > election->election_epoch && !election->is_observer) {
            join_round(election, vote->election_epoch, &election->own, now_ms, outbox);
        }
        return ELECTION_GOES_ON;
    }
    switch (notification->state) {
    case PEER_LOOKING:
        voter->has_settled_word = false; /* it follows nobody any more */
        hear_looking(election, voter, notification, now_ms, outbox);
        break;
    case PEER_FOLLOWING:
    case PEER_LEADING: {
        enum election_outcome outcome = hear_settled(election, voter, notification);
        if (outcome != ELECTION_GOES_ON) {
            return outcome;
        }
        count(election, now_ms);
        break;
    }
    case PEER_OBSERVING:
        break;
    }
    return decide_if_due(election, now_ms);
}

enum election_outcome election_notified(struct election *election,
                                        const struct notification *notification,
                                        uint64_t now_ms,
                                        struct zk_outbox *outbox)
{
    if (election->members == NULL || election->tally->is_appointed ||
        notification->sender == election->config->server_id) {
        return ELECTION_GOES_ON;
    }
    struct voter *voter = find_voter(election, notification->sender);
    if (voter == NULL) {
        if (election->is_looking && is_config_newer(election, notification)) {
            return ELECTION_CONFIG_NEWER;
        }
        answer_stranger(election, notification->sender, now_ms, outbox);
        return ELECTION_GOES_ON;
    }
    voter->is_down = false;
    voter->is_asking = notification->state == PEER_LOOKING;
    if (election->is_looking) {
        return hear_while_looking(election, voter, notification, now_ms, outbox);
    }
    if (notification->state == PEER_LOOKING) {
        tell(election, voter->id, election->vote.election_epoch, outbox);
    }
    return ELECTION_GOES_ON;
}

/* ---- connections and time -------------------------------------------------------------------- */

void election_peer_up(struct election *election, int64_t server_id, struct zk_outbox *outbox)
{
    struct voter *voter = find_voter(election, server_id);
    if (voter == NULL) {
        return;
    }
    voter->is_down = false;
    if (election->is_looking && !election->tally->is_appointed) {
        tell(election, server_id, election->election_epoch, outbox);
    }
}

void election_peer_down(struct election *election, int64_t server_id, uint64_t now_ms)
{
    struct voter *voter = find_voter(election, server_id);
    if (voter == NULL) {
        return;
    }
    voter->is_down = true;
    if (election->is_looking && !election->tally->is_appointed) {
        count(election, now_ms);
    }
}

enum election_outcome election_tick(struct election *election,
                                    uint64_t now_ms,
                                    struct zk_outbox *outbox)
{
    if (!election->is_looking) {
        return ELECTION_GOES_ON;
    }
    enum election_outcome outcome = decide_if_due(election, now_ms);
    if (outcome != ELECTION_GOES_ON) {
        election->tally->is_appointed = false;
        return outcome;
    }
    if (election->tell_again_at_ms <= now_ms) {
        int32_t longest = election->config->notification_max_ms;
        if (election->is_observer) {
            longest = MIN(longest, OBSERVER_ASK_MAX_MS);
        }
        int32_t doubled = election->tell_again_ms > longest / 2 ? longest
                                                                : election->tell_again_ms * 2;
        election->tell_again_ms = MAX(doubled, 1);
        tell_all(election, now_ms, outbox);
    }
    return ELECTION_GOES_ON;
}

uint64_t election_deadline(const struct election *election)
{
    return election->is_looking ? MIN(election->finalize_at_ms, election->tell_again_at_ms)
                                : UINT64_MAX;
}

void election_check(const struct election *election)
{
    const struct election_tally *tally = election->tally;
    if (election->members == NULL) {
        return; /* no round has begun yet */
    }
    ASSERT(election->is_looking == (election->state == PEER_LOOKING));
    ASSERT(tally->stranger_count <= STRANGERS_MAX);
    for (uint32_t i = 1; i < tally->voter_count; i++) {
        ASSERT(tally->voters[i - 1].id < tally->voters[i].id);
    }
    if (!election->is_looking || tally->is_appointed) {
        return;
    }
    ASSERT(election->vote.election_epoch == election->election_epoch);
    ASSERT(election->next == NULL || election->next->version > election->members->version);
    if (!election->is_observer) {
        /* never worse than what it brought itself, and its own word is in the tally */
        ASSERT(!is_better(election, &election->own, &election->vote));
        const struct voter *self = find_voter(election, election->config->server_id);
        ASSERT(self != NULL && self->has_word && same_vote(&self->word.vote, &election->vote));
    }
}
