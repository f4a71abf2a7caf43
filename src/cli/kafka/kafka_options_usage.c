/* kafka_options_usage.c - the usage text of Kafka's tools: two columns, as joptsimple sets them, or
 * argparse4j's list.
 *
 * Options in order of their names; the left column is as wide as the widest option and at most 39,
 * the whole at most 80; lines break behind spaces, what follows is indented by two; every line is
 * filled up with spaces.
 *
 * Source: joptsimple 5.0.4 BuiltinHelpFormatter, Rows, Columns.
 */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "cli/kafka/kafka_options.h"

#define WIDTH 80
#define GAP 2
#define INDENT 2
#define CELL_BYTES_MAX ((size_t)16 * 1024)
#define USAGE_WIDTH 75 /* of argparse4j's line */
#define PIECE_BYTES_MAX 512

struct row {
    struct buffer left;
    struct buffer right;
};

static const struct kafka_option help_options[] = {
    {.name = "help", .description = "Show this text."},
    {.name = "version", .description = "Show the release of Kafka that this tool speaks for."},
};

/* ---- breaking lines -------------------------------------------------------------------------- */

static size_t trimmed_length(struct slice text)
{
    size_t len = text.len;
    while (len > 0 && text.ptr[len - 1] == ' ') {
        len--;
    }
    return len;
}

/* From `from` to behind the spaces of the next word. */
static size_t word_end(struct slice text, size_t from)
{
    size_t i = from;
    while (i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '\n') {
        i++;
    }
    while (i < text.len && text.ptr[i] == ' ') {
        i++;
    }
    return i;
}

/* The next piece of at most `width`; advances *from. Lines after the first are indented. */
static struct slice next_piece(struct slice text, size_t width, size_t *from, bool *is_indented)
{
    size_t start = *from;
    size_t room = width - (*is_indented ? INDENT : 0);
    size_t end = start;
    while (end < text.len && text.ptr[end] != '\n') {
        size_t next = word_end(text, end);
        if (next - start > room && end > start) {
            break;
        }
        end = next;
    }
    bool is_newline = end < text.len && text.ptr[end] == '\n';
    *from = is_newline ? end + 1 : end;
    *is_indented = !is_newline;
    struct slice piece = slice_part(text, start, end);
    return slice_part(piece, 0, trimmed_length(piece));
}

static void print_cell(FILE *out, struct slice text, size_t width, bool is_indented)
{
    size_t indent = text.len > 0 && is_indented ? INDENT : 0;
    size_t used = indent + text.len;
    fprintf(out, "%*s%.*s%*s", (int)indent, "", (int)text.len, (const char *)text.ptr,
            (int)(used < width ? width - used : 0), "");
}

