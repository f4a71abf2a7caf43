/* zk_cli_acl.c - getAcl, setAcl, addauth, whoami. */
#include <stdio.h>

#include "base/text.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"

/* ---- reading and writing lists --------------------------------------------------------------- */

static int32_t perm_of(char c)
{
    switch (c) {
    case 'r':
        return ZK_PERM_READ;
    case 'w':
        return ZK_PERM_WRITE;
    case 'c':
        return ZK_PERM_CREATE;
    case 'd':
        return ZK_PERM_DELETE;
    case 'a':
        return ZK_PERM_ADMIN;
    default:
        return 0;
    }
}

static int32_t parse_perms(struct slice text)
{
    int32_t perms = 0;
    for (size_t i = 0; i < text.len; i++) {
        int32_t perm = perm_of((char)text.ptr[i]);
        if (perm == 0) {
            zk_cli_say("Unknown perm type: %c", text.ptr[i]);
        }
        perms |= perm;
    }
    return perms;
}

/* scheme:id:perms, where the id may hold colons. */
static bool parse_entry(struct slice text, struct zk_acl *acl)
{
    size_t first = 0;
    size_t last = text.len;
    while (first < text.len && text.ptr[first] != ':') {
        first += 1;
    }
    while (last > 0 && text.ptr[last - 1] != ':') {
        last -= 1;
    }
    if (first == text.len || last - 1 == first) {
        zk_cli_say("%.*s does not have the form scheme:id:perm", LOG_SLICE(text));
        return false;
    }
    acl->id.scheme = slice_part(text, 0, first);
    acl->id.id = slice_part(text, first + 1, last - 1);
    acl->perms = parse_perms(slice_part(text, last, text.len));
    return true;
}

struct zk_acl *zk_cli_parse_acl(struct arena *arena, struct slice text, int32_t *count)
{
    struct zk_acl *list = ARENA_ARRAY(arena, struct zk_acl, text.len + 1);
    *count = 0;
    if (text.len == 0) {
        (void)parse_entry(text, &list[0]); /* String.split gives one empty part, which is said */
    }
    while (text.len > 0 && text.ptr[text.len - 1] == ',') {
        text.len -= 1; /* String.split drops empty parts at the end */
    }
    while (text.len > 0) {
        struct slice entry;
        text_cut(text, ',', &entry, &text);
        if (parse_entry(entry, &list[*count])) {
            *count += 1;
        }
    }
    return list;
}

void zk_cli_append_perms(struct buffer *out, int32_t perms)
{
    static const char letters[] = "cdrwa";
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        if ((perms & perm_of(letters[i])) != 0) {
            buffer_append_u8(out, (uint8_t)letters[i]);
        }
    }
}

/* A string as a jute record prints itself: behind a ', with its own separators escaped. */
static void append_jute_text(struct buffer *out, struct slice text)
{
    buffer_append_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '\0':
            buffer_append_cstr(out, "%00");
            break;
        case '\n':
            buffer_append_cstr(out, "%0A");
            break;
        case '\r':
            buffer_append_cstr(out, "%0D");
            break;
        case ',':
            buffer_append_cstr(out, "%2C");
            break;
        case '}':
            buffer_append_cstr(out, "%7D");
            break;
        case '%':
            buffer_append_cstr(out, "%25");
            break;
        default:
            buffer_append_u8(out, text.ptr[i]);
            break;
        }
    }
}

static void print_acl(const struct zk_acl *acl)
{
    struct buffer out;
    buffer_init(&out, 3 * (acl->id.scheme.len + acl->id.id.len) + 64);
    append_jute_text(&out, acl->id.scheme);
    buffer_append_u8(&out, ',');
    append_jute_text(&out, acl->id.id);
    buffer_append_cstr(&out, "\n: ");
    zk_cli_append_perms(&out, acl->perms);
    buffer_append_u8(&out, '\n');
    zk_cli_print_text(buffer_slice(&out));
    buffer_release(&out);
}

/* ---- commands -------------------------------------------------------------------------------- */

int zk_cli_get_acl(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli, zk_client_get_acl(cli->client, path, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    for (int32_t i = 0; i < cli->reply.acl_count; i++) {
        print_acl(&cli->reply.acl[i]);
    }
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

/* An empty list is refused before anybody is asked (ZooKeeper.validateACL), without a path. */
static int32_t set_one(struct zk_cli *cli, const struct zk_set_acl *set)
{
    if (set->acl_count == 0) {
        return ZK_ERR_INVALIDACL;
    }
    return zk_cli_wait(cli, zk_client_set_acl(cli->client, set, zk_cli_done(cli)));
}

struct setting {
    struct zk_cli *cli;
    struct zk_set_acl set;
};

/* Nodes that refuse are named on standard output, all in one line, and the others are still
 * done. */
static bool set_node(void *ctx, struct slice path)
{
    struct setting *setting = ctx;
    setting->set.path = path;
    int32_t err = set_one(setting->cli, &setting->set);
    if (err != ZK_ERR_OK) {
        struct buffer text;
        buffer_init(&text, path.len + 256);
        zk_cli_append_keeper_error(&text, err, setting->set.acl_count == 0 ? SLICE_NULL : path);
        zk_cli_print_text(buffer_slice(&text));
        buffer_release(&text);
    }
    return true;
}

int zk_cli_set_acl(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct setting setting = {
        .cli = cli,
        .set = {.path = parsed->words[1], .version = -1},
    };
    struct slice path = setting.set.path;
    setting.set.acl = zk_cli_parse_acl(&cli->arena, parsed->words[2], &setting.set.acl_count);
    struct slice version = zk_cli_value(parsed, "v");
    if (zk_cli_has(parsed, "v") && text_parse_i32(version, &setting.set.version) != 0) {
        return zk_cli_die(cli, "-v: \"%.*s\" is not a version", LOG_SLICE(version));
    }
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    if (zk_cli_has(parsed, "R")) {
        struct zk_cli_visit visit = {.visit = set_node, .ctx = &setting};
        int32_t err = zk_cli_visit_tree(cli, path, &visit);
        return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, path);
    }
    int32_t err = set_one(cli, &setting.set);
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, setting.set.acl_count == 0 ? SLICE_NULL : path);
    }
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

int zk_cli_addauth(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice auth = parsed->word_count > 2 ? parsed->words[2] : SLICE_NULL;
    if (zk_client_add_auth(cli->client, parsed->words[1], auth) != 0) {
        zk_cli_say("Too many or too large credentials");
        return ZK_CLI_FAILED;
    }
    return ZK_CLI_OK;
}

int zk_cli_whoami(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    (void)parsed;
    int32_t err = zk_cli_wait(cli, zk_client_who_am_i(cli->client, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, SLICE_NULL);
    }
    printf("Auth scheme: User\n");
    for (int32_t i = 0; i < cli->reply.who_count; i++) {
        zk_cli_print_text(cli->reply.who[i].auth_scheme);
        fputs(": ", stdout);
        zk_cli_print_text(cli->reply.who[i].user);
        putchar('\n');
    }
    return ZK_CLI_OK;
}
