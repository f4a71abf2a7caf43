/* tool.h - one program, many names: `samsa NAME args` runs a tool, and bin/NAME.sh calls just that.
 *
 * A tool is one file in cli/ with one function of type tool_main. It returns the process's exit
 * code, writes results to stdout and everything else to stderr, and reads its environment itself.
 */
#ifndef CLI_TOOL_H
#define CLI_TOOL_H

#include "base/base.h"

/* argv[0] is the tool's name. */
typedef int tool_main(int argc, char **argv);

struct kafka_options_syntax; /* kafka/kafka_options.h */

struct tool {
    const char *name;
    tool_main *run;
    const char *summary;                        /* one line for `samsa help` */
    const struct kafka_options_syntax *options; /* what completion offers behind it; may be NULL */
};

extern const struct tool tools[];
extern const size_t tool_count;

tool_main tool_start;                /* start.c: all roles in one process */
tool_main tool_zookeeper_server;     /* zookeeper_server.c: QuorumPeerMain's place */
tool_main tool_zk_server;            /* zk_server.c: zkServer.sh */
tool_main tool_zk_cleanup;           /* zk_cleanup.c: zkCleanup.sh */
tool_main tool_zk_initialize;        /* zk_initialize.c: zkServer-initialize.sh */
tool_main tool_zk_txn_log_toolkit;   /* zk_txn_log_toolkit.c */
tool_main tool_zk_snapshot_toolkit;  /* zk_snapshot_toolkit.c */
tool_main tool_zk_snapshot_comparer; /* zk_snapshot_comparer.c */
tool_main tool_zk_snapshot_summary;  /* zk_snapshot_summary.c */
tool_main tool_zk_cli;               /* zk_cli.c: zkCli.sh */
tool_main tool_ps;                   /* processes.c: which servers run here */
tool_main tool_completion;           /* completion.c */
tool_main tool_version;

#endif
