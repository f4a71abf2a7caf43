/* crew.c - groups whose members share partitions: what was told to whom, and whether it fits
 * together (G1, G2). See kafka_world.h; members.c asks.
 *
 * GENERATIONS. A generation counts from the moment in which anybody is given its assignment: from
 * then on it is on disk, a later one must be higher, and nobody of an earlier one may be answered
 * well who asked after that moment. (A generation that is joined and not synced may come again
 * after a crash: only a synced one is written, here as in Apache.) Answers overtake each other, so
 * what counts is when a request was sent: member.synced_then.
 *
 * COMMITS. Each commit has a value of its own, counted up for each partition. Of two that were
 * acknowledged the one of the higher generation, then of the higher value, is the later: a member
 * has one under way at a time. A commit without an answer may still take effect as long as no later
 * generation has committed.
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define ALL_PARTITIONS ((1u << PLAIN_PARTITIONS) - 1)

void crew_init(struct kafka_world *world, struct crew *crew, int idx)
{
    *crew = (struct crew){.world = world, .idx = idx, .is_cooperative = idx % 2 == 1};
    snprintf(crew->group, sizeof crew->group, "crew-%d", idx);
    u64_map_init(&crew->tags);
    for (int i = 0; i < PLAIN_PARTITIONS; i++) {
        crew->partitions[i].known = -1;
        crew->partitions[i].owner = -1;
    }
    for (int i = 0; i < CREW_MEMBERS; i++) {
        member_open(crew, i);
    }
}

void crew_release(struct crew *crew)
{
    for (int i = 0; i < CREW_MEMBERS; i++) {
        member_release(&crew->members[i]);
    }
    for (int i = 0; i < PLAIN_PARTITIONS; i++) {
        heap_free(crew->partitions[i].commits);
    }
    u64_map_release(&crew->tags);
}

/* ---- generations ----------------------------------------------------------------------------- */

/* A group without members and offsets is forgotten, and its generations are counted from 1 again.
 */
static void begin_anew(struct crew *crew)
{
    crew->synced_generation = 0;
    u64_map_release(&crew->tags);
    u64_map_init(&crew->tags);
    for (int i = 0; i < PLAIN_PARTITIONS; i++) {
        crew->partitions[i].owner_generation = 0;
        crew->partitions[i].owner = -1;
    }
}

void crew_accepted(struct member *member, const char *what)
{
    struct crew *crew = member->crew;
    struct kafka_world *world = crew->world;
    /* A coordinator that loads its groups takes every heartbeat (GroupCoordinator.handleHeartbeat
     * of Apache), so that nobody loses a place meanwhile. */
    bool may_be_loading = strcmp(what, "heartbeat") == 0 &&
                          crew->synced_broker != world->broker.generation;
    if (member->generation < member->synced_then && !may_be_loading) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "G1/G2: member %d of %s has its %s of generation %d accepted, sent when "
                         "generation %d had its assignment",
                         member->actor.idx, crew->group, what, member->generation,
                         member->synced_then);
    }
    if (member->broker_then != 0 && member->broker_then < world->broker.generation) {
        kafka_mark(world, KAFKA_MARK_CARRIED_ON);
    }
    member->broker_then = world->broker.generation;
}

void crew_joined(struct member *member)
{
    struct crew *crew = member->crew;
    sim_trace("%s: member %d joins generation %d%s", crew->group, member->actor.idx,
              member->generation, member->is_leader ? " and leads it" : "");
    member->broker_then = 0;
    if (member->generation < member->synced_then && crew->commits_acked == 0) {
        begin_anew(crew);
        member->synced_then = 0;
    }
    crew_accepted(member, "join");
}

static void take_partition(struct member *member, int partition)
{
    struct crew_partition *place = &member->crew->partitions[partition];
    if (place->owner_generation == member->generation && place->owner >= 0 &&
        place->owner != member->actor.idx) {
        kafka_world_fail(member->crew->world, VERDICT_WRONG,
                         "G1: partition %d belongs to members %d and %d of generation %d of %s",
                         partition, place->owner, member->actor.idx, member->generation,
                         member->crew->group);
    }
    if (place->owner_generation <= member->generation) {
        place->owner_generation = member->generation;
        place->owner = member->actor.idx;
    }
}

void crew_synced(struct member *member, uint64_t tag, unsigned owned)
{
    struct crew *crew = member->crew;
    struct kafka_world *world = crew->world;
    uint64_t key = (uint64_t)member->generation;
    uint64_t before;
    sim_trace("%s: member %d owns %u in generation %d", crew->group, member->actor.idx, owned,
              member->generation);
    crew_accepted(member, "sync");
    bool is_other = u64_map_get(&crew->tags, key, &before) && before != tag;
    if (is_other && crew->commits_acked == 0) {
        begin_anew(crew);
    } else if (is_other) {
        kafka_world_fail(world, VERDICT_WRONG, "G1: generation %d of %s has two assignments",
                         member->generation, crew->group);
    }
    if (world->calm_ns > 0 && member->generation > crew->synced_generation) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "G4: %s, in which nobody comes or goes, has the new generation %d",
                         crew->group, member->generation);
    }
    u64_map_put(&crew->tags, key, tag);
    if (member->generation >= crew->synced_generation) {
        crew->synced_generation = member->generation;
        crew->synced_broker = world->broker.generation;
    }
    for (int i = 0; i < PLAIN_PARTITIONS; i++) {
        if ((owned >> i & 1) != 0) {
            take_partition(member, i);
        }
    }
    world->campaign->member_syncs += 1;
    kafka_mark(world, member->is_leader ? KAFKA_MARK_SYNCED : KAFKA_MARK_FOLLOWER_SYNCED);
}

