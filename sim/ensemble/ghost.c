/* ghost.c - G, the committed log, as an onlooker sees it grow. See ensemble.h.
 *
 * Servers know nothing of it. After each turn of a server, what it has applied is compared with G;
 * who goes beyond its end first lets it grow, by what stands in that server's log files. At this
 * moment a quorum of the voters must have it on their disks, as durable: what a power cut of all
 * machines, in this very moment, would leave. So an acknowledgement that came too early is found
 * when it counts, even if no power cut follows.
 *
 * When a leader begins to serve, its epoch's first zxid (counter 0) becomes a place of G of its
 * own: nothing is logged there, but servers show it to clients.
 */
#include "sim/ensemble/onlookers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/log_reader.h"
#include "sim/log_sim.h"

#define COUNTER_BITS 32
#define COUNTER_MASK INT64_C(0xffffffff)

static const struct hash_key proposal_key = {0x70726f706f73616c, 0x6f6e6520612d7a78};

void ghost_init(struct ghost *ghost, const struct membership *first)
{
    *ghost = (struct ghost){0};
    memberships_init(&ghost->memberships, first);
    u64_map_init(&ghost->proposals);
    u64_map_init(&ghost->leaders);
}

void ghost_release(struct ghost *ghost)
{
    u64_map_release(&ghost->proposals);
    u64_map_release(&ghost->leaders);
    memberships_release(&ghost->memberships);
    heap_free(ghost->entries);
}

int64_t ghost_zxid(const struct ensemble_world *ensemble)
{
    const struct history *history = &ensemble->base.history;
    return history->log_count == 0 ? 0 : history->log[history->log_count - 1].zxid;
}

int64_t ghost_last_txn_below(const struct ensemble_world *ensemble, int64_t zxid)
{
    const struct history *history = &ensemble->base.history;
    for (size_t i = history->log_count; i > 0; i--) {
        if (history->log[i - 1].zxid < zxid && !slice_is_null(history->log[i - 1].bytes)) {
            return history->log[i - 1].zxid;
        }
    }
    return 0;
}

int64_t ghost_last_txn(const struct ensemble_world *ensemble)
{
    return ghost_last_txn_below(ensemble, INT64_MAX);
}

static int64_t epoch_of(int64_t zxid)
{
    return zxid >> COUNTER_BITS;
}

/* ---- a log as it stands on a disk ------------------------------------------------------------ */

struct log_name_search {
    const char *prefix;
    uint64_t above;
    uint64_t found; /* the least one; UINT64_MAX: none */
};

static void consider_name(void *ctx, const char *name)
{
    struct log_name_search *search = ctx;
    size_t len = strlen(search->prefix);
    char *end;
    if (strncmp(name, search->prefix, len) != 0) {
        return;
    }
    uint64_t zxid = strtoull(name + len, &end, 16);
    if (end != name + len && *end == '\0' &&
        (search->above == UINT64_MAX || zxid > search->above)) {
        search->found = MIN(search->found, zxid);
    }
}

static void log_folder(const struct member *member, char path[CONFIG_TEXT_MAX + 16])
{
    const struct zk_config *config = &member->config;
    snprintf(path, CONFIG_TEXT_MAX + 16, "%s/version-2",
             config->data_log_dir[0] == '\0' ? config->data_dir : config->data_log_dir);
}

/* Z-INV3: a zxid is one transaction, wherever it stands. */
static void note_proposal(struct member *member, int64_t zxid, struct slice txn)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct u64_map *proposals = &ensemble->ghost.proposals;
    uint64_t hash = hash_bytes(proposal_key, txn) | 1;
    uint64_t known = 0;
    int64_t max = ensemble->options.counter_max;
    if (max > 0 && (zxid & COUNTER_MASK) > max) {
        ensemble_world_fail(
            ensemble, "Z-INV10: zxid 0x%" PRIx64 " of member %d, an epoch has 0x%" PRIx64 " only",
            zxid, member->id, max);
    }
    if (!u64_map_get(proposals, (uint64_t)zxid, &known)) {
        u64_map_put(proposals, (uint64_t)zxid, hash);
    } else if (known != hash) {
        ensemble_world_fail(
            ensemble, "Z-INV3: zxid 0x%" PRIx64 " is another transaction in the log of member %d",
            zxid, member->id);
    }
}

