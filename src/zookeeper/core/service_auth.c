/* service_auth.c - who a connection is: the auth operation, SASL's refusal, enforced schemes,
 * whoAmI.
 *
 * Identities add up: each successful auth adds one, none is ever taken away. A failed one ends the
 * connection. Sources: ZooKeeperServer.processPacket, processSasl; AuthenticationHelper; AuthUtil.
 */
#include "base/text.h"
#include "zookeeper/core/java_text.h"
#include "zookeeper/core/service_private.h"

#define JAVA_SET_BINS 16u /* of a ConcurrentHashMap with at most twelve entries */

static void fail_auth(struct turn *turn,
                      struct service_conn *conn,
                      int32_t xid,
                      int32_t error,
                      enum close_reason reason)
{
    turn->service->stats.auth_failed += reason == CLOSE_AUTH_FAILED ? 1 : 0;
    reply_empty(turn, conn, xid, 0, error);
    service_conn_close(turn->service, conn, reason, turn->outbox);
}

static size_t identities_bytes(const struct identities *identities)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < identities->count; i++) {
        bytes += identities->ids[i].scheme.len + identities->ids[i].id.len;
    }
    return bytes;
}

void handle_auth(struct turn *turn, struct service_conn *conn, int32_t xid, struct slice body)
{
    const struct service_config *config = turn->service->config;
    struct jute_reader reader = jute_reader_of(body, config->prep.max_string_bytes);
    (void)jute_read_i32(&reader); /* type: always 0 */
    struct slice scheme = jute_read_bytes(&reader);
    struct slice auth = jute_read_bytes(&reader);
    if (reader.error != 0) {
        service_conn_close(turn->service, conn, CLOSE_BAD_REQUEST, turn->outbox);
        return;
    }
    if (!text_is_utf8(auth)) {
        auth = java_text(&turn->service->private->arena,
                         auth); /* whose password digest is then taken, as upstream does */
    }
    bool is_full = conn->identities.count >= CONN_IDENTITIES_MAX ||
                   identities_bytes(&conn->identities) + auth.len > CONN_IDENTITIES_BYTES_MAX;
    if (is_full || slice_is_null(scheme) ||
        auth_authenticate(&config->prep.auth, scheme, auth, &conn->identities) != ZK_ERR_OK) {
        fail_auth(turn, conn, xid, ZK_ERR_AUTHFAILED, CLOSE_AUTH_FAILED);
        return;
    }
    reply_empty(turn, conn, xid, 0, ZK_ERR_OK);
}

void handle_sasl(struct turn *turn, struct service_conn *conn, int32_t xid, struct slice body)
{
    struct jute_reader reader = jute_reader_of(body, turn->service->config->prep.max_string_bytes);
    struct slice token = jute_read_bytes(&reader);
    if (reader.error != 0 || slice_is_null(token)) {
        service_conn_close(turn->service, conn, CLOSE_BAD_REQUEST, turn->outbox);
        return;
    }
    /* What upstream says when no login is configured: no error, and no token either. */
    size_t start = reply_begin(turn);
    jute_write_bytes(&turn->outbox->bytes, SLICE_NULL);
    reply_end(turn, conn, start, xid, 0, ZK_ERR_OK);
}

bool auth_is_enough(struct turn *turn, struct service_conn *conn, int32_t xid)
{
    const struct service_config *config = turn->service->config;
    /* sessionRequireClientSASLAuth goes before enforce.auth.schemes. */
    int32_t count = config->session_require_client_sasl_auth ? 0
                                                             : config->enforce_auth_scheme_count;
    if (config->session_require_client_sasl_auth &&
        identities_has_scheme(&conn->identities, SLICE_LIT("sasl"))) {
        return true;
    }
    for (int32_t i = 0; i < count; i++) {
        if (identities_has_scheme(&conn->identities, config->enforce_auth_schemes[i])) {
            return true;
        }
    }
    fail_auth(turn, conn, xid, ZK_ERR_SESSIONCLOSEDREQUIRESASLAUTH, CLOSE_AUTH_FAILED);
    return false;
}

/* ---- showing identities
 * ---------------------------------------------------------------------------------------- */

static uint32_t java_string_hash(struct slice text)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        hash = hash * 31 + text.ptr[i];
    }
    return hash;
}

/* In which bin of its set upstream keeps an identity: what its answers are ordered by. */
static uint32_t java_bin(const struct zk_id *id)
{
    uint32_t hash = (17 * 37 + java_string_hash(id->scheme)) * 37 + java_string_hash(id->id);
    return (hash ^ (hash >> 16)) & (JAVA_SET_BINS - 1);
}

int32_t identities_in_order(const struct identities *identities, int32_t order[CONN_IDENTITIES_MAX])
{
    ASSERT(identities->count <= CONN_IDENTITIES_MAX);
    int32_t count = 0;
    for (uint32_t bin = 0; bin < JAVA_SET_BINS; bin++) {
        for (int32_t i = 0; i < identities->count; i++) {
            if (java_bin(&identities->ids[i]) == bin) {
                order[count++] = i;
            }
        }
    }
    return count;
}

struct slice identity_user(const struct zk_id *id)
{
    if (slice_equal_cstr(id->scheme, "digest")) {
        const uint8_t *colon = id->id.len > 0 ? memchr(id->id.ptr, ':', id->id.len) : NULL;
        return colon != NULL ? slice_of(id->id.ptr, (size_t)(colon - id->id.ptr)) : id->id;
    }
    if (slice_equal_cstr(id->scheme, "ip") || slice_equal_cstr(id->scheme, "x509") ||
        slice_equal_cstr(id->scheme, "sasl")) {
        return id->id;
    }
    return SLICE_LIT(""); /* "super" has no provider that could name it */
}

void append_who_am_i(struct turn *turn, const struct identities *identities)
{
    struct buffer *out = &turn->outbox->bytes;
    int32_t order[CONN_IDENTITIES_MAX];
    int32_t count = identities_in_order(identities, order);
    jute_write_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        const struct zk_id *id = &identities->ids[order[i]];
        jute_write_bytes(out, id->scheme);
        jute_write_bytes(out, java_text(&turn->service->private->arena, identity_user(id)));
    }
}
