/* Clients of a learner that come back: the leader, played by the test, says whether their sessions
 * live. */
#include "support_service.h"

#include "wire/jute.h"
#include "zookeeper/core/service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SESSION_ID INT64_C(0x300000000000001)

struct learner {
    struct service_config config;
    struct service service;
    struct zk_outbox outbox;
    unsigned asked; /* REVALIDATE */
};

struct caller {
    struct service_conn conn;
    bool is_answered;
    int32_t timeout_ms;
    bool is_closed;
};

static int64_t submit(void *ctx,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox)
{
    (void)ctx;
    (void)request;
    (void)event;
    (void)outbox;
    fail_msg("nothing is written here");
    return 0;
}

static void revalidate(void *ctx, int64_t session_id, int32_t timeout_ms, struct zk_outbox *outbox)
{
    struct learner *learner = ctx;
    (void)timeout_ms;
    (void)outbox;
    assert_true(session_id == SESSION_ID);
    learner->asked += 1;
}

static int setup(void **state)
{
    static struct learner learner;
    learner = (struct learner){.asked = 0};
    const struct service_proposer proposer = {submit, &learner, revalidate, NULL};
    test_service_config(&learner.config, TEST_TICK_MS);
    zk_outbox_init(&learner.outbox);
    service_init(&learner.service, &learner.config, &proposer);
    service_begin(&learner.service, SERVICE_LEARNER, true, 1000);
    *state = &learner;
    return 0;
}

static int teardown(void **state)
{
    struct learner *learner = *state;
    service_release(&learner->service);
    zk_outbox_release(&learner->outbox);
    return 0;
}

static void perform(struct learner *learner)
{
    for (size_t i = 0; i < learner->outbox.count; i++) {
        const struct zk_effect *effect = &learner->outbox.effects[i];
        struct caller *caller = CONTAINER_OF(effect->conn, struct caller, conn);
        if (effect->kind == ZK_EFFECT_SEND) {
            assert_false(caller->is_answered);
            struct slice frame = zk_effect_bytes(&learner->outbox, effect);
            struct jute_reader reader = jute_reader_of(slice_part(frame, 4, frame.len), 1000);
            assert_int_equal(jute_read_i32(&reader), 0);
            caller->timeout_ms = jute_read_i32(&reader);
            caller->is_answered = true;
        } else if (effect->kind == ZK_EFFECT_CLOSE) {
            caller->is_closed = true;
        }
    }
    zk_outbox_clear(&learner->outbox);
    service_check(&learner->service);
}

static void come_back(struct learner *learner, struct caller *caller)
{
    uint8_t password[SESSION_PASSWORD_BYTES];
    struct buffer frame;
    struct zk_event event = {.kind = ZK_EVENT_FRAME, .conn = &caller->conn, .now_ms = 1000};
    *caller = (struct caller){.conn = {.remote_ip = SLICE_LIT("127.0.0.1")}};
    service_conn_open(&learner->service, &caller->conn, &event);
    session_password(SESSION_ID, password);
    buffer_init(&frame, SIZE_MAX);
    jute_write_i32(&frame, 0);
    jute_write_i64(&frame, 0);
    jute_write_i32(&frame, 10000);
    jute_write_i64(&frame, SESSION_ID);
    jute_write_bytes(&frame, slice_of(password, sizeof password));
    jute_write_bool(&frame, false);
    event.frame = buffer_slice(&frame);
    service_step(&learner->service, &event, &learner->outbox);
    buffer_release(&frame);
    perform(learner);
}

static void go_away(struct learner *learner, struct caller *caller)
{
    struct zk_event event = {.kind = ZK_EVENT_CLOSED, .conn = &caller->conn, .now_ms = 1000};
    service_step(&learner->service, &event, &learner->outbox);
    perform(learner);
}

static void answer(struct learner *learner, bool is_valid)
{
    struct zk_event event = {.now_ms = 1000};
    service_revalidated(&learner->service, SESSION_ID, is_valid, 0, &event, &learner->outbox);
    perform(learner);
}

static void the_leader_decides(void **state)
{
    struct learner *learner = *state;
    struct caller valid;
    struct caller invalid;
    come_back(learner, &valid);
    assert_true(learner->asked == 1 && !valid.is_answered);
    answer(learner, true);
    assert_true(valid.is_answered && valid.timeout_ms == 10000);
    go_away(learner, &valid);
    come_back(learner, &invalid);
    answer(learner, false);
    assert_true(invalid.is_answered && invalid.timeout_ms == 0);
    go_away(learner, &invalid);
    answer(learner, true); /* nobody asked */
}

/* Each waits for the answer to its own question (ensemble seed 453287426). */
static void an_older_answer_is_not_taken(void **state)
{
    struct learner *learner = *state;
    struct caller first;
    struct caller second;
    struct caller third;
    come_back(learner, &first);
    go_away(learner, &first);
    come_back(learner, &second);
    come_back(learner, &third); /* cuts off the second */
    assert_true(second.is_closed && learner->asked == 3);
    answer(learner, true);
    answer(learner, true);
    assert_false(third.is_answered);
    answer(learner, true);
    assert_true(third.is_answered && third.timeout_ms == 10000);
    go_away(learner, &second);
    go_away(learner, &third);
}

/* What an earlier leader was asked, the next one does not answer. */
static void another_leader_owes_nothing(void **state)
{
    struct learner *learner = *state;
    struct caller first;
    struct caller second;
    come_back(learner, &first);
    service_stop(&learner->service, &learner->outbox);
    perform(learner);
    assert_true(first.is_closed);
    go_away(learner, &first);
    service_begin(&learner->service, SERVICE_LEARNER, true, 1000);
    come_back(learner, &second);
    answer(learner, true);
    assert_true(second.is_answered && second.timeout_ms == 10000);
    go_away(learner, &second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_leader_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_answer_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(another_leader_owes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
