/* kafka_configs.c - kafka-configs: shows and changes the settings of topics, brokers, users,
 * clients and addresses.
 *
 * MODEL. An entity is a type and a name, or a type and its default; a user and a client may stand
 * together. Topics, brokers and loggers have configurations (DescribeConfigs, IncrementalAlter-
 * Configs), the others have quotas, users have SCRAM credentials too. With --zookeeper the settings
 * are read and written in ZooKeeper, for what brokers do not need to hear of at once
 * (kafka_configs_zookeeper.c).
 *
 * WHAT GOES WRONG. Wrong words: the sentence on stderr. What brokers refuse: "Error while executing
 * config command with args '...'" and the exception. Both exit with 1.
 *
 * Source: ConfigCommand of Kafka 2.7 and 3.9.
 */
#include "cli/kafka/kafka_configs.h"

#include <stdarg.h>

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"

static const struct kafka_option options_table[] = {
    {.name = "zookeeper",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "urls",
     .description = "host:port[,host:port][/chroot] of ZooKeeper, for SCRAM credentials and for "
                    "brokers that do not run; the other entities as in Kafka 2.7."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "host:port of one or more brokers, separated by commas."},
    {.name = "bootstrap-controller",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "controller to connect to",
     .description = "Controllers of clusters without ZooKeeper: refused here."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "command config property file",
     .description = "A property file for the client."},
    {.name = "alter", .description = "Changes settings."},
    {.name = "describe", .description = "Shows settings."},
    {.name = "all", .description = "Describe: also what was not set for this entity."},
    {.name = "entity-type",
     .argument = KAFKA_OPTION_VALUE,
     .description =
         "topics, clients, users, brokers, broker-loggers, ips or client-metrics. May be "
         "repeated for users and clients."},
    {.name = "entity-name",
     .argument = KAFKA_OPTION_VALUE,
     .description = "The entity of that type: a topic's name, a broker's id, ..."},
    {.name = "entity-default", .description = "The default of that type."},
    {.name = "add-config",
     .argument = KAFKA_OPTION_VALUE,
     .description = "Settings to make: k1=v1,k2=[v1,v2],k3=v3. Brackets keep a value with commas "
                    "together. Users and clients: producer_byte_rate, consumer_byte_rate, "
                    "request_percentage, controller_mutation_rate; addresses: "
                    "connection_creation_rate."},
    {.name = "add-config-file",
     .argument = KAFKA_OPTION_VALUE,
     .description = "A property file of settings to make."},
    {.name = "delete-config",
     .argument = KAFKA_OPTION_VALUE,
     .description = "Settings to remove: k1,k2",
     .separator = ','},
    {.name = "force", .description = "Accepted, without effect."},
    {.name = "topic", .argument = KAFKA_OPTION_VALUE, .description = "The topic's name."},
    {.name = "client", .argument = KAFKA_OPTION_VALUE, .description = "The client's id."},
    {.name = "client-defaults", .description = "The defaults of all clients."},
    {.name = "user", .argument = KAFKA_OPTION_VALUE, .description = "The user's name."},
    {.name = "user-defaults", .description = "The defaults of all users."},
    {.name = "broker", .argument = KAFKA_OPTION_VALUE, .description = "The broker's id."},
    {.name = "broker-defaults", .description = "The defaults of all brokers."},
    {.name = "broker-logger",
     .argument = KAFKA_OPTION_VALUE,
     .description = "The id of the broker whose loggers are meant."},
    {.name = "ip-defaults", .description = "The defaults of all addresses."},
    {.name = "ip", .argument = KAFKA_OPTION_VALUE, .description = "The address."},
    {.name = "zk-tls-config-file",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "ZooKeeper TLS configuration",
     .description = "TLS towards ZooKeeper: refused here."},
};

