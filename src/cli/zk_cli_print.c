/* zk_cli_print.c - how things look: stats, names, dumps, errors, events. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/zk_cli.h"

#define HEX_ROW_BYTES 16

/* ---- text ------------------------------------------------------------------------------------ */

/* The smallest and largest second byte that may follow `first`; others allow 0x80 to 0xbf. */
static bool may_follow(uint8_t first, uint8_t second)
{
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

/* How many bytes at the front are one character; *is_good tells whether it is a whole one. A cut or
 * wrong one counts as far as it was right, as Java's decoder replaces it. */
static size_t character_len(struct slice text, bool *is_good)
{
    uint8_t first = text.ptr[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    *is_good = false;
    if (size == 0 || first > 0xf4) {
        return 1;
    }
    for (size_t i = 1; i < size; i++) {
        bool is_right = i < text.len &&
                        (i == 1 ? may_follow(first, text.ptr[1]) : (text.ptr[i] & 0xc0) == 0x80);
        if (!is_right) {
            return i;
        }
    }
    *is_good = true;
    return size;
}

void zk_cli_put(struct slice bytes)
{
    /* Whether standard output took everything is asked once, at the end (zk_cli.c). Empty bytes may
     * have no address, which fwrite must not be given. */
    if (bytes.len > 0) {
        (void)fwrite(bytes.ptr, 1, bytes.len, stdout);
    }
}

void zk_cli_print_text(struct slice text)
{
    while (text.len > 0) {
        bool is_good;
        size_t len = character_len(text, &is_good);
        if (is_good) {
            zk_cli_put(slice_part(text, 0, len));
        } else {
            fputs("\xef\xbf\xbd", stdout);
        }
        text = slice_part(text, len, text.len);
    }
}

static int compare_names(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

void zk_cli_sort_names(struct slice *names, size_t count)
{
    if (count > 1) {
        qsort(names, count, sizeof names[0], compare_names);
    }
}

void zk_cli_print_names(const struct slice *names, size_t count)
{
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            fputs(", ", stdout);
        }
        zk_cli_print_text(names[i]);
    }
    fputs("]\n", stdout);
}

/* ---- Stat ------------------------------------------------------------------------------------ */

/* As java.util.Date prints itself, in the zone of the environment. */
static void append_time(struct buffer *out, const char *name, int64_t ms)
{
    char text[80];
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0 ? 1 : 0));
    buffer_append_cstr(out, name);
    if (localtime_r(&seconds, &parts) != NULL &&
        strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y\n", &parts) > 0) {
        buffer_append_cstr(out, text);
    } else {
        buffer_append_decimal(out, ms);
        buffer_append_cstr(out, " ms\n");
    }
}

static void append_hex(struct buffer *out, const char *name, int64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_cstr(out, "0x");
    buffer_append_hex(out, (uint64_t)value);
    buffer_append_u8(out, '\n');
}

static void append_number(struct buffer *out, const char *name, int64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_decimal(out, value);
    buffer_append_u8(out, '\n');
}

void zk_cli_append_stat(struct buffer *out, const struct zk_stat *stat)
{
    append_hex(out, "cZxid = ", stat->czxid);
    append_time(out, "ctime = ", stat->ctime);
    append_hex(out, "mZxid = ", stat->mzxid);
    append_time(out, "mtime = ", stat->mtime);
    append_hex(out, "pZxid = ", stat->pzxid);
    append_number(out, "cversion = ", stat->cversion);
    append_number(out, "dataVersion = ", stat->version);
    append_number(out, "aclVersion = ", stat->aversion);
    append_hex(out, "ephemeralOwner = ", stat->ephemeral_owner);
    append_number(out, "dataLength = ", stat->data_length);
    append_number(out, "numChildren = ", stat->num_children);
}

void zk_cli_print_stat(const struct zk_stat *stat)
{
    struct buffer out;
    buffer_init(&out, 4096);
    zk_cli_append_stat(&out, stat);
    zk_cli_put(buffer_slice(&out));
    buffer_release(&out);
}

/* ---- hex dump -------------------------------------------------------------------------------- */

static void append_hex_digits(struct buffer *out, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        buffer_append_u8(out, (uint8_t)"0123456789abcdef"[value >> (4 * i) & 15]);
    }
}

