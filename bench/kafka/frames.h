/*
 * Kafka's requests as the generator sends them: built once, sent as often as wanted. Only the
 * versions that brokers of 2.7 to 4.x all take; written by hand, since a generator must not use the
 * code that it measures.
 */
#ifndef BENCH_KAFKA_FRAMES_H
#define BENCH_KAFKA_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

void frame_free(struct frame *frame);

struct batch_options {
    uint32_t records;
    uint32_t value_size;
    int64_t timestamp_ms;
};

/* Produce v7: one batch of magic 2 for one partition. */
void frame_produce(struct frame *frame,
                   const char *topic,
                   int32_t partition,
                   int16_t acks,
                   const struct batch_options *batch);

/* Fetch v11 without a session: one partition. frame_set_fetch_offset changes the offset. */
void frame_fetch(struct frame *frame,
                 const char *topic,
                 int32_t partition,
                 int32_t max_wait_ms,
                 int32_t min_bytes,
                 int32_t max_bytes);
void frame_set_fetch_offset(struct frame *frame, int64_t offset);

void frame_api_versions(struct frame *frame); /* v0 */

/* CreateTopics v2: `topics` topics PREFIX-0 ... of `partitions` partitions each, one replica. */
void frame_create_topics(struct frame *frame,
                         const char *prefix,
                         uint32_t topics,
                         uint32_t partitions,
                         int32_t timeout_ms);

/* Metadata v4: of all topics. */
void frame_metadata(struct frame *frame);

/* The error code of the answer (from the correlation id on); -1 when it is cut. */
int produce_answer_error(const uint8_t *answer, size_t len);

struct fetch_answer {
    int error;
    size_t record_bytes;
    uint64_t records;
    int64_t next_offset; /* behind the last whole batch; -1: there was none */
    int64_t high_watermark;
};
void fetch_answer_read(const uint8_t *answer, size_t len, struct fetch_answer *read);

/* First error that is not 0, or 0. */
int create_answer_error(const uint8_t *answer, size_t len);
/* How many partitions have a leader. */
uint64_t metadata_led_partitions(const uint8_t *answer, size_t len);

#endif
