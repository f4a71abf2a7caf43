/* votes.c - Z-INV13: by which votes leaders are elected. See onlookers.h.
 *
 * Every notification that a member takes from the election port is remembered: from whom, to whom,
 * which vote. While a member is LOOKING,
 *
 *     the vote that it stands for is its own, or one that it has been told in this incarnation;
 *     it is not worse than its own: (epoch, zxid, id);
 *     its own has all that its log has.
 *
 * When one begins to lead, a quorum, itself included, has told it so in its round, and its own
 * candidacy is at least that of each of them as they were in that round. Where that cannot be
 * known any more (a voter has been in a round of that number twice) the lesser one counts.
 *
 * Who says that it follows a leader backs it in any round, as upstream has it: a leader that has
 * restarted while its followers have not noticed may be elected by their old words, and may have
 * lost what they have. Likewise a candidate that restarts in the middle of a round is told its own
 * old candidacy, and stands for that (seed 3752727232). Then those that have more refuse it when
 * they come (ACKEPOCH), and Z-INV8 is what says so.
 *
 * A leader that a reconfiguration has named was elected by nobody; its round has no votes.
 */
#include <inttypes.h>

#include "base/endian.h"
#include "base/hash.h"
#include "sim/ensemble/onlookers.h"
#include "sim/log_sim.h"

#define NOTIFICATION_BYTES_MIN 40u
#define STATE_LOOKING 0u
#define SETTLED (-1) /* in the place of a round */

static const struct hash_key vote_key = {0x766f746573207468, 0x6174207765726520};

/* What a voter had itself when it was in a round. */
struct candidacy {
    int64_t epoch;
    int64_t zxid;
};

struct vote_ghost {
    struct u64_map told;            /* of (to, vote as it is): its hash -> 1 */
    struct u64_map backed;          /* of (from, to, round or SETTLED, leader): its hash -> 1 */
    struct u64_map candidacies;     /* of (member, round): its hash -> struct candidacy * */
    bool is_appointed[MEMBERS_MAX]; /* the last round of each was decided before it began */
};

void votes_init(struct ensemble_world *ensemble)
{
    ensemble->votes = heap_new(sizeof *ensemble->votes);
    u64_map_init(&ensemble->votes->told);
    u64_map_init(&ensemble->votes->backed);
    u64_map_init(&ensemble->votes->candidacies);
}

void votes_release(struct ensemble_world *ensemble)
{
    struct vote_ghost *ghost = ensemble->votes;
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    while (u64_map_next(&ghost->candidacies, &position, &key, &value)) {
        heap_free((void *)(uintptr_t)value);
    }
    u64_map_release(&ghost->told);
    u64_map_release(&ghost->backed);
    u64_map_release(&ghost->candidacies);
    heap_free(ghost);
}

/* ---- what is remembered ---------------------------------------------------------------------- */

static uint64_t hash_of(const int64_t *numbers, size_t count)
{
    return hash_bytes(vote_key, slice_of((const uint8_t *)numbers, count * sizeof *numbers));
}

static uint64_t hash_of_told(const struct member *to, const struct vote_seen *vote)
{
    const int64_t numbers[] = {
        to->id, (int64_t)to->generation, vote->round, vote->leader, vote->zxid, vote->epoch};
    return hash_of(numbers, ARRAY_LEN(numbers));
}

static uint64_t hash_of_backed(int from, const struct member *to, int64_t round, int64_t leader)
{
    const int64_t numbers[] = {from, to->id, (int64_t)to->generation, round, leader};
    return hash_of(numbers, ARRAY_LEN(numbers));
}

static uint64_t hash_of_candidacy(int id, int64_t round)
{
    const int64_t numbers[] = {id, round};
    return hash_of(numbers, ARRAY_LEN(numbers));
}

static bool is_worse(const struct candidacy *a,
                     int64_t a_id,
                     const struct candidacy *b,
                     int64_t b_id)
{
    if (a->epoch != b->epoch) {
        return a->epoch < b->epoch;
    }
    return a->zxid != b->zxid ? a->zxid < b->zxid : a_id < b_id;
}

/* Returns whether it is the first that is seen of this member in this round. */
static bool note_candidacy(struct member *member, const struct vote_seen *vote)
{
    struct u64_map *candidacies = &member->ensemble->votes->candidacies;
    uint64_t key = hash_of_candidacy(member->id, vote->round);
    const struct candidacy now = {.epoch = vote->own_epoch, .zxid = vote->own_zxid};
    struct candidacy *known = u64_map_get_ptr(candidacies, key);
    if (known == NULL) {
        known = heap_new(sizeof *known);
        *known = now;
        u64_map_put_ptr(candidacies, key, known);
        return true;
    }
    if (is_worse(&now, 0, known, 0)) {
        *known = now;
    }
    return false;
}

