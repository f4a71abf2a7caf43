/* replica_assignment.c - see replica_assignment.h.
 *
 * Without racks: first replicas go round the brokers from the start index; the followers of a
 * partition stand `shift` and more places behind its first, and the shift grows by one with each
 * round. With racks the brokers are dealt in turn from one rack after another, and a follower is
 * passed over while its rack has a replica and another rack has none.
 */
#include "kafka/core/replica_assignment.h"

struct alternated {
    int32_t ids[REPLICA_BROKERS_MAX];
    int32_t racks[REPLICA_BROKERS_MAX]; /* number of the broker's rack */
    int32_t count;
    int32_t rack_count;
};

static int32_t replica_index(int32_t first, int64_t shift, int32_t replica, int32_t broker_count)
{
    int64_t distance = 1 + (shift + replica) % (broker_count - 1);
    return (int32_t)((first + distance) % broker_count);
}

/* Racks in byte order, each broker's number of it; then one broker of each rack in turn. */
static void alternate(const struct replica_request *request, struct alternated *out)
{
    int32_t rack_of[REPLICA_BROKERS_MAX];
    bool is_taken[REPLICA_BROKERS_MAX] = {false};
    for (int32_t i = 0; i < request->broker_count; i++) {
        rack_of[i] = 0;
        for (int32_t j = 0; j < request->broker_count; j++) {
            bool is_first = true; /* of its rack */
            for (int32_t k = 0; k < j && is_first; k++) {
                is_first = !slice_equal(request->brokers[k].rack, request->brokers[j].rack);
            }
            if (is_first && slice_compare(request->brokers[j].rack, request->brokers[i].rack) < 0) {
                rack_of[i]++;
            }
        }
        out->rack_count = MAX(out->rack_count, rack_of[i] + 1);
    }
    for (int32_t rack = 0; out->count < request->broker_count;
         rack = (rack + 1) % out->rack_count) {
        for (int32_t i = 0; i < request->broker_count; i++) {
            if (!is_taken[i] && rack_of[i] == rack) {
                is_taken[i] = true;
                out->racks[out->count] = rack;
                out->ids[out->count++] = request->brokers[i].id;
                break;
            }
        }
    }
}

/* May the broker at `index` take a replica beside those at chosen[0..count)? */
static bool may_follow(const struct alternated *brokers,
                       const int32_t *chosen,
                       int32_t count,
                       int32_t index)
{
    int32_t racks_used = 0;
    bool has_rack = false;
    bool has_broker = false;
    for (int32_t i = 0; i < count; i++) {
        bool is_new_rack = true;
        for (int32_t j = 0; j < i && is_new_rack; j++) {
            is_new_rack = brokers->racks[chosen[j]] != brokers->racks[chosen[i]];
        }
        racks_used += is_new_rack ? 1 : 0;
        has_rack = has_rack || brokers->racks[chosen[i]] == brokers->racks[index];
        has_broker = has_broker || chosen[i] == index;
    }
    return (!has_rack || racks_used == brokers->rack_count) && !has_broker;
}

static void assign_with_racks(const struct replica_request *request,
                              const struct alternated *brokers,
                              int32_t *out)
{
    int32_t chosen[REPLICA_BROKERS_MAX];
    int32_t shift = request->shift;
    for (int32_t i = 0; i < request->partition_count; i++) {
        int32_t partition = request->first_partition + i;
        if (partition > 0 && partition % brokers->count == 0) {
            shift++;
        }
        int32_t next = 0;
        chosen[0] = (int32_t)(((int64_t)partition + request->start_index) % brokers->count);
        for (int32_t count = 1; count < request->replication_factor;) {
            int32_t index = replica_index(chosen[0], (int64_t)shift * brokers->rack_count, next++,
                                          brokers->count);
            if (may_follow(brokers, chosen, count, index)) {
                chosen[count++] = index;
            }
        }
        for (int32_t j = 0; j < request->replication_factor; j++) {
            *out++ = brokers->ids[chosen[j]];
        }
    }
}

static void assign_without_racks(const struct replica_request *request, int32_t *out)
{
    int32_t shift = request->shift;
    for (int32_t i = 0; i < request->partition_count; i++) {
        int32_t partition = request->first_partition + i;
        if (partition > 0 && partition % request->broker_count == 0) {
            shift++;
        }
        int32_t first = (int32_t)(((int64_t)partition + request->start_index) %
                                  request->broker_count);
        *out++ = request->brokers[first].id;
        for (int32_t j = 0; j < request->replication_factor - 1; j++) {
            *out++ = request->brokers[replica_index(first, shift, j, request->broker_count)].id;
        }
    }
}

int replica_assign(const struct replica_request *request, struct arena *arena, int32_t **replicas)
{
    int32_t with_rack = 0;
    if (request->partition_count < 1 || request->replication_factor < 1 ||
        request->replication_factor > request->broker_count) {
        return ERR_INVALID;
    }
    size_t bytes = (size_t)request->partition_count * (size_t)request->replication_factor *
                   sizeof **replicas;
    if (request->broker_count > REPLICA_BROKERS_MAX || bytes > arena_room(arena)) {
        return ERR_LIMIT;
    }
    *replicas = arena_alloc(arena, bytes);
    for (int32_t i = 0; i < request->broker_count; i++) {
        with_rack += slice_is_null(request->brokers[i].rack) ? 0 : 1;
    }
    if (with_rack == 0) {
        assign_without_racks(request, *replicas);
        return 0;
    }
    if (with_rack < request->broker_count) {
        return ERR_CONFIG;
    }
    struct alternated *brokers = arena_alloc_zeroed(arena, sizeof *brokers);
    alternate(request, brokers);
    assign_with_racks(request, brokers, *replicas);
    return 0;
}
