/* quorums.c - see quorums.h. */
#include "sim/ensemble/quorums.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/ensemble/ensemble.h"
#include "sim/log_reader.h"
#include "sim/log_sim.h"

#define GROUP_LINE_MAX 64

/* ---- the rule -------------------------------------------------------------------------------- */

bool membership_has_groups(const struct membership *membership)
{
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (membership->seats[i].group != 0) {
            return true;
        }
    }
    return false;
}

bool membership_has(const struct membership *membership, int id)
{
    return id >= 1 && id <= MEMBERS_MAX && membership->seats[id - 1].is_there;
}

bool membership_is_voter(const struct membership *membership, int id)
{
    return membership_has(membership, id) && membership->seats[id - 1].is_voter;
}

int membership_voters(const struct membership *membership)
{
    int count = 0;
    for (int id = 1; id <= MEMBERS_MAX; id++) {
        count += membership_is_voter(membership, id);
    }
    return count;
}

static bool is_majority(const struct membership *membership, const bool agrees[MEMBERS_MAX])
{
    int have = 0;
    for (int id = 1; id <= MEMBERS_MAX; id++) {
        have += membership_is_voter(membership, id) && agrees[id - 1];
    }
    return have * 2 > membership_voters(membership);
}

bool membership_is_quorum(const struct membership *membership, const bool agrees[MEMBERS_MAX])
{
    int groups_that_count = 0;
    int groups_that_agree = 0;
    if (!membership_has_groups(membership)) {
        return is_majority(membership, agrees);
    }
    for (int group = 1; group <= MEMBERS_MAX; group++) {
        int sum = 0;
        int agreed = 0;
        for (int i = 0; i < MEMBERS_MAX; i++) {
            const struct seat *seat = &membership->seats[i];
            int weight = seat->weight < 0 ? 1 : seat->weight;
            if (seat->is_there && seat->is_voter && seat->group == group) {
                sum += weight;
                agreed += agrees[i] ? weight : 0;
            }
        }
        groups_that_count += sum > 0;
        groups_that_agree += agreed * 2 > sum;
    }
    return groups_that_agree * 2 > groups_that_count;
}

/* ---- texts ----------------------------------------------------------------------------------- */

size_t membership_line(const struct membership *membership, int id, char *text, size_t size)
{
    const struct seat *seat = &membership->seats[id - 1];
    char host[16];
    snprintf(host, sizeof host, membership->has_names ? "zk%d" : "10.0.0.%d", id);
    int len = snprintf(text, size, "server.%d=%s:%d:%d:%s%s", id, host, seat->quorum_port,
                       seat->election_port, seat->is_voter ? "participant" : "observer",
                       seat->has_client_port ? ";0.0.0.0:2181" : "");
    ASSERT(len > 0 && (size_t)len < size);
    return (size_t)len;
}

/* "group.2=3:4" and the end; nothing when nobody is in it. */
static size_t group_line(const struct membership *membership, int group, char end, char *text)
{
    size_t len = 0;
    bool is_first = true;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        const struct seat *seat = &membership->seats[i];
        if (seat->is_there && seat->group == group) {
            if (len == 0) {
                len = (size_t)snprintf(text, GROUP_LINE_MAX, "group.%d", group);
            }
            len += (size_t)snprintf(text + len, GROUP_LINE_MAX - len, "%s%d", is_first ? "=" : ":",
                                    i + 1);
            is_first = false;
        }
    }
    if (len > 0) {
        text[len++] = end;
    }
    return len;
}

size_t membership_text(const struct membership *membership,
                       char end,
                       char text[MEMBERSHIP_TEXT_MAX])
{
    size_t len = 0;
    for (int id = 1; id <= MEMBERS_MAX; id++) {
        if (membership_has(membership, id)) {
            len += membership_line(membership, id, text + len, MEMBERSHIP_TEXT_MAX - len);
            text[len++] = end;
        }
    }
    for (int group = 1; group <= MEMBERS_MAX; group++) {
        len += group_line(membership, group, end, text + len);
    }
    for (int i = 0; i < MEMBERS_MAX; i++) {
        const struct seat *seat = &membership->seats[i];
        if (seat->is_there && seat->is_voter && seat->group != 0) {
            len += (size_t)snprintf(text + len, MEMBERSHIP_TEXT_MAX - len, "weight.%d=%d%c", i + 1,
                                    seat->weight < 0 ? 1 : seat->weight, end);
        }
    }
    ASSERT(len < MEMBERSHIP_TEXT_MAX);
    text[len] = '\0';
    return len;
}