/* Z-INV10: inside of a file a log goes on with the next zxid, or with the first of a later epoch.
 */
static void check_contiguity(struct member *member, const struct log_place *place)
{
    const struct member_log *log = &member->log;
    if (log->count == 0 || log->places[log->count - 1].inode != place->inode) {
        return;
    }
    int64_t last = log->places[log->count - 1].zxid;
    bool is_next = place->zxid == last + 1;
    bool is_first = epoch_of(place->zxid) > epoch_of(last) && (place->zxid & COUNTER_MASK) == 1;
    if (!is_next && !is_first) {
        ensemble_world_fail(member->ensemble,
                            "Z-INV10: the log of member %d has 0x%" PRIx64 " behind 0x%" PRIx64,
                            member->id, place->zxid, last);
    }
}

static struct slice place_txn(const struct log_place *place)
{
    int64_t zxid;
    struct slice txn = SLICE_NULL;
    (void)log_file_next(bytes_slice(&place->inode->cached), place->offset, &zxid, &txn);
    return txn;
}

static void read_entries(struct member *member)
{
    struct member_log *log = &member->log;
    int64_t zxid = 0;
    struct slice txn;
    size_t next;
    while (log->inode != NULL && (next = log_file_next(bytes_slice(&log->inode->cached),
                                                       log->offset, &zxid, &txn)) != 0) {
        size_t begin = (size_t)(txn.ptr - log->inode->cached.data) - 12; /* checksum and length */
        struct log_place place = {
            .zxid = zxid, .inode = log->inode, .offset = begin, .len = next - begin};
        check_contiguity(member, &place);
        note_proposal(member, zxid, txn);
        heap_grow((void **)&log->places, &log->cap, log->count, sizeof *log->places);
        log->places[log->count++] = place;
        log->offset = next;
    }
}

static bool next_file(struct member *member)
{
    struct member_log *log = &member->log;
    char folder[CONFIG_TEXT_MAX + 16];
    char path[CONFIG_TEXT_MAX + 64];
    struct log_name_search search = {
        .prefix = "log.",
        .above = log->inode == NULL ? UINT64_MAX : log->file_zxid,
        .found = UINT64_MAX,
    };
    log_folder(member, folder);
    if (disk_find(&member->disk, folder) == NULL) {
        return false;
    }
    disk_list(&member->disk, folder, consider_name, &search);
    if (search.found == UINT64_MAX) {
        return false;
    }
    snprintf(path, sizeof path, "%s/log.%" PRIx64, folder, search.found);
    log->inode = disk_find(&member->disk, path);
    log->file_zxid = search.found;
    log->offset = 0;
    return log->inode != NULL;
}

/* Has the log been cut behind our back? */
static bool is_as_read(const struct member_log *log)
{
    int64_t zxid = 0;
    struct slice txn;
    if (log->is_stale) {
        return false;
    }
    if (log->count == 0) {
        return log->inode == NULL;
    }
    const struct log_place *last = &log->places[log->count - 1];
    return log_file_next(bytes_slice(&last->inode->cached), last->offset, &zxid, &txn) != 0 &&
           zxid == last->zxid;
}

static int64_t log_end(const struct member_log *log)
{
    return log->count == 0 ? 0 : log->places[log->count - 1].zxid;
}

