/* quorums.h - who belongs to the ensemble, and which of them together decide: as the onlooker
 * understands it, written a second time.
 *
 * A membership is one configuration: for each machine its seat. G has one for each reconfig that
 * was committed, beside the first one, which the administrator wrote. A zxid is judged by the
 * newest one that is not behind it; a reconfig itself by the one before it, too.
 *
 * The rule. Without groups: more than half of the voters. With groups: of the groups that have any
 * weight, in more than half those who agree have more than half of the group's weight.
 */
#ifndef SIM_ENSEMBLE_QUORUMS_H
#define SIM_ENSEMBLE_QUORUMS_H

#include "base/slice.h"

#define MEMBERS_MAX 7
#define MEMBERSHIP_TEXT_MAX 1024

struct ensemble_world;

struct seat {
    bool is_there;
    bool is_voter;
    bool has_client_port; /* said in its line */
    uint16_t quorum_port;
    uint16_t election_port;
    int group;  /* 0: none */
    int weight; /* -1: not said, which is 1 */
};

struct membership {
    int64_t zxid; /* of the reconfig; 0: the first */
    bool has_names;
    struct seat seats[MEMBERS_MAX]; /* of member 1, 2, ... */
};

bool membership_has_groups(const struct membership *membership);
int membership_voters(const struct membership *membership);
bool membership_is_voter(const struct membership *membership, int id);
bool membership_has(const struct membership *membership, int id);
bool membership_is_quorum(const struct membership *membership, const bool agrees[MEMBERS_MAX]);

/* One server's line, without an end. Returns its length. */
size_t membership_line(const struct membership *membership, int id, char *text, size_t size);

/* All lines, in the order of /zookeeper/config, `end` behind each. */
size_t membership_text(const struct membership *membership,
                       char end,
                       char text[MEMBERSHIP_TEXT_MAX]);

/* One such line; its id, 0 when it cannot be read. Also the shorter forms that clients may use. */
int membership_read_line(struct membership *membership, struct slice line);

/* All of them; has_names is set, zxid too: a version must be it. */
bool membership_read(struct slice text, char end, struct membership *membership);

/* ---- those of G ------------------------------------------------------------------------------ */

struct memberships {
    struct membership *list; /* by zxid; the first is always there */
    size_t count;
    size_t cap;
};

void memberships_init(struct memberships *memberships, const struct membership *first);
void memberships_release(struct memberships *memberships);

/* In force at zxid. */
const struct membership *memberships_at(const struct memberships *memberships, int64_t zxid);
const struct membership *memberships_last(const struct memberships *memberships);

/* G grows by this transaction: perhaps it is a reconfig. */
void memberships_note(struct ensemble_world *ensemble, int64_t zxid, struct slice txn);

/* Z-INV14: is this what /zookeeper/config must hold at that zxid? NULL, or what is wrong. */
const char *memberships_check_text(const struct memberships *memberships,
                                   int64_t zxid,
                                   struct slice text);

#endif