/* Takes the word off the front. */
static bool take_word(struct slice *rest, const char *word)
{
    if (!slice_starts_with(*rest, slice_of_cstr(word))) {
        return false;
    }
    *rest = slice_part(*rest, strlen(word), rest->len);
    return true;
}

static bool take_number(struct slice *rest, int *number)
{
    size_t at = 0;
    *number = 0;
    while (at < rest->len && at < 6 && rest->ptr[at] >= '0' && rest->ptr[at] <= '9') {
        *number = *number * 10 + (rest->ptr[at] - '0');
        at += 1;
    }
    *rest = slice_part(*rest, at, rest->len);
    return at > 0;
}

static bool take_id(struct slice *rest, int *id)
{
    return take_number(rest, id) && *id >= 1 && *id <= MEMBERS_MAX;
}

static bool read_server(struct membership *membership, struct slice line, int *id)
{
    int host = 0;
    int quorum_port = 0;
    int election_port = 0;
    if (!take_id(&line, id) || !take_word(&line, "=") ||
        !take_word(&line, membership->has_names ? "zk" : "10.0.0.") || !take_number(&line, &host) ||
        host != *id || !take_word(&line, ":") || !take_number(&line, &quorum_port) ||
        !take_word(&line, ":") || !take_number(&line, &election_port)) {
        return false;
    }
    struct seat *seat = &membership->seats[*id - 1];
    *seat = (struct seat){
        .is_there = true,
        .quorum_port = (uint16_t)quorum_port,
        .election_port = (uint16_t)election_port,
        .weight = -1,
    };
    seat->is_voter = !take_word(&line, ":observer");
    (void)take_word(&line, ":participant");
    seat->has_client_port = take_word(&line, ";0.0.0.0:2181") || take_word(&line, ";2181");
    return line.len == 0;
}

int membership_read_line(struct membership *membership, struct slice line)
{
    int id = 0;
    return take_word(&line, "server.") && read_server(membership, line, &id) ? id : 0;
}

static bool read_group(struct membership *membership, struct slice line)
{
    int group = 0;
    int id = 0;
    if (!take_number(&line, &group) || !take_word(&line, "=")) {
        return false;
    }
    do {
        if (!take_id(&line, &id)) {
            return false;
        }
        membership->seats[id - 1].group = group;
    } while (take_word(&line, ":"));
    return line.len == 0;
}

static bool read_weight(struct membership *membership, struct slice line)
{
    int id = 0;
    int weight = 0;
    if (!take_id(&line, &id) || !take_word(&line, "=") || !take_number(&line, &weight)) {
        return false;
    }
    membership->seats[id - 1].weight = weight;
    return line.len == 0;
}

/* Every voter is in a group, when anybody is. */
static bool has_all_groups(const struct membership *membership)
{
    for (int i = 0; i < MEMBERS_MAX && membership_has_groups(membership); i++) {
        const struct seat *seat = &membership->seats[i];
        if (seat->is_there && seat->is_voter && seat->group == 0) {
            return false;
        }
    }
    return true;
}