void crew_expelled(struct member *member, const char *what, int16_t error)
{
    struct kafka_world *world = member->crew->world;
    sim_trace("%s: member %d, generation %d, is told %s of its %s", member->crew->group,
              member->actor.idx, member->generation, kafka_error_name(error), what);
    kafka_mark(world, error == KAFKA_ERROR_FENCED_INSTANCE_ID ? KAFKA_MARK_INSTANCE_FENCED
                                                              : KAFKA_MARK_MEMBER_EXPELLED);
    if (world->calm_ns > 0) {
        kafka_world_fail(world, VERDICT_WRONG, "G4: member %d of %s, who is not silent, is told %s",
                         member->actor.idx, member->crew->group, kafka_error_name(error));
    }
}

bool crew_is_settled(const struct crew *crew)
{
    unsigned owned = 0;
    for (int i = 0; i < CREW_MEMBERS; i++) {
        const struct member *member = &crew->members[i];
        if (member->stage == MEMBER_SILENT || member->silence_ns > 0) {
            continue;
        }
        if (member->stage != MEMBER_WORKING || member->generation != crew->synced_generation ||
            (owned & member->owned) != 0) {
            return false;
        }
        owned |= member->owned;
    }
    return owned == ALL_PARTITIONS;
}

/* ---- commits --------------------------------------------------------------------------------- */

static bool is_later(const struct crew_partition *place, int64_t value, int64_t than)
{
    if (value < 0 || than < 0) {
        return value > than;
    }
    int32_t generation = place->commits[value].generation;
    int32_t than_generation = place->commits[than].generation;
    return generation != than_generation ? generation > than_generation : value > than;
}

static int64_t begin_commit(struct member *member, int32_t generation)
{
    struct crew_partition *place = &member->crew->partitions[member->partition];
    heap_grow((void **)&place->commits, &place->cap, place->count, sizeof *place->commits);
    place->commits[place->count] = (struct crew_commit){.generation = generation,
                                                        .fate = COMMIT_UNCERTAIN};
    member->commit = (int64_t)place->count++;
    return member->commit;
}

int64_t crew_commit_begin(struct member *member)
{
    return begin_commit(member, member->generation);
}

int64_t crew_ghost_commit_begin(struct member *member)
{
    return begin_commit(member, member->old_generation);
}

/* An earlier self of a dynamic member may still be one. That of a static member is fenced by what
 * came after it, from the moment in which that has its id (KIP-345). */
void crew_ghost_commit_end(struct member *member, enum commit_fate fate)
{
    struct crew *crew = member->crew;
    crew->partitions[member->partition].commits[member->commit].fate = fate;
    if (fate == COMMIT_ACKED &&
        (member->instance[0] != '\0' || member->old_generation < member->synced_then)) {
        kafka_world_fail(crew->world, VERDICT_WRONG,
                         "G2: %s takes a commit of generation %d from an earlier self of member %d",
                         crew->group, member->old_generation, member->actor.idx);
    }
}

void crew_commit_end(struct member *member, enum commit_fate fate)
{
    struct crew *crew = member->crew;
    struct crew_partition *place = &crew->partitions[member->partition];
    place->commits[member->commit].fate = fate;
    if (fate == COMMIT_ACKED) {
        crew_accepted(member, "commit");
        crew->commits_acked += 1;
        crew->world->ghost.commits += 1;
        if (is_later(place, member->commit, place->known)) {
            place->known = member->commit;
        }
    }
}

void crew_fetch_begin(struct member *member)
{
    struct crew_partition *place = &member->crew->partitions[member->partition];
    place->known_then[member->actor.idx] = place->known;
}

void crew_fetched(struct member *member, int64_t offset, struct slice metadata)
{
    struct crew *crew = member->crew;
    struct kafka_world *world = crew->world;
    struct crew_partition *place = &crew->partitions[member->partition];
    int64_t known = place->known_then[member->actor.idx];
    char expected[32];
    bool is_there = offset >= 0 && (size_t)offset < place->count &&
                    place->commits[offset].fate != COMMIT_REFUSED;
    bool may_be = offset == known || (is_there && is_later(place, offset, known)) ||
                  (is_there && place->commits[offset].fate == COMMIT_UNCERTAIN &&
                   place->commits[offset].generation >= place->commits[known].generation);
    if (!may_be) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "G2: %s has offset %lld of partition %d, and %lld was known to be there",
                         crew->group, (long long)offset, member->partition, (long long)known);
        return;
    }
    snprintf(expected, sizeof expected, "v%lld", (long long)offset);
    if (is_there && !slice_equal(metadata, slice_of_cstr(expected))) {
        kafka_world_fail(world, VERDICT_WRONG, "G2: %s has offset %lld with \"%.*s\"", crew->group,
                         (long long)offset, (int)metadata.len, (const char *)metadata.ptr);
    }
    if (is_later(place, offset, place->known)) {
        place->known = offset;
    }
    world->ghost.commit_reads += 1;
    kafka_mark(world, KAFKA_MARK_CREW_FETCHED);
}
