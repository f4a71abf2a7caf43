/* four_letter_client.h - asks a server one four-letter word (FourLetterWordMain's place). */
#ifndef CLI_FOUR_LETTER_CLIENT_H
#define CLI_FOUR_LETTER_CLIENT_H

#include "base/buffer.h"

/* Tries each address of the host in turn. The answer is appended to `out`; ERR_REFUSED,
 * ERR_TIMEOUT, ERR_RESOLVE, ERR_IO. */
NODISCARD int four_letter_ask(const char *host,
                              const char *port,
                              const char *word,
                              int timeout_ms,
                              struct buffer *out);

#endif
