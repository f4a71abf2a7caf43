# Compiler flags, by mode: what each preset means, in one place.
#
#   samsa_warnings   an interface library: every warning that this project lives by
#   samsa_flags      an interface library: language, optimisation, hardening or sanitizers
#
# A flag that a compiler of Debian 12 or Ubuntu 22.04 does not know is left out by a check, not by a
# version number.

include(CheckCCompilerFlag)

set(SAMSA_MODE release CACHE STRING "release, dev, plain, asan, tsan or fuzz")
set_property(CACHE SAMSA_MODE PROPERTY STRINGS release dev plain asan tsan fuzz)
option(SAMSA_WERROR "Warnings are errors" ON)

if(NOT SAMSA_MODE MATCHES "^(release|dev|plain|asan|tsan|fuzz)$")
    message(FATAL_ERROR "SAMSA_MODE=${SAMSA_MODE} is none of release, dev, plain, asan, tsan, fuzz")
endif()

add_library(samsa_warnings INTERFACE)
target_compile_options(samsa_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wundef -Wswitch-enum -Wformat=2 $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> -Wcast-qual -Wpointer-arith -Wwrite-strings
    -Wimplicit-fallthrough -Wold-style-definition -Werror=implicit-function-declaration
    -Werror=incompatible-pointer-types -Werror=int-conversion)
if(SAMSA_WERROR)
    target_compile_options(samsa_warnings INTERFACE -Werror)
endif()

add_library(samsa_flags INTERFACE)
target_compile_options(samsa_flags INTERFACE
    -fno-strict-aliasing -fwrapv -fno-common -fno-delete-null-pointer-checks -fPIE)
target_compile_definitions(samsa_flags INTERFACE _GNU_SOURCE)
# Asserts and logs name files as the tree does.
target_compile_options(samsa_flags INTERFACE -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_link_options(samsa_flags INTERFACE -pie -Wl,--as-needed)

function(samsa_flag_if_known flag)
    string(MAKE_C_IDENTIFIER "HAVE_FLAG${flag}" name)
    check_c_compiler_flag("-Werror ${flag}" ${name})
    if(${name})
        target_compile_options(samsa_flags INTERFACE ${flag})
    endif()
endfunction()

if(SAMSA_MODE STREQUAL "release")
    # The folders' own paths stay out of the program, so two builds of one commit are equal.
    target_compile_options(samsa_flags INTERFACE -O2 -g -fstack-protector-strong
        -fdebug-prefix-map=${CMAKE_SOURCE_DIR}/= -fdebug-prefix-map=${CMAKE_BINARY_DIR}=.)
    # Level 3 needs gcc 12 or clang 9; the compiler of Ubuntu 22.04 takes 2.
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
        set(fortify 2)
    else()
        set(fortify 3)
    endif()
    target_compile_options(samsa_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify})
    samsa_flag_if_known(-fstack-clash-protection)
    samsa_flag_if_known(-fcf-protection=full)
    samsa_flag_if_known(-ftrivial-auto-var-init=zero)
    samsa_flag_if_known(-fzero-call-used-regs=used-gpr)
    target_link_options(samsa_flags INTERFACE
        -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
elseif(SAMSA_MODE STREQUAL "dev")
    target_compile_options(samsa_flags INTERFACE -Og -g3 -fno-omit-frame-pointer)
    target_compile_definitions(samsa_flags INTERFACE SAMSA_DEBUG=1)
elseif(SAMSA_MODE STREQUAL "plain")
    target_compile_options(samsa_flags INTERFACE -O0 -g)
    target_compile_definitions(samsa_flags INTERFACE SAMSA_DEBUG=1)
elseif(SAMSA_MODE STREQUAL "tsan")
    target_compile_options(samsa_flags INTERFACE
        -O1 -g -fno-omit-frame-pointer -fsanitize=thread)
    target_compile_definitions(samsa_flags INTERFACE SAMSA_DEBUG=1)
    target_link_options(samsa_flags INTERFACE -fsanitize=thread)
else()
    # asan and fuzz. With -fwrapv signed overflow is defined, so UBSan does not report it.
    set(sanitize address,undefined)
    target_compile_options(samsa_flags INTERFACE
        -O1 -g -fno-omit-frame-pointer -fsanitize=${sanitize} -fno-sanitize-recover=all)
    target_compile_definitions(samsa_flags INTERFACE SAMSA_DEBUG=1)
    target_link_options(samsa_flags INTERFACE -fsanitize=${sanitize})
    if(SAMSA_MODE STREQUAL "fuzz")
        if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
            message(FATAL_ERROR "The fuzz mode needs clang: libFuzzer is part of it")
        endif()
        target_compile_options(samsa_flags INTERFACE -fsanitize=fuzzer-no-link)
        target_compile_definitions(samsa_flags INTERFACE SAMSA_FUZZ=1)
    endif()
endif()

# ccache, where it is there, makes a second build of the same text free.
find_program(SAMSA_CCACHE ccache)
if(SAMSA_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${SAMSA_CCACHE})
endif()
