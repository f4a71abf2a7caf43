/* group_member.c - who is in a group, what each supports, and what all of them do.
 *
 * A member stands in the list (oldest first), in the table by its id and, when it is static, by its
 * instance id. The counts of supported protocols tell at once what all members share: a protocol is
 * common when its count is the number of members.
 * Sources: GroupMetadata, MemberMetadata of Apache Kafka 3.9.
 */
#include "kafka/core/group_private.h"

#define EMPTY_TEXT SLICE_LIT("")

struct slice group_text_copy(struct slice text)
{
    if (slice_is_null(text)) {
        return SLICE_NULL;
    }
    if (text.len == 0) {
        return EMPTY_TEXT;
    }
    uint8_t *bytes = mem_alloc(text.len);
    memcpy(bytes, text.ptr, text.len);
    return slice_of(bytes, text.len);
}

void group_text_free(struct slice *text)
{
    if (text->len > 0) {
        mem_free((void *)(uintptr_t)text->ptr, text->len);
    }
    *text = SLICE_NULL;
}

struct slice group_text_in(struct arena *arena, struct slice text)
{
    return text.len == 0 && !slice_is_null(text) ? EMPTY_TEXT : arena_copy(arena, text);
}

void group_set_text(struct slice *owned, struct slice text)
{
    struct slice copy = group_text_copy(text);
    group_text_free(owned);
    *owned = copy;
}

struct group_member *group_member_find(const struct group *group, struct slice id)
{
    return bytes_map_get(&group->members_by_id, id);
}

struct group_member *group_static_member(const struct group *group, struct slice instance_id)
{
    return bytes_map_get(&group->static_members, instance_id);
}

/* ---- protocols ------------------------------------------------------------------------------- */

static struct group_protocol_count *count_of(const struct group *group, struct slice name)
{
    for (size_t i = 0; i < group->protocol_count; i++) {
        if (slice_equal(group->protocol_counts[i].name, name)) {
            return &group->protocol_counts[i];
        }
    }
    return NULL;
}

static void count_up(struct group *group, struct slice name)
{
    struct group_protocol_count *found = count_of(group, name);
    if (found != NULL) {
        found->count += 1;
        return;
    }
    if (group->protocol_count == group->protocol_cap) {
        size_t cap = group->protocol_cap == 0 ? 2 : group->protocol_cap * 2;
        group->protocol_counts = mem_realloc(
            group->protocol_counts, group->protocol_cap * sizeof *found, cap * sizeof *found);
        group->protocol_cap = cap;
    }
    group->protocol_counts[group->protocol_count] = (struct group_protocol_count){
        .name = group_text_copy(name), .count = 1};
    group->protocol_count += 1;
}

static void count_down(struct group *group, struct slice name)
{
    struct group_protocol_count *found = count_of(group, name);
    ASSERT(found != NULL && found->count > 0);
    found->count -= 1;
    if (found->count == 0) {
        group_text_free(&found->name);
        group->protocol_count -= 1;
        *found = group->protocol_counts[group->protocol_count];
    }
}

static void drop_protocols(struct group_member *member)
{
    for (size_t i = 0; i < member->protocol_count; i++) {
        count_down(member->group, member->protocols[i].name);
    }
    member->group->metadata_bytes -= member->protocol_bytes;
    mem_free(member->protocols, member->protocol_bytes);
    member->protocols = NULL;
    member->protocol_count = 0;
    member->protocol_bytes = 0;
}

/* One block: the array, then the bytes that it points at. */
void group_member_set_protocols(struct group_member *member,
                                const struct group_protocol *protocols,
                                size_t count)
{
    size_t bytes = count * sizeof protocols[0];
    for (size_t i = 0; i < count; i++) {
        bytes += protocols[i].name.len + protocols[i].metadata.len;
    }
    struct group_protocol *block = mem_alloc(bytes);
    uint8_t *next = (uint8_t *)(block + count);
    for (size_t i = 0; i < count; i++) {
        const struct slice from[] = {protocols[i].name, protocols[i].metadata};
        struct slice to[ARRAY_LEN(from)];
        for (size_t k = 0; k < ARRAY_LEN(from); k++) {
            if (from[k].len > 0) {
                memcpy(next, from[k].ptr, from[k].len);
            }
            to[k] = slice_of(next, from[k].len);
            next += from[k].len;
        }
        block[i] = (struct group_protocol){.name = to[0], .metadata = to[1]};
    }
    drop_protocols(member);
    member->protocols = block;
    member->protocol_count = count;
    member->protocol_bytes = bytes;
    member->group->metadata_bytes += bytes;
    for (size_t i = 0; i < count; i++) {
        count_up(member->group, block[i].name);
    }
}

