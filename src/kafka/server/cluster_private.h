/* cluster_private.h - what the files of the cluster module share; cluster.h is the contract. */
#ifndef KAFKA_SERVER_CLUSTER_PRIVATE_H
#define KAFKA_SERVER_CLUSTER_PRIVATE_H

#include "base/random.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/zk_json.h"
#include "runtime/runtime.h"
#include "zookeeper/client/client.h"

#define TASK_ARENA_BYTES_MAX ((size_t)1 << 30)
#define ZK_PATH_MAX 1024
#define BROKERS_LISTED_MAX 1024
#define ZK_MULTI_BYTES_MAX ((size_t)400 << 10) /* well below jute.maxbuffer's default of 1 MiB */

/* Where the module stands:
 *
 *   CONNECTING -> READING -> READ -> REGISTERING -> ELECTING -> LOADING -> RUNNING -> STOPPING
 *                                         ^                        |
 *                                         +---- session expired ---+
 *
 * READ waits for the broker's logs (cluster_register). After an expiry everything from REGISTERING
 * on is done again while the broker serves on. */
enum cluster_phase {
    CLUSTER_NEW,
    CLUSTER_CONNECTING,
    CLUSTER_READING,
    CLUSTER_READ,
    CLUSTER_REGISTERING,
    CLUSTER_ELECTING,
    CLUSTER_LOADING,
    CLUSTER_RUNNING,
    CLUSTER_STOPPING,
    CLUSTER_FAILED,
};

/* The configuration of one entity as /config has it. */
struct config_entity {
    struct list link;   /* cluster.entities */
    struct arena arena; /* path and entries */
    struct slice path;  /* "topics/t", "users/u/clients/c": the key */
    struct slice type;
    struct slice name;
    struct config_entry *entries; /* values end in a NUL */
    size_t count;
    struct topic_config effective; /* of a topic */
};

struct cluster {
    struct broker *broker;
    struct topics *topics;
    struct cluster_events events;
    enum cluster_phase phase;
    struct zk_client *zk;
    bool is_connected;
    bool has_chroot; /* made sure of */
    bool was_read;   /* identity and configs: once */
    bool has_logs;   /* cluster_register was called */
    bool is_registered_once;
    struct random random;
    struct runtime_timer connect_timer; /* zookeeper.connection.timeout.ms, at start */
    struct runtime_timer retry_timer;   /* a foreign registration, a new session */
    struct runtime_timer list_timer;    /* /brokers/topics has changed */
    uint64_t listings;
    uint64_t wait_deadline_ns; /* for a foreign registration to go away */
    bool said_waiting;

    struct zk_watcher session_watcher;
    struct zk_watcher topics_watcher;     /* children of /brokers/topics */
    struct zk_watcher topic_watcher;      /* data of each topic */
    struct zk_watcher deletions_watcher;  /* children of /admin/delete_topics */
    struct zk_watcher changes_watcher;    /* children of /config/changes */
    struct zk_watcher brokers_watcher;    /* children of /brokers/ids */
    struct zk_watcher controller_watcher; /* /controller */
    struct zk_watcher orders_watcher;     /* /admin/reassign_partitions and its kin */

    int64_t old_session_id; /* of this broker's life before; 0: not known */
    int64_t broker_epoch;   /* czxid of our registration */
    int32_t controller_epoch;
    int32_t epoch_zk_version; /* of /controller_epoch: every write of ours checks it */
    bool is_controller;
    uint64_t last_change; /* sequence of the last config change that was seen, + 1 */