static void print_row(FILE *out, const struct row *row, size_t left, size_t right)
{
    struct slice texts[2] = {buffer_slice(&row->left), buffer_slice(&row->right)};
    size_t from[2] = {0, 0};
    bool is_indented[2] = {false, false};
    while (from[0] < texts[0].len || from[1] < texts[1].len) {
        for (int column = 0; column < 2; column++) {
            bool indent = is_indented[column];
            struct slice piece = SLICE_NULL;
            size_t width = column == 0 ? left : right;
            if (from[column] < texts[column].len) {
                piece = next_piece(texts[column], width, &from[column], &is_indented[column]);
            }
            print_cell(out, piece, width, indent);
            fputs(column == 0 ? "  " : "\n", out);
        }
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void row_init(struct row *row)
{
    buffer_init(&row->left, CELL_BYTES_MAX);
    buffer_init(&row->right, CELL_BYTES_MAX);
}

static void row_of_option(struct row *row, const struct kafka_option *option)
{
    row_init(row);
    buffer_append_cstr(&row->left, option->is_required ? "* " : "");
    buffer_append_cstr(&row->left, option->name[1] == '\0' ? "-" : "--");
    buffer_append_cstr(&row->left, option->name);
    if (option->alias != NULL) {
        buffer_append_cstr(&row->left, option->alias[1] == '\0' ? ", -" : ", --");
        buffer_append_cstr(&row->left, option->alias);
    }
    if (option->argument != KAFKA_OPTION_FLAG) {
        bool is_needed = option->argument == KAFKA_OPTION_VALUE;
        buffer_append_cstr(&row->left, is_needed ? " <" : " [");
        buffer_append_cstr(&row->left, option->type != NULL ? option->type : "String");
        if (option->value_name != NULL) {
            buffer_append_cstr(&row->left, ": ");
            buffer_append_cstr(&row->left, option->value_name);
        }
        buffer_append_cstr(&row->left, is_needed ? ">" : "]");
    }
    buffer_append_cstr(&row->right, option->description);
    if (option->default_value != NULL) {
        buffer_append_cstr(&row->right, " (default: ");
        buffer_append_cstr(&row->right, option->default_value);
        buffer_append_cstr(&row->right, ")");
    }
}

static int compare_options(const void *a, const void *b)
{
    const struct kafka_option *const *left = a;
    const struct kafka_option *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static size_t widest(const struct row *rows, size_t count, bool is_left)
{
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        width = MAX(width, is_left ? rows[i].left.len : rows[i].right.len);
    }
    return width;
}

void kafka_options_print(const struct kafka_options_syntax *syntax, FILE *out)
{
    const struct kafka_option *sorted[KAFKA_OPTIONS_MAX + ARRAY_LEN(help_options)];
    struct row rows[ARRAY_LEN(sorted) + 2];
    size_t count = 0;
    bool has_required = false;
    ASSERT(syntax->count <= KAFKA_OPTIONS_MAX);
    for (size_t i = 0; i < syntax->count; i++) {
        sorted[count++] = &syntax->options[i];
        has_required |= syntax->options[i].is_required;
    }
    for (size_t i = 0; i < ARRAY_LEN(help_options); i++) {
        sorted[count++] = &help_options[i];
    }
    qsort(sorted, count, sizeof sorted[0], compare_options);
    row_init(&rows[0]);
    row_init(&rows[1]);
    buffer_append_cstr(&rows[0].left, has_required ? "Option (* = required)" : "Option");
    buffer_append_cstr(&rows[1].left, has_required ? "---------------------" : "------");
    buffer_append_cstr(&rows[0].right, "Description");
    buffer_append_cstr(&rows[1].right, "-----------");
    for (size_t i = 0; i < count; i++) {
        row_of_option(&rows[i + 2], sorted[i]);
    }
    size_t left = MIN((WIDTH - GAP) / 2, widest(rows, count + 2, true));
    size_t right = MIN(WIDTH - GAP - left, widest(rows, count + 2, false));
    for (size_t i = 0; i < count + 2; i++) {
        print_row(out, &rows[i], left, right);
        buffer_release(&rows[i].left);
        buffer_release(&rows[i].right);
    }
}

/* ---- argparse4j's ---------------------------------------------------------------------------- */

static void put_piece(FILE *out, const char *piece, size_t indent, size_t *column)
{
    size_t len = strlen(piece);
    if (*column + 1 + len > USAGE_WIDTH) {
        fprintf(out, "\n%*s", (int)indent - 1, "");
        *column = indent - 1;
    }
    fprintf(out, " %s", piece);
    *column += 1 + len;
}

static const char *value_name(const struct kafka_option *option)
{
    return option->value_name == NULL ? "VALUE" : option->value_name;
}

void kafka_options_print_usage(const struct kafka_options_syntax *syntax, FILE *out)
{
    const char *program = syntax->program != NULL ? syntax->program : syntax->tool;
    size_t indent = strlen("usage: ") + strlen(program) + 1;
    size_t column = indent - 1;
    char piece[PIECE_BYTES_MAX];
    fprintf(out, "usage: %s", program);
    put_piece(out, "[-h]", indent, &column);
    for (size_t i = 0; i < syntax->count; i++) {
        const struct kafka_option *option = &syntax->options[i];
        bool is_list = option->argument == KAFKA_OPTION_LIST;
        bool has_value = option->argument != KAFKA_OPTION_FLAG;
        (void)snprintf(piece, sizeof piece, "%s--%s%s%s%s%s", option->is_required ? "" : "[",
                       option->name, has_value ? " " : "", has_value ? value_name(option) : "",
                       is_list ? " ..." : "", option->is_required ? "" : "]");
        put_piece(out, piece, indent, &column);
    }
    if (syntax->operand != NULL) {
        put_piece(out, syntax->operand, indent, &column);
    }
    fprintf(out, "\n");
}

void kafka_options_print_help(const struct kafka_options_syntax *syntax, FILE *out)
{
    kafka_options_print_usage(syntax, out);
    fprintf(out, "\n%s\n\nnamed arguments:\n", syntax->purpose);
    fprintf(out, "  -h, --help             show this help message and exit\n");
    for (size_t i = 0; i < syntax->count; i++) {
        const struct kafka_option *option = &syntax->options[i];
        bool has_value = option->argument != KAFKA_OPTION_FLAG;
        fprintf(out, "  --%s %s\n                         %s", option->name,
                has_value ? value_name(option) : "",
                option->description == NULL ? "" : option->description);
        if (option->default_value != NULL) {
            fprintf(out, " (default: %s)", option->default_value);
        }
        fprintf(out, "\n");
    }
}
