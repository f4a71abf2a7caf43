# Code generation from schema/: the generator runs when CMake configures, and CMake configures again
# when a file below schema/ changes or appears. Its output is staged first and copied only where it
# differs, so an untouched message does not compile again.
#
# Sets SAMSA_GENERATED_SOURCES, the generated .c files.

set(SAMSA_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
set(SAMSA_GENERATED_SOURCES "")
find_package(Python3 COMPONENTS Interpreter REQUIRED)

file(GLOB_RECURSE schema_files CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/schema/*.def ${CMAKE_SOURCE_DIR}/schema/*.py)
if(EXISTS ${CMAKE_SOURCE_DIR}/schema/generate.py)
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR}
        APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${schema_files})
    set(stage ${CMAKE_BINARY_DIR}/generated.stage)
    file(REMOVE_RECURSE ${stage})
    file(MAKE_DIRECTORY ${stage} ${SAMSA_GENERATED_DIR})
    execute_process(
        COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/schema/generate.py --out ${stage}
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
        RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "schema/generate.py failed (${failed}); its message stands above")
    endif()
    file(GLOB_RECURSE staged RELATIVE ${stage} ${stage}/*)
    file(GLOB_RECURSE present RELATIVE ${SAMSA_GENERATED_DIR} ${SAMSA_GENERATED_DIR}/*)
    list(REMOVE_ITEM present version.h)
    foreach(name IN LISTS present)
        if(NOT name IN_LIST staged)
            file(REMOVE ${SAMSA_GENERATED_DIR}/${name})
        endif()
    endforeach()
    foreach(name IN LISTS staged)
        get_filename_component(folder ${SAMSA_GENERATED_DIR}/${name} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        file(COPY_FILE ${stage}/${name} ${SAMSA_GENERATED_DIR}/${name} ONLY_IF_DIFFERENT)
        if(name MATCHES "\\.c$")
            list(APPEND SAMSA_GENERATED_SOURCES ${SAMSA_GENERATED_DIR}/${name})
        endif()
    endforeach()
    file(REMOVE_RECURSE ${stage})
endif()

# Version, commit and the commit's date (not the build's, so that builds can be repeated).
set(SAMSA_COMMIT unknown)
set(SAMSA_BUILD_DATE "01/01/1970 00:00 UTC")
find_program(GIT_PROGRAM git)
if(GIT_PROGRAM)
    execute_process(
        COMMAND ${CMAKE_COMMAND} -E env TZ=UTC ${GIT_PROGRAM} log -1
                --date=format-local:%m/%d/%Y\ %H:%M\ UTC --format=%H|%cd
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
        OUTPUT_VARIABLE commit_line RESULT_VARIABLE failed ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed AND commit_line MATCHES "^([0-9a-f]+)\\|(.+)$")
        set(SAMSA_COMMIT ${CMAKE_MATCH_1})
        set(SAMSA_BUILD_DATE "${CMAKE_MATCH_2}")
    endif()
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${SAMSA_GENERATED_DIR}/version.h @ONLY)
