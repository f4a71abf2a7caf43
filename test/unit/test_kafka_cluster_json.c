/* test_kafka_cluster_json.c - Kafka's znodes to and from bytes, ids as text, names, and the
 * assignment of replicas. The samples are what Apache 2.7 and 3.9 have written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "kafka/core/replica_assignment.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/cluster.h"
#include "kafka/server/zk_json.h"

static struct arena arena;
static struct buffer out;

static int begin(void **state)
{
    (void)state;
    zk_json_init();
    arena_init(&arena, 4096, 1 << 24);
    buffer_init(&out, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    buffer_release(&out);
    return 0;
}

static void assert_written(const char *text)
{
    buffer_append_u8(&out, '\0');
    assert_string_equal((const char *)out.data, text);
    buffer_clear(&out, 4096);
}

static void test_broker(void **state)
{
    struct broker_info info = {.id = 3};
    (void)state;
    const char *v5 =
        "{\"listener_security_protocol_map\":{\"PLAINTEXT\":\"PLAINTEXT\",\"EXT\":"
        "\"SSL\"},\"endpoints\":[\"PLAINTEXT://127.0.0.1:29200\",\"EXT://[::1]:9093\"],"
        "\"rack\":\"r\\\"1\",\"jmx_port\":-1,\"features\":{},\"host\":\"127.0.0.1\","
        "\"timestamp\":\"1763600000000\",\"port\":29200,\"version\":5}";
    assert_int_equal(zk_json_get_broker(slice_of_cstr(v5), &info), 0);
    assert_int_equal(info.endpoint_count, 2);
    assert_string_equal(info.rack, "r\"1");
    assert_string_equal(info.endpoints[1].listener, "EXT");
    assert_string_equal(info.endpoints[1].host, "::1");
    assert_string_equal(info.endpoints[1].security_protocol, "SSL");
    assert_int_equal(info.endpoints[0].port, 29200);
    zk_json_put_broker(&out, &info, INT64_C(1763600000000));
    assert_written(v5);
    assert_int_equal(zk_json_get_broker(SLICE_LIT("{\"version\":1,\"host\":\"h\",\"port\":9092,"
                                                  "\"jmx_port\":9999,\"timestamp\":\"1\"}"),
                                        &info),
                     0);
    assert_string_equal(info.endpoints[0].host, "h");
    assert_int_not_equal(zk_json_get_broker(SLICE_LIT("{\"version\":0}"), &info), 0);
    assert_int_not_equal(zk_json_get_broker(SLICE_LIT("[]"), &info), 0);
    assert_int_not_equal(
        zk_json_get_broker(SLICE_LIT("{\"version\":5,\"endpoints\":[\"x\"]}"), &info), 0);
}

static void test_topic(void **state)
{
    struct zk_topic topic;
    char id[UUID_TEXT_LEN + 1];
    (void)state;
    assert_int_equal(
        zk_json_get_topic(
            SLICE_LIT(
                "{\"removing_replicas\":{},\"partitions\":{\"2\":[0,1],\"1\":[1,0],\"0\":[0]},"
                "\"topic_id\":\"blkcbqFeQ2a4DwUMlSmiOA\",\"adding_replicas\":{\"1\":[7]},"
                "\"version\":3}"),
            &arena, &topic),
        0);
    assert_int_equal(topic.partition_count, 3);
    assert_int_equal(topic.partitions[0].count, 1);
    assert_int_equal(topic.partitions[2].ids[1], 1);
    assert_int_equal(topic.adding[1].ids[0], 7);
    assert_null(topic.removing);
    uuid_to_text(&topic.id, id);
    assert_string_equal(id, "blkcbqFeQ2a4DwUMlSmiOA");
    zk_json_put_topic(&out, &topic);
    assert_written("{\"removing_replicas\":{},\"partitions\":{\"0\":[0],\"1\":[1,0],\"2\":[0,1]},"
                   "\"topic_id\":\"blkcbqFeQ2a4DwUMlSmiOA\",\"adding_replicas\":{\"1\":[7]},"
                   "\"version\":3}");
    /* 2.7's tool with --zookeeper: no id. */
    assert_int_equal(
        zk_json_get_topic(SLICE_LIT("{\"version\":1,\"partitions\":{\"0\":[0]}}"), &arena, &topic),
        0);
    assert_true(uuid_is_zero(&topic.id));
    assert_int_not_equal(
        zk_json_get_topic(SLICE_LIT("{\"partitions\":{\"-1\":[0]}}"), &arena, &topic), 0);
    assert_int_not_equal(
        zk_json_get_topic(SLICE_LIT("{\"partitions\":{\"99999999\":[0]}}"), &arena, &topic), 0);
    assert_int_not_equal(
        zk_json_get_topic(SLICE_LIT("{\"partitions\":{\"0\":[\"a\"]}}"), &arena, &topic), 0);
}

