/* reconfigurer.c - see reconfigurer.h: machines that are set up, requests, and what becomes of
 * them.
 */
#include "sim/ensemble/reconfigurer.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim/config_writer.h"
#include "sim/ensemble/faults.h"
#include "sim/log_sim.h"

#define CONFIG_PATH "/conf/zoo.cfg"
#define DYNAMIC_PATH CONFIG_PATH ".dynamic"
#define FILES_MAX 16
#define COUNTER_MASK INT64_C(0xffffffff)
#define CONFIG_NODE "/zookeeper/config"

static struct random *dice(struct ensemble_world *ensemble)
{
    return &ensemble->reconfig_dice;
}

static const struct membership *last_membership(const struct ensemble_world *ensemble)
{
    return memberships_last(&ensemble->ghost.memberships);
}

static struct client *administrator(struct ensemble_world *ensemble)
{
    return &ensemble->base.clients[ensemble->base.options.client_count - 1];
}

/* ---- the administrator as a client ----------------------------------------------------------- */

/* Between two reconfigs it looks at what is in force. */
static bool choose_work(void *ctx, struct client *client, struct operation *operation)
{
    struct ensemble_world *ensemble = ctx;
    if (client != administrator(ensemble)) {
        return false;
    }
    operation->type = random_once_in(dice(ensemble), 4) ? OP_SYNC : OP_GET_DATA;
    operation->path = SLICE_LIT(CONFIG_NODE);
    return true;
}

static const char *check_text(void *ctx, int64_t zxid, struct slice text)
{
    struct ensemble_world *ensemble = ctx;
    return memberships_check_text(&ensemble->ghost.memberships, zxid, text);
}

void reconfigurer_init(struct ensemble_world *ensemble)
{
    struct many_servers *many = &ensemble->base.many;
    const struct ensemble_options *options = &ensemble->options;
    random_init(&ensemble->reconfig_dice, options->seed ^ 0x7265636f6e666967);
    many->super_client = -1;
    if (options->has_reconfig) {
        many->choose_work = choose_work;
        many->check_reconfig = reconfigurer_check;
        many->check_config = check_text;
        many->super_client = options->has_super ? ensemble->base.options.client_count - 1 : -1;
    }
}

/* ---- machines -------------------------------------------------------------------------------- */

struct file_names {
    char list[FILES_MAX][96];
    size_t count;
};

static void collect_name(void *ctx, const char *name)
{
    struct file_names *names = ctx;
    if (names->count < FILES_MAX && strlen(name) < sizeof names->list[0]) {
        snprintf(names->list[names->count++], sizeof names->list[0], "%s", name);
    }
}

static void clear_folder(struct disk *disk)
{
    struct file_names names = {.count = 0};
    disk_list(disk, "/conf", collect_name, &names);
    for (size_t i = 0; i < names.count; i++) {
        char path[128];
        snprintf(path, sizeof path, "/conf/%s", names.list[i]);
        int error = disk_remove(disk, path);
        ASSERT(error == 0);
    }
}

/* The members of today and itself; perhaps one of them is forgotten, which does no harm. */
static struct membership known_to(struct member *member)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct membership known = *last_membership(ensemble);
    if (membership_has(&known, member->id)) {
        return known;
    }
    int forgotten = (int)random_below(dice(ensemble), MEMBERS_MAX * 3);
    bool is_voter = random_once_in(dice(ensemble), 2);
    if (forgotten < MEMBERS_MAX && membership_voters(&known) > 2 && !ensemble->is_healed &&
        !membership_has_groups(&known)) {
        known.seats[forgotten] = (struct seat){.weight = -1};
    }
    known.seats[member->id - 1] = (struct seat){
        .is_there = true,
        .is_voter = is_voter && !membership_has_groups(&known),
        .has_client_port = true,
        .quorum_port = QUORUM_PORT,
        .election_port = ELECTION_PORT,
        .weight = -1,
    };
    return known;
}

