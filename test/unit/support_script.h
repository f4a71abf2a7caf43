/* support_script.h - a session client with servers that are scripts: they say what a test wants
 * said, byte by byte, and note what the client sent. Every wait fails the test after ten seconds.
 */
#ifndef TEST_UNIT_SUPPORT_SCRIPT_H
#define TEST_UNIT_SUPPORT_SCRIPT_H

#include "runtime/uv/runtime_uv.h"
#include "zookeeper/client/client_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WAIT_NS UINT64_C(10000000000)
#define FRAMES_MAX 64
#define SESSION_ID INT64_C(0x1122334455667788)

struct frame {
    int connection;
    int32_t xid; /* 0 for a ConnectRequest */
    int32_t op;
    size_t len;
    struct slice body; /* in the arena */
};

struct script {
    struct tcp_listener *listener;
    uint16_t port;
    struct tcp_stream *stream; /* the latest */
    int connections;
    struct buffer in;
    bool is_greeted;
    struct frame frames[FRAMES_MAX];
    size_t frame_count;
    struct arena arena;

    bool is_mute;    /* takes the session, then says nothing more but to... */
    bool cuts_bytes; /* sends its bytes one by one, a turn each */
    bool is_read_only;
    int32_t granted_ms;    /* 0: the session is unknown */
    bool refuses_greeting; /* answers the ConnectRequest with rubbish */
    const char *isro_answer;
    size_t isro_count;
    struct buffer late; /* with cuts_bytes: what is still to be sent */
};

extern struct runtime *script_runtime;
extern struct script script_servers[2];

/* The client under test and what it told: states (1000 + type for a node's event), the last reply.
 */
extern struct zk_client *script_client;
extern struct zk_watcher script_watcher;
extern int32_t script_states[256];
extern size_t script_state_count;
extern bool script_has_reply;
extern int32_t script_reply_err;
extern char script_reply_data[32];

/* cmocka's set-up and end of a test. */
int script_begin(void **state);
int script_end(void **state);
void script_turn(void);

void script_send_bytes(struct script *server, struct slice bytes);
void script_send_frame(struct script *server, struct slice body);
void script_send_reply(struct script *server,
                       int32_t xid,
                       int32_t err,
                       const struct codec_message *message,
                       const void *record);

/* "A" and "B" in `hosts` stand for the two servers' ports. */
void script_open_client(const char *hosts, struct zk_client_config config);
void script_open_one(void);

/* getData of /a; script_wait_reply gives its err. */
void script_get(void);
int32_t script_wait_reply(void);

/* For a request of the test's own, with script_has_reply set to false before. */
void script_on_reply(void *ctx, const struct zk_reply *reply);
void script_wait_states(size_t count);
void script_wait_connections(const struct script *server, int count);
void script_wait_frames(const struct script *server, size_t count);

#endif
