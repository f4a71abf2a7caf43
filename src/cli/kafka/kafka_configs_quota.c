/* kafka_configs_quota.c - quotas of users, clients and addresses; SCRAM credentials of users. See
 * kafka_configs.c.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/text.h"
#include "cli/kafka/kafka_configs.h"

#define SCRAM_ITERATIONS_DEFAULT 4096
#define SCRAM_ITERATIONS_MIN 4096
#define NUMBER_TEXT_MAX 64

static const char *const user_quotas[] = {"producer_byte_rate", "consumer_byte_rate",
                                          "request_percentage", "controller_mutation_rate"};
static const char *const ip_quotas[] = {"connection_creation_rate"};

/* ---- numbers --------------------------------------------------------------------------------- */

/* The digits of the shortest decimal that reads back as the same double, and the exponent of
 * 0.DIGITS. */
static int shortest_digits(double value, char digits[32])
{
    char text[KAFKA_DOUBLE_TEXT_MAX];
    int precision = 1;
    do {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
    } while (precision++ < 17 && strtod(text, NULL) != value);
    size_t len = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            digits[len++] = *at;
        }
    }
    while (len > 1 && digits[len - 1] == '0') {
        len--;
    }
    digits[len] = '\0';
    return (int)strtol(at + 1, NULL, 10) + 1;
}

const char *kafka_double_text(double value, char text[KAFKA_DOUBLE_TEXT_MAX])
{
    char digits[32];
    if (value == 0) {
        snprintf(text, KAFKA_DOUBLE_TEXT_MAX, "0.0");
        return text;
    }
    double size = value < 0 ? -value : value;
    const char *sign = value < 0 ? "-" : "";
    int point = shortest_digits(size, digits);
    int len = (int)strlen(digits);
    if (size < 1e-3 || size >= 1e7) {
        snprintf(text, KAFKA_DOUBLE_TEXT_MAX, "%s%c.%sE%d", sign, digits[0],
                 len > 1 ? digits + 1 : "0", point - 1);
    } else if (point <= 0) {
        snprintf(text, KAFKA_DOUBLE_TEXT_MAX, "%s0.%.*s%s", sign, -point, "000", digits);
    } else if (len <= point) {
        snprintf(text, KAFKA_DOUBLE_TEXT_MAX, "%s%s%.*s.0", sign, digits, point - len, "0000000");
    } else {
        snprintf(text, KAFKA_DOUBLE_TEXT_MAX, "%s%.*s.%s", sign, point, digits, digits + point);
    }
    return text;
}

static bool read_double(struct slice text, double *value)
{
    char number[NUMBER_TEXT_MAX];
    char *end;
    if (text.len == 0 || text.len >= sizeof number) {
        return false;
    }
    memcpy(number, text.ptr, text.len);
    number[text.len] = '\0';
    errno = 0;
    *value = strtod(number, &end);
    return *end == '\0' && errno == 0;
}

/* ---- entities -------------------------------------------------------------------------------- */

static const char *entity_type(enum kafka_entity_type type)
{
    return type == KAFKA_ENTITY_USER ? "user" : type == KAFKA_ENTITY_CLIENT ? "client-id" : "ip";
}

static const struct kafka_describe_client_quotas_response *ask_quotas(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    struct kafka_describe_client_quotas_request request;
    if (configs->name_count > configs->type_count) {
        kafka_configs_refuse(configs, "More entity names specified than entity types");
        return NULL;
    }
    codec_init(&kafka_describe_client_quotas_request_message, &request);
    request.components_count = (int32_t)configs->type_count;
    request.components = kafka_admin_array(
        admin, &kafka_describe_client_quotas_request_component_message, request.components_count);
    request.strict = true;
    for (size_t i = 0; i < configs->type_count; i++) {
        struct kafka_describe_client_quotas_request_component *component = &request.components[i];
        component->entity_type = slice_of_cstr(entity_type(configs->types[i]));
        component->match_type = KAFKA_QUOTA_MATCH_SPECIFIED;
        component->match = SLICE_NULL;
        if (i < configs->name_count) {
            bool is_default = configs->names[i].len == 0;
            component->match_type = is_default ? KAFKA_QUOTA_MATCH_DEFAULT
                                               : KAFKA_QUOTA_MATCH_EXACT;
            component->match = is_default ? SLICE_NULL : configs->names[i];
        }
    }
    struct kafka_admin_call call = {
        .name = "describeClientQuotas",
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_describe_client_quotas_request_message,
        .response_message = &kafka_describe_client_quotas_response_message,
        .request = &request,
    };
    const struct kafka_describe_client_quotas_response *response = kafka_admin_ask(admin, &call);
    if (response != NULL && response->error_code != 0) {
        kafka_admin_kafka_error(admin, response->error_code, response->error_message);
        return NULL;
    }
    return response;
}

