/* admin_server.h - the AdminServer: the questions of the four-letter words, and more, as JSON over
 * HTTP; and the Prometheus endpoint.
 *
 * GET <commandURL> lists the commands; GET <commandURL>/<name>[?arguments] answers one; `snapshot`
 * and `restore` need an Authorization header
 * ("<scheme> <auth>") whose identity has all rights on "/", are off unless configured, and are
 * answered once per admin.rateLimiterIntervalInMS. Sources: JettyAdminServer, Commands,
 * PrometheusMetricsProvider; reference 3.6.
 */
#ifndef ZOOKEEPER_ADMIN_ADMIN_SERVER_H
#define ZOOKEEPER_ADMIN_ADMIN_SERVER_H

#include "zookeeper/server/node.h"

struct admin_server;

/* Each starts its part when the node's configuration asks for it, and makes *admin when that is
 * still NULL. After a failure, too, *admin is stopped by whoever has it. */
NODISCARD int admin_server_start_metrics(struct node *node,
                                         struct admin_server **admin,
                                         struct errmsg *message);
NODISCARD int admin_server_start(struct node *node,
                                 struct admin_server **admin,
                                 struct errmsg *message);
void admin_server_stop(struct admin_server *admin);

#endif
