/* admin_json.h - JSON text in the form that Apache's AdminServer prints (Jackson's pretty printer):
 * scripts that look for `"server_state" : "standalone"` go on finding it. */
#ifndef ZOOKEEPER_ADMIN_ADMIN_JSON_H
#define ZOOKEEPER_ADMIN_ADMIN_JSON_H

#include <jansson.h>

#include "base/buffer.h"

/* Members stand in the order in which they were added. */
void admin_json_print(struct buffer *out, json_t *value);

#endif
