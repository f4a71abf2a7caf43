/* delete_topics.c - topics by name, since version 6 by id, too.
 *
 * Source: KafkaApis.handleDeleteTopicsRequest of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"

#define VERSION_DISABLED 3
#define VERSION_IDS 6

struct doomed {
    struct slice name; /* null: an id that nobody has */
    struct codec_uuid id;
};

static void answer(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct doomed *doomed = wait->ctx;
    struct kafka_delete_topics_response response;
    codec_init(&kafka_delete_topics_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.responses = ARENA_ARRAY(&request->arena, struct kafka_delete_topics_response_topic,
                                     wait->count + 1);
    for (int32_t i = 0; i < wait->count; i++) {
        struct kafka_delete_topics_response_topic *out =
            &response.responses[response.responses_count++];
        codec_init(&kafka_delete_topics_response_topic_message, out);
        out->name = doomed[i].name;
        out->topic_id = doomed[i].id;
        out->error_code = wait->items[i].error;
        out->error_message = wait->items[i].message;
    }
    request_reply(request, &response);
}

static void resolve(struct admin_wait *wait, int32_t index, struct doomed *doomed)
{
    const struct kafka_delete_topics_request *body = wait->request->body;
    const struct topics *topics = &wait->broker->topics;
    const struct topic *topic;
    if (wait->request->api_version < VERSION_IDS) {
        doomed->name = body->topic_names[index];
        topic = topics_find(topics, doomed->name);
    } else if (uuid_is_zero(&body->topics[index].topic_id)) {
        doomed->name = body->topics[index].name;
        topic = topics_find(topics, doomed->name);
        if (slice_is_null(doomed->name)) {
            /* Neither: Apache asks the authorizer about no name. */
            admin_wait_set(wait, index, KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED, NULL);
            return;
        }
    } else {
        doomed->id = body->topics[index].topic_id;
        topic = topics_find_id(topics, &doomed->id);
        if (topic == NULL) {
            admin_wait_set(wait, index, KAFKA_ERROR_UNKNOWN_TOPIC_ID, NULL);
            return;
        }
        doomed->name = arena_copy(&wait->arena, topic->name_slice);
    }
    if (topic == NULL || topic->is_deleting) {
        admin_wait_set(wait, index, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    }
}

static int16_t refusal(const struct broker *broker, const struct request *request)
{
    int16_t error = cluster_controller_error(broker->cluster);
    if (error == 0 && !broker->config.delete_topic_enable) {
        error = request->api_version < VERSION_DISABLED ? KAFKA_ERROR_INVALID_REQUEST
                                                        : KAFKA_ERROR_TOPIC_DELETION_DISABLED;
    }
    return error;
}

/* As they were named: nobody looks for them. */
static void refuse_all(struct admin_wait *wait, struct doomed *doomed, int16_t error)
{
    const struct kafka_delete_topics_request *body = wait->request->body;
    for (int32_t i = 0; i < wait->count; i++) {
        doomed[i] = wait->request->api_version < VERSION_IDS
                        ? (struct doomed){.name = body->topic_names[i]}
                        : (struct doomed){body->topics[i].name, body->topics[i].topic_id};
        admin_wait_set(wait, i, error, NULL);
    }
}

/* A topic by name and id: the whole request is refused. */
static bool names_both(const struct request *request)
{
    const struct kafka_delete_topics_request *body = request->body;
    for (int32_t i = 0; request->api_version >= VERSION_IDS && i < body->topics_count; i++) {
        if (!slice_is_null(body->topics[i].name) && !uuid_is_zero(&body->topics[i].topic_id)) {
            return true;
        }
    }
    return false;
}

void handle_delete_topics(struct broker *broker, struct request *request)
{
    const struct kafka_delete_topics_request *body = request->body;
    int32_t count = request->api_version < VERSION_IDS ? body->topic_names_count
                                                       : body->topics_count;
    struct admin_wait *wait = admin_wait_create(request, count, answer);
    struct doomed *doomed = ARENA_ARRAY(&wait->arena, struct doomed, count + 1);
    int16_t refused = refusal(broker, request);
    if (refused == 0 && names_both(request)) {
        refused = KAFKA_ERROR_INVALID_REQUEST;
    }
    wait->ctx = doomed;
    if (refused != 0) {
        refuse_all(wait, doomed, refused);
        admin_wait_go(wait, body->timeout_ms);
        return;
    }
    /* All names first: one of them may stand twice. */
    for (int32_t i = 0; i < count; i++) {
        resolve(wait, i, &doomed[i]);
    }
    for (int32_t i = 0; i < count; i++) {
        if (!wait->items[i].is_decided) {
            cluster_delete_topic(broker->cluster, doomed[i].name, admin_wait_item(wait, i));
        }
    }
    admin_wait_go(wait, body->timeout_ms);
}
