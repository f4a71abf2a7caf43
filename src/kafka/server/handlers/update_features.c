/* update_features.c - feature levels, of which a broker of ZooKeeper mode has none: whatever is
 * named is refused as Apache's refuses it.
 *
 * Source: KafkaController.updateFeatures of 3.9.
 */
#include <stdio.h>

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/handlers.h"

#define TEXT_MAX 512

/* The feature's name between two pieces of text. */
static struct slice say(struct request *request,
                        const char *before,
                        struct slice name,
                        const char *after)
{
    char *text = arena_alloc(&request->arena, TEXT_MAX);
    int len = snprintf(text, TEXT_MAX, "%s'%.*s'%s", before, (int)MIN(name.len, (size_t)128),
                       (const char *)name.ptr, after);
    return slice_of(text, MIN((size_t)MAX(len, 0), (size_t)TEXT_MAX - 1));
}

static void judge(struct request *request,
                  const struct kafka_update_features_request_feature_update *update,
                  struct kafka_update_features_response_result *out)
{
    out->feature = update->feature;
    out->error_code = KAFKA_ERROR_INVALID_REQUEST;
    if (update->feature.len == 0) {
        out->error_message = SLICE_LIT("Feature name can not be empty.");
    } else if (update->max_version_level < 1) {
        out->error_message = say(
            request, "Can not delete non-existing finalized feature: ", update->feature, "");
    } else {
        out->error_message = say(
            request, "Could not apply finalized feature update because the provided feature ",
            update->feature, " is not supported.");
    }
}

void handle_update_features(struct broker *broker, struct request *request)
{
    const struct kafka_update_features_request *body = request->body;
    struct kafka_update_features_response response;
    codec_init(&kafka_update_features_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_NULL;
    if (!cluster_is_controller(broker->cluster)) {
        response.error_code = KAFKA_ERROR_NOT_CONTROLLER;
        request_reply(request, &response);
        return;
    }
    response.results = ARENA_ARRAY(&request->arena, struct kafka_update_features_response_result,
                                   body->feature_updates_count + 1);
    for (int32_t i = 0; i < body->feature_updates_count; i++) {
        struct kafka_update_features_response_result *out =
            &response.results[response.results_count++];
        codec_init(&kafka_update_features_response_result_message, out);
        judge(request, &body->feature_updates[i], out);
    }
    request_reply(request, &response);
}
