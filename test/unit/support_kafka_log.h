/* support_kafka_log.h - a log in a temporary folder of the real file system (fixture_begin,
 * fixture_end: support_kafka_log_folder.c), or where the test puts it. */
#ifndef TEST_UNIT_SUPPORT_KAFKA_LOG_H
#define TEST_UNIT_SUPPORT_KAFKA_LOG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generated/kafka/constants.h"
#include "kafka/storage/partition_log.h"

#define FIXTURE_NOW_MS ((int64_t)1700000000000)

struct log_fixture {
    struct runtime *runtime;
    char root[64]; /* temporary */
    char dir[128]; /* of the log: ROOT/topic-0 */
    struct topic_config config;
    struct partition_log *log; /* NULL: closed */
    struct partition_log_recovery recovery;
    int64_t wall_ms;
    int64_t log_start_offset; /* the checkpoint's */
    struct buffer batch;      /* the last one built */
    bool may_wait;            /* appends are collected: partition_log_write */
};

int fixture_begin(void **state);
int fixture_end(void **state);
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

void fixture_open(struct log_fixture *fixture, bool was_clean, int64_t recovery_point);
void fixture_close(struct log_fixture *fixture);
/* Forgets the log without writing anything more: what kill -9 leaves. */
void fixture_crash(struct log_fixture *fixture);
void fixture_remove_all(struct log_fixture *fixture);

/* A batch as a producer sends it; fields may be changed before fixture_send. */
struct fixture_batch {
    struct batch_build build;
    int32_t count;
    size_t value_len;
    bool has_keys;
    int64_t first_timestamp_ms;
    int64_t step_ms; /* from record to record */
};
void fixture_batch_defaults(const struct log_fixture *fixture, struct fixture_batch *batch);
/* Into fixture->batch. */
struct slice fixture_build(struct log_fixture *fixture, const struct fixture_batch *batch);
struct append_result fixture_send(struct log_fixture *fixture, struct slice records);
struct append_result fixture_send_as(struct log_fixture *fixture,
                                     struct slice records,
                                     enum append_origin origin);
/* The usual one: `count` records of value_len bytes, timestamps fixture->wall_ms. */
struct append_result fixture_append(struct log_fixture *fixture, int32_t count, size_t value_len);

/* The batch of an idempotent producer. */
struct append_result fixture_produce(struct log_fixture *fixture,
                                     int64_t producer_id,
                                     int16_t epoch,
                                     int32_t sequence,
                                     int32_t count);

/* The base offset of the first batch that a read gives, checked against the bytes; -1: nothing. */
int64_t fixture_first_offset(struct log_fixture *fixture, int64_t offset, int64_t upper_offset);
/* Of a whole range; -1: empty. */
int64_t fixture_last_offset(const struct log_read *read);

/* Files below the log's folder. */
const char *fixture_path(const struct log_fixture *fixture, const char *name);
bool fixture_has(const struct log_fixture *fixture, const char *name);
uint64_t fixture_size(const struct log_fixture *fixture, const char *name);
void fixture_write(const struct log_fixture *fixture, const char *name, struct slice bytes);
void fixture_read(const struct log_fixture *fixture, const char *name, struct buffer *into);

#endif