static void print_entity(const struct kafka_describe_client_quotas_response_entry *entry,
                         const char *type,
                         const char *shown,
                         const char **separator)
{
    for (int32_t i = 0; i < entry->entity_count; i++) {
        if (!slice_equal_cstr(entry->entity[i].entity_type, type)) {
            continue;
        }
        struct slice name = entry->entity[i].entity_name;
        if (slice_is_null(name)) {
            printf("%sthe default %s", *separator, shown);
        } else {
            printf("%s%s '%.*s'", *separator, shown, SLICE_ARGS(name));
        }
        *separator = ", ";
    }
}

static int compare_values(const void *a, const void *b)
{
    const struct kafka_describe_client_quotas_response_value *left = a;
    const struct kafka_describe_client_quotas_response_value *right = b;
    return slice_compare(left->key, right->key);
}

int kafka_configs_describe_quotas(struct kafka_configs *configs)
{
    const struct kafka_describe_client_quotas_response *response = ask_quotas(configs);
    for (int32_t i = 0; response != NULL && i < response->entries_count; i++) {
        const struct kafka_describe_client_quotas_response_entry *entry = &response->entries[i];
        const char *separator = "";
        char text[KAFKA_DOUBLE_TEXT_MAX];
        if (entry->values_count > 1) {
            qsort(entry->values, (size_t)entry->values_count, sizeof entry->values[0],
                  compare_values);
        }
        printf("Quota configs for ");
        print_entity(entry, "user", "user-principal", &separator);
        print_entity(entry, "client-id", "client-id", &separator);
        print_entity(entry, "ip", "ip", &separator);
        printf(" are ");
        for (int32_t k = 0; k < entry->values_count; k++) {
            printf("%s%.*s=%s", k > 0 ? ", " : "", SLICE_ARGS(entry->values[k].key),
                   kafka_double_text(entry->values[k].value, text));
        }
        putchar('\n');
    }
    return response == NULL ? ERR_INVALID : 0;
}

/* ---- changing quotas ------------------------------------------------------------------------- */

static bool is_quota(struct slice key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_cstr(key, names[i])) {
            return true;
        }
    }
    return false;
}

/* What is to be deleted must be there. */
static int check_deletions(struct kafka_configs *configs)
{
    struct slice bad = SLICE_LIT("");
    const struct kafka_describe_client_quotas_response *response = ask_quotas(configs);
    if (response == NULL) {
        return ERR_INVALID;
    }
    for (size_t i = configs->addition_count; i < configs->change_count; i++) {
        bool is_there = false;
        for (int32_t k = 0; response->entries_count > 0 && k < response->entries[0].values_count;
             k++) {
            is_there |= slice_equal(response->entries[0].values[k].key, configs->changes[i].key);
        }
        if (!is_there) {
            bad = kafka_admin_format(&configs->admin, "%.*s%s%.*s", SLICE_ARGS(bad),
                                     bad.len > 0 ? "," : "", SLICE_ARGS(configs->changes[i].key));
        }
    }
    return bad.len == 0 ? 0
                        : kafka_configs_refuse(configs, "Invalid config(s): %.*s", SLICE_ARGS(bad));
}

static int fill_operations(struct kafka_configs *configs,
                           struct kafka_alter_client_quotas_request_entry *entry)
{
    entry->ops_count = (int32_t)configs->change_count;
    entry->ops = kafka_admin_array(&configs->admin, &kafka_alter_client_quotas_request_op_message,
                                   entry->ops_count);
    for (size_t i = 0; i < configs->change_count; i++) {
        const struct kafka_config_change *change = &configs->changes[i];
        entry->ops[i].key = change->key;
        entry->ops[i].remove = slice_is_null(change->value);
        if (!entry->ops[i].remove && !read_double(change->value, &entry->ops[i].value)) {
            return kafka_configs_refuse(configs,
                                        "Cannot parse quota configuration value for %.*s: %.*s",
                                        SLICE_ARGS(change->key), SLICE_ARGS(change->value));
        }
    }
    return 0;
}

