/* update_features.c - feature levels, of which a broker of ZooKeeper mode has none: whatever is
 * named is refused as Apache's refuses it.
 *
 * Source: KafkaController.updateFeatures of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/handlers.h"

static void judge(const struct kafka_update_features_request_feature_update *update,
                  struct kafka_update_features_response_result *out)
{
    out->feature = update->feature;
    out->error_code = KAFKA_ERROR_INVALID_REQUEST;
    if (update->feature.len == 0) {
        out->error_message = SLICE_LIT("Feature name can not be empty.");
    } else if (update->max_version_level < 1) {
        out->error_message = SLICE_LIT("Can not delete non-existing finalized feature.");
    } else {
        out->error_message = SLICE_LIT("Could not apply finalized feature update because the "
                                       "provided feature is not supported.");
    }
}

void handle_update_features(struct broker *broker, struct request *request)
{
    const struct kafka_update_features_request *body = request->body;
    struct kafka_update_features_response response;
    codec_init(&kafka_update_features_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_NULL;
    response.error_code = cluster_controller_error(broker->cluster);
    if (response.error_code != 0) {
        request_reply(request, &response);
        return;
    }
    response.results = ARENA_ARRAY(&request->arena, struct kafka_update_features_response_result,
                                   body->feature_updates_count + 1);
    for (int32_t i = 0; i < body->feature_updates_count; i++) {
        struct kafka_update_features_response_result *out =
            &response.results[response.results_count++];
        codec_init(&kafka_update_features_response_result_message, out);
        judge(&body->feature_updates[i], out);
    }
    request_reply(request, &response);
}
