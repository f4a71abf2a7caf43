/* quotas.h - how much a user or a client may ask of this broker, and for how long it waits above
 * it.
 *
 * Model: rules (from /config/users and /config/clients) name a user, a client id or both, or the
 * default of either, and set producer_byte_rate, consumer_byte_rate (bytes a second) and
 * request_percentage (of one processor). The most exact rule that sets a key decides:
 *
 *   (user, client)  (user, <default>)  (user)  (<default>, client)  (<default>, <default>)
 *   (<default>)  (client)  (<default> client)
 *
 * What was used is measured over QUOTA_WINDOWS windows of QUOTA_WINDOW_MS, for everybody whom the
 * rule counts together. Above the bound: (rate - bound) / bound * the windows' length, at most all
 * windows. The caller puts it into the answer, and the connection is muted for as long (KIP-219).
 *
 * Names are as ZooKeeper has them (percent-encoded); users and client ids from connections are
 * encoded here. Source: ClientQuotaManager, QuotaUtils, Rate, Sanitizer of 3.9; reference 5.7.
 */
#ifndef KAFKA_SERVER_QUOTAS_H
#define KAFKA_SERVER_QUOTAS_H

#include "base/slice.h"

#define QUOTA_WINDOWS 11
#define QUOTA_WINDOW_MS 1000
#define QUOTA_METERS_MAX 20000 /* users and clients that are measured at the same time */
#define QUOTA_NAME_MAX 1024    /* of an encoded user or client id; longer ones are cut */

enum quota_kind {
    QUOTA_PRODUCE, /* bytes */
    QUOTA_FETCH,   /* bytes */
    QUOTA_REQUEST, /* percent of a processor: record nanoseconds / 1e7 */
    QUOTA_KINDS
};

struct quota_table;

struct quota_table *quota_table_create(void);
void quota_table_release(struct quota_table *table);

/* One entry of the configuration. entity_type "users" or "clients"; entity_name "<default>", a
 * name, or for users "NAME/clients/NAME". A null value, or one that is no number, removes the
 * rule's key. False for a key that is not of a quota. */
bool quota_table_set(struct quota_table *table,
                     struct slice entity_type,
                     struct slice entity_name,
                     struct slice key,
                     struct slice value);

/* Before a whole configuration is told anew. */
void quota_table_clear(struct quota_table *table);

/* Nothing is limited: the hot path asks this alone. */
bool quota_table_is_empty(const struct quota_table *table, enum quota_kind kind);

/* Counts `amount` and says for how many ms its sender has to wait; 0: nothing is exceeded. */
int32_t quota_record(struct quota_table *table,
                     enum quota_kind kind,
                     struct slice user,
                     struct slice client_id,
                     double amount,
                     int64_t now_ms);

/* Takes `amount` back: a fetch that was throttled and sent nothing. */
void quota_unrecord(struct quota_table *table,
                    enum quota_kind kind,
                    struct slice user,
                    struct slice client_id,
                    double amount,
                    int64_t now_ms);

/* The bound that decides; a negative number: none. For tests and tools. */
double quota_bound(const struct quota_table *table,
                   enum quota_kind kind,
                   struct slice user,
                   struct slice client_id);

/* The rate as it is measured now, for tests and metrics. */
double quota_rate(struct quota_table *table,
                  enum quota_kind kind,
                  struct slice user,
                  struct slice client_id,
                  int64_t now_ms);

#endif