/* Of G: how many places up to zxid. */
static size_t ghost_count_to(const struct ensemble_world *ensemble, int64_t zxid)
{
    const struct history *history = &ensemble->base.history;
    size_t low = 0;
    size_t high = history->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (history->log[middle].zxid <= zxid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_committed(const struct ensemble_world *ensemble, int64_t zxid)
{
    size_t count = ghost_count_to(ensemble, zxid);
    return count > 0 && ensemble->base.history.log[count - 1].zxid == zxid;
}

struct tally {
    int have;
    int voters;
};

static bool is_on_quorum(struct ensemble_world *ensemble,
                         int64_t zxid,
                         const struct member *without,
                         struct tally *tally);
static bool has_durable_snapshot(struct member *member, int64_t zxid);

static const struct log_place *find_place(const struct member_log *log, int64_t zxid)
{
    size_t low = 0;
    size_t high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->places[middle].zxid < zxid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < log->count && log->places[low].zxid == zxid ? &log->places[low] : NULL;
}

/* What a running server has cut from its log was never committed, or is durable on a quorum without
 * it (Z-INV9). A follower that comes back is told to cut what its leader has not committed yet, and
 * gets it again behind that; meanwhile the others may commit it, without its word of before. */
static void check_cut(struct member *member, const struct log_place *old, size_t count)
{
    struct ensemble_world *ensemble = member->ensemble;
    int64_t first = member->log.count == 0 ? INT64_MAX : member->log.places[0].zxid;
    for (size_t i = count; i > 0; i--) {
        int64_t zxid = old[i - 1].zxid;
        bool is_purged = zxid < first && is_committed(ensemble, zxid);
        if (is_purged || find_place(&member->log, zxid) != NULL) {
            continue;
        }
        struct tally tally;
        if (is_committed(ensemble, zxid) && !has_durable_snapshot(member, zxid) &&
            !is_on_quorum(ensemble, zxid, member, &tally)) {
            ensemble_world_fail(ensemble,
                                "Z-INV9: member %d has cut 0x%" PRIx64
                                ", which is committed and durable on %d other disks of %d only",
                                member->id, zxid, tally.have, tally.voters);
        } else {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_TAIL_CUT);
        }
    }
}

static void read_anew(struct member *member)
{
    struct member_log *log = &member->log;
    struct log_place *old = log->places;
    size_t old_count = log->count;
    *log = (struct member_log){0};
    while (next_file(member)) {
        read_entries(member);
    }
    check_cut(member, old, old_count);
    heap_free(old);
}

/* Reads what the log has got, up to `wanted` at least if it is there. */
static void follow(struct member *member, int64_t wanted)
{
    struct member_log *log = &member->log;
    if (!is_as_read(log)) {
        read_anew(member);
        return;
    }
    read_entries(member);
    while (log_end(log) < wanted && next_file(member)) {
        read_entries(member);
    }
    if (log_end(log) < wanted) {
        read_anew(member); /* an empty file may have been made anew */
    }
}

void ghost_disk_changed(struct member *member)
{
    struct member_log *log = &member->log;
    heap_free(log->places);
    *log = (struct member_log){.is_stale = true};
    member->applied = 0;
}

/* ---- what is durable ------------------------------------------------------------------------- */

static bool has_durable_name(const struct disk_inode *directory, const struct disk_inode *inode)
{
    for (size_t i = 0; i < directory->durable_names.count; i++) {
        if (directory->durable_names.list[i].inode == inode) {
            return true;
        }
    }
    return false;
}

static bool is_durable_place(struct member *member, const struct log_place *place)
{
    const struct disk_inode *inode = place->inode;
    char folder[CONFIG_TEXT_MAX + 16];
    log_folder(member, folder);
    const struct disk_inode *directory = disk_find(&member->disk, folder);
    return directory != NULL && has_durable_name(directory, inode) &&
           inode->durable.len >= place->offset + place->len &&
           memcmp(inode->durable.data + place->offset, inode->cached.data + place->offset,
                  place->len) == 0;
}

struct snapshot_search {
    struct member *member;
    struct disk_inode *directory;
    uint64_t at_least;
    bool is_found;
};

static void consider_snapshot(void *ctx, const char *name)
{
    struct snapshot_search *search = ctx;
    char path[CONFIG_TEXT_MAX + 64];
    char *end;
    if (strncmp(name, "snapshot.", 9) != 0) {
        return;
    }
    uint64_t zxid = strtoull(name + 9, &end, 16);
    if (end == name + 9 || zxid < search->at_least || strstr(name, "tmp") != NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/version-2/%s", search->member->config.data_dir, name);
    const struct disk_inode *inode = disk_find(&search->member->disk, path);
    if (inode != NULL && inode->change_count == 0 && inode->durable.len == inode->cached.len &&
        has_durable_name(search->directory, inode)) {
        search->is_found = true;
    }
}

static bool has_durable_snapshot(struct member *member, int64_t zxid)
{
    char path[CONFIG_TEXT_MAX + 16];
    snprintf(path, sizeof path, "%s/version-2", member->config.data_dir);
    struct snapshot_search search = {
        .member = member, .directory = disk_find(&member->disk, path), .at_least = (uint64_t)zxid};
    if (search.directory != NULL) {
        disk_list(&member->disk, path, consider_snapshot, &search);
    }
    return search.is_found;
}

bool ghost_has_durable(struct member *member, int64_t zxid)
{
    follow(member, zxid);
    const struct log_place *place = find_place(&member->log, zxid);
    return place != NULL ? is_durable_place(member, place) : has_durable_snapshot(member, zxid);
}

/* Do so many voters, one perhaps left out, have it on their disks that no quorum can miss it? */
static bool is_on_quorum_of(struct ensemble_world *ensemble,
                            const struct membership *membership,
                            int64_t zxid,
                            const struct member *without,
                            struct tally *tally)
{
    bool has[MEMBERS_MAX] = {false};
    *tally = (struct tally){.voters = membership_voters(membership)};
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        has[i] = member != without && membership_is_voter(membership, member->id) &&
                 ghost_has_durable(member, zxid);
        tally->have += has[i];
    }
    return membership_is_quorum(membership, has);
}

/* By the configuration in force at that zxid, or by that of today. */
static bool is_on_quorum(struct ensemble_world *ensemble,
                         int64_t zxid,
                         const struct member *without,
                         struct tally *tally)
{
    const struct memberships *memberships = &ensemble->ghost.memberships;
    const struct membership *then = memberships_at(memberships, zxid);
    const struct membership *now = memberships_last(memberships);
    return is_on_quorum_of(ensemble, then, zxid, without, tally) ||
           (now != then && is_on_quorum_of(ensemble, now, zxid, without, tally));
}

/* Z-INV7, Z-INV9: now that it is committed. Z-INV14: a reconfig by the members of before, too. */
static void check_quorum(struct ensemble_world *ensemble, int64_t zxid, const struct member *by)
{
    const struct memberships *memberships = &ensemble->ghost.memberships;
    const struct membership *after = memberships_at(memberships, zxid);
    struct tally tally;
    if (!is_on_quorum_of(ensemble, after, zxid, NULL, &tally)) {
        ensemble_world_fail(ensemble,
                            "Z-INV9: member %d shows 0x%" PRIx64 ", durable on %d of %d disks only",
                            by->id, zxid, tally.have, tally.voters);
    } else if (tally.have * 2 <= tally.voters) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_WEIGHTS_MATTERED);
    }
    bool is_reconfig = zxid > 0 && after->zxid == zxid;
    if (is_reconfig && !is_on_quorum_of(ensemble, after - 1, zxid, NULL, &tally)) {
        ensemble_world_fail(ensemble,
                            "Z-INV14: member %d has configuration 0x%" PRIx64
                            ", which is durable on %d disks of the %d voters of before only",
                            by->id, zxid, tally.have, tally.voters);
    }
}

