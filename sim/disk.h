/* disk.h - one machine's disk: what programs see, and what a power cut leaves of it.
 *
 * Model. A file has two images: `cached`, what reads return, and `durable`, what the platters have;
 * between them stands the list of writes and resizes that no sync has carried over. A directory has
 * the same: two tables of names, and the list of un-synced links, unlinks and renames. Syncing a
 * file says nothing about its name; syncing a directory says nothing about the files in it.
 *
 * A power cut (disk_power_cut) keeps, of each file, any subset of its un-synced operations, each
 * write torn at 512 bytes, the size independent of the data, and of each directory any subset that
 * respects the order of operations on one name. A kill of the process keeps everything.
 *
 * A sync that fails drops what it should have carried over, and says so once: afterwards the file
 * looks clean, reads still return the data, and no later sync writes it (as Linux does).
 *
 * Faults are numbers in `struct disk_faults`: who steers the run sets them. Every operation of the
 * file API (files.c) passes disk_begin, which counts it, may cut the power before it, and may make
 * it fail.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "base/errors.h"
#include "sim/heap.h"
#include "sim/schedule.h"

#define SECTOR_BYTES 512u

enum disk_op_kind {
    DISK_OPEN,
    DISK_READ,
    DISK_WRITE,
    DISK_SYNC,
    DISK_RESIZE,
    DISK_RENAME,
    DISK_REMOVE,
    DISK_SYNC_DIRECTORY,
    DISK_MAKE_DIRECTORY,
    DISK_LIST,
    DISK_STAT,
    DISK_OP_KINDS,
};

/* A write (bytes), a stretch of zeros (bytes NULL) or a resize that no sync has carried over. */
struct disk_change {
    bool is_resize;
    uint64_t offset; /* the new size of a resize */
    uint64_t len;
    uint8_t *bytes;
};

struct disk_inode;

struct disk_name {
    char *text;
    struct disk_inode *inode;
};

struct disk_names {
    struct disk_name *list; /* in byte order */
    size_t count;
    size_t cap;
};

/* inode NULL: unlink; from not NULL: a rename, which also takes that name away. */
struct disk_name_change {
    char *text;
    char *from;
    struct disk_inode *inode;
};

struct disk_inode {
    struct disk_inode *next; /* disk.inodes */
    uint64_t id;
    int references; /* open handles; names are found by walking */
    bool is_directory;
    bool is_locked;
    bool is_marked; /* found while collecting what no name leads to */
    int64_t modified_ms;
    uint64_t allocated; /* bytes that count against the disk's capacity */
    uint32_t volume;    /* as its directory when it was made; see disk_set_volume */

    struct bytes cached;
    struct bytes durable;
    struct disk_change *changes;
    size_t change_count;
    size_t change_cap;

    struct disk_names cached_names;
    struct disk_names durable_names;
    struct disk_name_change *name_changes;
    size_t name_change_count;
    size_t name_change_cap;
};

/* What goes wrong, and how long things take. Chances are one in n; 0 is never. */
struct disk_faults {
    uint64_t capacity; /* bytes; UINT64_MAX: endless */
    uint32_t volume;   /* reads, writes and syncs fail on this one only; 0: on all */
    uint32_t read_error_once_in;
    uint32_t write_error_once_in;
    uint32_t sync_error_once_in;
    uint32_t cut_error_once_in; /* resizes and removals */
    uint64_t op_ns;             /* usual time of a write or a look */
    uint64_t sync_ns;           /* usual time of a sync */
    uint64_t slow_once_in;
    uint64_t slow_ns; /* such an operation takes up to this */
};

/* How much of what is not synced a power cut keeps. */
enum disk_keep {
    KEEP_NOTHING,
    KEEP_ALL,
    KEEP_SOME,         /* each operation with the same chance */
    KEEP_TORN,         /* each sector by itself */
    KEEP_TORN_GARBAGE, /* as torn, and what is lost behind the durable end is not zero */
    KEEP_NAMES,        /* all directory operations, no data: sizes without content */
    KEEP_DATA,         /* all data, no directory operation */
    KEEP_KINDS,
};