bool membership_read(struct slice text, char end, struct membership *membership)
{
    char version[32];
    *membership = (struct membership){.zxid = membership->zxid, .has_names = membership->has_names};
    for (int i = 0; i < MEMBERS_MAX; i++) {
        membership->seats[i].weight = -1;
    }
    snprintf(version, sizeof version, "%" PRIx64, (uint64_t)membership->zxid);
    while (text.len > 0) {
        const uint8_t *at = memchr(text.ptr, end, text.len);
        size_t len = at == NULL ? text.len : (size_t)(at - text.ptr);
        struct slice line = slice_part(text, 0, len);
        text = slice_part(text, MIN(len + 1, text.len), text.len);
        int id = 0;
        bool is_good = take_word(&line, "server.")  ? read_server(membership, line, &id)
                       : take_word(&line, "group.") ? read_group(membership, line)
                       : take_word(&line, "weight.")
                           ? read_weight(membership, line)
                           : take_word(&line, "version=") && slice_equal_cstr(line, version);
        if (!is_good) {
            return false;
        }
    }
    return has_all_groups(membership);
}

/* ---- those of G ------------------------------------------------------------------------------ */

static void push(struct memberships *memberships, const struct membership *membership)
{
    heap_grow((void **)&memberships->list, &memberships->cap, memberships->count,
              sizeof *memberships->list);
    memberships->list[memberships->count++] = *membership;
}

void memberships_init(struct memberships *memberships, const struct membership *first)
{
    *memberships = (struct memberships){0};
    push(memberships, first);
}

void memberships_release(struct memberships *memberships)
{
    heap_free(memberships->list);
}

const struct membership *memberships_last(const struct memberships *memberships)
{
    return &memberships->list[memberships->count - 1];
}

const struct membership *memberships_at(const struct memberships *memberships, int64_t zxid)
{
    size_t at = memberships->count - 1;
    while (memberships->list[at].zxid > zxid) {
        at -= 1;
    }
    return &memberships->list[at];
}

/* Who has a vote from now on, who is new, and who is out while it leads. */
static void note_members(struct ensemble_world *ensemble, const struct membership *membership)
{
    const struct membership *before = membership - 1;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        bool is_member = membership_has(membership, member->id);
        member->is_observer = !membership_is_voter(membership, member->id);
        member->is_new = is_member && (member->is_new || !membership_has(before, member->id));
        if (!is_member && member->view.is_leader) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_REMOVED_LEADING);
        }
    }
}

void memberships_note(struct ensemble_world *ensemble, int64_t zxid, struct slice txn)
{
    struct memberships *memberships = &ensemble->ghost.memberships;
    struct membership membership = {.zxid = zxid, .has_names = ensemble->options.has_names};
    struct txn_record record;
    if (!ensemble->options.has_reconfig || slice_is_null(txn)) {
        return;
    }
    if (txn_record_read(txn, &record) && record.type == OP_RECONFIG) {
        if (!membership_read(record.parts[0].data, '\n', &membership)) {
            ensemble_world_fail(ensemble, "Z-INV14: the configuration 0x%" PRIx64 " reads %.*s",
                                zxid, (int)record.parts[0].data.len,
                                (const char *)record.parts[0].data.ptr);
        }
        push(memberships, &membership);
        note_members(ensemble, memberships_last(memberships));
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_RECONFIGURED);
        if (sim_is_traced()) {
            char text[MEMBERSHIP_TEXT_MAX];
            (void)membership_text(&membership, ' ', text);
            sim_trace("configuration 0x%" PRIx64 ": %s", zxid, text);
        }
    }
    txn_record_release(&record);
}

const char *memberships_check_text(const struct memberships *memberships,
                                   int64_t zxid,
                                   struct slice text)
{
    const struct membership *membership = memberships_at(memberships, zxid);
    char wanted[MEMBERSHIP_TEXT_MAX];
    char version[32];
    size_t len = membership_text(membership, '\n', wanted);
    if (!slice_starts_with(text, slice_of(wanted, len))) {
        return "names other servers";
    }
    text = slice_part(text, len, text.len);
    if (!take_word(&text, "version=")) {
        return "has no version";
    }
    snprintf(version, sizeof version, "%" PRIx64, (uint64_t)membership->zxid);
    /* The first one gets its version from the first leader that got so far. */
    bool is_good = membership->zxid != 0
                       ? slice_equal_cstr(text, version)
                       : slice_equal_cstr(text, "0") || (text.len > 8 && text.len < 16);
    return is_good ? NULL : "has another version";
}
