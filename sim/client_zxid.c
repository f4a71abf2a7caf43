/* client_zxid.c - what the zxid of a reply must be, whatever was asked. See client.h. */
#include "sim/client.h"
#include "sim/world.h"

/* The beginning of an epoch, which only its leader shows, is no transaction: another server that is
 * not behind may show the one before it. */
void client_note_told(struct world *world, int64_t zxid)
{
    if (!many_are_there(&world->many) || (zxid & INT64_C(0xffffffff)) != 0) {
        world->history.told_zxid = MAX(world->history.told_zxid, zxid);
    }
}

/* What a server answers itself, of the writes of a local session. */
static bool is_own_answer(const struct client *client, const struct request *request)
{
    return client->world->options.config.local_sessions_enabled &&
           (request->operation->type == OP_CLOSE_SESSION ||
            request->error == E_EPHEMERAL_ON_LOCAL_SESSION);
}

/* What a reply's zxid must be, whatever was asked: C1, C4, C5, C6. */
void client_check_zxid(struct client *client, const struct request *request, int64_t zxid)
{
    struct world *world = client->world;
    bool is_write = operation_is_write(request->operation->type);
    bool has_txn = is_write && !request->operation->is_malformed && !is_own_answer(client, request);
    if (request->operation->type == OP_AUTH) {
        if (zxid != 0) {
            world_fail(world, VERDICT_WRONG, "an auth reply with zxid %lld", (long long)zxid);
        }
        return;
    }
    if (zxid == -1 && request->error == E_UNIMPLEMENTED) {
        return;
    }
    if (zxid < client->last_zxid) {
        world_fail(world, VERDICT_WRONG, "C4: client %d went back from zxid %lld to %lld",
                   client->index, (long long)client->last_zxid, (long long)zxid);
    }
    /* One that could not be read is refused where it came in: nobody was asked. */
    bool is_sync = request->operation->type == OP_SYNC && !request->operation->is_malformed;
    bool is_behind = zxid < request->told_before + (has_txn ? 1 : 0);
    if (is_behind && many_are_there(&world->many) && !has_txn) {
        /* Reads of different servers are not ordered, but for what sync does. */
        world->many.weak_syncs += is_sync;
        world->many.reads_behind += !is_sync;
        is_behind = is_sync && world->many.has_strong_sync;
    }
    if (is_behind) {
        world_fail(
            world, VERDICT_WRONG,
            "C1/C6: %s of client %d was answered at zxid %lld; before it was sent, zxid %lld "
            "had been shown to somebody",
            op_text(request->operation->type), client->index, (long long)zxid,
            (long long)request->told_before);
    }
    client->last_zxid = zxid;
    client_note_told(world, zxid);
}
