/* acl.c - the table of access control lists of a tree, and the question whether a list lets
 * somebody pass.
 *
 * Thousands of nodes share a handful of lists, so a node holds an index and the table the list. A
 * list is one allocation: the struct, its entries, and its jute form, into which the entries' texts
 * point and which is the key that finds equal lists. The list world:anyone:cdrwa, by far the
 * commonest, is index 0 and has no entry in the table.
 *
 * The last reference may go while events that still need the list are waiting to be sent (a deleted
 * node's ACL decides who hears of the deletion): such a list leaves the table at once, and its
 * memory with acl_table_reap, at the next change.
 */
#include "zookeeper/core/acl.h"
#include "base/memory.h"
#include "wire/jute.h"

#define FIRST_INDEXES 16u

static const struct zk_acl open_list[] = {
    {.perms = ZK_PERM_ALL, .id = {SLICE_LIT("world"), SLICE_LIT("anyone")}},
};

static bool is_open(const struct zk_acl *entries, int32_t count)
{
    return count < 0 || (count == 1 && entries[0].perms == ZK_PERM_ALL &&
                         slice_equal_cstr(entries[0].id.scheme, "world") &&
                         slice_equal_cstr(entries[0].id.id, "anyone"));
}

void acl_table_init(struct acl_table *table, struct hash_key hash_key)
{
    *table = (struct acl_table){.list_count = 1};
    u64_map_init(&table->by_id);
    bytes_map_init(&table->by_content, hash_key);
}

static size_t list_bytes(int32_t count, size_t encoded_len)
{
    return sizeof(struct acl_list) + (size_t)count * sizeof(struct zk_acl) + encoded_len;
}

static void list_free(struct acl_list *list)
{
    mem_free(list, list_bytes(list->count, list->encoded.len));
}

void acl_table_reap(struct acl_table *table)
{
    while (table->dead != NULL) {
        struct acl_list *list = table->dead;
        table->dead = list->next_dead;
        table->lists[list->index] = NULL;
        table->free_indexes[table->free_count] = list->index;
        table->free_count += 1;
        list_free(list);
    }
}

void acl_table_release(struct acl_table *table)
{
    for (uint32_t i = 1; i < table->list_count; i++) {
        if (table->lists[i] != NULL) {
            list_free(table->lists[i]);
        }
    }
    mem_free(table->lists, table->list_cap * sizeof(struct acl_list *));
    mem_free(table->free_indexes, table->list_cap * sizeof(uint32_t));
    u64_map_release(&table->by_id);
    bytes_map_release(&table->by_content);
    *table = (struct acl_table){.list_count = 1};
}

static uint32_t index_take(struct acl_table *table)
{
    if (table->free_count > 0) {
        table->free_count -= 1;
        return table->free_indexes[table->free_count];
    }
    if (table->list_count >= table->list_cap) {
        uint32_t cap = table->list_cap == 0 ? FIRST_INDEXES : table->list_cap * 2;
        table->lists = mem_realloc(table->lists, table->list_cap * sizeof(struct acl_list *),
                                   cap * sizeof(struct acl_list *));
        table->free_indexes = mem_realloc(table->free_indexes, table->list_cap * sizeof(uint32_t),
                                          cap * sizeof(uint32_t));
        table->list_cap = cap;
        table->lists[ACL_INDEX_OPEN] = NULL;
    }
    table->list_count += 1;
    return table->list_count - 1;
}

static void encode(const struct zk_acl *entries, int32_t count, struct buffer *out)
{
    jute_write_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        jute_write_i32(out, entries[i].perms);
        jute_write_bytes(out, entries[i].id.scheme);
        jute_write_bytes(out, entries[i].id.id);
    }
}

/* One allocation with everything; the entries are read back from the encoded form. */
static struct acl_list *list_new(int32_t count, struct slice encoded)
{
    struct acl_list *list = mem_alloc(list_bytes(count, encoded.len));
    struct zk_acl *entries = (struct zk_acl *)(void *)(list + 1);
    uint8_t *copy = (uint8_t *)(entries + count);
    memcpy(copy, encoded.ptr, encoded.len);
    *list = (struct acl_list){
        .count = count, .entries = entries, .encoded = slice_of(copy, encoded.len)};
    struct jute_reader reader = jute_reader_of(list->encoded, encoded.len);
    int32_t again = jute_read_i32(&reader);
    ASSERT(again == count);
    for (int32_t i = 0; i < count; i++) {
        entries[i].perms = jute_read_i32(&reader);
        entries[i].id.scheme = jute_read_bytes(&reader);
        entries[i].id.id = jute_read_bytes(&reader);
    }
    ASSERT(reader.error == ERR_OK && reader.rest.len == 0);
    return list;
}

/* The list of this content; made with the id that `id` gives when there is none yet. */
static struct acl_list *list_need(struct acl_table *table,
                                  const struct zk_acl *entries,
                                  int32_t count,
                                  const int64_t *id)
{
    struct buffer encoded;
    buffer_init(&encoded, SIZE_MAX);
    encode(entries, count, &encoded);
    struct acl_list *list = bytes_map_get(&table->by_content, buffer_slice(&encoded));
    if (list == NULL) {
        list = list_new(count, buffer_slice(&encoded));
        list->index = index_take(table);
        table->lists[list->index] = list;
        if (id == NULL) {
            uint64_t ignored = 0;
            do {
                table->last_id += 1;
            } while (table->last_id == ACL_OPEN_UNSAFE ||
                     u64_map_get(&table->by_id, (uint64_t)table->last_id, &ignored));
        }
        list->id = id != NULL ? *id : table->last_id;
        u64_map_put(&table->by_id, (uint64_t)list->id, list->index);
        bytes_map_add(&table->by_content, list->encoded, list);
    }
    buffer_release(&encoded);
    return list;
}

