/* delete_groups.c - empty groups with all that they committed.
 *
 * Each group is its coordinator's affair; the answer leaves when the last one has decided.
 * Source: KafkaApis.handleDeleteGroupsRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

struct deletions {
    struct kafka_delete_groups_response response;
    int32_t open; /* not decided, and one while they are being asked */
};

struct deletion {
    struct deletions *all;
    int32_t index;
};

static void decided(struct request *request, struct deletions *deletions)
{
    deletions->open -= 1;
    if (deletions->open == 0) {
        deletions->response.throttle_time_ms = request->throttle_time_ms;
        request_reply(request, &deletions->response);
    }
}

static void answer(struct group_call *call, struct group_effect *effect)
{
    if (call->request == NULL) {
        return;
    }
    const struct deletion *deletion = call->ctx;
    deletion->all->response.results[deletion->index].error_code =
        effect->of.reply.response.delete_group;
    decided(call->request, deletion->all);
}

/* The first of equal names counts. */
static bool is_repeated(const struct kafka_delete_groups_response *response, struct slice name)
{
    for (int32_t i = 0; i < response->results_count; i++) {
        if (slice_equal(response->results[i].group_id, name)) {
            return true;
        }
    }
    return false;
}

static void ask(struct broker *broker,
                struct request *request,
                struct deletions *deletions,
                int32_t at)
{
    struct kafka_delete_groups_response_result *result = &deletions->response.results[at];
    struct group_shard *shard = group_host_route(broker->groups, result->group_id, true,
                                                 &result->error_code);
    if (shard == NULL) {
        return;
    }
    struct deletion *deletion = ARENA_NEW(&request->arena, struct deletion);
    *deletion = (struct deletion){.all = deletions, .index = at};
    deletions->open += 1;
    struct group_event event = {
        .kind = GROUP_EVENT_DELETE_GROUP,
        .call = group_call_new(broker->groups, request, answer, deletion),
        .name = result->group_id,
    };
    group_shard_step(shard, &event);
}

void handle_delete_groups(struct broker *broker, struct request *request)
{
    const struct kafka_delete_groups_request *body = request->body;
    struct deletions *deletions = ARENA_NEW(&request->arena, struct deletions);
    codec_init(&kafka_delete_groups_response_message, &deletions->response);
    deletions->response.results = ARENA_ARRAY(&request->arena,
                                              struct kafka_delete_groups_response_result,
                                              MAX(body->groups_names_count, 1));
    for (int32_t i = 0; i < body->groups_names_count; i++) {
        if (!is_repeated(&deletions->response, body->groups_names[i])) {
            int32_t at = deletions->response.results_count;
            deletions->response.results[at].group_id = body->groups_names[i];
            deletions->response.results_count += 1;
        }
    }
    deletions->open = 1;
    for (int32_t at = 0; at < deletions->response.results_count; at++) {
        ask(broker, request, deletions, at);
    }
    decided(request, deletions);
}