    struct list tasks; /* running and waiting */
    size_t loads_left; /* topics that are still to be loaded */
    struct list entities;
    struct bytes_map entity_by_path;
    struct zk_acl open_acl;
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

/* ---- tasks: cluster_task.c ------------------------------------------------------------------- */

/* A piece of work against ZooKeeper in steps. A step sends any number of requests at once; when all
 * have answered, `then` is called, which begins the next step or ends the task. When the connection
 * was lost under a step it is run again as soon as there is one: steps are written so that doing
 * them twice does no harm. */
struct cluster_task {
    struct list link;
    struct cluster *cluster;
    struct arena arena; /* ends with the task */
    void (*step)(struct cluster_task *task);
    void (*then)(struct cluster_task *task);
    void *state; /* in the arena */
    uint32_t pending;
    uint32_t runs; /* of this step */
    bool is_lost;
    bool is_in_step;
    bool is_waiting;             /* for a connection, or for its topic */
    bool is_early;               /* may run before the broker is registered (again) */
    struct slice topic;          /* the topic that nobody else may change meanwhile; null: none */
    bool is_blocked;             /* another task has the topic */
    struct runtime_timer *pause; /* the task goes on when it fires; NULL: none. In the arena */
};

/* Allocates a task; nothing runs yet. */
struct cluster_task *task_create(struct cluster *cluster);

/* Begins a step. */
void task_run(struct cluster_task *task,
              void (*step)(struct cluster_task *task),
              void (*then)(struct cluster_task *task));

/* As task_run for the first step of a task that changes a topic: waits until no other one does. */
void task_run_for_topic(struct cluster_task *task,
                        struct slice topic,
                        void (*step)(struct cluster_task *task),
                        void (*then)(struct cluster_task *task));
void task_end(struct cluster_task *task);

/* Is a task at work on the topic? */
bool task_has_topic(const struct cluster *cluster, struct slice topic);

/* Connected (again): what waits goes on. */
void tasks_resume(struct cluster *cluster);
/* After the session's end: what belonged to its beginning is forgotten, and begun anew. */
void tasks_drop_early(struct cluster *cluster);
void tasks_detach(struct cluster *cluster);
void tasks_release(struct cluster *cluster);

/* What a request's answer is told to; errors of the connection are not. NULL: nobody asks. */
typedef void task_reply(struct cluster_task *task, void *slot, const struct zk_reply *reply);

void task_get(struct cluster_task *task,
              struct slice path,
              struct zk_watcher *watcher,
              task_reply *reply,
              void *slot);
void task_exists(struct cluster_task *task,
                 struct slice path,
                 struct zk_watcher *watcher,
                 task_reply *reply,
                 void *slot);
void task_children(struct cluster_task *task,
                   struct slice path,
                   struct zk_watcher *watcher,
                   task_reply *reply,
                   void *slot);
void task_put(struct cluster_task *task,
              struct slice path,
              struct slice data,
              int32_t version,
              task_reply *reply,
              void *slot);
void task_make(struct cluster_task *task,
               struct slice path,
               struct slice data,
               int32_t mode,
               task_reply *reply,
               void *slot);
void task_remove(struct cluster_task *task, struct slice path, task_reply *reply, void *slot);
void task_multi(struct cluster_task *task,
                const struct zk_multi_op *ops,
                size_t count,
                task_reply *reply,
                void *slot);

/* "%s..." into the task's arena. */
struct slice task_path(struct cluster_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A buffer's bytes into the arena; the buffer is emptied. */
struct slice task_keep(struct cluster_task *task, struct buffer *buffer);

/* Operations of a multi, all open to everybody as Apache makes them without zookeeper.set.acl. */
struct zk_multi_op op_create(struct cluster *cluster,
                             struct slice path,
                             struct slice data,
                             int32_t mode);
struct zk_multi_op op_set(struct slice path, struct slice data, int32_t version);
struct zk_multi_op op_delete(struct slice path);
/* Only the controller may: check(/controller_epoch). */
struct zk_multi_op op_check_epoch(const struct cluster *cluster);

/* Removes a node and what is below it, with the controller's check; NONODE is fine. `then` follows
 * (task->step is used up). */
void task_remove_tree(struct cluster_task *task,
                      struct slice path,
                      void (*then)(struct cluster_task *task, int32_t err));

/* ---- start and session: cluster.c, cluster_registration.c, cluster_controller.c ----------------
 */

void cluster_fail(struct cluster *cluster, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cluster_set_phase(struct cluster *cluster, enum cluster_phase phase);

void registration_begin(struct cluster *cluster); /* cluster_controller.c: looks first */
void registration_write(struct cluster *cluster);
void registration_read_brokers(struct cluster *cluster); /* /brokers/ids, with a watch */
void controller_begin(struct cluster *cluster);
void controller_watch(struct cluster *cluster); /* after the election: what a controller hears of */

/* ---- topics: cluster_topics.c, cluster_topic_create.c, cluster_topic_delete.c ------------------
 */

struct topic_reading {
    struct zk_topic topic;
    struct zk_state *states; /* by partition */
    int32_t *versions;       /* zkVersion of each; -1: there is no state */
    bool *is_fresh;          /* the partition was made just now: it has no log anywhere */
};

/* All of /brokers/topics: loads what is new, drops what is gone; events.registered at the end of
 * the first time. */
void topics_load_all(struct cluster *cluster);
void topics_list_again(struct runtime_timer *timer); /* list_timer */
/* One topic from ZooKeeper; makes states and leaders that are missing, and hosts it. `done` may be
 * NULL. */
void topics_load(struct cluster *cluster, struct slice name, struct cluster_done done);
/* Room for a topic's partitions, in the task's arena. */
void topics_reading_init(struct cluster_task *task, struct topic_reading *reading);
/* Puts what was read or written into the image, and hosts what belongs here: in slices, since ten
 * thousand logs take a while to make and others have requests meanwhile. `then` ends it, perhaps
 * from within. Name and reading are in the task's arena. */
void topics_install(struct cluster_task *task,
                    struct slice name,
                    const struct topic_reading *reading,
                    void (*then)(struct cluster_task *task));
/* The first state of a partition: led by its first live replica. */
void topics_first_state(const struct cluster *cluster,
                        struct arena *arena,
                        const struct zk_replicas *replicas,
                        struct zk_state *state);
void topics_delete_marked(struct cluster *cluster); /* /admin/delete_topics, with a watch */
/* topic->config anew from the overrides. */
void topics_configure(struct cluster *cluster, struct topic *topic);
void topics_configure_all(struct cluster *cluster);
/* Lets go of the topic's partitions from `from` on, for at most a slice of time; with `deletes`
 * their logs go, too. Returns the first that is left, partition_count when none is. */
int32_t topics_unhost_slice(struct cluster *cluster,
                            struct topic *topic,
                            int32_t from,
                            bool deletes);
void topics_unhost(struct cluster *cluster, struct topic *topic, bool deletes);
/* A file of a deleted topic's log is still there. */
bool topics_has_logs(const struct cluster *cluster, struct slice name, int32_t partition_count);

/* ---- configs: cluster_configs.c ----------------------------------------------------------------
 */

void configs_load_all(struct cluster *cluster, void (*then)(struct cluster *cluster));
void configs_read_changes(struct cluster *cluster); /* /config/changes, with a watch */
struct config_entity *configs_find(const struct cluster *cluster,
                                   struct slice type,
                                   struct slice name);
/* The entity's values as they are now; an empty set removes it. Tells whom it concerns. */
void configs_install(struct cluster *cluster,
                     struct slice path,
                     const struct config_entry *entries,
                     size_t count);
/* Recomputes the effective configuration of a topic's entity; that of the broker without one. */
const struct topic_config *configs_of_topic(struct cluster *cluster, struct slice topic);
void configs_release(struct cluster *cluster);

#endif
