/* meta_properties.h - meta.properties: which broker of which cluster a log directory belongs to.
 *
 *     #
 *     #Sat Nov 21 14:22:05 UTC 2026
 *     broker.id=0
 *     cluster.id=WZEKwK-bTuKq7gxmSzXFhg
 *     version=0
 *
 * Version 0 is that of brokers on ZooKeeper (an absent version means 0). Version 1 is KRaft's, and
 * is refused: such a directory's metadata is elsewhere. directory.id, which 3.7 may have left here,
 * is kept. Source: MetaProperties, MetaPropertiesEnsemble of Apache Kafka 3.9,
 * BrokerMetadataCheckpoint of 2.7.
 */
#ifndef KAFKA_STORAGE_META_PROPERTIES_H
#define KAFKA_STORAGE_META_PROPERTIES_H

#include "base/buffer.h"
#include "runtime/errmsg.h"

#define META_PROPERTIES_NAME "meta.properties"
#define META_PROPERTIES_BYTES_MAX ((size_t)64 << 10)
#define META_ID_MAX 64

struct meta_properties {
    int32_t broker_id;              /* -1: none */
    char cluster_id[META_ID_MAX];   /* "": none */
    char directory_id[META_ID_MAX]; /* "": none */
};

void meta_properties_init(struct meta_properties *meta);

/* Whole text to *meta; `where` names the file for the sentence. ERR_CONFIG: another version, or a
 * value that cannot be. */
NODISCARD int meta_properties_parse(struct slice text,
                                    const char *where,
                                    struct meta_properties *meta,
                                    struct errmsg *message);

void meta_properties_print(const struct meta_properties *meta, int64_t wall_ms, struct buffer *out);

bool meta_properties_equal(const struct meta_properties *a, const struct meta_properties *b);

#endif
