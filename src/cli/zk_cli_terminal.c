/* zk_cli_terminal.c - where lines come from: an editor on a terminal, or plain reading.
 *
 * On a terminal that can be drawn upon, libedit edits the line (history, completion with the tab
 * key). From a pipe, a file or a dumb terminal, lines are read as they are, and the prompts are
 * printed all the same, as Apache's zkCli does. Either way the wait for input is the event loop's,
 * so the session is kept alive and watch events are printed while nobody types.
 */
#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define READ_BYTES 4096
#define PROMPT_BYTES_MAX ((size_t)70 * 1024)
#define EDITOR_HISTORY_LINES 1000
#define CANDIDATES_SHOWN_MAX 200

struct zk_cli_terminal {
    struct zk_cli *cli;
    struct runtime_watch watch;
    bool is_watched; /* the loop tells when there is input; a file always has some */
    bool is_readable;
    bool is_waiting;     /* for the user, at the prompt */
    bool has_ended;      /* no more input */
    struct buffer input; /* read and not used */
    struct buffer prompt;
    EditLine *editor; /* NULL: plain reading */
    History *history;
};

/* ---- input ----------------------------------------------------------------------------------- */

static void on_readable(struct runtime_watch *watch)
{
    struct zk_cli_terminal *terminal = CONTAINER_OF(watch, struct zk_cli_terminal, watch);
    terminal->is_readable = true;
}

static bool has_input_now(void)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

/* Runs the loop until there is something to read, and reads it. False at the end of input. */
static bool read_more(struct zk_cli_terminal *terminal)
{
    terminal->is_waiting = true;
    while (terminal->is_watched && !has_input_now()) {
        terminal->is_readable = false;
        runtime_turn(terminal->cli->runtime, -1);
    }
    terminal->is_waiting = false;
    if (!terminal->is_watched) {
        runtime_turn(terminal->cli->runtime, 0);
    }
    ssize_t got;
    do {
        got = read(STDIN_FILENO, buffer_reserve(&terminal->input, READ_BYTES), READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        terminal->has_ended = true;
        return false;
    }
    terminal->input.len += (size_t)got;
    return true;
}

/* One line without its end. False at the end of input, or when the line is endless. */
static bool read_line(struct zk_cli_terminal *terminal, struct slice *line)
{
    size_t searched = 0;
    for (;;) {
        struct buffer *input = &terminal->input;
        const uint8_t *end = input->len == searched
                                 ? NULL
                                 : memchr(input->data + searched, '\n', input->len - searched);
        if (end != NULL) {
            *line = slice_of(input->data, (size_t)(end - input->data));
            return true;
        }
        searched = input->len;
        if (input->len + READ_BYTES > ZK_CLI_LINE_BYTES_MAX) {
            zk_cli_say("a line of more than %zu bytes", ZK_CLI_LINE_BYTES_MAX);
            terminal->cli->exit_code = ZK_CLI_FAILED;
            return false;
        }
        if (terminal->has_ended || !read_more(terminal)) {
            *line = buffer_slice(input);
            return input->len > 0;
        }
    }
}

/* ---- the prompt ------------------------------------------------------------------------------ */

static void make_prompt(struct zk_cli_terminal *terminal)
{
    const struct zk_cli *cli = terminal->cli;
    struct buffer *prompt = &terminal->prompt;
    buffer_clear(prompt, SIZE_MAX);
    buffer_append_cstr(prompt, "[zk: ");
    buffer_append(prompt, buffer_slice(&cli->host));
    buffer_append_cstr(prompt, "(");
    buffer_append_cstr(prompt, zk_client_state_name(zk_client_get_state(cli->client)));
    buffer_append_cstr(prompt, ") ");
    buffer_append_decimal(prompt, cli->command_count);
    buffer_append_cstr(prompt, "] ");
    buffer_append_u8(prompt, '\0');
}

static char *prompt_of(EditLine *editor)
{
    struct zk_cli_terminal *terminal = NULL;
    el_get(editor, EL_CLIENTDATA, &terminal);
    return (char *)terminal->prompt.data;
}

/* ---- the editor ------------------------------------------------------------------------------ */

/* libedit asks for one character. */
static int read_character(EditLine *editor, wchar_t *character)
{
    struct zk_cli_terminal *terminal = NULL;
    mbstate_t state = {0};
    el_get(editor, EL_CLIENTDATA, &terminal);
    for (size_t used = 0;;) {
        if (used == terminal->input.len && !read_more(terminal)) {
            return 0;
        }
        size_t len = mbrtowc(character, (const char *)terminal->input.data + used, 1, &state);
        used += 1;
        if (len != (size_t)-2) {
            bool is_broken = len == (size_t)-1;
            if (is_broken) {
                *character = L'?';
            }
            buffer_consume(&terminal->input, used);
            return 1;
        }
    }
}

static void show_candidates(const struct zk_cli_completion *completion)
{
    size_t shown = MIN(completion->candidate_count, CANDIDATES_SHOWN_MAX);
    putchar('\n');
    for (size_t i = 0; i < shown; i++) {
        zk_cli_print_text(completion->candidates[i]);
        fputs(i + 1 < shown ? "   " : "\n", stdout);
    }
    if (shown < completion->candidate_count) {
        printf("... and %zu more\n", completion->candidate_count - shown);
    }
    fflush(stdout);
}

static unsigned char complete(EditLine *editor, int character)
{
    struct zk_cli_terminal *terminal = NULL;
    const LineInfo *line = el_line(editor);
    (void)character;
    el_get(editor, EL_CLIENTDATA, &terminal);
    struct zk_cli *cli = terminal->cli;
    arena_clear(&cli->arena);
    struct slice before = arena_copy(&cli->arena,
                                     slice_of(line->buffer, (size_t)(line->cursor - line->buffer)));
    struct zk_cli_completion completion = zk_cli_complete(cli, before);
    if (completion.candidate_count == 0) {
        return CC_REFRESH_BEEP;
    }
    if (completion.insert.len == 0) {
        show_candidates(&completion);
        return CC_REDISPLAY;
    }
    char *text = arena_alloc(&cli->arena, completion.insert.len + 1);
    memcpy(text, completion.insert.ptr, completion.insert.len);
    text[completion.insert.len] = '\0';
    return el_insertstr(editor, text) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
}

static bool can_draw(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void editor_open(struct zk_cli_terminal *terminal)
{
    HistEvent event;
    EditLine *editor = can_draw() ? el_init("zkCli", stdin, stdout, stderr) : NULL;
    if (editor == NULL) {
        return;
    }
    terminal->editor = editor;
    terminal->history = history_init();
    el_set(editor, EL_CLIENTDATA, terminal);
    el_set(editor, EL_PROMPT, prompt_of);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 1);
    el_set(editor, EL_GETCFN, read_character);
    el_set(editor, EL_ADDFN, "zk-complete", "complete a command or a path", complete);
    el_set(editor, EL_BIND, "^I", "zk-complete", NULL);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    if (terminal->history != NULL) {
        history(terminal->history, &event, H_SETSIZE, EDITOR_HISTORY_LINES);
        history(terminal->history, &event, H_SETUNIQUE, 1);
        el_set(editor, EL_HIST, history, terminal->history);
    }
    el_source(editor, NULL);
}

/* A line from the editor; false at its end. */
static bool edit_line(struct zk_cli_terminal *terminal, struct slice *line)
{
    HistEvent event;
    int count = 0;
    const char *text = el_gets(terminal->editor, &count);
    if (text == NULL || count <= 0) {
        return false;
    }
    size_t len = (size_t)count;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len -= 1;
    }
    if (len > 0 && terminal->history != NULL) {
        history(terminal->history, &event, H_ENTER, text);
    }
    *line = slice_of(text, len);
    return true;
}

