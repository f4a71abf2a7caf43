/* describe_user_scram_credentials.c - which users have SCRAM credentials in ZooKeeper (KIP-554).
 *
 * Credentials are values of /config/users/NAME with the mechanism as the key:
 * "salt=...,stored_key=...,server_key=...,iterations=4096". Tools ask for them with every
 * description of a user, so this is answered although this version has no SASL: of a cluster that
 * has or had other brokers there may be some. Changing them comes with SASL.
 *
 * Source: ZkAdminManager.describeUserScramCredentials of 3.9, with its sentences.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"

#define NAME_BYTES_MAX ((size_t)16384)
#define USERS SLICE_LIT("users")

typedef struct kafka_describe_user_scram_credentials_response_result described_user;
typedef struct kafka_describe_user_scram_credentials_response_credential credential;

static const struct {
    const char *name;
    int8_t type;
} mechanisms[] = {{"SCRAM-SHA-256", 1}, {"SCRAM-SHA-512", 2}};

struct describing {
    struct request *request;
    described_user *users;
    int32_t count;
    int32_t room;
};

/* False: the value is no credential. */
static bool read_iterations(struct slice value, int32_t *iterations)
{
    bool has_more = true;
    while (has_more) {
        struct slice part;
        struct slice key;
        struct slice number;
        has_more = text_cut(value, ',', &part, &value);
        if (text_cut(part, '=', &key, &number) && slice_equal_cstr(key, "iterations")) {
            return text_parse_i32(number, iterations) == 0;
        }
    }
    return false;
}

/* The credentials among the user's values. True when there is one. */
static bool read_credentials(struct arena *arena,
                             const struct config_entry *entries,
                             size_t count,
                             described_user *user)
{
    bool has_any = false;
    user->credential_infos = ARENA_ARRAY(arena, credential, ARRAY_LEN(mechanisms));
    user->credential_infos_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        for (size_t k = 0; k < count; k++) {
            if (!slice_equal_cstr(entries[k].name, mechanisms[i].name)) {
                continue;
            }
            credential *info = &user->credential_infos[user->credential_infos_count];
            codec_init(&kafka_describe_user_scram_credentials_response_credential_message, info);
            info->mechanism = mechanisms[i].type;
            has_any = true;
            if (read_iterations(entries[k].value, &info->iterations)) {
                user->credential_infos_count++;
            } else {
                user->error_code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
            }
        }
    }
    if (user->error_code != 0) {
        user->credential_infos_count = 0;
        user->error_message = slice_of_cstr(kafka_error_text(user->error_code));
    }
    return has_any;
}

static described_user *next_user(struct describing *describing, struct slice name)
{
    described_user *user = &describing->users[describing->count];
    codec_init(&kafka_describe_user_scram_credentials_response_result_message, user);
    user->user = name;
    user->error_message = SLICE_NULL;
    return user;
}

/* ---- all users ------------------------------------------------------------------------------- */

static void count_user(void *ctx,
                       struct slice name,
                       const struct config_entry *entries,
                       size_t count)
{
    struct describing *describing = ctx;
    (void)name;
    (void)entries;
    (void)count;
    describing->room++;
}

static void add_user(void *ctx, struct slice name, const struct config_entry *entries, size_t count)
{
    struct describing *describing = ctx;
    struct arena *arena = &describing->request->arena;
    struct slice user;
    struct slice rest;
    bool is_of_client = text_cut(name, '/', &user, &rest);
    if (!is_of_client && describing->count < describing->room &&
        read_credentials(arena, entries, count,
                         next_user(describing, zk_desanitize(arena, name)))) {
        describing->count++;
    }
}

static int compare_users(const void *a, const void *b)
{
    return slice_compare(((const described_user *)a)->user, ((const described_user *)b)->user);
}