static void test_state(void **state)
{
    struct zk_state read;
    (void)state;
    const char *text = "{\"controller_epoch\":1,\"leader\":0,\"version\":1,\"leader_epoch\":2,"
                       "\"isr\":[0,1]}";
    assert_int_equal(zk_json_get_state(slice_of_cstr(text), &arena, &read), 0);
    assert_int_equal(read.leader_epoch, 2);
    assert_int_equal(read.isr.count, 2);
    zk_json_put_state(&out, &read);
    assert_written(text);
    assert_int_not_equal(zk_json_get_state(SLICE_LIT("{\"leader\":0}"), &arena, &read), 0);
    assert_int_not_equal(
        zk_json_get_state(SLICE_LIT("{\"controller_epoch\":1,\"leader\":99999999999,"
                                    "\"leader_epoch\":2,\"isr\":[]}"),
                          &arena, &read),
        0);
}

static void test_configs(void **state)
{
    struct config_entry *entries;
    size_t count;
    struct slice path;
    (void)state;
    assert_int_equal(zk_json_get_config(SLICE_LIT("{\"version\":1,\"config\":{\"retention.ms\":"
                                                  "\"1000\",\"cleanup.policy\":\"compact\"}}"),
                                        &arena, &entries, &count),
                     0);
    assert_int_equal(count, 2);
    zk_json_put_config(&out, entries, count);
    assert_written("{\"version\":1,\"config\":{\"retention.ms\":\"1000\",\"cleanup.policy\":"
                   "\"compact\"}}");
    assert_int_equal(zk_json_get_config(SLICE_NULL, &arena, &entries, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(
        zk_json_get_config_change(SLICE_LIT("{\"version\":2,\"entity_path\":\"users/<default>\"}"),
                                  &arena, &path),
        0);
    assert_true(slice_equal_cstr(path, "users/<default>"));
    assert_int_equal(
        zk_json_get_config_change(
            SLICE_LIT("{\"version\":1,\"entity_type\":\"topics\",\"entity_name\":\"t\"}"), &arena,
            &path),
        0);
    assert_true(slice_equal_cstr(path, "topics/t"));
    assert_int_not_equal(zk_json_get_config_change(SLICE_LIT("{}"), &arena, &path), 0);
}

static void test_small_ones(void **state)
{
    struct zk_controller controller;
    struct zk_id_block block;
    char id[64];
    int32_t status;
    bool has_features;
    (void)state;
    zk_json_put_controller(&out, 7, 5);
    assert_int_equal(zk_json_get_controller(buffer_slice(&out), &controller), 0);
    assert_int_equal(controller.broker_id, 7);
    assert_int_equal(controller.kraft_epoch, -1);
    buffer_clear(&out, 4096);
    zk_json_put_id_block(&out, &(struct zk_id_block){1, 1000, 1999});
    assert_int_equal(zk_json_get_id_block(buffer_slice(&out), &block), 0);
    assert_true(block.last == 1999);
    assert_written("{\"version\":1,\"broker\":1,\"block_start\":\"1000\",\"block_end\":\"1999\"}");
    zk_json_put_cluster_id(&out, "q9861xo2SAiCoYU2K_6Ipw");
    assert_int_equal(zk_json_get_cluster_id(buffer_slice(&out), id, sizeof id), 0);
    assert_written("{\"version\":\"1\",\"id\":\"q9861xo2SAiCoYU2K_6Ipw\"}");
    zk_json_put_feature(&out);
    assert_int_equal(zk_json_get_feature(buffer_slice(&out), &status, &has_features), 0);
    assert_false(has_features);
    buffer_clear(&out, 4096);
    zk_sanitize(&out, SLICE_LIT("a b/<default>*"));
    assert_true(slice_equal_cstr(zk_desanitize(&arena, buffer_slice(&out)), "a b/<default>*"));
    assert_written("a%20b%2F%3Cdefault%3E%2A");
}

static void test_names(void **state)
{
    struct codec_uuid id;
    (void)state;
    assert_int_equal(topic_name_check(SLICE_LIT("a.b_c-D9")), TOPIC_NAME_FINE);
    assert_int_equal(topic_name_check(SLICE_LIT("")), TOPIC_NAME_EMPTY);
    assert_int_equal(topic_name_check(SLICE_LIT("..")), TOPIC_NAME_DOTS);
    assert_int_equal(topic_name_check(SLICE_LIT("a b")), TOPIC_NAME_CHARACTER);
    assert_true(topic_name_collides(SLICE_LIT("a.b"), SLICE_LIT("a_b")));
    assert_false(topic_name_collides(SLICE_LIT("a.b"), SLICE_LIT("a-b")));
    assert_int_not_equal(uuid_from_text(SLICE_LIT("short"), &id), 0);
    assert_int_equal(uuid_from_text(SLICE_LIT("blkcbqFeQ2a4DwUMlSmiOA=="), &id), 0);
}

/* ---- replicas -------------------------------------------------------------------------------- */

static void test_assignment(void **state)
{
    /* AdminUtils' own examples: five brokers, ten partitions, factor 3, from broker 0. */
    static const int32_t expected[] = {0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 0, 4, 0, 1,
                                       0, 2, 3, 1, 3, 4, 2, 4, 0, 3, 0, 1, 4, 1, 2};
    struct replica_broker brokers[6];
    int32_t *replicas;
    (void)state;
    for (int32_t i = 0; i < 6; i++) {
        brokers[i] = (struct replica_broker){.id = i};
    }
    struct replica_request request = {
        .brokers = brokers, .broker_count = 5, .partition_count = 10, .replication_factor = 3};
    assert_int_equal(replica_assign(&request, &arena, &replicas), 0);
    assert_memory_equal(replicas, expected, sizeof expected);
    /* With racks: 0,1,2 / 3,4,5 in "a", "b", "c" as in its comment: 0, 3, 1, 5, 4, 2. */
    static const char *const racks[] = {"rack1", "rack3", "rack3", "rack2", "rack2", "rack1"};
    static const int32_t with_racks[] = {0, 3, 1, 3, 1, 5, 1, 5, 4, 5, 4, 2, 4, 2, 0, 2, 0, 3};
    for (int32_t i = 0; i < 6; i++) {
        brokers[i].rack = slice_of_cstr(racks[i]);
    }
    request.broker_count = 6;
    request.partition_count = 6;
    assert_int_equal(replica_assign(&request, &arena, &replicas), 0);
    assert_memory_equal(replicas, with_racks, sizeof with_racks);
    brokers[2].rack = SLICE_NULL;
    assert_int_equal(replica_assign(&request, &arena, &replicas), ERR_CONFIG);
    request.replication_factor = 7;
    assert_int_equal(replica_assign(&request, &arena, &replicas), ERR_INVALID);
}

/* Whatever is asked for: no broker twice in a partition, leaders spread evenly. */
static void test_assignment_random(void **state)
{
    struct random random;
    (void)state;
    random_init(&random, 1);
    for (int round = 0; round < 300; round++) {
        struct replica_broker brokers[12];
        int32_t leads[12] = {0};
        int32_t *replicas;
        struct replica_request request = {.brokers = brokers};
        static const char *const racks[] = {"x", "y", "z"};
        bool has_racks = random_chance(&random, 1, 2);
        request.broker_count = (int32_t)random_below(&random, 12) + 1;
        request.replication_factor =
            (int32_t)random_below(&random, (uint64_t)request.broker_count) + 1;
        request.partition_count = request.broker_count * 3;
        request.start_index = (int32_t)random_below(&random, (uint64_t)request.broker_count);
        request.shift = (int32_t)random_below(&random, (uint64_t)request.broker_count);
        for (int32_t i = 0; i < request.broker_count; i++) {
            brokers[i] = (struct replica_broker){
                i, has_racks ? slice_of_cstr(racks[random_below(&random, 3)]) : SLICE_NULL};
        }
        assert_int_equal(replica_assign(&request, &arena, &replicas), 0);
        for (int32_t i = 0; i < request.partition_count; i++) {
            const int32_t *list = replicas + i * request.replication_factor;
            leads[list[0]]++;
            for (int32_t j = 0; j < request.replication_factor; j++) {
                for (int32_t k = 0; k < j; k++) {
                    assert_int_not_equal(list[j], list[k]);
                }
            }
        }
        for (int32_t i = 0; i < request.broker_count; i++) {
            assert_int_equal(leads[i], 3);
        }
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broker),     cmocka_unit_test(test_topic),
        cmocka_unit_test(test_state),      cmocka_unit_test(test_configs),
        cmocka_unit_test(test_small_ones), cmocka_unit_test(test_names),
        cmocka_unit_test(test_assignment), cmocka_unit_test(test_assignment_random),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
