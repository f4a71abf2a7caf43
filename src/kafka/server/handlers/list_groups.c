/* list_groups.c - the groups that this broker coordinates, by state (KIP-518) and type (KIP-848).
 *
 * States are compared without regard to case; every group here is of type "classic".
 * Source: GroupCoordinator.handleListGroups of Apache Kafka 3.9.
 */
#include "base/text.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

#define GROUP_TYPE SLICE_LIT("classic")

struct listing {
    struct request *request;
    struct kafka_list_groups_response response;
    int32_t cap;
    bool wants_classic;
};

static bool is_in(struct slice word, const struct slice *words, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (text_equal_ignoring_case(word, words[i])) {
            return true;
        }
    }
    return count <= 0; /* no filter */
}

static void add(void *ctx, const struct group_overview *overview)
{
    struct listing *listing = ctx;
    const struct kafka_list_groups_request *body = listing->request->body;
    struct slice state = slice_of_cstr(group_state_name(overview->state));
    if (!listing->wants_classic || !is_in(state, body->states_filter, body->states_filter_count)) {
        return;
    }
    struct kafka_list_groups_response *response = &listing->response;
    if (response->groups_count == listing->cap) {
        int32_t cap = MAX(16, listing->cap * 2);
        struct kafka_list_groups_response_group *groups = ARENA_ARRAY(
            &listing->request->arena, struct kafka_list_groups_response_group, cap);
        for (int32_t i = 0; i < response->groups_count; i++) {
            groups[i] = response->groups[i];
        }
        response->groups = groups;
        listing->cap = cap;
    }
    response->groups[response->groups_count] = (struct kafka_list_groups_response_group){
        .group_id = overview->group_id,
        .protocol_type = overview->protocol_type,
        .group_state = state,
        .group_type = GROUP_TYPE,
    };
    response->groups_count += 1;
}

static void add_shard(void *ctx, const struct group_coordinator *coordinator)
{
    group_coordinator_each(coordinator, add, ctx);
}

void handle_list_groups(struct broker *broker, struct request *request)
{
    const struct kafka_list_groups_request *body = request->body;
    struct listing listing = {.request = request};
    bool is_loading = false;
    codec_init(&kafka_list_groups_response_message, &listing.response);
    listing.response.throttle_time_ms = request->throttle_time_ms;
    listing.wants_classic = is_in(GROUP_TYPE, body->types_filter, body->types_filter_count);
    listing.response.error_code = group_host_each(broker->groups, add_shard, &listing, &is_loading);
    /* What is there is listed all the same. */
    if (is_loading && listing.response.error_code == KAFKA_ERROR_NONE) {
        listing.response.error_code = KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    }
    request_reply(request, &listing.response);
}
