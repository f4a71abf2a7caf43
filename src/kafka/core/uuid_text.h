/* uuid_text.h - Kafka's ids as text: 16 bytes in base64 of the URL alphabet without padding.
 *
 * Source: org.apache.kafka.common.Uuid; CoreUtils.generateUuidAsBase64 (cluster ids).
 */
#ifndef KAFKA_CORE_UUID_TEXT_H
#define KAFKA_CORE_UUID_TEXT_H

#include "base/errors.h"
#include "wire/codec.h"

#define UUID_TEXT_LEN 22

/* Writes UUID_TEXT_LEN characters and a NUL. */
void uuid_to_text(const struct codec_uuid *uuid, char text[UUID_TEXT_LEN + 1]);

/* ERR_INVALID for what is not 16 bytes in that alphabet (padding is taken). */
NODISCARD int uuid_from_text(struct slice text, struct codec_uuid *uuid);

/* All zeros: no id. */
bool uuid_is_zero(const struct codec_uuid *uuid);

/* Makes random bytes an id of version 4; false when Kafka would not take it: the two reserved ids,
 * and one whose text begins with '-' (which tools take for an option). */
bool uuid_make_random(struct codec_uuid *uuid);

#endif
