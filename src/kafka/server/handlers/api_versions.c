/* api_versions.c - what this broker can do.
 *
 * A client sends it first and in its newest version; a broker that does not know the version
 * answers in version 0 with UNSUPPORTED_VERSION and the range that it knows (connection.c decodes
 * such a request as nothing and sends it here). The response header is always version 0. Source:
 * ApiVersionsRequest, ApiVersionsResponse of 3.9; KIP-511; reference 1.1.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "[a-zA-Z0-9](?:[a-zA-Z0-9\\-.]*[a-zA-Z0-9])?" */
static bool is_software_word(struct slice word)
{
    if (word.len == 0 || !is_letter_or_digit(word.ptr[0]) ||
        !is_letter_or_digit(word.ptr[word.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (!is_letter_or_digit(word.ptr[i]) && word.ptr[i] != '-' && word.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

static void list_apis(struct request *request, struct kafka_api_versions_response *response)
{
    struct kafka_api_versions_response_api_version *keys = ARENA_ARRAY(
        &request->arena, struct kafka_api_versions_response_api_version, api_count);
    for (size_t i = 0; i < api_count; i++) {
        keys[i].api_key = apis[i].key;
        keys[i].min_version = apis[i].min_version;
        keys[i].max_version = apis[i].max_version;
    }
    response->api_keys = keys;
    response->api_keys_count = (int32_t)api_count;
}

void handle_api_versions(struct broker *broker, struct request *request)
{
    const struct kafka_api_versions_request *body = request->body;
    struct kafka_api_versions_response response;
    (void)broker;
    codec_init(&kafka_api_versions_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    if (body == NULL) {
        /* Only the entry of ApiVersions itself, so that the client can choose again. */
        struct kafka_api_versions_response_api_version own = {
            .api_key = KAFKA_API_API_VERSIONS,
            .min_version = request->api->min_version,
            .max_version = request->api->max_version,
        };
        response.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
        response.api_keys = &own;
        response.api_keys_count = 1;
        request_reply(request, &response);
        return;
    }
    if (request->api_version >= 3 && (!is_software_word(body->client_software_name) ||
                                      !is_software_word(body->client_software_version))) {
        response.error_code = KAFKA_ERROR_INVALID_REQUEST;
    } else {
        list_apis(request, &response);
        response.finalized_features_epoch = 0; /* version of the /feature znode */
    }
    request_reply(request, &response);
}