void zk_cli_terminal_refresh(struct zk_cli_terminal *terminal)
{
    if (terminal->editor != NULL && terminal->is_waiting) {
        make_prompt(terminal); /* the state may have changed */
        el_set(terminal->editor, EL_REFRESH);
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void edit_lines(struct zk_cli_terminal *terminal)
{
    struct zk_cli *cli = terminal->cli;
    struct slice line;
    while (!cli->is_ended) {
        make_prompt(terminal);
        if (!edit_line(terminal, &line)) {
            putchar('\n');
            return;
        }
        zk_cli_run_line(cli, line);
    }
}

static void read_lines(struct zk_cli_terminal *terminal)
{
    struct zk_cli *cli = terminal->cli;
    struct slice line;
    while (!cli->is_ended) {
        make_prompt(terminal);
        fputs((const char *)terminal->prompt.data, stdout);
        fflush(stdout);
        if (!read_line(terminal, &line)) {
            printf("JLine support is disabled\n");
            return;
        }
        size_t used = MIN(line.len + 1, terminal->input.len);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len -= 1;
        }
        zk_cli_run_line(cli, line);
        buffer_consume(&terminal->input, used);
    }
}

void zk_cli_interact(struct zk_cli *cli)
{
    struct zk_cli_terminal terminal = {.cli = cli};
    printf("Welcome to ZooKeeper!\nJLine support is enabled\n");
    fflush(stdout);
    buffer_init(&terminal.input, ZK_CLI_LINE_BYTES_MAX);
    buffer_init(&terminal.prompt, PROMPT_BYTES_MAX);
    terminal.is_watched = runtime_watch_fd(cli->runtime, &terminal.watch, STDIN_FILENO,
                                           on_readable) == 0;
    editor_open(&terminal);
    cli->terminal = &terminal;
    if (terminal.editor != NULL) {
        edit_lines(&terminal);
    } else {
        read_lines(&terminal);
    }
    cli->terminal = NULL;
    if (terminal.editor != NULL) {
        el_end(terminal.editor);
    }
    if (terminal.history != NULL) {
        history_end(terminal.history);
    }
    if (terminal.is_watched) {
        runtime_unwatch_fd(&terminal.watch);
    }
    buffer_release(&terminal.input);
    buffer_release(&terminal.prompt);
}
