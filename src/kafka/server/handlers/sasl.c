/* sasl.c - SaslHandshake and SaslAuthenticate on listeners without SASL: there is nothing to
 * authenticate with, and the connection ends, as Apache's does ("ILLEGAL_SASL_STATE").
 *
 * The stage where SASL will stand is connection_private.h's enum connection_stage.
 * Source: KafkaApis.handleSaslHandshakeRequest, handleSaslAuthenticateRequest of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"

void handle_sasl_handshake(struct broker *broker, struct request *request)
{
    struct kafka_sasl_handshake_response response;
    (void)broker;
    codec_init(&kafka_sasl_handshake_response_message, &response);
    response.error_code = KAFKA_ERROR_ILLEGAL_SASL_STATE;
    request_reply(request, &response);
}

void handle_sasl_authenticate(struct broker *broker, struct request *request)
{
    struct kafka_sasl_authenticate_response response;
    (void)broker;
    codec_init(&kafka_sasl_authenticate_response_message, &response);
    response.error_code = KAFKA_ERROR_ILLEGAL_SASL_STATE;
    response.error_message = SLICE_LIT(
        "SaslAuthenticate request received after successful authentication");
    request_reply(request, &response);
}