const struct kafka_options_syntax kafka_configs_syntax = {
    .tool = "kafka-configs",
    .purpose =
        "This tool helps to manipulate and describe entity config for a topic, client, user, "
        "broker, ip or client-metrics",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

const char *const kafka_entity_type_names[KAFKA_ENTITY_TYPES] = {
    "topics", "clients", "users", "brokers", "broker-loggers", "ips", "client-metrics",
};

static const struct {
    const char *option;
    enum kafka_entity_type type;
} name_flags[] =
    {
        {"topic", KAFKA_ENTITY_TOPIC},
        {"client", KAFKA_ENTITY_CLIENT},
        {"user", KAFKA_ENTITY_USER},
        {"broker", KAFKA_ENTITY_BROKER},
        {"broker-logger", KAFKA_ENTITY_LOGGER},
        {"ip", KAFKA_ENTITY_IP},
},
  default_flags[] = {
      {"client-defaults", KAFKA_ENTITY_CLIENT},
      {"user-defaults", KAFKA_ENTITY_USER},
      {"broker-defaults", KAFKA_ENTITY_BROKER},
      {"ip-defaults", KAFKA_ENTITY_IP},
};

static bool has(const struct kafka_configs *configs, const char *name)
{
    return kafka_options_has(&configs->options, name);
}

int kafka_configs_refuse(struct kafka_configs *configs, const char *format, ...)
{
    va_list args;
    char text[sizeof configs->admin.message.text];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    configs->is_plain_error = true;
    return kafka_admin_error(&configs->admin, "java.lang.IllegalArgumentException", "%s", text);
}

/* ---- entities -------------------------------------------------------------------------------- */

static bool add_type(struct kafka_configs *configs, enum kafka_entity_type type)
{
    bool has_room = configs->type_count < KAFKA_CONFIGS_ENTITIES_MAX;
    if (has_room) {
        configs->types[configs->type_count++] = type;
    }
    return has_room;
}

static bool add_name(struct kafka_configs *configs, struct slice name)
{
    bool has_room = configs->name_count < KAFKA_CONFIGS_ENTITIES_MAX;
    if (has_room) {
        configs->names[configs->name_count++] = name;
    }
    return has_room;
}

static int read_type(struct kafka_configs *configs, struct slice text)
{
    for (size_t i = 0; i < KAFKA_ENTITY_TYPES; i++) {
        if (slice_equal_cstr(text, kafka_entity_type_names[i])) {
            return add_type(configs, (enum kafka_entity_type)i)
                       ? 0
                       : kafka_configs_refuse(configs, "too many entities");
        }
    }
    bool is_zookeeper = !has(configs, "bootstrap-server") && !has(configs, "bootstrap-controller");
    return kafka_configs_refuse(
        configs,
        "Invalid entity type %.*s, the entity type must be one of topics, clients, users, brokers, "
        "ips, broker-loggers, client-metrics with a %s argument",
        SLICE_ARGS(text),
        is_zookeeper ? "--zookeeper" : "--bootstrap-server or --bootstrap-controller");
}

/* Names and defaults in the order of the command line, then the flags that are both. */
static int read_entities(struct kafka_configs *configs)
{
    const struct kafka_options *options = &configs->options;
    bool has_room = true;
    int error = 0;
    for (size_t i = 0; i < options->word_count && error == 0; i++) {
        const struct kafka_option_word *word = &options->words[i];
        const char *name = options->syntax->options[word->option].name;
        if (strcmp(name, "entity-type") == 0) {
            error = read_type(configs, word->text);
        } else if (strcmp(name, "entity-name") == 0) {
            has_room &= add_name(configs, word->text);
        } else if (strcmp(name, "entity-default") == 0) {
            has_room &= add_name(configs, SLICE_LIT(""));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(name_flags); i++) {
        if (has(configs, name_flags[i].option)) {
            has_room &= add_type(configs, name_flags[i].type) &&
                        add_name(configs, kafka_options_value(options, name_flags[i].option));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(default_flags); i++) {
        if (has(configs, default_flags[i].option)) {
            has_room &= add_type(configs, default_flags[i].type) &&
                        add_name(configs, SLICE_LIT(""));
        }
    }
    if (error == 0 && !has_room) {
        error = kafka_configs_refuse(configs, "too many entities");
    }
    return error;
}

static bool has_type(const struct kafka_configs *configs, enum kafka_entity_type type)
{
    for (size_t i = 0; i < configs->type_count; i++) {
        if (configs->types[i] == type) {
            return true;
        }
    }
    return false;
}

static bool uses_flags(const struct kafka_configs *configs)
{
    bool uses = false;
    for (size_t i = 0; i < ARRAY_LEN(name_flags); i++) {
        uses |= has(configs, name_flags[i].option);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_flags); i++) {
        uses |= has(configs, default_flags[i].option);
    }
    return uses;
}

static int check_types(struct kafka_configs *configs)
{
    for (size_t i = 0; i < configs->type_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (configs->types[i] == configs->types[k]) {
                return kafka_configs_refuse(configs, "Duplicate entity type(s) specified: %s",
                                            kafka_entity_type_names[configs->types[i]]);
            }
        }
    }
    if (configs->type_count == 0) {
        return kafka_configs_refuse(configs, "At least one entity type must be specified");
    }
    bool is_pair = configs->type_count == 2 && has_type(configs, KAFKA_ENTITY_USER) &&
                   has_type(configs, KAFKA_ENTITY_CLIENT);
    if (configs->type_count > 1 && !is_pair) {
        return kafka_configs_refuse(
            configs, "Only 'users' and 'clients' entity types may be specified together");
    }
    bool has_old = has(configs, "entity-name") || has(configs, "entity-type") ||
                   has(configs, "entity-default");
    if (has_old && uses_flags(configs)) {
        return kafka_configs_refuse(configs, "--entity-{type,name,default} should not be used in "
                                             "conjunction with specific entity flags");
    }
    return 0;
}

static int check_connection(struct kafka_configs *configs)
{
    int count = has(configs, "bootstrap-server") + has(configs, "bootstrap-controller") +
                has(configs, "zookeeper");
    if (count == 0) {
        return kafka_configs_refuse(configs, "One of the required --bootstrap-server, "
                                             "--boostrap-controller, or --zookeeper arguments must "
                                             "be specified");
    }
    if (count > 1) {
        return kafka_configs_refuse(configs, "Only one of --bootstrap-server, "
                                             "--boostrap-controller, and --zookeeper can be "
                                             "specified");
    }
    if (has(configs, "all") && has(configs, "zookeeper")) {
        return kafka_configs_refuse(configs, "--bootstrap-server must be specified for --all");
    }
    if (has(configs, "zk-tls-config-file")) {
        return kafka_configs_refuse(
            configs, has(configs, "zookeeper")
                         ? "--zk-tls-config-file: this client does not speak TLS"
                         : "Only the --zookeeper option can be used with the --zk-tls-config-file "
                           "option.");
    }
    if (has(configs, "bootstrap-controller")) {
        return kafka_configs_refuse(configs, "--bootstrap-controller: clusters with ZooKeeper have "
                                             "no controllers of their own; use --bootstrap-server");
    }
    return 0;
}

static int check_names(struct kafka_configs *configs)
{
    bool has_name = false;
    bool has_default = false;
    for (size_t i = 0; i < configs->name_count; i++) {
        int32_t id;
        bool is_broker = has_type(configs, KAFKA_ENTITY_BROKER) ||
                         has_type(configs, KAFKA_ENTITY_LOGGER);
        has_name |= configs->names[i].len > 0;
        has_default |= configs->names[i].len == 0;
        if (is_broker && configs->names[i].len > 0 && text_parse_i32(configs->names[i], &id) != 0) {
            return kafka_configs_refuse(
                configs,
                "The entity name for %s must be a valid integer broker id, but it is: %.*s",
                kafka_entity_type_names[configs->types[0]], SLICE_ARGS(configs->names[i]));
        }
    }
    if (has(configs, "describe") && has_type(configs, KAFKA_ENTITY_LOGGER) && !has_name) {
        return kafka_configs_refuse(
            configs, "an entity name must be specified with --describe of broker-loggers");
    }
    if (!has(configs, "alter")) {
        return 0;
    }
    bool may_be_default = has_type(configs, KAFKA_ENTITY_USER) ||
                          has_type(configs, KAFKA_ENTITY_CLIENT) ||
                          has_type(configs, KAFKA_ENTITY_BROKER) ||
                          has_type(configs, KAFKA_ENTITY_IP);
    if (may_be_default && !has_name && !has_default) {
        return kafka_configs_refuse(configs, "an entity-name or default entity must be specified "
                                             "with --alter of users, clients, brokers or ips");
    }
    if (!may_be_default && !has_name) {
        return kafka_configs_refuse(configs, "an entity name must be specified with --alter of %s",
                                    kafka_entity_type_names[configs->types[0]]);
    }
    if (has(configs, "add-config") && has(configs, "add-config-file")) {
        return kafka_configs_refuse(
            configs, "Only one of --add-config or --add-config-file must be specified");
    }
    if (!has(configs, "add-config") && !has(configs, "add-config-file") &&
        !has(configs, "delete-config")) {
        return kafka_configs_refuse(configs, "At least one of --add-config, --add-config-file, or "
                                             "--delete-config must be specified with --alter");
    }
    return 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

static int add_change(struct kafka_configs *configs, struct slice key, struct slice value)
{
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.ptr[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
        if (!is_good) {
            return kafka_configs_refuse(configs, "Invalid character found for config key: %.*s",
                                        SLICE_ARGS(key));
        }
    }
    for (size_t i = 0; i < configs->change_count; i++) {
        if (slice_equal(configs->changes[i].key, key) && !slice_is_null(value)) {
            configs->changes[i].value = value; /* the last one wins */
            return 0;
        }
    }
    struct kafka_config_change *changes = ARENA_ARRAY(
        &configs->admin.arena, struct kafka_config_change, configs->change_count + 1);
    if (configs->change_count > 0) {
        memcpy(changes, configs->changes, configs->change_count * sizeof *changes);
    }
    changes[configs->change_count++] = (struct kafka_config_change){key, value};
    configs->changes = changes;
    return 0;
}

/* Where the next `sign` outside of brackets stands; the length when there is none. */
static size_t find_outside(struct slice text, uint8_t sign)
{
    bool is_inside = false;
    for (size_t i = 0; i < text.len; i++) {
        is_inside = text.ptr[i] == '[' || (is_inside && text.ptr[i] != ']');
        if (!is_inside && text.ptr[i] == sign) {
            return i;
        }
    }
    return text.len;
}

static int add_pair(struct kafka_configs *configs, struct slice pair)
{
    size_t at = find_outside(pair, '=');
    struct slice value = slice_part(pair, MIN(at + 1, pair.len), pair.len);
    if (at == pair.len || find_outside(value, '=') != value.len) {
        return kafka_configs_refuse(configs,
                                    "requirement failed: Invalid entity config: all configs to be "
                                    "added must be in the format \"key=val\".");
    }
    uint8_t *plain = arena_alloc(&configs->admin.arena, MAX(value.len, 1));
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '[' && value.ptr[i] != ']') {
            plain[len++] = value.ptr[i];
        }
    }
    return add_change(configs, text_trim(slice_part(pair, 0, at)), text_trim(slice_of(plain, len)));
}

