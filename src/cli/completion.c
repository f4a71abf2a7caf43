/* completion.c - `samsa completion bash|zsh`: what a shell needs to complete `samsa ...` and the
 * scripts.
 *
 * Usage: source <(samsa completion bash), or put the output into /etc/bash_completion.d/samsa; for
 * zsh: source <(samsa completion zsh), or into a file _samsa of $fpath. Tools complete by the table
 * of tools.c and options by the tools' own tables (kafka/kafka_options.h), so a new one needs
 * nothing here. Behind an option that takes a value, and for tools without a table, files are
 * offered.
 */
#include <stdio.h>

#include "cli/kafka/kafka_options.h"
#include "cli/tool.h"
#include "cli/zookeeper_server.h"

/* Words behind tools that have commands and no table. */
static const struct {
    const char *tool;
    const char *words;
} commands[] = {
    {"zkServer", "start start-foreground stop restart status version print-cmd --config"},
    {"completion", "bash zsh"},
    {"kafka-cluster", "cluster-id unregister"},
    {"kafka-features", "describe upgrade downgrade disable"},
};

static const char *commands_of(const char *tool)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].tool, tool) == 0) {
            return commands[i].words;
        }
    }
    return "";
}

static bool has_script(const char *name)
{
    return strncmp(name, "zk", 2) == 0 || strncmp(name, "kafka-", 6) == 0 ||
           strncmp(name, "zookeeper-s", 11) == 0;
}

/* "tool) words;;" for each tool that has any. */
static void print_cases(void)
{
    for (size_t i = 0; i < tool_count; i++) {
        const struct kafka_options_syntax *syntax = tools[i].options;
        const char *words = commands_of(tools[i].name);
        if (syntax == NULL && words[0] == '\0') {
            continue;
        }
        printf("    %s) echo \"%s", tools[i].name, words);
        for (size_t k = 0; syntax != NULL && k < syntax->count; k++) {
            printf(" --%s", syntax->options[k].name);
        }
        printf("%s\";;\n", syntax != NULL ? " --help --version" : "");
    }
}

/* "tool:--option" of every option that takes a value: files may follow. */
static void print_values(void)
{
    for (size_t i = 0; i < tool_count; i++) {
        const struct kafka_options_syntax *syntax = tools[i].options;
        for (size_t k = 0; syntax != NULL && k < syntax->count; k++) {
            if (syntax->options[k].argument != KAFKA_OPTION_FLAG) {
                printf(" %s:--%s", tools[i].name, syntax->options[k].name);
            }
        }
    }
}

static void print_tools(bool only_scripts)
{
    for (size_t i = 0; i < tool_count; i++) {
        if (!only_scripts) {
            printf(" %s", tools[i].name);
        } else if (has_script(tools[i].name)) {
            printf(" %s.sh", tools[i].name);
        }
    }
}

static void print_words(void)
{
    printf("_samsa_words() {\n"
           "    case $1 in\n");
    print_cases();
    printf("    esac\n"
           "}\n"
           "_samsa_values=\"");
    print_values();
    printf(" \"\n");
}

static void print_bash(void)
{
    printf("# bash completion for samsa and its scripts\n");
    print_words();
    printf("_samsa() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local tool=${COMP_WORDS[0]##*/} first=1 words\n"
           "    tool=${tool%%.sh}\n"
           "    if [ \"$tool\" = samsa ]; then\n"
           "        tool=${COMP_WORDS[1]} first=2\n"
           "    fi\n"
           "    if [ \"$COMP_CWORD\" -lt \"$first\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"help");
    print_tools(false);
    printf("\" -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    words=$(_samsa_words \"$tool\")\n"
           "    if [ -z \"$words\" ] || [[ $_samsa_values == *\" $tool:$before \"* ]]; then\n"
           "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _samsa samsa");
    print_tools(true);
    printf("\n");
}

static void print_zsh(void)
{
    printf("#compdef samsa");
    print_tools(true);
    printf("\n# zsh completion for samsa and its scripts\n");
    print_words();
    printf("_samsa() {\n"
           "    local tool=${${words[1]:t}%%.sh} first=2\n"
           "    if [[ $tool = samsa ]]; then\n"
           "        tool=$words[2] first=3\n"
           "    fi\n"
           "    if (( CURRENT < first )); then\n"
           "        compadd help");
    print_tools(false);
    printf("\n"
           "        return\n"
           "    fi\n"
           "    local offered=$(_samsa_words $tool)\n"
           "    if [[ -z $offered || $_samsa_values == *\" $tool:$words[CURRENT-1] \"* ]]; then\n"
           "        _files\n"
           "    else\n"
           "        compadd -- ${=offered}\n"
           "    fi\n"
           "}\n"
           "if [[ $funcstack[1] = _samsa ]]; then\n"
           "    _samsa \"$@\"\n"
           "else\n"
           "    compdef _samsa samsa");
    print_tools(true);
    printf("\n"
           "fi\n");
}

int tool_completion(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "bash") == 0) {
        print_bash();
    } else if (argc == 2 && strcmp(argv[1], "zsh") == 0) {
        print_zsh();
    } else {
        fprintf(stderr, "Usage: samsa completion bash|zsh\n");
        return EXIT_INVOCATION;
    }
    return EXIT_OK;
}
