/* password_digest.h - the digest algorithms of the digest scheme, from OpenSSL, as pure functions
 * for the core. */
#ifndef ZOOKEEPER_SERVER_PASSWORD_DIGEST_H
#define ZOOKEEPER_SERVER_PASSWORD_DIGEST_H

#include "base/slice.h"

typedef size_t password_digest(struct slice in, uint8_t out[64]);

/* DigestAuthenticationProvider.digestAlg: SHA1 (also SHA-1), SHA-256, SHA3-256, ... as Java names
 * them. NULL when OpenSSL does not know it. */
password_digest *password_digest_function(const char *algorithm);

#endif
