# The libraries of the system: one imported target per library, found once.
#
# Names are those of the Debian packages' pkg-config files; snappy has none in Debian 12.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
pkg_check_modules(JEMALLOC IMPORTED_TARGET jemalloc)

find_library(SNAPPY_LIBRARY snappy)
find_path(SNAPPY_INCLUDE snappy-c.h)
if(NOT SNAPPY_LIBRARY OR NOT SNAPPY_INCLUDE)
    message(FATAL_ERROR "libsnappy is missing: install libsnappy-dev (tools/setup does it)")
endif()
add_library(samsa_snappy INTERFACE)
target_link_libraries(samsa_snappy INTERFACE ${SNAPPY_LIBRARY})
