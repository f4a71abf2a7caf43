/* The log: what a line looks like, what it may not contain, where it goes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/errors.h"
#include "runtime/log.h"

static char directory[64];
static char file_path[96];
static char content[64 * 1024];

static int begin(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/samsa-log-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(file_path, sizeof file_path, "%s/server.log", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    struct log_options options = {.level = LOG_INFO};
    assert_int_equal(log_configure(&options), 0);
    static const char *const suffixes[] = {"", ".1", ".2", ".moved"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", file_path, suffixes[i]);
        (void)unlink(path);
    }
    /* Fails when a test left anything else behind. */
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static void configure(enum log_level level, bool json)
{
    struct log_options options = {.level = level, .json = json, .file = file_path};
    assert_int_equal(log_configure(&options), 0);
}

static const char *read_file(const char *suffix)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", file_path, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    ssize_t got = read(fd, content, sizeof content - 1);
    close(fd);
    assert_true(got >= 0 && got < (ssize_t)sizeof content - 1);
    content[got] = '\0';
    return content;
}

/* The line behind "2026-11-20 19:54:03,123 ", whose shape is checked. */
static const char *behind_time(const char *line)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd,ddd ";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (shape[i] == 'd' ? !digit : line[i] != shape[i]) {
            fail_msg("no time at the beginning of: %s", line);
        }
    }
    return line + sizeof shape - 1;
}

static void test_text_line(void **state)
{
    (void)state;
    configure(LOG_INFO, false);
    LOG("node", LOG_INFO, "started port=%d path=%.*s", 2181, LOG_SLICE(SLICE_LIT("/a")));
    assert_string_equal(behind_time(read_file("")), "[node] INFO started port=2181 path=/a\n");
}

