/* disk.c - see disk.h: names, contents, syncs. What a power cut does is in disk_crash.c. */
#include "sim/disk.h"

#include <stdlib.h>

#include "base/hash.h"

#define NAME_MAX_BYTES 256u

/* ---- tables of names ------------------------------------------------------------------------- */

/* Where the name stands or would stand. */
static size_t names_place(const struct disk_names *names, const char *text, bool *found)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(names->list[middle].text, text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < names->count && strcmp(names->list[low].text, text) == 0;
    return low;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(heap_alloc(size), text, size);
}

void disk_names_put(struct disk_names *names, const char *text, struct disk_inode *inode)
{
    bool found;
    size_t at = names_place(names, text, &found);
    if (found) {
        names->list[at].inode = inode;
        return;
    }
    heap_grow((void **)&names->list, &names->cap, names->count, sizeof *names->list);
    memmove(&names->list[at + 1], &names->list[at], (names->count - at) * sizeof *names->list);
    names->list[at] = (struct disk_name){.text = copy_text(text), .inode = inode};
    names->count += 1;
}

void disk_names_take(struct disk_names *names, const char *text)
{
    bool found;
    size_t at = names_place(names, text, &found);
    if (found) {
        heap_free(names->list[at].text);
        names->count -= 1;
        memmove(&names->list[at], &names->list[at + 1], (names->count - at) * sizeof *names->list);
    }
}

void disk_names_release(struct disk_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        heap_free(names->list[i].text);
    }
    heap_free(names->list);
    *names = (struct disk_names){0};
}

void disk_names_copy(struct disk_names *to, const struct disk_names *from)
{
    disk_names_release(to);
    for (size_t i = 0; i < from->count; i++) {
        disk_names_put(to, from->list[i].text, from->list[i].inode);
    }
}

static struct disk_inode *names_get(const struct disk_names *names, const char *text)
{
    bool found;
    size_t at = names_place(names, text, &found);
    return found ? names->list[at].inode : NULL;
}

static void note_name_change(struct disk_inode *directory,
                             const char *text,
                             const char *from,
                             struct disk_inode *inode)
{
    heap_grow((void **)&directory->name_changes, &directory->name_change_cap,
              directory->name_change_count, sizeof *directory->name_changes);
    directory->name_changes[directory->name_change_count++] = (struct disk_name_change){
        .text = copy_text(text),
        .from = from == NULL ? NULL : copy_text(from),
        .inode = inode,
    };
}

void disk_name_changes_clear(struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->name_change_count; i++) {
        heap_free(inode->name_changes[i].text);
        heap_free(inode->name_changes[i].from);
    }
    inode->name_change_count = 0;
}

/* ---- inodes ---------------------------------------------------------------------------------- */

static struct disk_inode *inode_new(struct disk *disk, bool is_directory)
{
    struct disk_inode *inode = heap_new(sizeof *inode);
    inode->id = disk->next_id++;
    inode->is_directory = is_directory;
    inode->next = disk->inodes;
    disk->inodes = inode;
    return inode;
}

void disk_changes_clear(struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->change_count; i++) {
        heap_free(inode->changes[i].bytes);
    }
    inode->change_count = 0;
}

static void inode_free(struct disk_inode *inode)
{
    disk_changes_clear(inode);
    disk_name_changes_clear(inode);
    heap_free(inode->changes);
    heap_free(inode->name_changes);
    disk_names_release(&inode->cached_names);
    disk_names_release(&inode->durable_names);
    bytes_release(&inode->cached);
    bytes_release(&inode->durable);
    heap_free(inode);
}

static void mark_names(const struct disk_names *names);

static void mark(struct disk_inode *inode)
{
    if (inode == NULL || inode->is_marked) {
        return;
    }
    inode->is_marked = true;
    mark_names(&inode->cached_names);
    mark_names(&inode->durable_names);
    for (size_t i = 0; i < inode->name_change_count; i++) {
        mark(inode->name_changes[i].inode);
    }
}

