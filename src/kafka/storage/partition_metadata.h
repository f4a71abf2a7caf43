/* partition_metadata.h - the file that says which topic's partition a folder is: "version: 0" and
 * "topic_id: " with the id as 22 characters of URL-safe base64 without padding (Uuid.toString).
 *
 * Source: PartitionMetadataFile of Apache Kafka 3.9; KIP-516.
 */
#ifndef KAFKA_STORAGE_PARTITION_METADATA_H
#define KAFKA_STORAGE_PARTITION_METADATA_H

#include "base/buffer.h"
#include "base/errors.h"
#include "wire/codec.h"

void partition_metadata_print(const struct codec_uuid *id, struct buffer *into);

/* ERR_CORRUPT: no id, or none that can be. */
NODISCARD int partition_metadata_parse(struct slice text, struct codec_uuid *id);

#endif