static void test_levels(void **state)
{
    (void)state;
    configure(LOG_WARN, false);
    log_set_module_level("storage", LOG_DEBUG);
    log_set_module_level("noisy", LOG_OFF);
    LOG("node", LOG_INFO, "no");
    LOG("storage", LOG_DEBUG, "yes1");
    LOG("storage", LOG_TRACE, "no");
    LOG("noisy", LOG_ERROR, "no");
    LOG("node", LOG_ERROR, "yes2");
    log_set_module_level("storage", LOG_ERROR);
    LOG("storage", LOG_WARN, "no");
    const char *text = read_file("");
    assert_null(strstr(text, "no\n"));
    assert_non_null(strstr(text, "[storage] DEBUG yes1\n"));
    assert_non_null(strstr(text, "[node] ERROR yes2\n"));

    enum log_level level = LOG_OFF;
    assert_int_equal(log_parse_level(SLICE_LIT("Debug"), &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_parse_level(SLICE_LIT("OFF"), &level), 0);
    assert_int_equal(level, LOG_OFF);
    assert_int_equal(log_parse_level(SLICE_LIT("loud"), &level), ERR_INVALID);
    assert_int_equal(log_parse_level(SLICE_LIT(""), &level), ERR_INVALID);
}

/* What a client chose as a path must not become a line of its own, or a command to a terminal. */
static void test_escaping(void **state)
{
    (void)state;
    configure(LOG_INFO, false);
    LOG("node", LOG_WARN, "%s", "/a\n2026 [node] INFO forged\x1b[2J\x7f\t");
    LOG("node", LOG_WARN, "%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    LOG("node", LOG_WARN, "%s",
        "c1 \xc2\x9b"
        "31m bad \xc3( \xff end\xe2\x82");
    const char *text = read_file("");
    assert_non_null(strstr(text, "WARN /a\\x0a2026 [node] INFO forged\\x1b[2J\\x7f\t\n"));
    assert_non_null(strstr(text, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n"));
    assert_non_null(strstr(text, "c1 \\xc2\\x9b31m bad \\xc3( \\xff end\\xe2\\x82\n"));
}

static void test_long_lines(void **state)
{
    (void)state;
    static char message[3 * LOG_LINE_MAX];
    configure(LOG_INFO, false);
    memset(message, 'x', sizeof message - 1);
    LOG("node", LOG_INFO, "%s", message);
    const char *text = read_file("");
    assert_int_equal(strlen(text), LOG_LINE_MAX + 1);
    assert_string_equal(text + LOG_LINE_MAX - 5, "xx...\n");

    /* Cut between escapes and between characters, never inside one. */
    assert_int_equal(unlink(file_path), 0);
    assert_int_equal(log_reopen(), 0);
    for (size_t pad = 0; pad < 4; pad++) {
        memset(message, '\n', sizeof message - 1);
        memset(message, 'x', pad);
        LOG("node", LOG_INFO, "%s", message);
    }
    text = read_file("");
    for (size_t pad = 0; pad < 4; pad++) {
        const char *eol = strchr(text, '\n');
        assert_true(eol - text <= LOG_LINE_MAX && eol - text > LOG_LINE_MAX - 4);
        assert_memory_equal(eol - 7, "\\x0a...", 7);
        text = eol + 1;
    }
    assert_string_equal(text, "");

    /* A line that just fits is not cut. */
    assert_int_equal(unlink(file_path), 0);
    assert_int_equal(log_reopen(), 0);
    size_t fits = LOG_LINE_MAX - strlen("2026-11-20 19:54:03,123 [node] INFO ");
    memset(message, 'y', sizeof message - 1);
    LOG("node", LOG_INFO, "%.*s", (int)fits, message);
    LOG("node", LOG_INFO, "%.*s", (int)fits + 1, message);
    text = read_file("");
    assert_memory_equal(text + LOG_LINE_MAX - 3, "yyy\n", 4);
    text += LOG_LINE_MAX + 1;
    assert_memory_equal(text + LOG_LINE_MAX - 3, "...\n", 4);
}

static void test_json(void **state)
{
    (void)state;
    static char message[2 * LOG_LINE_MAX];
    configure(LOG_INFO, true);
    LOG("node", LOG_WARN, "say \"hi\" to C:\\ and\nthen \x01\xff");
    for (size_t pad = 0; pad < 12; pad++) {
        memset(message, pad % 2 == 0 ? '"' : '\x1f', sizeof message - 1);
        memset(message, 'x', pad / 2);
        LOG("node", LOG_INFO, "%s", message);
    }
    const char *text = read_file("");
    size_t count = 0;
    while (*text != '\0') {
        const char *eol = strchr(text, '\n');
        assert_true(eol - text <= LOG_LINE_MAX);
        json_error_t error;
        json_t *line = json_loadb(text, (size_t)(eol - text), 0, &error);
        if (line == NULL) {
            fail_msg("not JSON: %s in %s", error.text, text);
        }
        const char *said = json_string_value(json_object_get(line, "message"));
        assert_string_equal(json_string_value(json_object_get(line, "module")), "node");
        if (count == 0) {
            assert_string_equal(said, "say \"hi\" to C:\\ and\nthen \x01\xc3\xbf");
            assert_string_equal(json_string_value(json_object_get(line, "level")), "WARN");
            const char *when = json_string_value(json_object_get(line, "time"));
            assert_int_equal(strlen(when), strlen("2026-11-20T19:54:03.123Z"));
            assert_int_equal(when[23], 'Z');
        } else {
            assert_string_equal(said + strlen(said) - 3, "...");
        }
        json_decref(line);
        count += 1;
        text = eol + 1;
    }
    assert_int_equal(count, 13);
}

static void test_rotation(void **state)
{
    (void)state;
    struct log_options options = {
        .level = LOG_INFO, .file = file_path, .rotate_bytes = 200, .rotate_keep = 2};
    assert_int_equal(log_configure(&options), 0);
    for (int i = 0; i < 20; i++) {
        LOG("node", LOG_INFO, "line %02d with some words to fill it", i);
    }
    /* Two lines fit a file; the youngest are kept. */
    assert_non_null(strstr(read_file(""), "line 18"));
    assert_non_null(strstr(read_file(""), "line 19"));
    assert_non_null(strstr(read_file(".1"), "line 16"));
    assert_non_null(strstr(read_file(".2"), "line 15"));
    assert_null(read_file(".3"));
    struct stat info;
    assert_int_equal(stat(file_path, &info), 0);
    assert_true(info.st_size <= 200);
    assert_int_equal(info.st_mode & 0777, 0640 & 0777);
}

static void test_reopen(void **state)
{
    (void)state;
    configure(LOG_INFO, false);
    LOG("node", LOG_INFO, "before");
    char moved[128];
    snprintf(moved, sizeof moved, "%s.moved", file_path);
    assert_int_equal(rename(file_path, moved), 0);
    LOG("node", LOG_INFO, "still to the old one");
    assert_int_equal(log_reopen(), 0);
    LOG("node", LOG_INFO, "after");
    assert_non_null(strstr(read_file(".moved"), "still to the old one"));
    assert_null(strstr(read_file(""), "before"));
    assert_non_null(strstr(read_file(""), "after"));
}

static void test_file_that_cannot_be_opened(void **state)
{
    (void)state;
    struct log_options options = {.level = LOG_INFO, .file = "/tmp/samsa-no-such-place/x/log"};
    assert_int_equal(log_configure(&options), ERR_NOT_FOUND);
    char *long_path = malloc(10000);
    memset(long_path, 'p', 9999);
    long_path[9999] = '\0';
    options.file = long_path;
    assert_int_equal(log_configure(&options), ERR_LIMIT);
    free(long_path);
}

/* A disk that takes nothing loses lines, tells so later, and stops nobody. */
static void test_lost_lines_are_counted(void **state)
{
    (void)state;
    struct log_options options = {.level = LOG_INFO, .file = "/dev/full"};
    assert_int_equal(log_configure(&options), 0);
    LOG("node", LOG_INFO, "one");
    LOG("node", LOG_INFO, "two");
    configure(LOG_INFO, false);
    LOG("node", LOG_INFO, "three");
    LOG("node", LOG_INFO, "four");
    const char *text = read_file("");
    assert_non_null(strstr(text, "[log] WARN lines were lost count="));
    /* The attempts to tell of it into the full disk count as well. */
    assert_true(strtol(strstr(text, "count=") + 6, NULL, 10) >= 2);
    assert_true(strstr(text, "lost") < strstr(text, "three"));
    assert_null(strstr(strstr(text, "three"), "lost"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_text_line),
        TEST(test_levels),
        TEST(test_escaping),
        TEST(test_long_lines),
        TEST(test_json),
        TEST(test_rotation),
        TEST(test_reopen),
        TEST(test_file_that_cannot_be_opened),
        TEST(test_lost_lines_are_counted),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
