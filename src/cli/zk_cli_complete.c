/* zk_cli_complete.c - what the tab key offers: commands, or the children of a node.
 *
 * Source: JLineZNodeCompleter.
 */
#include "cli/zk_cli.h"

/* The bytes that all candidates share. */
static size_t common_len(const struct slice *names, size_t count)
{
    size_t len = names[0].len;
    for (size_t i = 1; i < count; i++) {
        size_t shared = 0;
        while (shared < MIN(len, names[i].len) && names[i].ptr[shared] == names[0].ptr[shared]) {
            shared += 1;
        }
        len = shared;
    }
    /* Do not cut a character of UTF-8. */
    while (len > 0 && len < names[0].len && (names[0].ptr[len] & 0xc0) == 0x80) {
        len -= 1;
    }
    return len;
}

struct zk_cli_completion zk_cli_match(struct arena *arena,
                                      struct slice word,
                                      const struct slice *names,
                                      size_t count)
{
    struct zk_cli_completion completion = {.insert = SLICE_LIT("")};
    completion.candidates = ARENA_ARRAY(arena, struct slice, count);
    for (size_t i = 0; i < count; i++) {
        if (slice_starts_with(names[i], word)) {
            completion.candidates[completion.candidate_count] = names[i];
            completion.candidate_count += 1;
        }
    }
    if (completion.candidate_count == 0) {
        return completion;
    }
    zk_cli_sort_names(completion.candidates, completion.candidate_count);
    struct slice first = completion.candidates[0];
    if (completion.candidate_count > 1) {
        size_t shared = common_len(completion.candidates, completion.candidate_count);
        completion.insert = slice_part(first, word.len, MAX(shared, word.len));
        return completion;
    }
    /* The only one: the word is complete, and a blank follows. */
    uint8_t *rest = arena_alloc(arena, first.len - word.len + 1);
    if (first.len > word.len) {
        memcpy(rest, first.ptr + word.len, first.len - word.len);
    }
    rest[first.len - word.len] = ' ';
    completion.insert = slice_of(rest, first.len - word.len + 1);
    return completion;
}

static struct slice last_word(struct slice text)
{
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != ' ' && text.ptr[from - 1] != '\t') {
        from -= 1;
    }
    return slice_part(text, from, text.len);
}

static struct zk_cli_completion complete_command(struct zk_cli *cli, struct slice word)
{
    struct slice *names = ARENA_ARRAY(&cli->arena, struct slice, zk_cli_command_count);
    for (size_t i = 0; i < zk_cli_command_count; i++) {
        names[i] = slice_of_cstr(zk_cli_commands[i].name);
    }
    return zk_cli_match(&cli->arena, word, names, zk_cli_command_count);
}

static struct zk_cli_completion complete_path(struct zk_cli *cli, struct slice word)
{
    struct zk_cli_completion nothing = {.insert = SLICE_LIT("")};
    size_t slash = word.len - 1;
    while (word.ptr[slash] != '/') {
        slash -= 1;
    }
    struct slice parent = slice_part(word, 0, MAX(slash, 1));
    if (cli->client == NULL || !zk_client_is_alive(cli->client)) {
        return nothing;
    }
    struct zk_done done = zk_cli_done(cli);
    int submitted = zk_client_get_children(cli->client, parent, NULL, done);
    if (zk_cli_wait(cli, submitted) != ZK_ERR_OK) {
        return nothing;
    }
    size_t count = (size_t)cli->reply.name_count;
    struct slice *paths = ARENA_ARRAY(&cli->arena, struct slice, count);
    for (size_t i = 0; i < count; i++) {
        paths[i] = zk_cli_child_path(cli, parent, cli->reply.names[i]);
    }
    return zk_cli_match(&cli->arena, word, paths, count);
}

struct zk_cli_completion zk_cli_complete(struct zk_cli *cli, struct slice before_cursor)
{
    struct slice word = last_word(before_cursor);
    bool is_path = word.len > 0 && word.ptr[0] == '/';
    return is_path ? complete_path(cli, word) : complete_command(cli, word);
}
