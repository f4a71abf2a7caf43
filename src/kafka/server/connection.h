/* connection.h - the broker's listeners and the connections of clients.
 *
 * Model: `struct sockets` owns every listener (by name: PLAINTEXT, EXTERNAL ...) and every
 * connection. A connection cuts its bytes into frames, turns frames into requests (request.h),
 * gives them to their handlers in order and sends the answers in order. The essay is in
 * connection.c.
 *
 * Lifecycle: sockets_create -> sockets_listen (binds; connections are taken and wait) ->
 * sockets_serve (requests are handled) -> sockets_close (no new ones; what is open is closed) ->
 * sockets_release. sockets_detach, at any time, takes hook and timers off the runtime (before
 * runtime_destroy). One loop's thread calls everything.
 *
 * Transport and authentication: a connection passes through enum connection_stage; PLAINTEXT enters
 * at CONNECTION_READY. TLS will sit between stream and frames (take and give in connection.c), SASL
 * between accept and CONNECTION_READY.
 */
#ifndef KAFKA_SERVER_CONNECTION_H
#define KAFKA_SERVER_CONNECTION_H

#include "kafka/server/request.h"
#include "runtime/runtime.h"

struct sockets;

/* Figures for the metrics, by their owner: read only. */
struct socket_stats {
    uint64_t accepted;
    uint64_t rejected; /* over max.connections, max.connections.per.ip */
    uint64_t closed_idle;
    uint64_t closed_bad; /* what they sent was no request of this protocol */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t requests;
    uint64_t connections;   /* open now */
    uint64_t in_flight;     /* requests that wait for their answer */
    uint64_t partial_bytes; /* memory that holds frames which are not whole yet */
};

struct api_stats {
    uint64_t requests;
    uint64_t bytes_in;
    uint64_t time_ns_total; /* from the frame's arrival to its answer */
    uint64_t time_ns_max;
};

struct sockets *sockets_create(struct broker *broker);

/* Resolves and binds every listener of the configuration, at once where their hosts are numeric or
 * empty. `done` is called exactly once, perhaps before this returns; `text` names the listener that
 * failed and why. Ports that were 0 are chosen then. */
void sockets_listen(struct sockets *sockets,
                    void (*done)(void *ctx, int error, const char *text),
                    void *ctx);

/* The bound address of listener `index` of the configuration. */
struct tcp_address sockets_address(const struct sockets *sockets, int32_t index);

/* From now on requests are handled. */
void sockets_serve(struct sockets *sockets);

/* Stops listening, answers nothing more, closes every connection within linger_ms. `done` (may be
 * NULL) is called when the last one is gone, perhaps at once. */
void sockets_close(struct sockets *sockets, uint32_t linger_ms, void (*done)(void *ctx), void *ctx);

void sockets_detach(struct sockets *sockets);
void sockets_release(struct sockets *sockets); /* frees everything, without a word */

const struct socket_stats *sockets_stats(const struct sockets *sockets);
const struct api_stats *sockets_api_stats(const struct sockets *sockets,
                                          size_t index); /* as apis[] */

/* Before the output of this turn leaves: waiters are woken, connections go on. Called by the hook.
 */
void sockets_turn_end(struct sockets *sockets);

/* Asks for a turn's end soon although nothing else may happen. */
void sockets_nudge(struct sockets *sockets);

#endif
