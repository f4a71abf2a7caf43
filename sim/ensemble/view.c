/* view.c - what the simulator reads of a server's inside: the one place that looks into struct
 * node. See ensemble.h.
 */
#include "sim/ensemble/ensemble.h"
#include "sim/fingerprint.h"
#include "zookeeper/server/node.h"

static bool is_readable(const struct member *member)
{
    return member->node != NULL && member->state == MEMBER_UP && !member->runtime->is_dead &&
           member->node->machine_ready;
}

void member_look(struct member *member, struct member_view *view)
{
    *view = (struct member_view){.is_up = is_readable(member)};
    if (!view->is_up) {
        return;
    }
    const struct node *node = member->node;
    const struct service *service = &node->machine.service;
    view->is_serving = node->state == NODE_RUNNING;
    view->is_leader = true;
    view->zxid = service->tree.last_processed_zxid;
    view->digest = service->tree.config.digest_enabled ? service->tree.digest : 0;
}

void member_check(struct member *member)
{
    if (is_readable(member)) {
        sim_runtime_enter(member->runtime);
        standalone_check(&member->node->machine);
        sim_runtime_leave(member->runtime);
    }
}

void member_fingerprint(struct member *member, struct recovery_record *record)
{
    if (is_readable(member)) {
        sim_runtime_enter(member->runtime);
        fingerprint_server(&member->node->machine.service.tree, false, record);
        sim_runtime_leave(member->runtime);
    }
}

size_t member_session_count(const struct member *member)
{
    return is_readable(member) ? member->node->machine.service.tree.sessions.count : 0;
}
