/* leader_hints.c - see leader_hints.h. */
#include "kafka/server/leader_hints.h"

#include "kafka/server/broker.h"

static bool has_endpoint(const struct leader_hints *hints, int32_t node_id)
{
    for (int32_t i = 0; i < hints->count; i++) {
        if (hints->endpoints[i].node_id == node_id) {
            return true;
        }
    }
    return false;
}

void leader_hints_add(struct leader_hints *hints,
                      struct request *request,
                      struct slice topic,
                      int32_t partition,
                      struct kafka_leader_id_and_epoch *current)
{
    const struct topics *topics = &request->broker->topics;
    const struct topic *found = topics_find(topics, topic);
    if (found == NULL || partition < 0 || partition >= found->partition_count ||
        found->partitions[partition].leader < 0) {
        return;
    }
    current->leader_id = found->partitions[partition].leader;
    current->leader_epoch = found->partitions[partition].leader_epoch;
    const struct broker_info *info = topics_broker(topics, current->leader_id);
    const struct broker_endpoint *endpoint =
        info == NULL ? NULL : broker_info_endpoint(info, request_listener(request));
    if (endpoint == NULL || hints->count >= LEADER_HINTS_MAX ||
        has_endpoint(hints, current->leader_id)) {
        return;
    }
    if (hints->endpoints == NULL) {
        hints->endpoints = ARENA_ARRAY(&request->arena, struct kafka_node_endpoint,
                                       LEADER_HINTS_MAX);
    }
    struct kafka_node_endpoint *hint = &hints->endpoints[hints->count++];
    hint->node_id = current->leader_id;
    hint->host = arena_copy(&request->arena, slice_of_cstr(endpoint->host));
    hint->port = endpoint->port;
    hint->rack = info->rack[0] == '\0' ? SLICE_NULL
                                       : arena_copy(&request->arena, slice_of_cstr(info->rack));
}
