/* topics.c - see topics.h. */
#include "kafka/server/topics.h"

#include <stdlib.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/core/uuid_text.h"

void topics_init(struct topics *topics, struct hash_key hash_key)
{
    *topics = (struct topics){.controller_id = -1};
    list_init(&topics->topics);
    list_init(&topics->brokers);
    bytes_map_init(&topics->by_name, hash_key);
    bytes_map_init(&topics->by_id, hash_key);
}

static void free_ids(int32_t *ids, int32_t count)
{
    mem_free(ids, (size_t)count * sizeof *ids);
}

static void free_topic(struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        free_ids(topic->partitions[i].replicas, topic->partitions[i].replica_count);
        free_ids(topic->partitions[i].isr, topic->partitions[i].isr_count);
    }
    mem_free(topic->partitions, (size_t)topic->partition_count * sizeof *topic->partitions);
    mem_free(topic, sizeof *topic);
}

void topics_release(struct topics *topics)
{
    struct list *link;
    while ((link = list_pop(&topics->topics)) != NULL) {
        free_topic(CONTAINER_OF(link, struct topic, link));
    }
    while ((link = list_pop(&topics->brokers)) != NULL) {
        mem_free(CONTAINER_OF(link, struct broker_info, link), sizeof(struct broker_info));
    }
    bytes_map_release(&topics->by_name);
    bytes_map_release(&topics->by_id);
}

/* ---- topics ---------------------------------------------------------------------------------- */

/* Puts the link in front of the first topic with a greater name; names mostly come in order. */
static void insert_in_order(struct topics *topics, struct topic *topic)
{
    struct list *before = topics->topics.prev;
    while (before != &topics->topics &&
           slice_compare(CONTAINER_OF(before, struct topic, link)->name_slice, topic->name_slice) >
               0) {
        before = before->prev;
    }
    topic->link.prev = before;
    topic->link.next = before->next;
    before->next->prev = &topic->link;
    before->next = &topic->link;
}

static struct slice id_slice(const struct topic *topic)
{
    return slice_of(topic->id.bytes, sizeof topic->id.bytes);
}

void topics_set_id(struct topics *topics, struct topic *topic, const struct codec_uuid *id)
{
    if (!uuid_is_zero(&topic->id)) {
        bytes_map_remove(&topics->by_id, id_slice(topic));
    }
    topic->id = *id;
    if (!uuid_is_zero(id) && bytes_map_get(&topics->by_id, id_slice(topic)) == NULL) {
        bytes_map_add(&topics->by_id, id_slice(topic), topic);
    }
}

struct topic *topics_add(struct topics *topics, struct slice name, const struct codec_uuid *id)
{
    ASSERT(name.len > 0 && name.len <= TOPIC_NAME_MAX);
    ASSERT(topics_find(topics, name) == NULL);
    struct topic *topic = mem_alloc_zeroed(sizeof *topic);
    memcpy(topic->name, name.ptr, name.len);
    topic->name_slice = slice_of(topic->name, name.len);
    topic->is_internal = topic_name_is_internal(name);
    insert_in_order(topics, topic);
    bytes_map_add(&topics->by_name, topic->name_slice, topic);
    topics_set_id(topics, topic, id);
    return topic;
}

void topics_remove(struct topics *topics, struct topic *topic)
{
    static const struct codec_uuid none;
    topics_set_id(topics, topic, &none);
    bytes_map_remove(&topics->by_name, topic->name_slice);
    list_remove(&topic->link);
    free_topic(topic);
}

void topic_set_partition_count(struct topic *topic, int32_t count)
{
    ASSERT(count >= topic->partition_count);
    size_t old_size = (size_t)topic->partition_count * sizeof *topic->partitions;
    size_t new_size = (size_t)count * sizeof *topic->partitions;
    topic->partitions = mem_realloc(topic->partitions, old_size, new_size);
    for (int32_t i = topic->partition_count; i < count; i++) {
        topic->partitions[i] = (struct topic_partition){.leader = -1};
    }
    topic->partition_count = count;
}

static void set_ids(int32_t **to, int32_t *to_count, const int32_t *ids, int32_t count)
{
    if (*to_count != count) {
        free_ids(*to, *to_count);
        *to = mem_alloc((size_t)count * sizeof **to);
        *to_count = count;
    }
    if (count > 0) {
        memcpy(*to, ids, (size_t)count * sizeof *ids);
    }
}

void topic_partition_set_replicas(struct topic_partition *partition,
                                  const int32_t *ids,
                                  int32_t count)
{
    set_ids(&partition->replicas, &partition->replica_count, ids, count);
}

