/* group_subscription.c - the topics that a consumer group's members subscribe to.
 *
 * Known when the protocol type is "consumer" and every member's metadata can be read as version 0
 * of the consumer protocol, which begins every later version. Not known, a group counts as
 * subscribed to everything: no offset is deleted or expired under it by mistake. Sources:
 * GroupMetadata.computeSubscribedTopics; ConsumerProtocol; KIP-211, KIP-496.
 */
#include "kafka/core/group_private.h"

#define VERSION_BYTES 2

struct subscribed_topic {
    struct slice name; /* behind the struct */
};

static void forget_all(struct group *group)
{
    size_t position = 0;
    struct slice name;
    void *value = NULL;
    while (bytes_map_next(&group->subscribed, &position, &name, &value)) {
        mem_free(value, sizeof(struct subscribed_topic) + name.len);
    }
    bytes_map_release(&group->subscribed);
    group->knows_subscribed = false;
}

static void add_topic(struct group *group, struct slice name)
{
    if (bytes_map_get(&group->subscribed, name) != NULL) {
        return;
    }
    struct subscribed_topic *topic = mem_alloc(sizeof *topic + name.len);
    if (name.len > 0) {
        memcpy(topic + 1, name.ptr, name.len);
    }
    topic->name = slice_of(topic + 1, name.len);
    bytes_map_add(&group->subscribed, topic->name, topic);
}

static bool add_member(struct group_coordinator *coordinator,
                       struct group *group,
                       const struct group_member *member)
{
    struct slice metadata = group_member_metadata(member, group->protocol_name);
    if (metadata.len < VERSION_BYTES || (int16_t)load_be16(metadata.ptr) < 0) {
        return false;
    }
    metadata = slice_part(metadata, VERSION_BYTES, metadata.len);
    arena_clear(&coordinator->scratch);
    struct codec_limits limits = {
        .max_string_bytes = metadata.len,
        .max_decoded_bytes = arena_room(&coordinator->scratch),
    };
    struct kafka_consumer_subscription subscription;
    if (codec_decode(&kafka_consumer_subscription_message, 0, &metadata, &limits,
                     &coordinator->scratch, &subscription) != ERR_OK) {
        return false;
    }
    for (int32_t i = 0; i < subscription.topics_count; i++) {
        add_topic(group, subscription.topics[i]);
    }
    return true;
}

void group_compute_subscribed(struct group_coordinator *coordinator, struct group *group)
{
    forget_all(group);
    if (!group_is_consumer_group(group)) {
        return;
    }
    if (group->member_count > 0 && slice_is_null(group->protocol_name)) {
        return;
    }
    LIST_FOR_EACH(link, &group->members)
    {
        if (!add_member(coordinator, group, CONTAINER_OF(link, struct group_member, link))) {
            forget_all(group);
            return;
        }
    }
    group->knows_subscribed = true;
}

bool group_is_subscribed(const struct group *group, struct slice topic)
{
    return !group->knows_subscribed || bytes_map_get(&group->subscribed, topic) != NULL;
}
