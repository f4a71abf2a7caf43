/* completion.c - `samsa completion bash`: what a shell needs to complete `samsa ...` and the
 * scripts.
 *
 * Usage: source <(samsa completion bash), or put the output into /etc/bash_completion.d/samsa.
 * Tools complete by the table of tools.c, so a new one needs nothing here; words behind them are
 * zkServer's commands, or files.
 */
#include <stdio.h>

#include "cli/tool.h"
#include "cli/zookeeper_server.h"

static void print_bash(void)
{
    printf("# bash completion for samsa and its scripts\n"
           "_samsa() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} tool=${COMP_WORDS[0]##*/} first=1\n"
           "    tool=${tool%%.sh}\n"
           "    if [ \"$tool\" = samsa ]; then\n"
           "        tool=${COMP_WORDS[1]} first=2\n"
           "    fi\n"
           "    if [ \"$COMP_CWORD\" -lt \"$first\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"help");
    for (size_t i = 0; i < tool_count; i++) {
        printf(" %s", tools[i].name);
    }
    printf("\" -- \"$word\"))\n"
           "    elif [ \"$tool\" = zkServer ] && [ \"$COMP_CWORD\" -eq \"$first\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"start start-foreground stop restart status version "
           "print-cmd --config\" -- \"$word\"))\n"
           "    elif [ \"$tool\" = completion ]; then\n"
           "        COMPREPLY=($(compgen -W bash -- \"$word\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _samsa samsa");
    for (size_t i = 0; i < tool_count; i++) {
        if (tools[i].name[0] == 'z' && tools[i].name[1] == 'k') {
            printf(" %s.sh", tools[i].name);
        }
    }
    printf("\n");
}

int tool_completion(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], "bash") != 0) {
        fprintf(stderr, "Usage: samsa completion bash\n");
        return EXIT_INVOCATION;
    }
    print_bash();
    return EXIT_OK;
}
