/* zookeeper_shell.c - zookeeper-shell: zkCli as Kafka's script calls it, with the server as the
 * first word.
 *
 * Source: zookeeper-shell.sh and ZooKeeperMainWithTlsSupportForKafka of Kafka 3.9.
 */
#include <stdio.h>

#include "base/memory.h"
#include "cli/kafka/kafka_tools.h"

int tool_zookeeper_shell(int argc, char **argv)
{
    if (argc < 2) {
        printf("USAGE: zookeeper-shell.sh zookeeper_host:port[/path] [-zk-tls-config-file file] "
               "[args...]\n");
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-zk-tls-config-file") == 0) {
            fprintf(stderr, "-zk-tls-config-file: this client does not speak TLS\n");
            return 1;
        }
    }
    size_t size = (size_t)(argc + 2) * sizeof(char *);
    char **words = mem_alloc_zeroed(size);
    words[0] = argv[0];
    words[1] = (char *)(uintptr_t)"-server";
    memcpy(words + 2, argv + 1, (size_t)(argc - 1) * sizeof(char *));
    int code = tool_zk_cli(argc + 1, words);
    mem_free(words, size);
    return code;
}