bool group_member_matches(const struct group_member *member,
                          const struct group_protocol *protocols,
                          size_t count)
{
    if (count != member->protocol_count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!slice_equal(protocols[i].name, member->protocols[i].name) ||
            !slice_equal(protocols[i].metadata, member->protocols[i].metadata)) {
            return false;
        }
    }
    return true;
}

struct slice group_member_metadata(const struct group_member *member, struct slice protocol)
{
    for (size_t i = 0; i < member->protocol_count; i++) {
        if (slice_equal(member->protocols[i].name, protocol)) {
            return member->protocols[i].metadata;
        }
    }
    return EMPTY_TEXT;
}

static bool all_support(const struct group *group, struct slice protocol)
{
    const struct group_protocol_count *found = count_of(group, protocol);
    return (found == NULL ? 0 : found->count) == group->member_count;
}

/* GroupMetadata.supportsProtocols: an empty group takes any type, else the joining member must
 * share the type, and a protocol with all members. */
bool group_supports_protocols(const struct group *group,
                              struct slice protocol_type,
                              const struct group_protocol *protocols,
                              size_t count)
{
    if (group->state == GROUP_EMPTY) {
        return protocol_type.len > 0 && count > 0;
    }
    if (slice_is_null(group->protocol_type) || !slice_equal(group->protocol_type, protocol_type)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (all_support(group, protocols[i].name)) {
            return true;
        }
    }
    return false;
}

/* Each member votes for the first of its protocols that all support. A tie goes to what stands
 * first in the counts; upstream leaves it to a hash map's order. */
struct slice group_select_protocol(const struct group *group)
{
    ASSERT(group->member_count > 0);
    struct slice selected = SLICE_NULL;
    size_t most = 0;
    for (size_t i = 0; i < group->protocol_count; i++) {
        struct slice candidate = group->protocol_counts[i].name;
        if (!all_support(group, candidate)) {
            continue;
        }
        size_t votes = 0;
        LIST_FOR_EACH(link, &group->members)
        {
            const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
            size_t k = 0;
            while (!all_support(group, member->protocols[k].name)) {
                k += 1;
            }
            votes += slice_equal(member->protocols[k].name, candidate) ? 1 : 0;
        }
        if (votes > most || slice_is_null(selected)) {
            selected = candidate;
            most = votes;
        }
    }
    return selected;
}

/* ---- members --------------------------------------------------------------------------------- */

struct group_member *group_member_add(struct group_coordinator *coordinator,
                                      struct group *group,
                                      const struct group_member_new *from)
{
    struct group_member *member = mem_alloc_zeroed(sizeof *member);
    member->group = group;
    member->id = group_text_copy(from->id);
    member->instance_id = group_text_copy(from->instance_id);
    member->client_id = group_text_copy(slice_is_null(from->client_id) ? EMPTY_TEXT
                                                                       : from->client_id);
    member->client_host = group_text_copy(from->client_host);
    member->rebalance_timeout_ms = from->rebalance_timeout_ms;
    member->session_timeout_ms = from->session_timeout_ms;
    member->assignment = EMPTY_TEXT;
    deadline_init(&member->heartbeat, GROUP_TIMER_HEARTBEAT);
    if (group->member_count == 0) {
        group_set_text(&group->protocol_type, from->protocol_type);
    }
    list_append(&group->members, &member->link);
    group->member_count += 1;
    bytes_map_add(&group->members_by_id, member->id, member);
    if (!slice_is_null(member->instance_id)) {
        bytes_map_add(&group->static_members, member->instance_id, member);
    }
    group_member_set_protocols(member, from->protocols, from->protocol_count);
    if (group->leader == NULL) {
        group->leader = member;
    }
    (void)group_pending_remove(coordinator, group, from->id);
    return member;
}