struct disk_counts {
    uint64_t ops[DISK_OP_KINDS];
    uint64_t failed[DISK_OP_KINDS];
    uint64_t no_space;
    uint64_t slow;
    uint64_t torn_writes; /* writes that a power cut tore */
    uint64_t lost_writes;
    uint64_t lost_names;
    uint64_t dropped_by_sync_error;
};

struct disk {
    struct schedule *schedule;
    struct random random; /* latencies, failures */
    struct random fate;   /* what a power cut keeps */
    struct disk_inode *inodes;
    struct disk_inode *root;
    uint64_t next_id;
    struct disk_faults faults;
    struct disk_counts counts;
    uint64_t op_count;
    uint64_t stop_at_op; /* op_count at which on_stop_at is called, before the operation */
    void (*on_stop_at)(void *ctx);
    void *stop_ctx;
    /* A file is about to lose its name (its content is still there): the checker keeps logs. */
    void (*on_remove)(void *ctx, const char *path);
    void *ctx;
};

void disk_init(struct disk *disk, struct schedule *schedule, const struct random *seed);
void disk_release(struct disk *disk);

/* Before each operation: 0, or how it fails. *ns grows by the time it takes. */
NODISCARD int disk_begin(struct disk *disk, enum disk_op_kind kind, uint32_t volume, uint64_t *ns);

/* ---- names ---- */

/* NULL when there is no such file or directory. */
struct disk_inode *disk_find(struct disk *disk, const char *path);

/* Directories can be volumes, which fail each by itself: what is made in one later belongs to it.
 * Volume 0 is the rest. disk_volume: of a path, or of the nearest directory above it that is
 * there. */
void disk_set_volume(struct disk *disk, const char *directory, uint32_t volume);
uint32_t disk_volume(const struct disk *disk, const char *path);

/* Makes an empty file or directory; the parent is there, the name is not. */
struct disk_inode *disk_make(struct disk *disk, const char *path, bool is_directory);

/* ERR_NOT_FOUND, ERR_INVALID for a directory that is not empty. */
NODISCARD int disk_remove(struct disk *disk, const char *path);
NODISCARD int disk_rename(struct disk *disk, const char *from, const char *to);

/* ---- content ---- */

/* ERR_NO_SPACE when the disk is full: a part is written then. */
NODISCARD int disk_write(struct disk *disk,
                         struct disk_inode *inode,
                         uint64_t offset,
                         struct slice bytes);
NODISCARD int disk_write_zeros(struct disk *disk,
                               struct disk_inode *inode,
                               uint64_t offset,
                               uint64_t len);
void disk_resize(struct disk_inode *inode, uint64_t size);
void disk_sync(struct disk_inode *inode);
void disk_drop_dirty(struct disk *disk, struct disk_inode *inode);

/* Bytes on the disk that count. */
uint64_t disk_used(const struct disk *disk);

/* ---- what happens to the machine ---- */

/* Whoever had files open has lost them; locks end. */
void disk_process_ended(struct disk *disk);
void disk_power_cut(struct disk *disk, enum disk_keep keep);

/* Flips one bit of a file at rest, in both images. False when the file is empty. */
bool disk_flip_bit(struct disk *disk, const char *path, uint64_t bit);

/* Calls each file name of a directory, in byte order. */
void disk_list(struct disk *disk,
               const char *path,
               void (*each)(void *ctx, const char *name),
               void *ctx);

/* ---- shared between disk.c and disk_crash.c ---- */

void disk_names_put(struct disk_names *names, const char *text, struct disk_inode *inode);
void disk_names_take(struct disk_names *names, const char *text);
void disk_names_copy(struct disk_names *to, const struct disk_names *from);
void disk_names_release(struct disk_names *names);
void disk_changes_clear(struct disk_inode *inode);
void disk_name_changes_clear(struct disk_inode *inode);

/* Frees the inodes that no name and no handle leads to. */
void disk_collect(struct disk *disk);

#endif
