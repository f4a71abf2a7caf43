/* disk_crash.c - what is left of a disk when the process ends or the power goes. See disk.h. */
#include "sim/disk.h"

void disk_process_ended(struct disk *disk)
{
    for (struct disk_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        inode->is_locked = false;
        /* What a failed sync has dropped is clean memory: it may be evicted before anybody reads.
         */
        bool is_dirty = inode->change_count > 0;
        bool differs = inode->cached.len != inode->durable.len ||
                       (inode->cached.len > 0 &&
                        memcmp(inode->cached.data, inode->durable.data, inode->durable.len) != 0);
        if (!inode->is_directory && !is_dirty && inode->cached.len > 0 && differs &&
            random_once_in(&disk->fate, 2)) {
            inode->cached.len = 0;
            bytes_append(&inode->cached, bytes_slice(&inode->durable));
        }
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

struct cut {
    struct disk *disk;
    enum disk_keep keep;
    uint64_t keep_of_eight; /* chance of each operation or sector, in eighths */
};

static bool is_lucky(struct cut *cut)
{
    return random_below(&cut->disk->fate, 8) < cut->keep_of_eight;
}

static bool keeps_data(struct cut *cut)
{
    switch (cut->keep) {
    case KEEP_NOTHING:
    case KEEP_NAMES:
        return false;
    case KEEP_ALL:
    case KEEP_DATA:
    case KEEP_TORN:
    case KEEP_TORN_GARBAGE:
        return true;
    case KEEP_SOME:
    case KEEP_KINDS:
        return is_lucky(cut);
    }
    return false;
}

static void put_range(struct bytes *image,
                      const struct disk_change *change,
                      uint64_t from,
                      uint64_t to)
{
    if (change->bytes != NULL) {
        bytes_write(image, from, slice_of(change->bytes + (from - change->offset), to - from));
        return;
    }
    if (to > image->len) {
        bytes_resize(image, to);
    }
    memset(image->data + from, 0, to - from);
}

/* The write sector by sector, in two halves or in one. */
static void keep_write(struct cut *cut, struct bytes *image, const struct disk_change *change)
{
    uint64_t end = change->offset + change->len;
    bool tears = cut->keep == KEEP_TORN || cut->keep == KEEP_TORN_GARBAGE;
    if (!tears) {
        put_range(image, change, change->offset, end);
        return;
    }
    bool is_torn = false;
    for (uint64_t at = change->offset; at < end;) {
        uint64_t next = MIN((at / SECTOR_BYTES + 1) * SECTOR_BYTES, end);
        if (is_lucky(cut)) {
            put_range(image, change, at, next);
        } else {
            is_torn = true;
        }
        at = next;
    }
    cut->disk->counts.torn_writes += is_torn;
}

/* Disks that journal sizes only show old blocks where new data did not arrive. */
static void fill_garbage(struct cut *cut, struct bytes *image, const struct bytes *cached)
{
    for (uint64_t at = 0; at < image->len; at += SECTOR_BYTES) {
        uint64_t end = MIN(at + SECTOR_BYTES, image->len);
        bool is_lost = end <= cached->len &&
                       memcmp(image->data + at, cached->data + at, end - at) != 0;
        for (uint64_t i = at; is_lost && i < end; i += 8) {
            uint64_t noise = random_next(&cut->disk->fate);
            memcpy(image->data + i, &noise, MIN(end - i, (uint64_t)8));
        }
    }
}

static void choose_size(struct cut *cut, struct bytes *image, uint64_t durable, uint64_t cached)
{
    if (cut->keep == KEEP_NOTHING || cut->keep == KEEP_ALL || cut->keep == KEEP_DATA) {
        return;
    }
    uint64_t sizes[] = {image->len, cached, durable, MAX(image->len, cached)};
    uint64_t size = sizes[random_below(&cut->disk->fate, ARRAY_LEN(sizes))];
    if (cut->keep == KEEP_NAMES) {
        size = cached;
    }
    bytes_resize(image, size);
}

static void cut_file(struct cut *cut, struct disk_inode *inode)
{
    struct bytes image = inode->durable;
    uint64_t durable_len = image.len;
    bool had_changes = inode->change_count > 0;
    for (size_t i = 0; i < inode->change_count; i++) {
        const struct disk_change *change = &inode->changes[i];
        if (!keeps_data(cut)) {
            cut->disk->counts.lost_writes += 1;
        } else if (change->is_resize) {
            bytes_resize(&image, change->offset);
        } else {
            keep_write(cut, &image, change);
        }
    }
    if (had_changes) {
        choose_size(cut, &image, durable_len, inode->cached.len);
        if (cut->keep == KEEP_TORN_GARBAGE && image.len > durable_len) {
            struct bytes tail = {.data = image.data + durable_len, .len = image.len - durable_len};
            uint64_t cached_len = inode->cached.len;
            struct bytes seen = {
                .data = inode->cached.data + MIN(durable_len, cached_len),
                .len = cached_len > durable_len ? cached_len - durable_len : 0,
            };
            fill_garbage(cut, &tail, &seen);
        }
    }
    disk_changes_clear(inode);
    inode->durable = image;
    inode->cached.len = 0;
    bytes_append(&inode->cached, bytes_slice(&image));
    inode->allocated = MIN(inode->allocated, image.len);
}

/* ---- directories ----------------------------------------------------------------------------- */

static bool touches(const struct disk_name_change *change, const char *text)
{
    return text != NULL && (strcmp(change->text, text) == 0 ||
                            (change->from != NULL && strcmp(change->from, text) == 0));
}

/* Has an earlier operation on one of these names been lost? Then this one cannot have happened. */
static bool follows_lost(const struct disk_inode *directory, size_t idx, const bool *kept)
{
    const struct disk_name_change *change = &directory->name_changes[idx];
    for (size_t i = 0; i < idx; i++) {
        const struct disk_name_change *earlier = &directory->name_changes[i];
        if (!kept[i] && (touches(earlier, change->text) || touches(earlier, change->from))) {
            return true;
        }
    }
    return false;
}

static bool keeps_name(struct cut *cut)
{
    switch (cut->keep) {
    case KEEP_NOTHING:
    case KEEP_DATA:
        return false;
    case KEEP_ALL:
    case KEEP_NAMES:
        return true;
    case KEEP_SOME:
    case KEEP_TORN:
    case KEEP_TORN_GARBAGE:
    case KEEP_KINDS:
        return is_lucky(cut);
    }
    return false;
}

static void cut_directory(struct cut *cut, struct disk_inode *directory)
{
    bool *kept = heap_new(directory->name_change_count * sizeof *kept);
    for (size_t i = 0; i < directory->name_change_count; i++) {
        const struct disk_name_change *change = &directory->name_changes[i];
        kept[i] = keeps_name(cut) && !follows_lost(directory, i, kept);
        if (!kept[i]) {
            cut->disk->counts.lost_names += 1;
            continue;
        }
        if (change->from != NULL) {
            disk_names_take(&directory->durable_names, change->from);
        }
        if (change->inode != NULL) {
            disk_names_put(&directory->durable_names, change->text, change->inode);
        } else {
            disk_names_take(&directory->durable_names, change->text);
        }
    }
    heap_free(kept);
    disk_names_copy(&directory->cached_names, &directory->durable_names);
    disk_name_changes_clear(directory);
}

void disk_power_cut(struct disk *disk, enum disk_keep keep)
{
    struct cut cut = {.disk = disk, .keep = keep};
    cut.keep_of_eight = random_between(&disk->fate, 1, 7);
    for (struct disk_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        inode->is_locked = false;
        if (inode->is_directory) {
            cut_directory(&cut, inode);
        } else {
            cut_file(&cut, inode);
        }
    }
    disk_collect(disk);
}

bool disk_flip_bit(struct disk *disk, const char *path, uint64_t bit)
{
    struct disk_inode *inode = disk_find(disk, path);
    if (inode == NULL || inode->cached.len == 0 || inode->durable.len != inode->cached.len) {
        return false;
    }
    uint64_t place = bit % (inode->cached.len * 8);
    inode->cached.data[place / 8] ^= (uint8_t)(1u << (place % 8));
    inode->durable.data[place / 8] ^= (uint8_t)(1u << (place % 8));
    return true;
}