void group_member_remove(struct group_coordinator *coordinator, struct group_member *member)
{
    struct group *group = member->group;
    ASSERT(member->join_call == NULL);
    ASSERT(member->sync_call == NULL);
    group_set_pending_sync(member, false);
    deadline_clear(&coordinator->timers, &member->heartbeat);
    drop_protocols(member);
    list_remove(&member->link);
    group->member_count -= 1;
    void *removed = bytes_map_remove(&group->members_by_id, member->id);
    ASSERT(removed == member);
    if (!slice_is_null(member->instance_id)) {
        removed = bytes_map_remove(&group->static_members, member->instance_id);
        ASSERT(removed == member);
    }
    if (group->leader == member) {
        group->leader = list_is_empty(&group->members)
                            ? NULL
                            : CONTAINER_OF(group->members.next, struct group_member, link);
    }
    group_text_free(&member->id);
    group_text_free(&member->instance_id);
    group_text_free(&member->client_id);
    group_text_free(&member->client_host);
    group_text_free(&member->assignment);
    mem_free(member, sizeof *member);
}

void group_member_set_assignment(struct group_member *member, struct slice assignment)
{
    group_set_text(&member->assignment, slice_is_null(assignment) ? EMPTY_TEXT : assignment);
}

void group_member_set_join_call(struct group_member *member, void *call)
{
    if (member->join_call == NULL && call != NULL) {
        member->group->awaiting_join += 1;
    } else if (member->join_call != NULL && call == NULL) {
        member->group->awaiting_join -= 1;
    }
    member->join_call = call;
}

/* A static member came back under a new id: everything else stays (KIP-345). */
void group_member_rename(struct group_coordinator *coordinator,
                         struct group_member *member,
                         struct slice new_id)
{
    (void)coordinator;
    struct group *group = member->group;
    void *removed = bytes_map_remove(&group->members_by_id, member->id);
    ASSERT(removed == member);
    group_set_text(&member->id, new_id);
    bytes_map_add(&group->members_by_id, member->id, member);
}

void group_set_pending_sync(struct group_member *member, bool pending)
{
    if (member->pending_sync != pending) {
        member->pending_sync = pending;
        member->group->pending_sync += pending ? 1 : (size_t)-1;
    }
}

/* ---- ids that were given out ----------------------------------------------------------------- */

bool group_is_pending(const struct group *group, struct slice id)
{
    return bytes_map_get(&group->pending_members, id) != NULL;
}

void group_pending_add(struct group_coordinator *coordinator,
                       struct group *group,
                       struct slice id,
                       uint64_t expires_ms)
{
    struct group_pending *pending = mem_alloc(sizeof *pending);
    pending->group = group;
    pending->id = group_text_copy(id);
    deadline_init(&pending->expiry, GROUP_TIMER_PENDING);
    bytes_map_add(&group->pending_members, pending->id, pending);
    deadline_set(&coordinator->timers, &pending->expiry, expires_ms);
}

bool group_pending_remove(struct group_coordinator *coordinator,
                          struct group *group,
                          struct slice id)
{
    struct group_pending *pending = bytes_map_remove(&group->pending_members, id);
    if (pending == NULL) {
        return false;
    }
    deadline_clear(&coordinator->timers, &pending->expiry);
    group_text_free(&pending->id);
    mem_free(pending, sizeof *pending);
    return true;
}

/* ---- what all of them do --------------------------------------------------------------------- */

int32_t group_rebalance_timeout_ms(const struct group *group)
{
    int32_t timeout_ms = 0;
    LIST_FOR_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        timeout_ms = MAX(timeout_ms, member->rebalance_timeout_ms);
    }
    return timeout_ms;
}

bool group_is_consumer_group(const struct group *group)
{
    return !slice_is_null(group->protocol_type) &&
           slice_equal(group->protocol_type, GROUP_CONSUMER_PROTOCOL);
}
