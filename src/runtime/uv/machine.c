/* machine.c - what the real machine says of itself. */
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/runtime.h"

static int64_t count_open_files(void)
{
    int64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return -1;
    }
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count - 3; /* ".", ".." and the directory itself */
}

static void fill_system(struct runtime_machine *machine)
{
    struct utsname system;
    if (uname(&system) != 0) {
        return;
    }
    const char *arch = strcmp(system.machine, "x86_64") == 0 ? "amd64" : system.machine;
    snprintf(machine->os_name, sizeof machine->os_name, "%s", system.sysname);
    snprintf(machine->os_arch, sizeof machine->os_arch, "%s", arch);
    snprintf(machine->os_version, sizeof machine->os_version, "%s", system.release);
}

static void fill_user(struct runtime_machine *machine)
{
    const struct passwd *user = getpwuid(getuid());
    if (user != NULL) {
        snprintf(machine->user_name, sizeof machine->user_name, "%s", user->pw_name);
        snprintf(machine->user_home, sizeof machine->user_home, "%s", user->pw_dir);
    }
    if (getcwd(machine->user_dir, sizeof machine->user_dir) == NULL) {
        machine->user_dir[0] = '\0';
    }
}

void runtime_machine(struct runtime *runtime, struct runtime_machine *machine)
{
    struct rlimit limit;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    (void)runtime;
    memset(machine, 0, sizeof *machine);
    if (gethostname(machine->host_name, sizeof machine->host_name - 1) != 0) {
        machine->host_name[0] = '\0';
    }
    fill_system(machine);
    fill_user(machine);
    machine->memory_free_bytes = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * page;
    machine->memory_total_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * page;
    machine->open_files = count_open_files();
    machine->open_files_max = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int64_t)limit.rlim_cur : -1;
}