void topic_partition_set_isr(struct topic_partition *partition, const int32_t *ids, int32_t count)
{
    set_ids(&partition->isr, &partition->isr_count, ids, count);
}

struct topic *topics_find(const struct topics *topics, struct slice name)
{
    return bytes_map_get(&topics->by_name, name);
}

struct topic *topics_find_id(const struct topics *topics, const struct codec_uuid *id)
{
    return bytes_map_get(&topics->by_id, slice_of(id->bytes, sizeof id->bytes));
}

static int compare_ids(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

bool topics_ids_repeat(const int32_t *ids, int32_t count)
{
    if (count < 2) {
        return false;
    }
    /* As many as a request may hold: not each with each. */
    size_t size = (size_t)count * sizeof *ids;
    int32_t *sorted = memcpy(mem_alloc(size), ids, size);
    bool repeats = false;
    qsort(sorted, (size_t)count, sizeof *sorted, compare_ids);
    for (int32_t i = 1; i < count && !repeats; i++) {
        repeats = sorted[i] == sorted[i - 1];
    }
    mem_free(sorted, size);
    return repeats;
}

void topics_print_ids(struct buffer *out, const int32_t *ids, int32_t count)
{
    for (int32_t i = 0; i < count && buffer_room(out) > 16; i++) {
        buffer_append_cstr(out, i > 0 ? ", " : "");
        buffer_append_decimal(out, ids[i]);
    }
}

int16_t topics_check_name(struct slice name, struct errmsg *message)
{
    switch (topic_name_check(name)) {
    case TOPIC_NAME_FINE:
        return 0;
    case TOPIC_NAME_EMPTY:
        errmsg_set(message, 0, "Topic name is invalid: the empty string is not allowed");
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    case TOPIC_NAME_DOTS:
        errmsg_set(message, 0, "Topic name is invalid: '%.*s' is not allowed",
                   (int)MIN(name.len, (size_t)512), (const char *)name.ptr);
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    case TOPIC_NAME_LONG:
        errmsg_set(message, 0,
                   "Topic name is invalid: the length of '%.*s' is longer than the max allowed "
                   "length %d",
                   (int)MIN(name.len, (size_t)512), (const char *)name.ptr, TOPIC_NAME_MAX);
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    case TOPIC_NAME_CHARACTER:
        errmsg_set(message, 0,
                   "Topic name is invalid: '%.*s' contains one or more characters other than ASCII "
                   "alphanumerics, '.', '_' and '-'",
                   (int)MIN(name.len, (size_t)512), (const char *)name.ptr);
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    UNREACHABLE();
}

struct partition *topics_leader(const struct topics *topics,
                                struct slice topic,
                                int32_t partition,
                                int16_t *error)
{
    const struct topic *found = topics_find(topics, topic);
    *error = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (found == NULL || found->is_deleting || partition < 0 ||
        partition >= found->partition_count) {
        return NULL;
    }
    struct partition *hosted = found->partitions[partition].hosted;
    if (hosted == NULL) {
        *error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    } else if (hosted->is_offline) {
        *error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    } else {
        *error = hosted->is_leader ? 0 : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    return hosted;
}

/* ---- brokers --------------------------------------------------------------------------------- */

struct broker_info *topics_broker(const struct topics *topics, int32_t id)
{
    LIST_FOR_EACH(link, &topics->brokers)
    {
        struct broker_info *info = CONTAINER_OF(link, struct broker_info, link);
        if (info->id == id) {
            return info;
        }
    }
    return NULL;
}

void topics_put_broker(struct topics *topics, const struct broker_info *info)
{
    struct broker_info *known = topics_broker(topics, info->id);
    if (known != NULL) {
        struct list link = known->link;
        *known = *info;
        known->link = link;
        return;
    }
    known = mem_alloc(sizeof *known);
    *known = *info;
    struct list *before = topics->brokers.prev;
    while (before != &topics->brokers &&
           CONTAINER_OF(before, struct broker_info, link)->id > info->id) {
        before = before->prev;
    }
    known->link.prev = before;
    known->link.next = before->next;
    before->next->prev = &known->link;
    before->next = &known->link;
}

void topics_remove_broker(struct topics *topics, int32_t id)
{
    struct broker_info *info = topics_broker(topics, id);
    if (info != NULL) {
        list_remove(&info->link);
        mem_free(info, sizeof *info);
    }
}

const struct broker_endpoint *broker_info_endpoint(const struct broker_info *info,
                                                   struct slice name)
{
    for (int32_t i = 0; i < info->endpoint_count; i++) {
        if (slice_equal_cstr(name, info->endpoints[i].listener)) {
            return &info->endpoints[i];
        }
    }
    return NULL;
}
