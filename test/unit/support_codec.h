/* support_codec.h - what must hold for every message of every dialect, whoever declares it. */
#ifndef TEST_UNIT_SUPPORT_CODEC_H
#define TEST_UNIT_SUPPORT_CODEC_H

#include "wire/codec.h"

/* For `rounds` random values of each version: size is the encoded length; decoding gives an equal
 * value and takes all bytes; encoding that again gives the same bytes; a deep copy is equal when
 * the original is gone; a changed value is not equal when its bytes differ; no prefix decodes; the
 * printed text is JSON. */
void check_random_messages(const struct codec_message *message, int rounds);

/* Decodes the message at the front of *in, advances *in, and compares the bytes taken with what the
 * value encodes to. `value` (may be NULL) gets the decoded value: its slices borrow from *in, its
 * arrays are gone. */
void check_same_bytes(const struct codec_message *message,
                      int version,
                      struct slice *in,
                      void *value);

/* check_same_bytes for every line "name version hex" of a file; returns how many there were. */
size_t check_vector_file(const char *path,
                         const struct codec_message *const *messages,
                         size_t count);

/* The bytes that `hex` spells, up to its end or the first character that is no hex; returns how
 * many. */
size_t bytes_of_hex(const char *hex, uint8_t *bytes, size_t room);

#endif