static int alter_quotas(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    struct kafka_alter_client_quotas_request request;
    int error = check_deletions(configs);
    if (error != 0) {
        return error;
    }
    codec_init(&kafka_alter_client_quotas_request_message, &request);
    request.entries = kafka_admin_array(admin, &kafka_alter_client_quotas_request_entry_message, 1);
    request.entries_count = 1;
    struct kafka_alter_client_quotas_request_entry *entry = &request.entries[0];
    entry->entity_count = (int32_t)configs->type_count;
    entry->entity = kafka_admin_array(admin, &kafka_alter_client_quotas_request_entity_message,
                                      entry->entity_count);
    for (size_t i = 0; i < configs->type_count; i++) {
        entry->entity[i].entity_type = slice_of_cstr(entity_type(configs->types[i]));
        entry->entity[i].entity_name = configs->names[i].len > 0 ? configs->names[i] : SLICE_NULL;
    }
    error = fill_operations(configs, entry);
    if (error != 0) {
        return error;
    }
    struct kafka_admin_call call = {
        .name = "alterClientQuotas",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_alter_client_quotas_request_message,
        .response_message = &kafka_alter_client_quotas_response_message,
        .request = &request,
    };
    const struct kafka_alter_client_quotas_response *response = kafka_admin_ask(admin, &call);
    for (int32_t i = 0; response != NULL && i < response->entries_count; i++) {
        if (response->entries[i].error_code != 0) {
            return kafka_admin_kafka_error(admin, response->entries[i].error_code,
                                           response->entries[i].error_message);
        }
    }
    return response == NULL ? ERR_INVALID : 0;
}

int kafka_configs_alter_quotas(struct kafka_configs *configs)
{
    for (size_t i = 0; i < configs->change_count; i++) {
        if (!is_quota(configs->changes[i].key, ip_quotas, ARRAY_LEN(ip_quotas))) {
            return kafka_configs_refuse(
                configs,
                "Only connection quota configs can be added for 'ips' using "
                "--bootstrap-server. Unexpected config names: %.*s",
                SLICE_ARGS(configs->changes[i].key));
        }
    }
    return alter_quotas(configs);
}

/* ---- SCRAM ----------------------------------------------------------------------------------- */

int8_t kafka_scram_mechanism(struct slice name)
{
    return slice_equal_cstr(name, "SCRAM-SHA-256")   ? 1
           : slice_equal_cstr(name, "SCRAM-SHA-512") ? 2
                                                     : 0;
}

/* "iterations=8192,password=secret"; the iterations may be left out. */
static int read_credential(struct kafka_configs *configs,
                           const struct kafka_config_change *change,
                           int32_t *iterations,
                           struct slice *password)
{
    struct slice rest = change->value;
    const struct slice iterations_key = SLICE_LIT("iterations=");
    const struct slice password_key = SLICE_LIT("password=");
    bool is_good = true;
    *iterations = SCRAM_ITERATIONS_DEFAULT;
    if (slice_starts_with(rest, iterations_key)) {
        struct slice number;
        is_good = text_cut(slice_part(rest, iterations_key.len, rest.len), ',', &number, &rest) &&
                  text_parse_i32(number, iterations) == 0;
        *iterations = *iterations == -1 ? SCRAM_ITERATIONS_DEFAULT : *iterations;
    }
    if (!is_good || !slice_starts_with(rest, password_key)) {
        return kafka_configs_refuse(configs, "Invalid credential property %.*s=%.*s",
                                    SLICE_ARGS(change->key), SLICE_ARGS(change->value));
    }
    *password = slice_part(rest, password_key.len, rest.len);
    if (*iterations < SCRAM_ITERATIONS_MIN) {
        return kafka_configs_refuse(configs,
                                    "Iterations %d is less than the minimum %d required for %.*s",
                                    *iterations, SCRAM_ITERATIONS_MIN, SLICE_ARGS(change->key));
    }
    return 0;
}

int kafka_scram_make(struct kafka_configs *configs,
                     const struct kafka_config_change *change,
                     struct kafka_scram *scram)
{
    struct slice password = SLICE_NULL;
    *scram = (struct kafka_scram){.mechanism = kafka_scram_mechanism(change->key)};
    int error = read_credential(configs, change, &scram->iterations, &password);
    if (error != 0) {
        return error;
    }
    const EVP_MD *digest = scram->mechanism == 1 ? EVP_sha256() : EVP_sha512();
    scram->hash_bytes = scram->mechanism == 1 ? 32 : 64;
    bool is_made = RAND_bytes(scram->salt, sizeof scram->salt) == 1 &&
                   PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, scram->salt,
                                     sizeof scram->salt, scram->iterations, digest,
                                     (int)scram->hash_bytes, scram->salted_password) == 1;
    return is_made ? 0 : kafka_configs_refuse(configs, "the credential cannot be computed");
}