static void describe_all(struct broker *broker, struct describing *describing)
{
    cluster_each_config(broker->cluster, USERS, count_user, describing);
    describing->users = ARENA_ARRAY(&describing->request->arena, described_user,
                                    describing->room + 1);
    cluster_each_config(broker->cluster, USERS, add_user, describing);
    qsort(describing->users, (size_t)describing->count, sizeof describing->users[0], compare_users);
}

/* ---- some users ------------------------------------------------------------------------------ */

static void refuse(struct describing *describing,
                   described_user *user,
                   int16_t error,
                   const char *sentence)
{
    struct arena *arena = &describing->request->arena;
    size_t size = strlen(sentence) + user->user.len + 1;
    char *text = arena_alloc(arena, size);
    int len = snprintf(text, size, "%s%.*s", sentence, (int)user->user.len,
                       (const char *)user->user.ptr);
    user->error_code = error;
    user->error_message = slice_of(text, (size_t)len);
}

static void describe_one(struct broker *broker,
                         struct describing *describing,
                         struct slice name,
                         bool is_twice)
{
    struct buffer sanitized;
    size_t count = 0;
    described_user *user = next_user(describing, name);
    describing->count++;
    if (name.len == 0) {
        refuse(describing, user, KAFKA_ERROR_RESOURCE_NOT_FOUND, "Username must not be empty");
        return;
    }
    if (is_twice) {
        refuse(describing, user, KAFKA_ERROR_DUPLICATE_RESOURCE,
               "Cannot describe SCRAM credentials for the same user twice in a single request: ");
        return;
    }
    const struct config_entry *entries = NULL;
    buffer_init(&sanitized, NAME_BYTES_MAX * 3);
    if (name.len <= NAME_BYTES_MAX) {
        zk_sanitize(&sanitized, name);
        entries = cluster_config(broker->cluster, USERS, buffer_slice(&sanitized), &count);
    }
    if (!read_credentials(&describing->request->arena, entries, count, user)) {
        refuse(describing, user, KAFKA_ERROR_RESOURCE_NOT_FOUND,
               "Attempt to describe a user credential that does not exist: ");
    }
    buffer_release(&sanitized);
}

typedef struct kafka_describe_user_scram_credentials_request_user wanted_user;

static int compare_names(const void *a, const void *b)
{
    const wanted_user *left = *(const wanted_user *const *)a;
    const wanted_user *right = *(const wanted_user *const *)b;
    int order = slice_compare(left->name, right->name);
    return order != 0 ? order : (left > right) - (left < right);
}

/* Each name once, in the order of the request; the first of several equal ones stands for all. */
static void describe_some(struct broker *broker,
                          struct describing *describing,
                          const struct kafka_describe_user_scram_credentials_request *body)
{
    struct arena *arena = &describing->request->arena;
    size_t count = (size_t)body->users_count;
    const wanted_user **sorted = arena_alloc(arena, count * sizeof(const wanted_user *));
    bool *has_equal = arena_alloc_zeroed(arena, count);
    bool *is_later = arena_alloc_zeroed(arena, count);
    describing->users = ARENA_ARRAY(arena, described_user, count);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &body->users[i];
    }
    qsort(sorted, count, sizeof sorted[0], compare_names);
    for (size_t i = 1; i < count; i++) {
        if (slice_equal(sorted[i - 1]->name, sorted[i]->name)) {
            has_equal[sorted[i - 1] - body->users] = true;
            is_later[sorted[i] - body->users] = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_later[i]) {
            describe_one(broker, describing, body->users[i].name, has_equal[i]);
        }
    }
}

void handle_describe_user_scram_credentials(struct broker *broker, struct request *request)
{
    const struct kafka_describe_user_scram_credentials_request *body = request->body;
    struct kafka_describe_user_scram_credentials_response response;
    struct describing describing = {.request = request};
    if (body->users_count > 0) {
        describe_some(broker, &describing, body);
    } else {
        describe_all(broker, &describing);
    }
    codec_init(&kafka_describe_user_scram_credentials_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_NULL;
    response.results = describing.users;
    response.results_count = describing.count;
    request_reply(request, &response);
}
