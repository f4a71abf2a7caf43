/* handlers.h - the handlers that dispatch.c knows, one a line; each lives in handlers/<api>.c, or
 * several of one family in one file.
 */
#ifndef KAFKA_SERVER_HANDLERS_H
#define KAFKA_SERVER_HANDLERS_H

#include "kafka/server/request.h"

/* records */
request_handler handle_produce;
request_handler handle_fetch;
request_handler handle_list_offsets;
request_handler handle_offset_for_leader_epoch;
request_handler handle_delete_records;
request_handler handle_init_producer_id;
request_handler handle_describe_producers;

/* the connection */
request_handler handle_api_versions;
request_handler handle_sasl_handshake;
request_handler handle_sasl_authenticate;

#endif