/* Those up to `zxid`, which are committed with it. */
static void check_reconfigs(struct ensemble_world *ensemble,
                            int64_t before,
                            int64_t zxid,
                            const struct member *by)
{
    const struct memberships *memberships = &ensemble->ghost.memberships;
    for (size_t i = memberships->count; i > 0 && memberships->list[i - 1].zxid > before; i--) {
        if (memberships->list[i - 1].zxid < zxid) {
            check_quorum(ensemble, memberships->list[i - 1].zxid, by);
        }
    }
}

/* With its disk empty it must not decide alone, and the others must not need what it had. */
static bool decides_alone(const struct member *member)
{
    bool agrees[MEMBERS_MAX] = {false};
    agrees[member->id - 1] = true;
    return membership_is_quorum(memberships_last(&member->ensemble->ghost.memberships), agrees);
}

int64_t ghost_log_end(struct member *member)
{
    follow(member, INT64_MAX);
    return log_end(&member->log);
}

bool ghost_can_spare(struct member *member)
{
    struct ensemble_world *ensemble = member->ensemble;
    int64_t last = ghost_last_txn(ensemble);
    follow(member, INT64_MAX);
    if (ensemble->options.member_count < 3 || last == 0 || log_end(&member->log) > last ||
        decides_alone(member)) {
        return false; /* its word may already count for what is not committed yet */
    }
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *other = &ensemble->members[i];
        if (other == member || other->is_observer) {
            continue;
        }
        ghost_epochs(other);
        if (other->was_wiped || other->accepted_epoch < member->accepted_epoch ||
            other->current_epoch < member->current_epoch || !ghost_has_durable(other, last)) {
            return false;
        }
    }
    return true;
}

