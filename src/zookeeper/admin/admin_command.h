/* admin_command.h - one admin command: its names and what fills in its JSON. Private to the admin
 * server. */
#ifndef ZOOKEEPER_ADMIN_ADMIN_COMMAND_H
#define ZOOKEEPER_ADMIN_ADMIN_COMMAND_H

#include <jansson.h>

#include "http/http_server.h"
#include "zookeeper/server/node.h"

struct admin_call {
    struct node *node;
    struct http_request *request;
    json_t *data; /* filled by the command; "command" and "error" are added behind */
};

struct admin_command {
    const char *names[3]; /* the first is the primary one */
    void (*run)(struct admin_call *call);
    bool is_always; /* also answered by a server that takes no clients */
};

extern const struct admin_command admin_commands[];
extern const size_t admin_command_count;

/* Refuses an allocation failure of jansson, which is the only way that building a value fails. */
json_t *admin_json(json_t *value);
void admin_put(json_t *object, const char *key, json_t *value);
void admin_put_integer(json_t *object, const char *key, int64_t value);

/* ---- admin_ensemble.c: leader, observers, voting_view, zabstate ------------------------------ */

void admin_run_leader(struct admin_call *call);
void admin_run_observers(struct admin_call *call);
void admin_run_voting_view(struct admin_call *call);
void admin_run_zabstate(struct admin_call *call);
json_t *admin_proposal_stats(const struct node *node);

#endif
