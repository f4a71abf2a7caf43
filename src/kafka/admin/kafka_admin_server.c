/* kafka_admin_server.c - see kafka_admin_server.h. */
#include "kafka/admin/kafka_admin_server.h"

#include "base/memory.h"
#include "http/http_server.h"
#include "kafka/server/broker_metrics.h"
#include "runtime/log.h"

#define IDLE_TIMEOUT_MS 30000

enum {
    HTTP_OK = 200,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_UNAVAILABLE = 503,
};

struct kafka_admin {
    struct broker *broker;
    struct http_server *http;
};

static void on_request(void *ctx, struct http_request *request)
{
    struct kafka_admin *admin = ctx;
    if (request->is_post) {
        request->status = HTTP_METHOD_NOT_ALLOWED;
    } else if (slice_equal_cstr(request->path, "/metrics")) {
        request->content_type = "text/plain; version=0.0.4; charset=utf-8";
        broker_metrics_print(admin->broker, &request->content);
        request->status = HTTP_OK;
    } else if (slice_equal_cstr(request->path, "/health")) {
        request->content_type = "application/json";
        bool serves = broker_health_print(admin->broker, &request->content);
        request->status = serves ? HTTP_OK : HTTP_UNAVAILABLE;
    } else {
        request->content_type = "text/plain; charset=utf-8";
        buffer_append_cstr(&request->content, "/metrics\n/health\n");
        request->status = slice_equal_cstr(request->path, "/") ? HTTP_OK : HTTP_NOT_FOUND;
    }
}

int kafka_admin_start(struct broker *broker, struct kafka_admin **admin, struct errmsg *message)
{
    const struct broker_config *config = &broker->config;
    *admin = NULL;
    if (config->metrics_port <= 0) {
        return 0;
    }
    struct http_server_options options = {
        .address = config->metrics_address[0] == '\0' ? "0.0.0.0" : config->metrics_address,
        .port = (uint16_t)config->metrics_port,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
    };
    struct kafka_admin *made = mem_alloc_zeroed(sizeof *made);
    made->broker = broker;
    int error = http_server_start(broker->runtime, &options, on_request, made, &made->http,
                                  message);
    if (error != 0) {
        mem_free(made, sizeof *made);
        return error;
    }
    LOG("admin", LOG_INFO, "metrics and health on http://%s:%d/metrics and /health",
        options.address, config->metrics_port);
    *admin = made;
    return 0;
}

void kafka_admin_stop(struct kafka_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    (void)http_server_stop(admin->http); /* nobody waits: every request is answered at once */
    mem_free(admin, sizeof *admin);
}