struct file_taker {
    struct kafka_configs *configs;
    int error;
};

static void take_property(void *ctx, struct slice key, struct slice value)
{
    struct file_taker *taker = ctx;
    if (taker->error == 0) {
        taker->error = add_change(taker->configs, key, value);
    }
}

static int read_changes(struct kafka_configs *configs)
{
    struct file_taker taker = {configs, 0};
    struct slice text = kafka_options_value(&configs->options, "add-config");
    if (has(configs, "add-config-file") &&
        !kafka_admin_read_properties(&configs->admin,
                                     kafka_options_text(&configs->options, "add-config-file"),
                                     take_property, &taker)) {
        return ERR_INVALID;
    }
    int error = taker.error;
    while (error == 0 && text.len > 0) {
        size_t end = find_outside(text, ',');
        error = add_pair(configs, slice_part(text, 0, end));
        text = slice_part(text, MIN(end + 1, text.len), text.len);
    }
    if (error == 0 && has(configs, "add-config") && configs->change_count == 0) {
        error = add_pair(configs, SLICE_LIT(""));
    }
    configs->addition_count = configs->change_count;
    for (size_t i = 0; i < kafka_options_count(&configs->options, "delete-config") && error == 0;
         i++) {
        struct slice key = text_trim(kafka_options_nth(&configs->options, "delete-config", i));
        error = add_change(configs, key, SLICE_NULL);
    }
    return error;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static int describe(struct kafka_configs *configs)
{
    switch (configs->types[0]) {
    case KAFKA_ENTITY_TOPIC:
    case KAFKA_ENTITY_BROKER:
    case KAFKA_ENTITY_LOGGER:
    case KAFKA_ENTITY_CLIENT_METRICS:
        return kafka_configs_describe_resources(configs);
    case KAFKA_ENTITY_USER:
    case KAFKA_ENTITY_CLIENT:
    case KAFKA_ENTITY_IP:
    case KAFKA_ENTITY_TYPES:
        break;
    }
    int error = kafka_configs_describe_quotas(configs);
    bool has_default = false;
    for (size_t i = 0; i < configs->name_count; i++) {
        has_default |= configs->names[i].len == 0;
    }
    bool has_scram = configs->types[0] == KAFKA_ENTITY_USER && configs->type_count == 1;
    return error == 0 && has_scram && !has_default ? kafka_configs_describe_scram(configs) : error;
}

static int alter(struct kafka_configs *configs)
{
    enum kafka_entity_type type = configs->types[0];
    const char *plural = kafka_entity_type_names[type];
    int error;
    if (configs->type_count != configs->name_count) {
        return kafka_configs_refuse(configs,
                                    "An entity name must be specified for every entity type");
    }
    if (type == KAFKA_ENTITY_USER || type == KAFKA_ENTITY_CLIENT) {
        error = kafka_configs_alter_users(configs);
    } else if (type == KAFKA_ENTITY_IP) {
        error = kafka_configs_alter_quotas(configs);
    } else {
        error = kafka_configs_alter_resource(configs);
    }
    if (error == 0 && configs->names[0].len > 0) {
        printf("Completed updating config for %.*s %.*s.\n", (int)strlen(plural) - 1, plural,
               SLICE_ARGS(configs->names[0]));
    } else if (error == 0) {
        printf("Completed updating default config for %s in the cluster.\n", plural);
    }
    return error;
}

static int act(struct kafka_configs *configs)
{
    int error = read_entities(configs);
    error = error != 0 ? error : check_types(configs);
    error = error != 0 ? error : check_connection(configs);
    error = error != 0 ? error : check_names(configs);
    error = error != 0 ? error : read_changes(configs);
    if (error != 0 || has(configs, "zookeeper")) {
        return error != 0 ? error : kafka_configs_zookeeper(configs);
    }
    error = kafka_admin_open(&configs->admin,
                             kafka_options_text(&configs->options, "bootstrap-server"),
                             kafka_options_text(&configs->options, "command-config"));
    if (error != 0) {
        return error;
    }
    return has(configs, "alter") ? alter(configs) : describe(configs);
}

static void say_error(const struct kafka_configs *configs, int argc, char **argv)
{
    const struct kafka_admin *admin = &configs->admin;
    fflush(stdout);
    if (configs->is_plain_error) {
        fprintf(stderr, "%s\n", admin->message.text);
        return;
    }
    fprintf(stderr, "Error while executing config command with args '");
    for (int i = 1; i < argc; i++) {
        fprintf(stderr, "%s%s", i > 1 ? " " : "", argv[i]);
    }
    fprintf(stderr, "'\njava.util.concurrent.ExecutionException: %s: %s\n", admin->exception,
            admin->message.text);
}

static int run(struct kafka_configs *configs, int argc, char **argv)
{
    const char *const no_alter[] = {"alter", "add-config", "delete-config", NULL};
    if (has(configs, "alter") + has(configs, "describe") != 1) {
        return kafka_options_usage(&configs->options,
                                   "Command must include exactly one action: --describe, --alter");
    }
    if (!kafka_options_exclude(&configs->options, "describe", no_alter)) {
        return 1;
    }
    int error = act(configs);
    if (error != 0) {
        say_error(configs, argc, argv);
    }
    return error != 0 ? 1 : 0;
}

int tool_kafka_configs(int argc, char **argv)
{
    struct kafka_configs configs;
    int code;
    memset(&configs, 0, sizeof configs);
    if (!kafka_options_read(&configs.options, &kafka_configs_syntax, argc, argv, &code)) {
        return code;
    }
    kafka_admin_init(&configs.admin);
    code = run(&configs, argc, argv);
    kafka_admin_close(&configs.admin);
    kafka_options_release(&configs.options);
    return fflush(stdout) == 0 ? code : 1;
}
