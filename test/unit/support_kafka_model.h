/* support_kafka_model.h - what was written to a log, record by record, to compare with what is
 * read.
 */
#ifndef TEST_UNIT_SUPPORT_KAFKA_MODEL_H
#define TEST_UNIT_SUPPORT_KAFKA_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/record_batch.h"

#define KEYS 12

struct model_record {
    int32_t key;
    int32_t value; /* -1: a tombstone */
};

struct model_log {
    bool exists;
    bool is_kept; /* its making was followed by a flush: it must survive */
    struct model_record *records;
    int64_t count;   /* end offset */
    int64_t flushed; /* acknowledged */
};

struct reading {
    const struct model_log *model;
    bool is_compacted;
    int64_t next;          /* a record below it must not come any more */
    int64_t last_of[KEYS]; /* offset of the last record that was read */
    bool *seen;            /* by offset */
    int64_t records;
};

/* Each record of these batches is the model's; *next_offset moves behind them. */
void reading_take(struct reading *reading, struct slice bytes, int64_t *next_offset);

#endif
