/* password_digest.c - see password_digest.h. */
#include "zookeeper/server/password_digest.h"

#include <openssl/evp.h>

#include "base/text.h"

static size_t digest_with(const EVP_MD *algorithm, struct slice in, uint8_t out[64])
{
    unsigned len = 0;
    int ok = EVP_Digest(in.ptr, in.len, out, &len, algorithm, NULL);
    /* fails only for lack of memory or an unavailable algorithm, which start-up rules out */
    ASSERT(ok == 1 && len <= 64);
    return len;
}

#define DIGEST_FUNCTION(name)                                     \
    static size_t digest_##name(struct slice in, uint8_t out[64]) \
    {                                                             \
        return digest_with(EVP_##name(), in, out);                \
    }

DIGEST_FUNCTION(md5)
DIGEST_FUNCTION(sha1)
DIGEST_FUNCTION(sha224)
DIGEST_FUNCTION(sha256)
DIGEST_FUNCTION(sha384)
DIGEST_FUNCTION(sha512)
DIGEST_FUNCTION(sha3_256)
DIGEST_FUNCTION(sha3_512)

static const struct {
    const char *name;
    password_digest *function;
} algorithms[] = {
    {"MD5", digest_md5},           {"SHA1", digest_sha1},         {"SHA-1", digest_sha1},
    {"SHA", digest_sha1},          {"SHA224", digest_sha224},     {"SHA-224", digest_sha224},
    {"SHA256", digest_sha256},     {"SHA-256", digest_sha256},    {"SHA384", digest_sha384},
    {"SHA-384", digest_sha384},    {"SHA512", digest_sha512},     {"SHA-512", digest_sha512},
    {"SHA3-256", digest_sha3_256}, {"SHA3-512", digest_sha3_512},
};

password_digest *password_digest_function(const char *algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (text_equal_ignoring_case(slice_of_cstr(algorithm), slice_of_cstr(algorithms[i].name))) {
            return algorithms[i].function;
        }
    }
    return NULL;
}
