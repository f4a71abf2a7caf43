/* machine.c - the simulated machine says the same of itself in every run, on every host. */
#include <stdio.h>

#include "runtime/runtime.h"

void runtime_machine(struct runtime *runtime, struct runtime_machine *machine)
{
    (void)runtime;
    *machine = (struct runtime_machine){
        .host_name = "simulated",
        .os_name = "Simulation",
        .os_arch = "amd64",
        .os_version = "1",
        .user_name = "samsa",
        .user_home = "/",
        .user_dir = "/",
        .memory_free_bytes = (uint64_t)1 << 30,
        .memory_total_bytes = (uint64_t)2 << 30,
        .open_files = 16,
        .open_files_max = 1024,
    };
}