void reconfigurer_configure(struct member *member)
{
    const struct ensemble_options *options = &member->ensemble->options;
    struct disk *disk = &member->disk;
    struct membership known = known_to(member);
    char members[MEMBERSHIP_TEXT_MAX];
    char text[CONFIG_BYTES_MAX];
    struct config_writer writer = {.text = text, .size = sizeof text};
    size_t len = membership_text(&known, '\n', members);
    clear_folder(disk);
    member->mended_zxid = last_membership(member->ensemble)->zxid;
    config_writer_add(&writer, "%s", options->config_text);
    if (options->has_dynamic_file) {
        config_writer_add(&writer, "dynamicConfigFile=" DYNAMIC_PATH "\n");
        member_write_file(disk, DYNAMIC_PATH, slice_of(members, len));
    } else {
        config_writer_add(&writer, "%s", members);
    }
    member_write_file(disk, CONFIG_PATH, slice_of(text, writer.len));
    disk_sync(disk_find(disk, "/conf"));
    sim_trace("member %d is set up, %s", member->id,
              membership_has(last_membership(member->ensemble), member->id) ? "as a member"
                                                                            : "to join");
}

bool reconfigurer_excuses(struct member *member, const char *why)
{
    if (!member->ensemble->options.has_reconfig || strstr(why, "not in the peer list") == NULL) {
        return false;
    }
    member->is_out = true;
    ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_STRANGER_REFUSED);
    return true;
}

static void set_up(struct member *member, bool wipes)
{
    if (wipes) {
        member_wipe(member);
    } else {
        reconfigurer_configure(member);
    }
    member->is_out = false;
    member_start(member);
}

/* All voters have moved while it was away: it knows nobody's address, and nobody comes to it. */
static bool is_lost(const struct member *member)
{
    const struct memberships *all = &member->ensemble->ghost.memberships;
    const struct membership *last = memberships_last(all);
    const struct membership *known = memberships_at(
        all, MAX(member->view.config_version, member->mended_zxid));
    for (int i = 0; i < MEMBERS_MAX; i++) {
        bool is_other_voter = last->seats[i].is_voter && i + 1 != member->id;
        if (is_other_voter && known->seats[i].is_there &&
            known->seats[i].election_port == last->seats[i].election_port) {
            return false;
        }
    }
    return !membership_is_voter(last, member->id) || membership_voters(last) > 1;
}

/* What an administrator has to do. Also for those that are no members: a reconfig that is not
 * decided yet may count on them. */
void reconfigurer_mend(struct ensemble_world *ensemble)
{
    const struct membership *last = last_membership(ensemble);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        /* Whoever is down may know more than its last view says. */
        bool is_away = member->view.is_up && !member->view.is_serving && !member->is_out &&
                       membership_has(last, member->id) && member->mended_zxid < last->zxid;
        if (is_away && is_lost(member)) {
            member_kill(member);
            reconfigurer_configure(member);
        }
        if (member->is_out && member->state == MEMBER_DOWN) {
            set_up(member, false);
        }
    }
}

/* ---- looking on ------------------------------------------------------------------------------ */

static bool is_of_ghost(const struct ensemble_world *ensemble, int64_t version)
{
    return (version & COUNTER_MASK) == 0 ||
           memberships_at(&ensemble->ghost.memberships, version)->zxid == version;
}

static void look_config(struct member *member, const struct member_view *view)
{
    struct ensemble_world *ensemble = member->ensemble;
    if (!is_of_ghost(ensemble, view->config_version) &&
        view->config_version > ghost_zxid(ensemble)) {
        /* Its leader has committed it and stepped down in one turn: nobody has shown it yet. */
        ghost_committed(member, view->config_version);
    }
    if (!is_of_ghost(ensemble, view->config_version)) {
        ensemble_world_fail(ensemble,
                            "Z-INV14: configuration 0x%" PRIx64
                            " is in force at member %d and was never committed",
                            view->config_version, member->id);
    } else if (view->is_serving) {
        const char *problem = memberships_check_text(&ensemble->ghost.memberships, view->zxid,
                                                     member_config_text(member));
        if (problem != NULL) {
            ensemble_world_fail(
                ensemble, "Z-INV14: /zookeeper/config of member %d at 0x%" PRIx64 " %s: %.*s",
                member->id, view->zxid, problem, (int)member_config_text(member).len,
                (const char *)member_config_text(member).ptr);
        }
    }
}

