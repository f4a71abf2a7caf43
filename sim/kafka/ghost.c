/* ghost.c - what clients were told of the log, and whether they are told the same again. See
 * kafka_world.h. */
#include "sim/kafka/kafka_world.h"

#define OFFSETS_MAX 1000000

void ghost_init(struct ghost *ghost)
{
    *ghost = (struct ghost){0};
    u64_map_init(&ghost->places);
    u64_map_init(&ghost->producer_ids);
    for (int i = 0; i < PARTITIONS; i++) {
        for (int key = 0; key < KEYS; key++) {
            ghost->partitions[i].last_acked_of[key] = -1;
        }
    }
}

void ghost_release(struct ghost *ghost)
{
    u64_map_release(&ghost->places);
    u64_map_release(&ghost->producer_ids);
    for (int i = 0; i < PARTITIONS; i++) {
        heap_free(ghost->partitions[i].values);
        heap_free(ghost->partitions[i].timestamps_ms);
    }
}

static bool reserve(struct kafka_world *world, struct ghost_partition *partition, int64_t offset)
{
    if (offset < 0 || offset >= OFFSETS_MAX) {
        kafka_world_fail(world, VERDICT_WRONG, "an offset that cannot be: %lld", (long long)offset);
        return false;
    }
    while (partition->cap <= (size_t)offset) {
        size_t cap = partition->cap == 0 ? 1024 : partition->cap * 2;
        partition->values = heap_resize(partition->values, cap * sizeof *partition->values);
        partition->timestamps_ms = heap_resize(partition->timestamps_ms,
                                               cap * sizeof *partition->timestamps_ms);
        memset(partition->values + partition->cap, 0,
               (cap - partition->cap) * sizeof *partition->values);
        memset(partition->timestamps_ms + partition->cap, 0,
               (cap - partition->cap) * sizeof *partition->timestamps_ms);
        partition->cap = cap;
    }
    partition->count = MAX(partition->count, (size_t)offset + 1);
    return true;
}

static bool stands(struct kafka_world *world,
                   int idx,
                   int64_t offset,
                   uint64_t value,
                   const char *told)
{
    struct ghost_partition *partition = &world->ghost.partitions[idx];
    if (!reserve(world, partition, offset)) {
        return false;
    }
    if (partition->values[offset] != 0 && partition->values[offset] != value) {
        kafka_world_fail(
            world, VERDICT_WRONG,
            "K-INV1/I2: offset %lld of partition %d was %s as value %llu, and had been "
            "told as value %llu",
            (long long)offset, idx, told, (unsigned long long)value,
            (unsigned long long)partition->values[offset]);
        return false;
    }
    partition->values[offset] = value;
    return true;
}

void ghost_ack(struct kafka_world *world,
               int idx,
               int64_t base_offset,
               const uint64_t *values,
               int count)
{
    struct ghost_partition *partition = &world->ghost.partitions[idx];
    for (int i = 0; i < count; i++) {
        int64_t offset = base_offset + i;
        if (!stands(world, idx, offset, values[i], "acknowledged")) {
            return;
        }
        partition->acked_end = MAX(partition->acked_end, offset + 1);
        int64_t *last = &partition->last_acked_of[values[i] % KEYS];
        *last = MAX(*last, offset);
    }
    world->ghost.acks += (uint64_t)count;
}

void ghost_read(struct kafka_world *world,
                int idx,
                int64_t offset,
                uint64_t value,
                int64_t timestamp_ms)
{
    uint64_t place = (uint64_t)idx << 48 | (uint64_t)offset;
    uint64_t before;
    if (!stands(world, idx, offset, value, "read")) {
        return;
    }
    if (u64_map_get(&world->ghost.places, value, &before) && before != place) {
        kafka_world_fail(
            world, VERDICT_WRONG,
            "I1: value %llu stands at offset %lld of partition %d and at offset %llu of "
            "partition %llu",
            (unsigned long long)value, (long long)offset, idx,
            (unsigned long long)(before & 0xffffffffffff), (unsigned long long)(before >> 48));
        return;
    }
    int64_t *known_ms = &world->ghost.partitions[idx].timestamps_ms[offset];
    if (*known_ms != 0 && *known_ms != timestamp_ms) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV7: offset %lld of partition %d had time %lld, and has %lld now",
                         (long long)offset, idx, (long long)*known_ms, (long long)timestamp_ms);
        return;
    }
    *known_ms = timestamp_ms;
    u64_map_put(&world->ghost.places, value, place);
    world->ghost.reads += 1;
}

void ghost_producer_id(struct kafka_world *world, int64_t producer_id)
{
    uint64_t times;
    if (producer_id < 0 || u64_map_get(&world->ghost.producer_ids, (uint64_t)producer_id, &times)) {
        kafka_world_fail(world, VERDICT_WRONG, "I1: the producer id %lld is given out twice",
                         (long long)producer_id);
        return;
    }
    u64_map_put(&world->ghost.producer_ids, (uint64_t)producer_id, 1);
}
