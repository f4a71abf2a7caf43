# samsa_library(name FOLDERS dir... [SOURCES file...] [EXCLUDE file...] LINK library...)
#
# A static library of every .c file that stands directly in the folders. A folder that is absent or
# empty gives an interface library, so the tree configures at every stage of its growth.

function(samsa_library name)
    cmake_parse_arguments(arg "" "" "FOLDERS;SOURCES;EXCLUDE;LINK" ${ARGN})
    set(sources ${arg_SOURCES})
    foreach(folder IN LISTS arg_FOLDERS)
        file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
        list(APPEND sources ${found})
    endforeach()
    foreach(file IN LISTS arg_EXCLUDE)
        list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/${file})
    endforeach()
    if(sources)
        add_library(${name} STATIC ${sources})
        target_link_libraries(${name} PRIVATE samsa_warnings samsa_flags)
        target_include_directories(${name}
            PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
        target_link_libraries(${name} PUBLIC ${arg_LINK})
    else()
        add_library(${name} INTERFACE)
        target_include_directories(${name}
            INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
        target_link_libraries(${name} INTERFACE ${arg_LINK})
    endif()
endfunction()

# samsa_program(name runtime [library...] [SUPPORT library...])
#
# Links an executable with every library of the server and one runtime: samsa_runtime_uv (the real
# one) or samsa_world (the simulator's). They are one group for the linker, since base and the server
# call upwards into whichever runtime is there (mem_alloc, runtime.h).
function(samsa_program name runtime)
    target_link_libraries(${name} PRIVATE samsa_warnings samsa_flags
        -Wl,--start-group
        samsa_cli samsa_zookeeper_admin samsa_kafka_server samsa_kafka_client samsa_kafka_storage
        samsa_kafka_core samsa_zookeeper_server samsa_zookeeper_client samsa_zookeeper_storage
        samsa_zookeeper_core samsa_wire samsa_base ${runtime} samsa_runtime
        -Wl,--end-group
        ${ARGN})
endfunction()
