/* java_text.h - text as upstream's server understands it: bytes to a Java string and back.
 *
 * What is well-formed and has no character beyond U+FFFF comes back as it was. Each malformed part
 * becomes U+FFFD, as String(bytes, UTF_8) reads it; a character beyond U+FFFF becomes two
 * surrogates of three bytes each, as BinaryOutputArchive writes it. So a text that is stored,
 * compared or sent back is the same on both servers.
 */
#ifndef ZOOKEEPER_CORE_JAVA_TEXT_H
#define ZOOKEEPER_CORE_JAVA_TEXT_H

#include "base/arena.h"
#include "base/buffer.h"

/* The text itself, or a copy in the arena when it changes. Null stays null. */
struct slice java_text(struct arena *arena, struct slice text);

/* Appends the text as a Java program prints it: malformed parts become U+FFFD, everything else
 * stays. Null appends nothing. */
void java_text_print(struct buffer *out, struct slice text);

#endif