void reconfigurer_look(struct member *member, const struct member_view *view)
{
    struct ensemble_world *ensemble = member->ensemble;
    const struct member_view *before = &member->view;
    const struct membership *last = last_membership(ensemble);
    if (!ensemble->options.has_reconfig || !view->is_up) {
        return;
    }
    bool is_first = member->config_generation != member->generation;
    member->config_generation = member->generation;
    if (!is_first && view->config_version < before->config_version) {
        ensemble_world_fail(
            ensemble, "Z-INV14: member %d went from configuration 0x%" PRIx64 " back to 0x%" PRIx64,
            member->id, before->config_version, view->config_version);
    }
    if (is_first && view->config_version < last->zxid && membership_has(last, member->id)) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_OLD_CONFIG);
    }
    if (before->is_leader && !view->is_leader && before->seen_version > before->config_version) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_RECONFIG_OUTSTANDING);
    }
    if (member->is_new && view->is_serving) {
        member->is_new = false;
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_JOINED);
    }
    if (is_first || view->config_version != before->config_version || view->zxid != before->zxid ||
        view->is_serving != before->is_serving) {
        look_config(member, view);
    }
}

/* ---- what a request must become -------------------------------------------------------------- */

static bool next_item(struct slice *rest, struct slice *item)
{
    const uint8_t *comma = memchr(rest->ptr, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
    if (rest->len == 0) {
        return false;
    }
    *item = slice_part(*rest, 0, len);
    *rest = slice_part(*rest, MIN(len + 1, rest->len), rest->len);
    return true;
}

static int32_t take_leaving(struct slice leaving, struct membership *next)
{
    struct slice item;
    while (next_item(&leaving, &item)) {
        int id = 0;
        for (size_t i = 0; i < item.len; i++) {
            if (item.ptr[i] < '0' || item.ptr[i] > '9') {
                return E_MARSHALLING;
            }
            id = id * 10 + (item.ptr[i] - '0');
        }
        if (id >= 1 && id <= MEMBERS_MAX) {
            next->seats[id - 1] = (struct seat){.weight = -1};
        }
    }
    return 0;
}

static int32_t take_joining(struct slice joining, struct membership *next)
{
    bool has_joined[MEMBERS_MAX + 1] = {false};
    struct slice item;
    while (next_item(&joining, &item)) {
        int id = membership_read_line(next, item);
        if (id <= 0 || has_joined[id] || !next->seats[id - 1].has_client_port) {
            return E_BAD_ARGUMENTS;
        }
        has_joined[id] = true;
    }
    return 0;
}

/* What it makes of the members of before; an error where their leader need not be asked. */
static int32_t foretell(const struct operation *operation,
                        const struct membership *before,
                        struct membership *next)
{
    int32_t error = 0;
    if (!slice_is_null(operation->new_members)) {
        *next = (struct membership){.has_names = before->has_names};
        bool is_good = membership_read(operation->new_members, ',', next);
        return is_good ? 0 : E_BAD_ARGUMENTS;
    }
    *next = *before;
    if (membership_has_groups(before)) {
        return E_BAD_ARGUMENTS;
    }
    error = take_leaving(operation->data, next);
    return error == 0 ? take_joining(operation->path, next) : error;
}

static const char *check_done(const struct membership *next, const struct txn_record *txn)
{
    char wanted[MEMBERSHIP_TEXT_MAX];
    struct membership versioned = *next;
    versioned.zxid = txn->zxid;
    size_t len = membership_text(&versioned, '\n', wanted);
    len += (size_t)snprintf(wanted + len, sizeof wanted - len, "version=%" PRIx64,
                            (uint64_t)txn->zxid);
    if (txn->type != OP_RECONFIG || !slice_equal_cstr(txn->parts[0].path, CONFIG_NODE)) {
        return "became something else";
    }
    return slice_equal(txn->parts[0].data, slice_of(wanted, len)) ? NULL
                                                                  : "became another configuration";
}

const char *reconfigurer_check(void *ctx, const struct request *cause, const struct txn_record *txn)
{
    struct ensemble_world *ensemble = ctx;
    const struct operation *operation = cause->operation;
    const struct membership *before = memberships_at(&ensemble->ghost.memberships, txn->zxid - 1);
    struct membership next;
    int32_t error = txn->type == OP_ERROR ? txn->parts[0].error : 0;
    bool is_allowed = cause->identity.is_super || ensemble->base.options.config.skip_acl;
    /* The version of the first configuration is known to its leader alone. */
    bool is_stale = operation->from_version != -1 && before->zxid != 0 &&
                    operation->from_version != before->zxid;
    int32_t wanted = foretell(operation, before, &next);
    int least = ensemble->base.options.config.standalone_enabled ? 2 : 1;
    if (wanted == 0 && membership_voters(&next) < least) {
        wanted = E_BAD_ARGUMENTS;
    }
    if (error == 0) {
        bool is_wrong = is_stale || wanted != 0 || !is_allowed;
        return is_wrong ? "was done and had to be refused" : check_done(&next, txn);
    }
    ensemble_world_mark(ensemble, ENSEMBLE_MARK_RECONFIG_REFUSED);
    if (error == E_RECONFIG_IN_PROGRESS) {
        return NULL;
    }
    if (error == E_BAD_VERSION) {
        bool may_be = is_stale || (before->zxid == 0 && operation->from_version != -1);
        return may_be ? NULL : "was refused for its version";
    }
    if (is_stale) {
        return "was on an old version, and refused for something else";
    }
    if (error == E_NEW_CONFIG_NO_QUORUM && wanted == 0) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_RECONFIG_NO_QUORUM);
        return NULL;
    }
    wanted = wanted == 0 && !is_allowed ? E_NO_AUTH : wanted;
    if (wanted == E_BAD_ARGUMENTS && error == E_MARSHALLING &&
        !slice_is_null(operation->new_members)) {
        return NULL; /* upstream's reading of a list ends with the one or the other */
    }
    return error == wanted ? NULL : "was refused for another reason than the right one";
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The version that it is to be on: any, the right one, or a wrong one. */
static int64_t draw_version(struct ensemble_world *ensemble)
{
    const struct member *leader = ensemble_world_leader(ensemble);
    int64_t version = last_membership(ensemble)->zxid;
    if (version == 0 && leader != NULL) {
        version = leader->view.config_version;
    }
    uint64_t kind = random_below(dice(ensemble), 12);
    return kind < 7 ? -1 : kind < 11 ? version : version - 1;
}