uint32_t acl_table_keep(struct acl_table *table, const struct zk_acl *entries, int32_t count)
{
    if (is_open(entries, count)) {
        return ACL_INDEX_OPEN;
    }
    struct acl_list *list = list_need(table, entries, count, NULL);
    list->references += 1;
    return list->index;
}

void acl_table_keep_index(struct acl_table *table, uint32_t index)
{
    if (index != ACL_INDEX_OPEN) {
        table->lists[index]->references += 1;
    }
}

static void list_drop(struct acl_table *table, struct acl_list *list)
{
    uint64_t index = 0;
    /* A snapshot may give one list two ids, or one id two lists; only what still points here
     * goes. */
    if (u64_map_get(&table->by_id, (uint64_t)list->id, &index) && index == list->index) {
        u64_map_remove(&table->by_id, (uint64_t)list->id, NULL);
    }
    void *removed = bytes_map_remove(&table->by_content, list->encoded);
    ASSERT(removed == list);
    list->next_dead = table->dead;
    table->dead = list;
}

void acl_table_drop(struct acl_table *table, uint32_t index)
{
    if (index == ACL_INDEX_OPEN) {
        return;
    }
    struct acl_list *list = table->lists[index];
    ASSERT(list != NULL && list->references > 0);
    list->references -= 1;
    if (list->references == 0) {
        list_drop(table, list);
    }
}

void acl_table_load(struct acl_table *table,
                    int64_t acl_id,
                    const struct zk_acl *entries,
                    int32_t count)
{
    table->last_id = MAX(table->last_id, acl_id);
    if (acl_id == ACL_OPEN_UNSAFE) {
        return;
    }
    uint32_t index = ACL_INDEX_OPEN;
    if (!is_open(entries, count)) {
        index = list_need(table, entries, count, &acl_id)->index;
    }
    u64_map_put(&table->by_id, (uint64_t)acl_id, index);
}

void acl_table_purge_unused(struct acl_table *table)
{
    for (uint32_t i = 1; i < table->list_count; i++) {
        struct acl_list *list = table->lists[i];
        if (list != NULL && list->references == 0) {
            list_drop(table, list);
        }
    }
    /* Second names of lists meant only the nodes just loaded. */
    size_t position = 0;
    uint64_t id = 0;
    uint64_t index = 0;
    while (u64_map_next(&table->by_id, &position, &id, &index)) {
        const struct acl_list *list = table->lists == NULL ? NULL : table->lists[index];
        if (list == NULL || list->references == 0 || (uint64_t)list->id != id) {
            u64_map_remove_at(&table->by_id, &position);
        }
    }
    acl_table_reap(table);
}

bool acl_table_find(const struct acl_table *table, int64_t acl_id, uint32_t *index)
{
    uint64_t value = ACL_INDEX_OPEN;
    bool found = acl_id == ACL_OPEN_UNSAFE || u64_map_get(&table->by_id, (uint64_t)acl_id, &value);
    *index = (uint32_t)value;
    return found;
}

int64_t acl_table_id(const struct acl_table *table, uint32_t index)
{
    return index == ACL_INDEX_OPEN ? ACL_OPEN_UNSAFE : table->lists[index]->id;
}

const struct zk_acl *acl_table_at(const struct acl_table *table, uint32_t index, int32_t *count)
{
    if (index == ACL_INDEX_OPEN) {
        *count = ARRAY_LEN(open_list);
        return open_list;
    }
    *count = table->lists[index]->count;
    return table->lists[index]->entries;
}

const struct zk_acl *acl_table_get(const struct acl_table *table, int64_t acl_id, int32_t *count)
{
    uint32_t index = 0;
    if (!acl_table_find(table, acl_id, &index)) {
        *count = 0;
        return NULL;
    }
    return acl_table_at(table, index, count);
}

void acl_table_encode(const struct acl_table *table, struct buffer *out)
{
    jute_write_i32(out, (int32_t)table->by_content.count);
    for (uint32_t i = 1; i < table->list_count; i++) {
        const struct acl_list *list = table->lists[i];
        if (list != NULL && list->references > 0) {
            jute_write_i64(out, list->id);
            buffer_append(out, list->encoded);
        }
    }
}

void acl_table_check(const struct acl_table *table)
{
    size_t live = 0;
    for (uint32_t i = 1; i < table->list_count; i++) {
        struct acl_list *list = table->lists[i];
        if (list == NULL || list->references == 0) {
            continue;
        }
        uint64_t index = 0;
        ASSERT(list->index == i && u64_map_get(&table->by_id, (uint64_t)list->id, &index));
        ASSERT(index == i && bytes_map_get(&table->by_content, list->encoded) == list);
        ASSERT(!is_open(list->entries, list->count));
        live += 1;
    }
    ASSERT(live == table->by_content.count && live == table->by_id.count);
}