static void mark_names(const struct disk_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        mark(names->list[i].inode);
    }
}

void disk_collect(struct disk *disk)
{
    for (struct disk_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        inode->is_marked = false;
    }
    mark(disk->root);
    struct disk_inode **link = &disk->inodes;
    while (*link != NULL) {
        struct disk_inode *inode = *link;
        if (inode->is_marked || inode->references > 0) {
            link = &inode->next;
        } else {
            *link = inode->next;
            inode_free(inode);
        }
    }
}

void disk_init(struct disk *disk, struct schedule *schedule, const struct random *seed)
{
    *disk = (struct disk){.schedule = schedule, .stop_at_op = UINT64_MAX};
    random_split(seed, 0x6469736b, &disk->random);
    random_split(seed, 0x66617465, &disk->fate);
    disk->faults = (struct disk_faults){.capacity = UINT64_MAX, .op_ns = 1, .sync_ns = 1};
    disk->root = inode_new(disk, true);
}

void disk_release(struct disk *disk)
{
    while (disk->inodes != NULL) {
        struct disk_inode *inode = disk->inodes;
        disk->inodes = inode->next;
        inode_free(inode);
    }
}

/* ---- every operation ------------------------------------------------------------------------- */

static bool fails(struct disk *disk, uint32_t once_in)
{
    return once_in > 0 && random_once_in(&disk->random, once_in);
}

static bool wants_to_fail(struct disk *disk, enum disk_op_kind kind, uint32_t volume)
{
    if (disk->faults.volume != 0 && disk->faults.volume != volume) {
        return false;
    }
    switch (kind) {
    case DISK_READ:
    case DISK_LIST:
        return fails(disk, disk->faults.read_error_once_in);
    case DISK_RESIZE:
    case DISK_REMOVE:
        return fails(disk, disk->faults.cut_error_once_in) ||
               fails(disk, disk->faults.write_error_once_in);
    case DISK_WRITE:
    case DISK_RENAME:
        return fails(disk, disk->faults.write_error_once_in);
    case DISK_SYNC:
    case DISK_SYNC_DIRECTORY:
        return fails(disk, disk->faults.sync_error_once_in);
    case DISK_OPEN:
    case DISK_STAT:
    case DISK_MAKE_DIRECTORY:
    case DISK_OP_KINDS:
        return false;
    }
    return false;
}