static bool can_send(struct ensemble_world *ensemble)
{
    const struct client *client = administrator(ensemble);
    return client->state == CLIENT_READY && !client->is_closing_session && !client->is_ending &&
           ensemble->ghost.leaders.count > 0;
}

static bool send(struct ensemble_world *ensemble, const struct operation *wanted)
{
    struct client *client = administrator(ensemble);
    struct pool *pool = &ensemble->base.history.pool;
    struct operation *operation = POOL_NEW(pool, struct operation);
    *operation = *wanted;
    operation->type = OP_RECONFIG;
    operation->path = pool_copy(pool, wanted->path);
    operation->data = pool_copy(pool, wanted->data);
    if (!slice_is_null(wanted->new_members)) {
        operation->new_members = pool_copy(pool, wanted->new_members);
    }
    sim_trace("reconfig: joining %.*s, leaving %.*s, all %.*s, on %" PRId64,
              (int)operation->path.len, (const char *)operation->path.ptr, (int)operation->data.len,
              (const char *)operation->data.ptr, (int)operation->new_members.len,
              (const char *)operation->new_members.ptr, operation->from_version);
    client_send(client, operation, client->next_xid);
    return true;
}

static bool send_all(struct ensemble_world *ensemble, const struct membership *next)
{
    char text[MEMBERSHIP_TEXT_MAX];
    size_t len = membership_text(next, ',', text);
    struct operation operation = {
        .new_members = slice_of(text, len == 0 ? 0 : len - 1),
        .from_version = draw_version(ensemble),
    };
    return send(ensemble, &operation);
}

/* As an incremental change; where there are groups, as a whole one. */
static bool send_change(struct ensemble_world *ensemble,
                        const struct membership *next,
                        const bool joins[MEMBERS_MAX],
                        const bool leaves[MEMBERS_MAX])
{
    char joining[MEMBERSHIP_TEXT_MAX];
    char leaving[64];
    size_t joining_len = 0;
    size_t leaving_len = 0;
    if (membership_has_groups(next) && !random_once_in(dice(ensemble), 8)) {
        return send_all(ensemble, next);
    }
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (joins[i]) {
            joining_len += membership_line(next, i + 1, joining + joining_len,
                                           sizeof joining - joining_len);
            joining[joining_len++] = ',';
        }
        if (leaves[i]) {
            leaving_len += (size_t)snprintf(leaving + leaving_len, sizeof leaving - leaving_len,
                                            "%d,", i + 1);
        }
    }
    struct operation operation = {
        .path = slice_of(joining, joining_len == 0 ? 0 : joining_len - 1),
        .data = slice_of(leaving, leaving_len == 0 ? 0 : leaving_len - 1),
        .from_version = draw_version(ensemble),
    };
    return send(ensemble, &operation);
}