static void append_hex_row(struct buffer *out, struct slice row, size_t offset)
{
    buffer_append_cstr(out, "\n|");
    append_hex_digits(out, offset, 8);
    buffer_append_u8(out, '|');
    for (size_t i = 0; i < HEX_ROW_BYTES; i++) {
        buffer_append_u8(out, ' ');
        if (i < row.len) {
            append_hex_digits(out, row.ptr[i], 2);
        } else {
            buffer_append_cstr(out, "  ");
        }
    }
    buffer_append_cstr(out, " |");
    for (size_t i = 0; i < HEX_ROW_BYTES; i++) {
        uint8_t c = i < row.len ? row.ptr[i] : ' ';
        buffer_append_u8(out, c <= 0x1f || c >= 0x7f ? '.' : c);
    }
    buffer_append_u8(out, '|');
}

/* The frame that Netty's ByteBufUtil.prettyHexDump draws; nothing for no bytes. */
void zk_cli_append_hex_dump(struct buffer *out, struct slice data)
{
    if (data.len == 0) {
        return;
    }
    buffer_append_cstr(out, "         +-------------------------------------------------+\n"
                            "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
                            "+--------+-------------------------------------------------+"
                            "----------------+");
    for (size_t at = 0; at < data.len; at += HEX_ROW_BYTES) {
        append_hex_row(out, slice_part(data, at, MIN(at + HEX_ROW_BYTES, data.len)), at);
    }
    buffer_append_cstr(out, "\n+--------+-------------------------------------------------+"
                            "----------------+");
}

/* ---- errors and events ----------------------------------------------------------------------- */

void zk_cli_append_keeper_error(struct buffer *out, int32_t err, struct slice path)
{
    buffer_append_cstr(out, "KeeperErrorCode = ");
    buffer_append_cstr(out, zk_error_text(err));
    if (path.len > 0) {
        buffer_append_cstr(out, " for ");
        buffer_append(out, path);
    }
}

/* CliWrapperException's own words for some of the errors. */
static const char *words_of(int32_t err)
{
    switch (err) {
    case ZK_ERR_NONODE:
        return "Node does not exist: ";
    case ZK_ERR_NOCHILDRENFOREPHEMERALS:
        return "Ephemerals cannot have children: ";
    case ZK_ERR_NODEEXISTS:
        return "Node already exists: ";
    case ZK_ERR_NOTEMPTY:
        return "Node not empty: ";
    case ZK_ERR_NOTREADONLY:
        return "Not a read-only call: ";
    case ZK_ERR_INVALIDACL:
        return "Acl is not valid : ";
    case ZK_ERR_NOAUTH:
        return "Insufficient permission : ";
    case ZK_ERR_BADARGUMENTS:
        return "Arguments are not valid : ";
    case ZK_ERR_BADVERSION:
        return "version No is not valid : ";
    case ZK_ERR_QUOTAEXCEEDED:
        return "Quota has exceeded : ";
    default:
        return NULL;
    }
}

void zk_cli_append_error(struct buffer *out, int32_t err, struct slice path)
{
    const char *words = words_of(err);
    if (words != NULL) {
        buffer_append_cstr(out, words);
        buffer_append(out, slice_is_null(path) ? SLICE_LIT("null") : path);
    } else if (err == ZK_ERR_RECONFIGINPROGRESS) {
        buffer_append_cstr(out,
                           "Another reconfiguration is in progress -- concurrent reconfigs not "
                           "supported (yet)");
    } else if (err == ZK_ERR_NEWCONFIGNOQUORUM) {
        buffer_append_cstr(out,
                           "No quorum of new config is connected and up-to-date with the leader of "
                           "last commmitted config - try invoking reconfiguration after new "
                           "servers are connected and synced");
    } else {
        zk_cli_append_keeper_error(out, err, path);
    }
}

void zk_cli_append_event(struct buffer *out, const struct zk_watch_event *event)
{
    buffer_append_cstr(out, "WatchedEvent state:");
    buffer_append_cstr(out, zk_keeper_state_name(event->state));
    buffer_append_cstr(out, " type:");
    buffer_append_cstr(out, zk_event_type_name(event->type));
    buffer_append_cstr(out, " path:");
    buffer_append(out, slice_is_null(event->path) ? SLICE_LIT("null") : event->path);
    buffer_append_cstr(out, " zxid: ");
    buffer_append_decimal(out, event->zxid);
}
