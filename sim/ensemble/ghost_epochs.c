/* ghost_epochs.c - the epochs on the members' disks, and what they stand for. See ensemble.h.
 *
 * They are read as a power cut would leave them, whenever a name on the disk may have become
 * durable. An epoch that grows says: the history that this epoch began with is on this disk. What
 * of it is committed already must be durable then (ZOOKEEPER-4643: a server that dies in between
 * wins the next election with a history that is too short).
 */
#include "sim/ensemble/ensemble.h"

#include <inttypes.h>
#include <stdio.h>

/* A number in a file, as a power cut would leave it; -1: there is none. */
static int64_t durable_number(struct member *member, const char *name)
{
    char path[CONFIG_TEXT_MAX + 16];
    snprintf(path, sizeof path, "%s/version-2", member->config.data_dir);
    const struct disk_inode *directory = disk_find(&member->disk, path);
    for (size_t i = 0; directory != NULL && i < directory->durable_names.count; i++) {
        const struct disk_name *found = &directory->durable_names.list[i];
        if (strcmp(found->text, name) == 0) {
            int64_t number = 0;
            const struct bytes *bytes = &found->inode->durable;
            for (size_t k = 0; k < bytes->len && bytes->data[k] >= '0' && bytes->data[k] <= '9';
                 k++) {
                number = number * 10 + (bytes->data[k] - '0');
            }
            return number;
        }
    }
    return -1;
}

/* Z-INV7: history durable, then epoch durable. */
static void check_history(struct member *member)
{
    int64_t needed = ghost_last_txn_below(member->ensemble, member->current_epoch << 32);
    if (needed > 0 && !member->is_observer && !ghost_has_durable(member, needed)) {
        ensemble_world_fail(member->ensemble,
                            "Z-INV7: member %d has current epoch %" PRId64
                            " on its disk, and not 0x%" PRIx64 ", which is committed",
                            member->id, member->current_epoch, needed);
    }
}

static void check_epoch(struct member *member, const char *name, int64_t *known)
{
    int64_t now = durable_number(member, name);
    if (now < *known) {
        ensemble_world_fail(member->ensemble,
                            "Z-INV11: %s of member %d went from %" PRId64 " to %" PRId64, name,
                            member->id, *known, now);
    }
    *known = now;
}

void ghost_epochs(struct member *member)
{
    check_epoch(member, "acceptedEpoch", &member->accepted_epoch);
    int64_t before = member->current_epoch;
    check_epoch(member, "currentEpoch", &member->current_epoch);
    if (member->current_epoch > before) {
        check_history(member);
    }
    if (member->current_epoch > member->accepted_epoch && member->accepted_epoch >= 0) {
        ensemble_world_fail(member->ensemble,
                            "Z-INV11: member %d has current epoch %" PRId64 ", accepted %" PRId64,
                            member->id, member->current_epoch, member->accepted_epoch);
    }
}

void ghost_epochs_look(struct member *member)
{
    const uint64_t *ops = member->disk.counts.ops;
    uint64_t names = ops[DISK_RENAME] + ops[DISK_SYNC_DIRECTORY];
    if (member->names_seen != names) {
        member->names_seen = names;
        ghost_epochs(member);
    }
}