void votes_told(struct member *from, struct member *to, struct slice message)
{
    struct vote_ghost *ghost = to->ensemble->votes;
    if (message.len < NOTIFICATION_BYTES_MIN) {
        return;
    }
    const struct vote_seen vote = {
        .leader = (int64_t)load_be64(message.ptr + 4),
        .zxid = (int64_t)load_be64(message.ptr + 12),
        .round = (int64_t)load_be64(message.ptr + 20),
        .epoch = (int64_t)load_be64(message.ptr + 28),
    };
    if (load_be32(message.ptr) == STATE_LOOKING) {
        u64_map_put(&ghost->told, hash_of_told(to, &vote), 1);
        u64_map_put(&ghost->backed, hash_of_backed(from->id, to, vote.round, vote.leader), 1);
    } else {
        u64_map_put(&ghost->backed, hash_of_backed(from->id, to, SETTLED, vote.leader), 1);
    }
}

/* ---- what is checked ------------------------------------------------------------------------- */

/* What its log has may have been acknowledged. */
static void check_candidacy(struct member *member, const struct vote_seen *vote)
{
    int64_t log_end = ghost_log_end(member);
    if (vote->own_zxid < log_end) {
        ensemble_world_fail(member->ensemble,
                            "Z-INV13: member %d begins round %" PRId64 " with zxid 0x%" PRIx64
                            ", its log has zxid 0x%" PRIx64,
                            member->id, vote->round, vote->own_zxid, log_end);
    }
}

static void check_vote(struct member *member, const struct vote_seen *vote)
{
    struct ensemble_world *ensemble = member->ensemble;
    const struct candidacy own = {.epoch = vote->own_epoch, .zxid = vote->own_zxid};
    const struct candidacy stands_for = {.epoch = vote->epoch, .zxid = vote->zxid};
    bool is_own = vote->leader == member->id && vote->epoch == own.epoch && vote->zxid == own.zxid;
    uint64_t value = 0;
    if (!is_own && !u64_map_get(&ensemble->votes->told, hash_of_told(member, vote), &value)) {
        ensemble_world_fail(ensemble,
                            "Z-INV13: member %d stands for member %" PRId64 " (epoch %" PRId64
                            ", zxid 0x%" PRIx64 ", round %" PRId64 "), which nobody told it",
                            member->id, vote->leader, vote->epoch, vote->zxid, vote->round);
    }
    if (is_worse(&stands_for, vote->leader, &own, member->id)) {
        ensemble_world_fail(ensemble,
                            "Z-INV13: member %d stands for member %" PRId64 " (epoch %" PRId64
                            ", zxid 0x%" PRIx64 ") and has itself epoch %" PRId64
                            ", zxid 0x%" PRIx64,
                            member->id, vote->leader, vote->epoch, vote->zxid, own.epoch, own.zxid);
    }
}

static void check_elected(struct member *member, const struct vote_seen *vote)
{
    struct ensemble_world *ensemble = member->ensemble;
    const struct vote_ghost *ghost = ensemble->votes;
    const struct candidacy stands_for = {.epoch = vote->epoch, .zxid = vote->zxid};
    int64_t backers[MEMBERS_MAX] = {member->id};
    size_t count = 1;
    uint64_t value = 0;
    for (int id = 1; id <= ensemble->options.member_count; id++) {
        bool backs = u64_map_get(&ghost->backed,
                                 hash_of_backed(id, member, vote->round, member->id), &value);
        bool follows = u64_map_get(&ghost->backed, hash_of_backed(id, member, SETTLED, member->id),
                                   &value);
        if (id == member->id || (!backs && !follows)) {
            continue;
        }
        const struct candidacy *theirs = u64_map_get_ptr(&ghost->candidacies,
                                                         hash_of_candidacy(id, vote->round));
        if (theirs == NULL || !is_worse(&stands_for, member->id, theirs, id)) {
            backers[count++] = id;
        }
    }
    if (!member_sees_quorum(member, backers, count)) {
        ensemble_world_fail(ensemble,
                            "Z-INV13: member %d leads with epoch %" PRId64 ", zxid 0x%" PRIx64
                            " by round %" PRId64 ", in which %zu backed it that have no more",
                            member->id, vote->epoch, vote->zxid, vote->round, count);
    }
}

void votes_look(struct member *member, const struct member_view *view)
{
    struct vote_seen vote;
    bool is_elected = view->is_leader && !member->view.is_leader;
    /* It may have joined the round and made up its mind in one turn (seed 35). */
    bool has_followed = view->is_learner && member->view.is_looking;
    if ((!view->is_looking && !is_elected && !has_followed) || !member_look_vote(member, &vote)) {
        return;
    }
    bool *is_appointed = &member->ensemble->votes->is_appointed[member->id - 1];
    *is_appointed = vote.is_looking ? vote.is_appointed : *is_appointed;
    if (*is_appointed) {
        return;
    }
    bool is_new = note_candidacy(member, &vote);
    if (vote.is_looking && is_new) {
        check_candidacy(member, &vote);
    }
    if (is_elected) {
        check_elected(member, &vote);
    } else if (vote.is_looking) {
        check_vote(member, &vote);
    }
}