int disk_begin(struct disk *disk, enum disk_op_kind kind, uint32_t volume, uint64_t *ns)
{
    const struct disk_faults *faults = &disk->faults;
    disk->op_count += 1;
    schedule_note(disk->schedule, 0x646f70 + (uint64_t)kind, disk->op_count);
    if (disk->op_count == disk->stop_at_op) {
        disk->on_stop_at(disk->stop_ctx);
        return ERR_IO;
    }
    disk->counts.ops[kind] += 1;
    bool is_sync = kind == DISK_SYNC || kind == DISK_SYNC_DIRECTORY;
    *ns += random_spread(&disk->random, 1, MAX(is_sync ? faults->sync_ns : faults->op_ns, 1));
    if (faults->slow_once_in > 0 && random_once_in(&disk->random, faults->slow_once_in)) {
        *ns += random_spread(&disk->random, NS_PER_MS, MAX(faults->slow_ns, NS_PER_MS));
        disk->counts.slow += 1;
    }
    if (wants_to_fail(disk, kind, volume)) {
        disk->counts.failed[kind] += 1;
        return ERR_IO;
    }
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The directory of the last name of path, and that name. NULL when the way there is missing. */
static struct disk_inode *walk(struct disk *disk, const char *path, char name[NAME_MAX_BYTES])
{
    struct disk_inode *at = disk->root;
    ASSERT(path[0] == '/');
    for (;;) {
        const char *end = strchr(path + 1, '/');
        size_t len = end == NULL ? strlen(path + 1) : (size_t)(end - path - 1);
        ASSERT(len < NAME_MAX_BYTES);
        memcpy(name, path + 1, len);
        name[len] = '\0';
        if (end == NULL) {
            return at;
        }
        at = names_get(&at->cached_names, name);
        if (at == NULL || !at->is_directory) {
            return NULL;
        }
        path = end;
    }
}

struct disk_inode *disk_find(struct disk *disk, const char *path)
{
    char name[NAME_MAX_BYTES];
    struct disk_inode *directory = walk(disk, path, name);
    if (directory == NULL) {
        return NULL;
    }
    return name[0] == '\0' ? directory : names_get(&directory->cached_names, name);
}

void disk_set_volume(struct disk *disk, const char *directory, uint32_t volume)
{
    struct disk_inode *inode = disk_find(disk, directory);
    ASSERT(inode != NULL && inode->is_directory);
    inode->volume = volume;
}

uint32_t disk_volume(const struct disk *disk, const char *path)
{
    const struct disk_inode *at = disk->root;
    char name[NAME_MAX_BYTES];
    while (at->is_directory && path[0] == '/' && path[1] != '\0') {
        size_t len = strcspn(path + 1, "/");
        ASSERT(len < NAME_MAX_BYTES);
        memcpy(name, path + 1, len);
        name[len] = '\0';
        const struct disk_inode *next = names_get(&at->cached_names, name);
        if (next == NULL) {
            break;
        }
        at = next;
        path += 1 + len;
    }
    return at->volume;
}

struct disk_inode *disk_make(struct disk *disk, const char *path, bool is_directory)
{
    char name[NAME_MAX_BYTES];
    struct disk_inode *directory = walk(disk, path, name);
    ASSERT(directory != NULL && names_get(&directory->cached_names, name) == NULL);
    struct disk_inode *inode = inode_new(disk, is_directory);
    inode->volume = directory->volume;
    disk_names_put(&directory->cached_names, name, inode);
    note_name_change(directory, name, NULL, inode);
    return inode;
}

int disk_remove(struct disk *disk, const char *path)
{
    char name[NAME_MAX_BYTES];
    struct disk_inode *directory = walk(disk, path, name);
    struct disk_inode *inode = directory == NULL ? NULL : names_get(&directory->cached_names, name);
    if (inode == NULL) {
        return ERR_NOT_FOUND;
    }
    if (inode->cached_names.count > 0) {
        return ERR_INVALID;
    }
    if (disk->on_remove != NULL) {
        disk->on_remove(disk->ctx, path);
    }
    disk_names_take(&directory->cached_names, name);
    note_name_change(directory, name, NULL, NULL);
    disk_collect(disk);
    return 0;
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    char from_name[NAME_MAX_BYTES];
    char to_name[NAME_MAX_BYTES];
    struct disk_inode *directory = walk(disk, from, from_name);
    /* Between directories it would be two operations of two journals; nobody does that here. */
    ASSERT(directory != NULL && walk(disk, to, to_name) == directory);
    struct disk_inode *inode = names_get(&directory->cached_names, from_name);
    if (inode == NULL) {
        return ERR_NOT_FOUND;
    }
    disk_names_take(&directory->cached_names, from_name);
    disk_names_put(&directory->cached_names, to_name, inode);
    note_name_change(directory, to_name, from_name, inode);
    disk_collect(disk);
    return 0;
}

void disk_list(struct disk *disk,
               const char *path,
               void (*each)(void *ctx, const char *name),
               void *ctx)
{
    struct disk_inode *directory = disk_find(disk, path);
    struct disk_names names = {0};
    if (directory != NULL && directory->is_directory) {
        disk_names_copy(&names,
                        &directory->cached_names); /* `each` may remove what it is told of */
        for (size_t i = 0; i < names.count; i++) {
            each(ctx, names.list[i].text);
        }
        disk_names_release(&names);
    }
}

/* ---- content --------------------------------------------------------------------------------- */

uint64_t disk_used(const struct disk *disk)
{
    uint64_t used = 0;
    for (const struct disk_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        used += inode->allocated;
    }
    return used;
}

/* How many of the bytes [offset, offset + len) fit on the disk. */
static uint64_t room_for(const struct disk *disk,
                         const struct disk_inode *inode,
                         uint64_t offset,
                         uint64_t len)
{
    uint64_t end = offset + len;
    if (end <= inode->allocated || disk->faults.capacity == UINT64_MAX) {
        return len;
    }
    uint64_t used = disk_used(disk);
    uint64_t left = used >= disk->faults.capacity ? 0 : disk->faults.capacity - used;
    uint64_t end_max = inode->allocated + left;
    return end <= end_max ? len : end_max > offset ? end_max - offset : 0;
}

static void note_change(struct disk_inode *inode, struct disk_change change)
{
    heap_grow((void **)&inode->changes, &inode->change_cap, inode->change_count,
              sizeof *inode->changes);
    inode->changes[inode->change_count++] = change;
}

int disk_write(struct disk *disk, struct disk_inode *inode, uint64_t offset, struct slice bytes)
{
    uint64_t len = room_for(disk, inode, offset, bytes.len);
    if (len > 0) {
        struct slice part = slice_part(bytes, 0, len);
        bytes_write(&inode->cached, offset, part);
        note_change(inode, (struct disk_change){
                               .offset = offset,
                               .len = len,
                               .bytes = memcpy(heap_alloc(len), part.ptr, len),
                           });
        inode->allocated = MAX(inode->allocated, offset + len);
        schedule_note_bytes(disk->schedule, inode->id, part);
    }
    if (len < bytes.len) {
        disk->counts.no_space += 1;
        return ERR_NO_SPACE;
    }
    return 0;
}

int disk_write_zeros(struct disk *disk, struct disk_inode *inode, uint64_t offset, uint64_t len)
{
    if (room_for(disk, inode, offset, len) < len) {
        disk->counts.no_space += 1;
        return ERR_NO_SPACE;
    }
    if (offset + len > inode->cached.len) {
        bytes_resize(&inode->cached, offset + len);
    }
    memset(inode->cached.data + offset, 0, len);
    note_change(inode, (struct disk_change){.offset = offset, .len = len});
    inode->allocated = MAX(inode->allocated, offset + len);
    return 0;
}

void disk_resize(struct disk_inode *inode, uint64_t size)
{
    bytes_resize(&inode->cached, size);
    inode->allocated = MIN(inode->allocated, size);
    note_change(inode, (struct disk_change){.is_resize = true, .offset = size});
}

static void carry_names(struct disk_inode *directory)
{
    disk_names_copy(&directory->durable_names, &directory->cached_names);
    disk_name_changes_clear(directory);
}

void disk_sync(struct disk_inode *inode)
{
    if (inode->is_directory) {
        carry_names(inode);
        return;
    }
    for (size_t i = 0; i < inode->change_count; i++) {
        const struct disk_change *change = &inode->changes[i];
        if (change->is_resize) {
            bytes_resize(&inode->durable, change->offset);
        } else if (change->bytes != NULL) {
            bytes_write(&inode->durable, change->offset, slice_of(change->bytes, change->len));
        } else {
            if (change->offset + change->len > inode->durable.len) {
                bytes_resize(&inode->durable, change->offset + change->len);
            }
            memset(inode->durable.data + change->offset, 0, change->len);
        }
    }
    disk_changes_clear(inode);
}

void disk_drop_dirty(struct disk *disk, struct disk_inode *inode)
{
    disk->counts.dropped_by_sync_error += inode->change_count + inode->name_change_count;
    disk_changes_clear(inode);
    disk_name_changes_clear(inode);
}
