/* broker_config_listeners.c - see broker_config_listeners.h.
 *
 * listeners says where to bind, advertised.listeners what clients are told; both are lists of
 * NAME://host:port. A name stands for a security protocol: its own when it is called like one, else
 * that of listener.security.protocol.map. Kafka 2.7's host.name, port, advertised.host.name and
 * advertised.port make one PLAINTEXT listener where the lists are not given.
 * Source: KafkaConfig, SocketServerConfigs, EndPoint of 2.7 and 3.9; their sentences are kept,
 * since people search for them.
 */
#include "kafka/server/broker_config_listeners.h"

#include <stdio.h>

#include "base/text.h"

#define LISTENERS_TEXT_MAX 8192
#define PORT_MAX 65535

bool endpoint_parse(struct slice text, struct endpoint_text *endpoint)
{
    size_t scheme = 0;
    size_t colon = text.len;
    while (scheme + 3 <= text.len && memcmp(text.ptr + scheme, "://", 3) != 0) {
        scheme++;
    }
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    if (scheme + 3 > text.len || scheme == 0 || scheme >= sizeof endpoint->name ||
        colon < scheme + 4) {
        return false;
    }
    struct slice host = slice_part(text, scheme + 3, colon - 1);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = slice_part(host, 1, host.len - 1);
    }
    if (host.len >= sizeof endpoint->host ||
        text_parse_i32(slice_part(text, colon, text.len), &endpoint->port) != 0) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        bool is_fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == ':' || c == '%';
        if (!is_fine) {
            return false;
        }
    }
    for (size_t i = 0; i < scheme; i++) {
        uint8_t c = text.ptr[i];
        endpoint->name[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    endpoint->name[scheme] = '\0';
    memcpy(endpoint->host, host.ptr, host.len);
    endpoint->host[host.len] = '\0';
    return true;
}

static bool is_protocol(struct slice name)
{
    return slice_equal_cstr(name, "PLAINTEXT") || slice_equal_cstr(name, "SSL") ||
           slice_equal_cstr(name, "SASL_PLAINTEXT") || slice_equal_cstr(name, "SASL_SSL");
}

/* The protocol of a listener; false when the map does not have it. */
static bool find_protocol(const struct broker_config *config,
                          const char *name,
                          struct slice *protocol)
{
    struct slice rest = broker_config_given(config, "listener.security.protocol.map");
    while (rest.len > 0) {
        struct slice entry;
        struct slice key;
        text_cut(rest, ',', &entry, &rest);
        if (text_cut(text_trim(entry), ':', &key, protocol) &&
            text_equal_ignoring_case(text_trim(key), slice_of_cstr(name))) {
            *protocol = text_trim(*protocol);
            return true;
        }
    }
    return false;
}

static int check_map(const struct broker_config *config, struct errmsg *message)
{
    struct slice rest = broker_config_given(config, "listener.security.protocol.map");
    while (rest.len > 0) {
        struct slice entry;
        struct slice name;
        struct slice protocol;
        text_cut(rest, ',', &entry, &rest);
        bool has_both = text_cut(text_trim(entry), ':', &name, &protocol);
        if (!has_both || !is_protocol(text_trim(protocol))) {
            return errmsg_set(message, ERR_CONFIG,
                              "Invalid value for listener.security.protocol.map: %.*s is not "
                              "NAME:PROTOCOL with a protocol of PLAINTEXT, SSL, SASL_PLAINTEXT, "
                              "SASL_SSL",
                              (int)MIN(entry.len, (size_t)128), (const char *)entry.ptr);
        }
    }
    return 0;
}

static struct broker_listener *find_listener(struct broker_config *config, const char *name)
{
    for (int32_t i = 0; i < config->listener_count; i++) {
        if (strcmp(config->listeners[i].name, name) == 0) {
            return &config->listeners[i];
        }
    }
    return NULL;
}

static int bad_list(struct errmsg *message, const char *key, struct slice text, const char *why)
{
    return errmsg_set(message, ERR_CONFIG, "Invalid value for %s: %.*s: %s", key,
                      (int)MIN(text.len, (size_t)512), (const char *)text.ptr, why);
}

static int add_listener(struct broker_config *config,
                        const struct endpoint_text *endpoint,
                        struct slice all,
                        struct errmsg *message)
{
    struct slice protocol;
    if (config->listener_count == BROKER_LISTENERS_MAX) {
        return bad_list(message, "listeners", all, "there are too many");
    }
    if (find_listener(config, endpoint->name) != NULL) {
        return errmsg_set(message, ERR_CONFIG,
                          "Each listener must have a different name, listeners: %.*s",
                          (int)MIN(all.len, (size_t)512), (const char *)all.ptr);
    }
    for (int32_t i = 0; i < config->listener_count; i++) {
        const struct broker_listener *other = &config->listeners[i];
        if (endpoint->port != 0 && other->port == endpoint->port &&
            strcmp(other->host, endpoint->host) == 0) {
            return errmsg_set(message, ERR_CONFIG,
                              "Each listener must have a different port, listeners: %.*s",
                              (int)MIN(all.len, (size_t)512), (const char *)all.ptr);
        }
    }
    if (!find_protocol(config, endpoint->name, &protocol)) {
        return errmsg_set(message, ERR_CONFIG,
                          "No security protocol defined for listener %s; name it in "
                          "listener.security.protocol.map",
                          endpoint->name);
    }
    if (!slice_equal_cstr(protocol, "PLAINTEXT")) {
        return errmsg_set(message, ERR_CONFIG,
                          "listener %s wants %.*s, and TLS and SASL are not in this version yet: "
                          "use PLAINTEXT",
                          endpoint->name, (int)protocol.len, (const char *)protocol.ptr);
    }
    struct broker_listener *listener = &config->listeners[config->listener_count++];
    *listener = (struct broker_listener){.port = endpoint->port, .advertised_port = -1};
    snprintf(listener->name, sizeof listener->name, "%s", endpoint->name);
    snprintf(listener->host, sizeof listener->host, "%s", endpoint->host);
    snprintf(listener->security_protocol, sizeof listener->security_protocol, "PLAINTEXT");
    return 0;
}

static int advertise(struct broker_config *config,
                     const struct endpoint_text *endpoint,
                     struct slice all,
                     struct errmsg *message)
{
    struct broker_listener *listener = find_listener(config, endpoint->name);
    if (listener == NULL) {
        return errmsg_set(message, ERR_CONFIG,
                          "advertised.listeners listener names must be equal to or a subset of the "
                          "ones defined in listeners. Found %s, which listeners does not have",
                          endpoint->name);
    }
    if (listener->advertised_port >= 0) {
        return bad_list(message, "advertised.listeners", all,
                        "Each listener must have a different name");
    }
    if (strcmp(endpoint->host, "0.0.0.0") == 0) {
        return errmsg_set(message, ERR_CONFIG,
                          "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. "
                          "Use a routable IP address: set advertised.listeners=%s://HOST:%d",
                          endpoint->name, endpoint->port);
    }
    snprintf(listener->advertised_host, sizeof listener->advertised_host, "%s", endpoint->host);
    listener->advertised_port = endpoint->port;
    return 0;
}

typedef int take_endpoint(struct broker_config *config,
                          const struct endpoint_text *endpoint,
                          struct slice all,
                          struct errmsg *message);

static int each_endpoint(struct broker_config *config,
                         const char *key,
                         struct slice all,
                         take_endpoint *take,
                         struct errmsg *message)
{
    struct slice rest = all;
    while (rest.len > 0) {
        struct endpoint_text endpoint;
        struct slice entry;
        text_cut(rest, ',', &entry, &rest);
        entry = text_trim(entry);
        if (entry.len == 0) {
            continue;
        }
        if (!endpoint_parse(entry, &endpoint) || endpoint.port < 0 || endpoint.port > PORT_MAX) {
            return errmsg_set(message, ERR_CONFIG,
                              "Unable to parse %.*s to a broker endpoint (%s); write "
                              "NAME://host:port",
                              (int)MIN(entry.len, (size_t)256), (const char *)entry.ptr, key);
        }
        int error = take(config, &endpoint, all, message);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* The list, or the one PLAINTEXT listener of 2.7's keys. */
static struct slice list_text(const struct broker_config *config,
                              const char *key,
                              const char *host_key,
                              const char *port_key,
                              char *text)
{
    bool has_parts = broker_config_is_given(config, host_key) ||
                     broker_config_is_given(config, port_key);
    if (broker_config_is_given(config, key) || !has_parts) {
        return broker_config_given(config, key);
    }
    struct slice host = broker_config_given(config, host_key);
    struct slice port = broker_config_given(config, port_key);
    if (slice_is_null(host)) {
        host = broker_config_given(config, "host.name");
    }
    if (slice_is_null(port)) {
        port = broker_config_given(config, "port");
    }
    int len = snprintf(text, LISTENERS_TEXT_MAX, "PLAINTEXT://%.*s:%.*s", (int)MIN(host.len, 255u),
                       (const char *)host.ptr, (int)MIN(port.len, 16u), (const char *)port.ptr);
    return slice_of(text, (size_t)len);
}

static int find_inter_broker(struct broker_config *config, struct errmsg *message)
{
    struct slice name = broker_config_given(config, "inter.broker.listener.name");
    struct slice protocol = broker_config_given(config, "security.inter.broker.protocol");
    bool is_named = name.len > 0;
    if (is_named && broker_config_is_given(config, "security.inter.broker.protocol")) {
        return errmsg_set(message, ERR_CONFIG,
                          "Only one of inter.broker.listener.name and "
                          "security.inter.broker.protocol should be set.");
    }
    for (int32_t i = 0; i < config->listener_count; i++) {
        const struct broker_listener *listener = &config->listeners[i];
        struct slice own = slice_of_cstr(listener->name);
        bool is_it = is_named ? text_equal_ignoring_case(name, own) : slice_equal(protocol, own);
        if (is_it && listener->advertised_port >= 0) {
            snprintf(config->inter_broker_listener, sizeof config->inter_broker_listener, "%s",
                     listener->name);
            return 0;
        }
    }
    return errmsg_set(message, ERR_CONFIG,
                      "%s must be a listener name defined in advertised.listeners; it is %.*s",
                      is_named ? "inter.broker.listener.name" : "security.inter.broker.protocol",
                      (int)MIN(is_named ? name.len : protocol.len, (size_t)128),
                      (const char *)(is_named ? name.ptr : protocol.ptr));
}

int broker_config_derive_listeners(struct broker_config *config, struct errmsg *message)
{
    char text[LISTENERS_TEXT_MAX];
    config->listener_count = 0;
    struct slice bind = list_text(config, "listeners", "host.name", "port", text);
    int error = check_map(config, message);
    if (error == 0) {
        error = each_endpoint(config, "listeners", bind, add_listener, message);
    }
    if (error == 0 && config->listener_count == 0) {
        error = errmsg_set(message, ERR_CONFIG,
                           "listeners is empty: name one, for instance "
                           "listeners=PLAINTEXT://:9092");
    }
    if (error != 0) {
        return error;
    }
    char advertised_text[LISTENERS_TEXT_MAX];
    struct slice advertised = list_text(config, "advertised.listeners", "advertised.host.name",
                                        "advertised.port", advertised_text);
    error = each_endpoint(config, "advertised.listeners", advertised.len > 0 ? advertised : bind,
                          advertise, message);
    return error != 0 ? error : find_inter_broker(config, message);
}