bool ghost_log_covers(struct member *member, int64_t from, int64_t to)
{
    const struct history *history = &member->ensemble->base.history;
    follow(member, to);
    for (size_t i = 0; i < history->log_count; i++) {
        const struct logged *logged = &history->log[i];
        if (logged->zxid > from && logged->zxid <= to && !slice_is_null(logged->bytes) &&
            find_place(&member->log, logged->zxid) == NULL) {
            return false;
        }
    }
    return true;
}

/* ---- G --------------------------------------------------------------------------------------- */

static void push(struct ensemble_world *ensemble, int64_t zxid, struct slice txn)
{
    struct ghost *ghost = &ensemble->ghost;
    history_commit(&ensemble->base.history, zxid, txn);
    memberships_note(ensemble, zxid, txn);
    sessions_committed(ensemble, txn);
    heap_grow((void **)&ghost->entries, &ghost->cap, ghost->count, sizeof *ghost->entries);
    ghost->entries[ghost->count++] = (struct ghost_entry){0};
}

/* An epoch whose leader serves when a later one has begun: nothing is committed in it, but its
 * first zxid is shown to clients. */
static void begin_late(struct ensemble_world *ensemble, int64_t first)
{
    struct ghost *ghost = &ensemble->ghost;
    size_t at = history_begin_late(&ensemble->base.history, first);
    heap_grow((void **)&ghost->entries, &ghost->cap, ghost->count, sizeof *ghost->entries);
    for (size_t i = ghost->count++; i > at; i--) {
        ghost->entries[i] = ghost->entries[i - 1];
    }
    ghost->entries[at] = (struct ghost_entry){0};
}

/* Appends what the log has between the end of G and zxid. */
static void extend_from(struct ensemble_world *ensemble, struct member *source, int64_t zxid)
{
    const struct member_log *log = &source->log;
    follow(source, zxid);
    int64_t end = ghost_zxid(ensemble);
    for (size_t i = 0; i < log->count; i++) {
        const struct log_place *place = &log->places[i];
        if (place->zxid > end && place->zxid <= zxid) {
            push(ensemble, place->zxid, place_txn(place));
        }
    }
}

void ghost_committed(struct member *member, int64_t zxid)
{
    struct ensemble_world *ensemble = member->ensemble;
    int64_t before = ghost_zxid(ensemble);
    follow(member, zxid);
    if (find_place(&member->log, zxid) != NULL) {
        extend_from(ensemble, member, zxid);
    } else { /* an observer need not log */
        for (int i = 0; i < ensemble->options.member_count; i++) {
            struct member *other = &ensemble->members[i];
            follow(other, zxid);
            if (find_place(&other->log, zxid) != NULL) {
                extend_from(ensemble, other, zxid);
                break;
            }
        }
    }
    if (ghost_zxid(ensemble) != zxid) {
        ensemble_world_fail(ensemble, "Z-INV1: member %d shows 0x%" PRIx64 ", which is in no log",
                            member->id, zxid);
        return;
    }
    sim_trace("committed: 0x%" PRIx64 "..0x%" PRIx64 ", shown by member %d", before + 1, zxid,
              member->id);
    check_reconfigs(ensemble, before, zxid, member);
    check_quorum(ensemble, zxid, member);
}