static int alter_scram(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    struct kafka_alter_user_scram_credentials_request request;
    size_t count = configs->change_count;
    codec_init(&kafka_alter_user_scram_credentials_request_message, &request);
    request.upsertions = kafka_admin_array(
        admin, &kafka_alter_user_scram_credentials_request_upsertion_message, (int32_t)count);
    request.deletions = kafka_admin_array(
        admin, &kafka_alter_user_scram_credentials_request_deletion_message, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct kafka_config_change *change = &configs->changes[i];
        if (slice_is_null(change->value)) {
            request.deletions[request.deletions_count].name = configs->names[0];
            request.deletions[request.deletions_count++].mechanism = kafka_scram_mechanism(
                change->key);
            continue;
        }
        struct kafka_scram *scram = ARENA_NEW(&admin->arena, struct kafka_scram);
        int error = kafka_scram_make(configs, change, scram);
        if (error != 0) {
            return error;
        }
        request.upsertions[request.upsertions_count++] =
            (struct kafka_alter_user_scram_credentials_request_upsertion){
                .name = configs->names[0],
                .mechanism = scram->mechanism,
                .iterations = scram->iterations,
                .salt = slice_of(scram->salt, sizeof scram->salt),
                .salted_password = slice_of(scram->salted_password, scram->hash_bytes),
            };
    }
    struct kafka_admin_call call = {
        .name = "alterUserScramCredentials",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_alter_user_scram_credentials_request_message,
        .response_message = &kafka_alter_user_scram_credentials_response_message,
        .request = &request,
    };
    const struct kafka_alter_user_scram_credentials_response *response = kafka_admin_ask(admin,
                                                                                         &call);
    for (int32_t i = 0; response != NULL && i < response->results_count; i++) {
        if (response->results[i].error_code != 0) {
            return kafka_admin_kafka_error(admin, response->results[i].error_code,
                                           response->results[i].error_message);
        }
    }
    return response == NULL ? ERR_INVALID : 0;
}

int kafka_configs_alter_users(struct kafka_configs *configs)
{
    bool is_client = configs->types[0] == KAFKA_ENTITY_CLIENT || configs->type_count == 2;
    bool has_scram = false;
    bool has_quota = false;
    for (size_t i = 0; i < configs->change_count; i++) {
        const struct kafka_config_change *change = &configs->changes[i];
        bool is_user_quota = is_quota(change->key, user_quotas, ARRAY_LEN(user_quotas));
        bool is_scram = kafka_scram_mechanism(change->key) != 0;
        has_quota |= is_user_quota;
        has_scram |= is_scram;
        if (!is_user_quota && (is_client || !is_scram)) {
            return kafka_configs_refuse(
                configs,
                "Only quota %sconfigs can be %s for '%s' using --bootstrap-server. Unexpected "
                "config names: Set(%.*s)",
                is_client ? "" : "and SCRAM credential ",
                slice_is_null(change->value) ? "deleted" : "added", is_client ? "clients" : "users",
                SLICE_ARGS(change->key));
        }
    }
    if (has_scram && configs->names[0].len == 0) {
        return kafka_configs_refuse(configs,
                                    "The use of --entity-default or --user-defaults is not allowed "
                                    "with User SCRAM Credentials using --bootstrap-server.");
    }
    if (has_scram && has_quota) {
        return kafka_configs_refuse(configs,
                                    "Cannot alter both quota and SCRAM credential configs "
                                    "simultaneously for 'users' using --bootstrap-server.");
    }
    return has_scram ? alter_scram(configs) : alter_quotas(configs);
}

int kafka_configs_describe_scram(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    struct kafka_describe_user_scram_credentials_request request;
    codec_init(&kafka_describe_user_scram_credentials_request_message, &request);
    request.users_count = configs->name_count > 0 ? (int32_t)configs->name_count : -1;
    request.users = kafka_admin_array(admin,
                                      &kafka_describe_user_scram_credentials_request_user_message,
                                      (int32_t)configs->name_count);
    for (size_t i = 0; i < configs->name_count; i++) {
        request.users[i].name = configs->names[i];
    }
    struct kafka_admin_call call = {
        .name = "describeUserScramCredentials",
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_describe_user_scram_credentials_request_message,
        .response_message = &kafka_describe_user_scram_credentials_response_message,
        .request = &request,
    };
    const struct kafka_describe_user_scram_credentials_response *response = kafka_admin_ask(admin,
                                                                                            &call);
    if (response == NULL) {
        /* A broker without the api has no credentials that it would tell of. */
        return strstr(admin->exception, "UnsupportedVersion") != NULL ? 0 : ERR_INVALID;
    }
    if (response->error_code != 0) {
        return kafka_admin_kafka_error(admin, response->error_code, response->error_message);
    }
    for (int32_t i = 0; i < response->results_count; i++) {
        const struct kafka_describe_user_scram_credentials_response_result *result =
            &response->results[i];
        if (result->error_code != 0) {
            continue; /* RESOURCE_NOT_FOUND: the user has none */
        }
        printf("SCRAM credential configs for user-principal '%.*s' are ", SLICE_ARGS(result->user));
        for (int32_t k = 0; k < result->credential_infos_count; k++) {
            printf("%s%s=iterations=%d", k > 0 ? ", " : "",
                   kafka_scram_mechanism_name(result->credential_infos[k].mechanism),
                   result->credential_infos[k].iterations);
        }
        putchar('\n');
    }
    return 0;
}
