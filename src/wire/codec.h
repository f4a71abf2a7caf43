/* codec.h - one interpreter for all messages of all protocols, driven by generated tables.
 *
 * schema/ declares each message once, one line a field; schema/generate.py turns it into a C struct
 * (all versions in one struct) and a descriptor table (struct codec_message). The functions below
 * walk the table in both directions. Two dialects supply the primitives: jute (ZooKeeper) and Kafka
 * (classic and flexible versions, compact lengths, tagged fields).
 *
 * C shape of a field: bool -> bool; int8..int64 -> intN_t; float64 -> double; uuid -> struct
 * codec_uuid; string, bytes, records -> struct slice (null: ptr NULL); array of T -> `T *x; int32_t
 * x_count` (null: count -1); struct -> embedded by value (one that may be null has a `bool has_x`
 * behind it). Unknown tagged fields of a flexible version are kept in `struct codec_tagged
 * *unknown_tagged_fields; int32_t unknown_tagged_fields_count`.
 *
 * Ownership: decoded slices borrow from the input; arrays come from the arena.
 * Limits: every length is checked against the bytes left and struct codec_limits before it is used;
 * the memory an input may claim is bounded by max_decoded_bytes (the arena must have that room).
 * Nesting is bounded by the schema: the generator refuses a struct that contains itself.
 * Errors: ERR_TRUNCATED, ERR_INVALID (bad length, bad null, tags out of order), ERR_LIMIT,
 * ERR_UNSUPPORTED (version). Sources: ZooKeeper's jute BinaryInputArchive/BinaryOutputArchive;
 * Kafka's message README, KIP-482.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/errors.h"
#include "base/random.h"

struct codec_message; /* generated descriptor */

struct codec_uuid {
    uint8_t bytes[16];
};

struct codec_tagged {
    uint32_t tag;
    struct slice bytes;
};

struct codec_limits {
    size_t max_string_bytes;  /* most bytes of one string or buffer */
    size_t max_decoded_bytes; /* most arena bytes one message may take */
};

/* Sets every field to the default that the schema gives it (0, false, empty, null). What is built
 * by hand for codec_encode starts here when its dialect is Kafka; for jute a struct of zeros will
 * do (its strings are null). */
void codec_init(const struct codec_message *message, void *value);

/* Decodes one message from the front of *in and advances *in past it; what this version lacks gets
 * its default. After an error *in is as before and *value is not to be read. */
NODISCARD int codec_decode(const struct codec_message *message,
                           int version,
                           struct slice *in,
                           const struct codec_limits *limits,
                           struct arena *arena,
                           void *value);

/* Appends the message. ERR_INVALID when a null stands where the version allows none or a text is
 * too long for its length field, ERR_UNSUPPORTED when a field that this version lacks and that may
 * not be ignored is set, ERR_LIMIT when the buffer has no room; the buffer is then as before. */
NODISCARD int codec_encode(const struct codec_message *message,
                           int version,
                           const void *value,
                           struct buffer *out);

/* Exact encoded size in bytes, negative error as codec_encode. */
NODISCARD int64_t codec_size(const struct codec_message *message, int version, const void *value);

/* Do a and b agree in all that this version carries? Null and empty differ. */
bool codec_equal(const struct codec_message *message, int version, const void *a, const void *b);

/* Deep copy: everything that `to` points at is in the arena. */
void codec_copy(const struct codec_message *message,
                const void *from,
                struct arena *arena,
                void *to);

/* A random valid value of this version, small but with every shape (nulls, empties, extremes). */
void codec_random(const struct codec_message *message,
                  int version,
                  struct random *random,
                  struct arena *arena,
                  void *value);

/* JSON text of the fields that this version carries, in schema order; bytes and uuids as hex; text
 * that is no UTF-8 with its bytes as \u00XX. {"too_long":true} when the buffer lacks the room. For
 * logs, tools and failing tests. */
void codec_print(const struct codec_message *message,
                 int version,
                 const void *value,
                 struct buffer *out);

/* What the descriptor says. */
const char *codec_name(const struct codec_message *message);
size_t codec_struct_size(const struct codec_message *message);
int codec_min_version(const struct codec_message *message);
int codec_max_version(const struct codec_message *message);

/* Does this version have compact lengths and tagged fields? (Kafka: decides the header's form.) */
bool codec_is_flexible(const struct codec_message *message, int version);

/* Kafka: the api that the message belongs to; -1: none. */
int16_t codec_api_key(const struct codec_message *message);

#endif