static void check_digest(struct member *member, size_t place, uint64_t digest)
{
    struct ghost_entry *entry = &member->ensemble->ghost.entries[place];
    if (digest == 0) {
        return;
    }
    if (entry->has_digest && entry->digest != digest) {
        ensemble_world_fail(
            member->ensemble,
            "Z-INV2/12: member %d has digest %" PRIx64 " at 0x%" PRIx64 ", another has %" PRIx64,
            member->id, digest, member->ensemble->base.history.log[place].zxid, entry->digest);
    }
    entry->has_digest = true;
    entry->digest = digest;
}

/* What a serving member has applied is a beginning of G. */
static void look_applied(struct member *member, const struct member_view *view)
{
    struct ensemble_world *ensemble = member->ensemble;
    if (view->zxid > ghost_zxid(ensemble)) {
        ghost_committed(member, view->zxid);
    }
    if (world_is_over(&ensemble->base)) {
        return;
    }
    size_t count = ghost_count_to(ensemble, view->zxid);
    /* The beginning of an epoch is no txn: a leader that was late has one that G has not. */
    bool is_txn = view->zxid > epoch_of(view->zxid) << COUNTER_BITS;
    if (is_txn && !is_committed(ensemble, view->zxid)) {
        ensemble_world_fail(ensemble,
                            "Z-INV2: member %d has applied 0x%" PRIx64 ", which is not in G",
                            member->id, view->zxid);
        return;
    }
    if (count < member->applied && member->view.is_serving) {
        ensemble_world_fail(ensemble, "Z-INV2: member %d went back to 0x%" PRIx64, member->id,
                            view->zxid);
        return;
    }
    member->applied = count;
    if (count > 0) {
        check_digest(member, count - 1, view->digest);
    }
}

/* ---- leaders --------------------------------------------------------------------------------- */

static void note_epoch(struct member *member, int64_t epoch)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct ghost *ghost = &ensemble->ghost;
    uint64_t known = 0;
    if (u64_map_get(&ghost->leaders, (uint64_t)epoch, &known)) {
        if (known != (uint64_t)member->id) {
            ensemble_world_fail(ensemble,
                                "Z-INV6: epoch %" PRId64 " has two leaders: members %d and %d",
                                epoch, (int)known, member->id);
        }
        return;
    }
    uint64_t count = ghost->leaders.count;
    ensemble_world_mark(ensemble, count == 0 ? ENSEMBLE_MARK_ELECTED : ENSEMBLE_MARK_ELECTED_AGAIN);
    size_t position = 0;
    uint64_t other = 0;
    uint64_t id = 0;
    bool led_before = false;
    while (u64_map_next(&ghost->leaders, &position, &other, &id)) {
        led_before = led_before || id == (uint64_t)member->id;
    }
    if (led_before) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_OLD_LEADER_AGAIN);
    }
    u64_map_put(&ghost->leaders, (uint64_t)epoch, (uint64_t)member->id);
    ghost->newest_epoch = MAX(ghost->newest_epoch, epoch);
    ensemble->campaign->leaders += 1;
}

/* It begins to serve as a leader: all of G that is older than its epoch is its own, and what it has
 * beyond becomes G. A later epoch may have committed already: the word that made it a leader was
 * long on its way, it has lost its quorum since and can commit nothing. */