/* One of the machines, a member or not; NULL when there is none. */
static struct member *some_machine(struct ensemble_world *ensemble, bool is_member)
{
    const struct membership *last = last_membership(ensemble);
    struct member *chosen = NULL;
    uint64_t seen = 0;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        if (membership_has(last, member->id) == is_member) {
            seen += 1;
            chosen = random_once_in(dice(ensemble), seen) ? member : chosen;
        }
    }
    return chosen;
}

static void draw_share(struct ensemble_world *ensemble, bool has_groups, struct seat *seat)
{
    static const int weights[] = {0, 1, 1, 1, 2, 3, -1};
    seat->group = has_groups && seat->is_voter ? (int)random_between(dice(ensemble), 1, 3) : 0;
    seat->weight = -1;
    if (seat->group != 0) {
        seat->weight = weights[random_below(dice(ensemble), ARRAY_LEN(weights))];
    }
}

static void draw_seat(struct ensemble_world *ensemble, bool has_groups, struct seat *seat)
{
    *seat = (struct seat){
        .is_there = true,
        .is_voter = !random_once_in(dice(ensemble), 3),
        .has_client_port = true,
        .quorum_port = QUORUM_PORT,
        .election_port = ELECTION_PORT,
    };
    draw_share(ensemble, has_groups, seat);
}

static void draw_ports(struct ensemble_world *ensemble, struct seat *seat)
{
    uint64_t which = random_below(dice(ensemble), 3);
    uint16_t step = (uint16_t)random_between(dice(ensemble), 1, PORTS_MAX - 1);
    seat->quorum_port = which != 1 ? QUORUM_PORT + step : seat->quorum_port;
    seat->election_port = which != 0 ? ELECTION_PORT + step : seat->election_port;
}

/* ---- strikes --------------------------------------------------------------------------------- */

bool reconfigurer_offer(struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        if (member->is_out && member->state == MEMBER_DOWN && random_once_in(dice(ensemble), 2)) {
            bool wipes = random_once_in(dice(ensemble), 2) && ghost_can_spare(member);
            set_up(member, wipes);
            return true;
        }
    }
    return false;
}

bool reconfigurer_join(struct ensemble_world *ensemble)
{
    struct membership next = *last_membership(ensemble);
    bool joins[MEMBERS_MAX] = {false};
    bool leaves[MEMBERS_MAX] = {false};
    bool has_groups = membership_has_groups(&next);
    struct member *member = some_machine(ensemble, false);
    if (member == NULL || !can_send(ensemble) ||
        (member->state != MEMBER_UP && !random_once_in(dice(ensemble), 16))) {
        return false;
    }
    draw_seat(ensemble, has_groups, &next.seats[member->id - 1]);
    joins[member->id - 1] = true;
    if (random_once_in(dice(ensemble), 3)) { /* one for another */
        int id = some_machine(ensemble, true)->id;
        next.seats[id - 1] = (struct seat){.weight = -1};
        leaves[id - 1] = true;
    }
    return send_change(ensemble, &next, joins, leaves);
}

static bool change_one(struct ensemble_world *ensemble,
                       struct member *member,
                       void (*change)(struct ensemble_world *ensemble, struct seat *seat))
{
    struct membership next = *last_membership(ensemble);
    bool joins[MEMBERS_MAX] = {false};
    bool leaves[MEMBERS_MAX] = {false};
    if (member == NULL || !can_send(ensemble) || !membership_has(&next, member->id)) {
        return false;
    }
    struct seat *seat = &next.seats[member->id - 1];
    seat->has_client_port = true;
    change(ensemble, seat);
    joins[member->id - 1] = seat->is_there;
    leaves[member->id - 1] = !seat->is_there;
    return send_change(ensemble, &next, joins, leaves);
}

static void change_away(struct ensemble_world *ensemble, struct seat *seat)
{
    (void)ensemble;
    *seat = (struct seat){.weight = -1};
}

static void change_role(struct ensemble_world *ensemble, struct seat *seat)
{
    bool has_groups = membership_has_groups(last_membership(ensemble));
    seat->is_voter = !seat->is_voter;
    draw_share(ensemble, has_groups, seat);
}

static void change_ports(struct ensemble_world *ensemble, struct seat *seat)
{
    draw_ports(ensemble, seat);
}

bool reconfigurer_leave(struct ensemble_world *ensemble)
{
    return change_one(ensemble, some_machine(ensemble, true), change_away);
}

bool reconfigurer_role(struct ensemble_world *ensemble)
{
    return change_one(ensemble, some_machine(ensemble, true), change_role);
}

bool reconfigurer_ports(struct ensemble_world *ensemble)
{
    return change_one(ensemble, some_machine(ensemble, true), change_ports);
}

bool reconfigurer_leader(struct ensemble_world *ensemble)
{
    static void (*const changes[])(struct ensemble_world *,
                                   struct seat *) = {change_away, change_role, change_ports};
    uint64_t which = random_below(dice(ensemble), ARRAY_LEN(changes));
    return change_one(ensemble, ensemble_world_leader(ensemble), changes[which]);
}

/* Everything anew, most of it as it was. */
bool reconfigurer_whole(struct ensemble_world *ensemble)
{
    const struct membership *last = last_membership(ensemble);
    struct membership next = *last;
    bool switches = random_once_in(dice(ensemble), 6);
    bool has_groups = membership_has_groups(last) != switches;
    bool draws_shares = switches || random_once_in(dice(ensemble), 3);
    if (!can_send(ensemble)) {
        return false;
    }
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct seat *seat = &next.seats[i];
        bool is_up = ensemble->members[i].state == MEMBER_UP;
        bool is_wanted = seat->is_there ? !random_once_in(dice(ensemble), 6)
                                        : random_once_in(dice(ensemble), is_up ? 2 : 12);
        if (!is_wanted) {
            *seat = (struct seat){.weight = -1};
        } else if (!seat->is_there) {
            draw_seat(ensemble, has_groups, seat);
        } else if (random_once_in(dice(ensemble), 10)) {
            draw_ports(ensemble, seat);
        }
        if (draws_shares) {
            draw_share(ensemble, has_groups, seat);
        }
    }
    return send_all(ensemble, &next);
}

/* What nobody should send: each is refused, or changes nothing. */
bool reconfigurer_wrong(struct ensemble_world *ensemble)
{
    static const struct {
        const char *joining;
        const char *leaving;
        const char *all;
    } wrong[] = {
        {"nonsense", "", NULL},
        {"server.3=10.0.0.3", "", NULL},
        {"server.3=10.0.0.3:2888:3888:king;0.0.0.0:2181", "", NULL},
        {"server.3=10.0.0.3:2888:3888:participant", "", NULL}, /* without a client port */
        {"server.3=10.0.0.3:2888;2181", "", NULL},
        {"", "one", NULL},
        {"", "77", NULL},
        {"", "1,2,3,4,5,6,7", NULL},
        {"", "", ""},
        {"", "", "server.1"},
        {"", "", "server.1=10.0.0.1:2888:3888:observer"},
        {"", "", "members=all"},
        {"", "", NULL},
    };
    size_t which = random_below(dice(ensemble), ARRAY_LEN(wrong));
    if (!can_send(ensemble)) {
        return false;
    }
    struct operation operation = {
        .path = slice_of_cstr(wrong[which].joining),
        .data = slice_of_cstr(wrong[which].leaving),
        .new_members = wrong[which].all == NULL ? SLICE_NULL : slice_of_cstr(wrong[which].all),
        .from_version = draw_version(ensemble),
    };
    return send(ensemble, &operation);
}

bool reconfigurer_kill_leader(struct ensemble_world *ensemble)
{
    struct member *leader = ensemble_world_leader(ensemble);
    if (leader == NULL || leader->view.seen_version <= leader->view.config_version) {
        return false;
    }
    if (random_once_in(dice(ensemble), 2)) {
        member_kill(leader);
    } else {
        member_cut_power(leader, KEEP_SOME);
    }
    return true;
}

/* A member sleeps while the others are reconfigured. */
bool reconfigurer_away(struct ensemble_world *ensemble)
{
    struct member *member = some_machine(ensemble, true);
    if (member == NULL || member->state != MEMBER_UP) {
        return false;
    }
    member->down_ns = random_between(dice(ensemble), 2000, 12000) * NS_PER_MS;
    member_kill(member);
    return true;
}