static void look_leader(struct member *member, const struct member_view *view)
{
    struct ensemble_world *ensemble = member->ensemble;
    int64_t first = view->epoch << COUNTER_BITS;
    int64_t needed = ghost_last_txn_below(ensemble, first);
    sim_trace("member %d serves as the leader of epoch %" PRId64 " at 0x%" PRIx64, member->id,
              view->epoch, view->zxid);
    note_epoch(member, view->epoch);
    follow(member, MAX(needed, first)); /* to its end */
    if (log_end(&member->log) < needed && !has_durable_snapshot(member, needed)) {
        ensemble_world_fail(ensemble,
                            "Z-INV8: member %d leads epoch %" PRId64
                            " and its log ends with 0x%" PRIx64 ", committed is 0x%" PRIx64,
                            member->id, view->epoch, log_end(&member->log), needed);
        return;
    }
    /* What it has: by its log, or by a snapshot that a leader before has sent it. */
    int64_t kept = MAX(log_end(&member->log), member->view.zxid);
    if (kept > ghost_zxid(ensemble) && kept < first) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_TAIL_KEPT);
        ghost_committed(member, kept);
    }
    if (first > ghost_zxid(ensemble)) {
        push(ensemble, first, SLICE_NULL);
    } else if (first < ghost_zxid(ensemble)) {
        begin_late(ensemble, first);
    }
}

static void look_syncs(struct member *member, const struct member_view *view)
{
    const struct member_view *before = &member->view;
    uint64_t *marks = member->ensemble->campaign->marks;
    marks[ENSEMBLE_MARK_SYNC_DIFF] += view->syncs_by_diff > before->syncs_by_diff;
    marks[ENSEMBLE_MARK_SYNC_TRUNC] += view->syncs_by_trunc > before->syncs_by_trunc;
    marks[ENSEMBLE_MARK_SYNC_SNAP] += view->syncs_by_snap > before->syncs_by_snap;
}

static void look_marks(struct member *member, const struct member_view *view)
{
    struct ensemble_world *ensemble = member->ensemble;
    const struct member_view *before = &member->view;
    if (before->is_leader && before->is_serving && view->is_looking) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_LOST_QUORUM);
    }
    if (view->is_read_only && !before->is_read_only) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_READ_ONLY);
    }
    if (view->is_serving && !before->is_serving) {
        if (member->is_observer) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_OBSERVER_SERVED);
        }
        if (member->was_wiped) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_WIPED_CAME_BACK);
            member->was_wiped = false;
        }
    }
    for (int i = 0; i < ensemble->options.member_count && view->is_leader; i++) {
        const struct member *other = &ensemble->members[i];
        if (other != member && other->view.is_leader) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_TWO_LEADERS);
        }
    }
}

void ghost_look(struct member *member)
{
    struct member_view view;
    const struct member_view before = member->view;
    member_look(member, &view);
    ghost_epochs_look(member);
    look_syncs(member, &view);
    sessions_look(member, &view);
    votes_look(member, &view);
    bool is_new = view.is_serving != before.is_serving || view.is_leader != before.is_leader ||
                  view.is_looking != before.is_looking || view.epoch != before.epoch ||
                  view.is_read_only != before.is_read_only;
    if (is_new && view.is_up) {
        ghost_epochs(member);
        follow(member, INT64_MAX); /* its whole tail: what of it is cut later? */
        look_marks(member, &view);
        schedule_note(&member->ensemble->base.schedule, (uint64_t)member->id,
                      (uint64_t)view.is_serving << 2 | (uint64_t)view.is_leader << 1 |
                          (uint64_t)view.is_looking);
        sim_trace("member %d: %s%s, epoch %" PRId64 ", zxid 0x%" PRIx64, member->id,
                  view.is_looking  ? "looking"
                  : view.is_leader ? "leading"
                                   : "following",
                  view.is_serving ? ", serves" : "", view.epoch, view.zxid);
    }
    if (view.is_serving && view.is_leader && (!before.is_serving || !before.is_leader)) {
        look_leader(member, &view);
    }
    if (view.is_serving && (view.zxid != before.zxid || !before.is_serving)) {
        look_applied(member, &view);
    }
    if (view.is_sending_tree && before.is_sending_tree) {
        ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_SNAPSHOT_LONG);
    }
    reconfigurer_look(member, &view);
    member->view = view;
}
