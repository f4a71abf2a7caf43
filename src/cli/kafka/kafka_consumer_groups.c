/* kafka_consumer_groups.c - kafka-consumer-groups: lists, describes and deletes groups, moves and
 * deletes their offsets.
 *
 * MODEL. Groups are listed by every broker, and described by each group's coordinator. Log ends
 * come from the partitions' leaders. An offset is moved by a commit in the group's name, which
 * brokers take only while the group has no members.
 *
 * WHAT GOES WRONG. Wrong options: a sentence and the usage text on stderr, exit code 1. What
 * brokers refuse: "\nError: ..." on stdout and exit code 0, as Apache's tool has it.
 *
 * Apache's 3.9 leaves out line ends behind rows of offsets; here every row has one, as in 2.7 and
 * in 4.0. Rows come in the order of group, topic and partition.
 *
 * Source: ConsumerGroupCommand, ConsumerGroupCommandOptions of Kafka 2.7 and 3.9.
 */
#include "cli/kafka/kafka_consumer_groups.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/kafka_topic_filter.h"

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
    {.name = "group",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "consumer group",
     .description = "The group to act on. May be repeated."},
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "The topic whose offsets are reset or deleted; \"topic:0,2\" names partitions. "
                    "May be repeated."},
    {.name = "all-topics", .description = "Reset: every topic that the group has offsets of."},
    {.name = "list", .description = "Names all groups."},
    {.name = "describe", .description = "Shows offsets and lag, members, or the state."},
    {.name = "all-groups", .description = "Every group there is."},
    {.name = "delete", .description = "Deletes groups with all their offsets."},
    {.name = "timeout",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "timeout (ms)",
     .default_value = "5000",
     .description = "How long to wait for each answer."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "command config property file",
     .description = "A property file for the client."},
    {.name = "reset-offsets",
     .description =
         "Moves the offsets of groups without members: --to-earliest, --to-latest, "
         "--to-current, --to-offset, --to-datetime, --by-duration, --shift-by or "
         "--from-file, for --topic or --all-topics. Without --execute it only shows what "
         "would be done; --export prints that as CSV."},
    {.name = "delete-offsets", .description = "Deletes the offsets of --topic in --group."},
    {.name = "dry-run", .description = "Reset: shows only."},
    {.name = "execute", .description = "Reset: does it."},
    {.name = "export", .description = "Reset: prints CSV, for --from-file."},
    {.name = "to-offset",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "offset",
     .description = "Reset: to this offset."},
    {.name = "from-file",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "path to CSV file",
     .description = "Reset: to what the file says: [group,]topic,partition,offset."},
    {.name = "to-datetime",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "datetime",
     .description = "Reset: to the first record from then on: 2026-11-21T08:30:00.000"},
    {.name = "by-duration",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "duration",
     .description = "Reset: to the first record since that long ago: P1DT2H30M"},
    {.name = "to-earliest", .description = "Reset: to the beginning."},
    {.name = "to-latest", .description = "Reset: to the end."},
    {.name = "to-current", .description = "Reset: to where it is."},
    {.name = "shift-by",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "number-of-offsets",
     .description = "Reset: so many offsets on, or back when negative."},
    {.name = "members", .description = "Describe: the members."},
    {.name = "verbose", .description = "Describe: more of it, such as members' partitions."},
    {.name = "offsets", .description = "Describe: offsets and lag, as without it."},
    {.name = "state",
     .argument = KAFKA_OPTION_OPTIONAL,
     .description = "Describe: the state. List: with states, or groups in these states alone: "
                    "--state stable,empty"},
    {.name = "type",
     .argument = KAFKA_OPTION_OPTIONAL,
     .description = "List: with types, or groups of these types alone: --type classic"},
};

const struct kafka_options_syntax kafka_consumer_groups_syntax = {
    .tool = "kafka-consumer-groups",
    .purpose = "This tool helps to list all consumer groups, describe a consumer group, delete "
               "consumer group info, or reset consumer group offsets.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_uncaught = true,
};

static bool has(const struct kafka_groups *groups, const char *name)
{
    return kafka_options_has(&groups->options, name);
}

/* ---- checking options ------------------------------------------------------------------------ */

static const char *const scenarios[] = {"to-offset",   "shift-by",  "to-datetime", "by-duration",
                                        "to-earliest", "to-latest", "to-current",  "from-file"};

static bool check_describe(const struct kafka_groups *groups)
{
    const struct kafka_options *options = &groups->options;
    if (!has(groups, "group") && !has(groups, "all-groups")) {
        kafka_options_usage(options, "Option [describe] takes one of these options: "
                                     "[reset-offsets], [describe], [delete], [list]");
        return false;
    }
    if (has(groups, "members") + has(groups, "offsets") + has(groups, "state") > 1) {
        kafka_options_usage(options, "Option [describe] takes at most one of these options: "
                                     "[members], [offsets], [state]");
        return false;
    }
    if (kafka_options_has_value(options, "state")) {
        kafka_options_usage(options, "Option [describe] does not take a value for [state]");
        return false;
    }
    return true;
}

static bool check_reset(const struct kafka_groups *groups)
{
    const struct kafka_options *options = &groups->options;
    if (has(groups, "dry-run") && has(groups, "execute")) {
        kafka_options_usage(options,
                            "Option [reset-offsets] only accepts one of [execute] and [dry-run]");
        return false;
    }
    if (!has(groups, "dry-run") && !has(groups, "execute")) {
        fprintf(stderr, "WARN: No action will be performed as the --execute option is missing. Add "
                        "--dry-run in scripts that count on that.\n");
    }
    if (!has(groups, "group") && !has(groups, "all-groups")) {
        kafka_options_usage(
            options, "Option [reset-offsets] takes one of these options: [group], [all-groups]");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
        const char *others[ARRAY_LEN(scenarios)] = {NULL};
        size_t count = 0;
        for (size_t k = 0; k < ARRAY_LEN(scenarios); k++) {
            if (k != i) {
                others[count++] = scenarios[k];
            }
        }
        if (!kafka_options_exclude(options, scenarios[i], others)) {
            return false;
        }
    }
    return true;
}

static bool check_delete(const struct kafka_groups *groups)
{
    const struct kafka_options *options = &groups->options;
    if (has(groups, "delete") && !has(groups, "group") && !has(groups, "all-groups")) {
        kafka_options_usage(options,
                            "Option [delete] takes one of these options: [group], [all-groups]");
        return false;
    }
    if (has(groups, "delete") && has(groups, "topic")) {
        kafka_options_usage(options, "The consumer does not support topic-specific offset deletion "
                                     "from a consumer group.");
        return false;
    }
    if (has(groups, "delete-offsets") && (!has(groups, "group") || !has(groups, "topic"))) {
        kafka_options_usage(
            options, "Option [delete-offsets] takes the following options: [all-groups], [group]");
        return false;
    }
    return true;
}

/* joptsimple's availableIf. */
static bool check_available(struct kafka_groups *groups)
{
    static const char *const with_describe[] = {"members", "verbose", "offsets"};
    const char *refused = NULL;
    for (size_t i = 0; i < ARRAY_LEN(with_describe); i++) {
        if (has(groups, with_describe[i]) && !has(groups, "describe")) {
            refused = with_describe[i];
        }
    }
    if (has(groups, "state") && !has(groups, "describe") && !has(groups, "list")) {
        refused = "state";
    }
    if (has(groups, "type") && !has(groups, "list")) {
        refused = "type";
    }
    if (refused != NULL) {
        kafka_options_error(
            &groups->options, "joptsimple.UnavailableOptionException",
            "Option(s) [%s] are unavailable given other options on the command line", refused);
        kafka_options_fail(&groups->options);
    }
    return refused == NULL;
}

static bool check_options(struct kafka_groups *groups)
{
    const struct kafka_options *options = &groups->options;
    const char *const bootstrap[] = {"bootstrap-server", NULL};
    const char *const all_groups[] = {"all-groups", "list", NULL};
    const char *const no_topic[] = {"list", "describe", NULL};
    if (!check_available(groups) || !kafka_options_require(options, bootstrap) ||
        (has(groups, "describe") && !check_describe(groups)) || !check_delete(groups) ||
        (has(groups, "reset-offsets") && !check_reset(groups)) ||
        !kafka_options_exclude(options, "group", all_groups) ||
        !kafka_options_exclude(options, "topic", no_topic)) {
        return false;
    }
    if (has(groups, "list") + has(groups, "describe") + has(groups, "delete") +
            has(groups, "reset-offsets") + has(groups, "delete-offsets") !=
        1) {
        kafka_options_usage(options, "Command must include exactly one action: --list, --describe, "
                                     "--delete, --reset-offsets, --delete-offsets");
        return false;
    }
    return true;
}

/* ---- errors ---------------------------------------------------------------------------------- */

void kafka_groups_say_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("\nError: ");
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

int kafka_groups_wrapped(struct kafka_groups *groups, int wraps, int error)
{
    if (error != 0) {
        groups->wraps = wraps;
    }
    return error;
}

/* What getMessage of the outermost exception gives. */
const char *kafka_groups_error_text(struct kafka_groups *groups)
{
    struct kafka_admin *admin = &groups->admin;
    struct slice text;
    if (groups->wraps == 0) {
        return admin->message.text;
    }
    text = kafka_admin_format(admin, "%s: %s", admin->exception, admin->message.text);
    if (groups->wraps > 1) {
        text = kafka_admin_format(admin, "java.util.concurrent.ExecutionException: %.*s",
                                  SLICE_ARGS(text));
    }
    return (const char *)text.ptr;
}

/* ---- listing --------------------------------------------------------------------------------- */

struct listing {
    struct slice id;
    struct slice state;
    struct slice type;
};

struct listings {
    struct listing *items;
    int32_t count;
};

static int16_t list_error(const void *response, int16_t version)
{
    (void)version;
    return ((const struct kafka_list_groups_response *)response)->error_code;
}

static int compare_listings(const void *a, const void *b)
{
    const struct listing *left = a;
    const struct listing *right = b;
    return slice_compare(left->id, right->id);
}

static bool is_consumer(struct slice protocol_type)
{
    return protocol_type.len == 0 || slice_equal_cstr(protocol_type, "consumer");
}

static const struct kafka_list_groups_response *ask_broker(struct kafka_admin *admin,
                                                           int32_t broker_id)
{
    struct kafka_list_groups_request request;
    codec_init(&kafka_list_groups_request_message, &request);
    struct kafka_admin_call call = {
        .name = "listConsumerGroups",
        .target = {.kind = KAFKA_TARGET_BROKER, .broker_id = broker_id},
        .request_message = &kafka_list_groups_request_message,
        .response_message = &kafka_list_groups_response_message,
        .request = &request,
        .error_of = list_error,
    };
    const struct kafka_list_groups_response *response = kafka_admin_ask(admin, &call);
    if (response != NULL && response->error_code != 0) {
        kafka_admin_kafka_error(admin, response->error_code, SLICE_NULL);
        return NULL;
    }
    return response;
}

/* Every broker lists the groups that it coordinates. */
static int list_all(struct kafka_groups *groups, struct listings *listings)
{
    struct kafka_admin *admin = &groups->admin;
    struct slice none = SLICE_LIT("");
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "findAllBrokers",
                                                                          &none, 0);
    if (metadata == NULL) {
        return ERR_INVALID;
    }
    *listings = (struct listings){0};
    for (int32_t i = 0; i < metadata->brokers_count; i++) {
        const struct kafka_list_groups_response *response = ask_broker(
            admin, metadata->brokers[i].node_id);
        if (response == NULL) {
            return ERR_INVALID;
        }
        struct listing *items = ARENA_ARRAY(&admin->arena, struct listing,
                                            (size_t)(listings->count + response->groups_count) + 1);
        if (listings->count > 0) {
            memcpy(items, listings->items, (size_t)listings->count * sizeof *items);
        }
        listings->items = items;
        for (int32_t k = 0; k < response->groups_count; k++) {
            const struct kafka_list_groups_response_group *group = &response->groups[k];
            if (is_consumer(group->protocol_type)) {
                items[listings->count++] = (struct listing){group->group_id, group->group_state,
                                                            group->group_type};
            }
        }
    }
    if (listings->count > 1) {
        qsort(listings->items, (size_t)listings->count, sizeof listings->items[0],
              compare_listings);
    }
    return 0;
}

/* Is the word one of the list "a, B,c", whatever its case? */
static bool is_among(struct slice list, struct slice word)
{
    bool has_more = true;
    while (has_more) {
        struct slice one;
        has_more = text_cut(list, ',', &one, &list);
        if (text_equal_ignoring_case(text_trim(one), word)) {
            return true;
        }
    }
    return false;
}

static bool all_known(struct slice list, const char *known)
{
    bool has_more = true;
    while (has_more) {
        struct slice one;
        has_more = text_cut(list, ',', &one, &list);
        if (!is_among(slice_of_cstr(known), text_trim(one))) {
            return false;
        }
    }
    return true;
}

#define STATES \
    "PreparingRebalance, CompletingRebalance, Stable, Dead, Empty, Assigning, Reconciling"
#define TYPES "Consumer, Classic"

static int check_filters(struct kafka_groups *groups, struct slice states, struct slice types)
{
    if (states.len > 0 && !all_known(states, STATES)) {
        kafka_options_usage(&groups->options,
                            "Invalid state list '%.*s'. Valid states are: " STATES,
                            SLICE_ARGS(states));
        return KAFKA_GROUPS_USAGE;
    }
    if (types.len > 0 && !all_known(types, TYPES)) {
        kafka_options_usage(&groups->options, "Invalid types list '%.*s'. Valid types are: " TYPES,
                            SLICE_ARGS(types));
        return KAFKA_GROUPS_USAGE;
    }
    return 0;
}

static void print_listing(const struct kafka_groups *groups,
                          const struct listing *listing,
                          int width)
{
    printf("%-*.*s", width, SLICE_ARGS(listing->id));
    if (has(groups, "type")) {
        printf(" %-20.*s", SLICE_ARGS(listing->type));
    }
    if (has(groups, "state")) {
        printf(" %-20.*s", SLICE_ARGS(listing->state));
    }
    putchar('\n');
}

/* As the enum prints itself: "Classic". Brokers before 3.8 do not say it. */
static struct slice type_text(struct kafka_admin *admin, struct slice type)
{
    if (type.len == 0) {
        return SLICE_LIT("Unknown");
    }
    struct slice text = kafka_admin_format(admin, "%.*s", SLICE_ARGS(type));
    uint8_t *first = (uint8_t *)(uintptr_t)text.ptr;
    *first = (uint8_t)(*first >= 'a' && *first <= 'z' ? *first - 'a' + 'A' : *first);
    return text;
}

int kafka_groups_list(struct kafka_groups *groups)
{
    struct slice states = kafka_options_value(&groups->options, "state");
    struct slice types = kafka_options_value(&groups->options, "type");
    struct listings listings;
    struct listing header = {SLICE_LIT("GROUP"), SLICE_LIT("STATE"), SLICE_LIT("TYPE")};
    bool is_table = has(groups, "state") || has(groups, "type");
    size_t width = 15;
    int error = check_filters(groups, states, types);
    if (error == 0) {
        error = kafka_groups_wrapped(groups, is_table ? 1 : 2, list_all(groups, &listings));
    }
    if (error != 0) {
        return error;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < listings.count; i++) {
        struct listing *listing = &listings.items[i];
        listing->type = type_text(&groups->admin, listing->type);
        if ((states.len == 0 || is_among(states, listing->state)) &&
            (types.len == 0 || is_among(types, listing->type))) {
            listings.items[kept++] = *listing;
            width = MAX(width, listing->id.len);
        }
    }
    if (is_table) {
        print_listing(groups, &header, (int)width + 10);
    }
    for (int32_t i = 0; i < kept; i++) {
        if (is_table) {
            print_listing(groups, &listings.items[i], (int)width + 10);
        } else {
            printf("%.*s\n", SLICE_ARGS(listings.items[i].id));
        }
    }
    return 0;
}

int kafka_groups_chosen(struct kafka_groups *groups, struct kafka_group_list *list)
{
    struct listings listings;
    if (!has(groups, "all-groups")) {
        size_t count = kafka_options_count(&groups->options, "group");
        list->ids = ARENA_ARRAY(&groups->admin.arena, struct slice, count);
        list->count = 0;
        for (size_t i = 0; i < count; i++) {
            list->ids[list->count++] = kafka_options_nth(&groups->options, "group", i);
        }
        kafka_sort_names(list->ids, (size_t)list->count);
        return 0;
    }
    int error = list_all(groups, &listings);
    if (error != 0) {
        return kafka_groups_wrapped(groups, 2, error);
    }
    list->count = listings.count;
    list->ids = ARENA_ARRAY(&groups->admin.arena, struct slice, (size_t)listings.count + 1);
    for (int32_t i = 0; i < listings.count; i++) {
        list->ids[i] = listings.items[i].id;
    }
    return 0;
}

/* ---- deleting -------------------------------------------------------------------------------- */

static int16_t delete_error(const void *response, int16_t version)
{
    const struct kafka_delete_groups_response *deleted = response;
    (void)version;
    return deleted->results_count > 0 ? deleted->results[0].error_code : 0;
}

/* The error is in admin.message; 0. */
static int delete_one(struct kafka_admin *admin, struct slice id)
{
    struct kafka_delete_groups_request request;
    codec_init(&kafka_delete_groups_request_message, &request);
    request.groups_names = &id;
    request.groups_names_count = 1;
    struct kafka_admin_call call = {
        .name = "deleteConsumerGroups",
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = id},
        .request_message = &kafka_delete_groups_request_message,
        .response_message = &kafka_delete_groups_response_message,
        .request = &request,
        .error_of = delete_error,
    };
    const struct kafka_delete_groups_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return ERR_INVALID;
    }
    int16_t error = response->results_count > 0 ? response->results[0].error_code
                                                : (int16_t)KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    return error == 0 ? 0 : kafka_admin_kafka_error(admin, error, SLICE_NULL);
}

static int delete_groups(struct kafka_groups *groups)
{
    struct kafka_group_list list;
    struct slice deleted = SLICE_LIT("");
    struct slice failed = SLICE_LIT("");
    struct kafka_admin *admin = &groups->admin;
    int error = kafka_groups_chosen(groups, &list);
    if (error != 0) {
        return error;
    }
    for (int32_t i = 0; i < list.count; i++) {
        if (delete_one(admin, list.ids[i]) == 0) {
            deleted = kafka_admin_format(admin, "%.*s%s%.*s", SLICE_ARGS(deleted),
                                         deleted.len > 0 ? ", " : "", SLICE_ARGS(list.ids[i]));
            continue;
        }
        failed = kafka_admin_format(admin,
                                    "%.*s* Group '%.*s' could not be deleted due to: "
                                    "java.util.concurrent.ExecutionException: %s: %s\n",
                                    SLICE_ARGS(failed), SLICE_ARGS(list.ids[i]), admin->exception,
                                    admin->message.text);
    }
    if (failed.len == 0) {
        printf("Deletion of requested consumer groups ('%.*s') was successful.\n",
               SLICE_ARGS(deleted));
        return 0;
    }
    kafka_groups_say_error("Deletion of some consumer groups failed:");
    kafka_print(stdout, failed);
    if (deleted.len > 0) {
        printf("\nThese consumer groups were deleted successfully: '%.*s'\n", SLICE_ARGS(deleted));
    }
    return 0;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static int run(struct kafka_groups *groups)
{
    struct kafka_admin *admin = &groups->admin;
    int64_t timeout_ms = 5000;
    if (!check_options(groups)) {
        return 1;
    }
    if (kafka_options_i64(&groups->options, "timeout", &timeout_ms) != 0) {
        /* Apache's reads it when it is used, behind the handler of what servers say. */
        kafka_groups_say_error("Executing consumer group command failed due to %s",
                               groups->options.message.text);
        return 0;
    }
    int error = kafka_admin_open(admin, kafka_options_text(&groups->options, "bootstrap-server"),
                                 kafka_options_text(&groups->options, "command-config"));
    if (error == 0) {
        kafka_client_set_call_timeout(admin->client,
                                      (uint32_t)MAX(MIN(timeout_ms, (int64_t)INT32_MAX), 1));
    }
    if (error != 0) {
        fflush(stdout);
    } else if (has(groups, "list")) {
        error = kafka_groups_list(groups);
    } else if (has(groups, "describe")) {
        error = kafka_groups_describe(groups);
    } else if (has(groups, "delete")) {
        error = delete_groups(groups);
    } else if (has(groups, "reset-offsets")) {
        error = kafka_groups_reset(groups);
    } else {
        error = kafka_groups_delete_offsets(groups);
    }
    if (error == KAFKA_GROUPS_USAGE) {
        return 1;
    }
    if (error != 0) {
        kafka_groups_say_error("Executing consumer group command failed due to %s",
                               kafka_groups_error_text(groups));
    }
    return 0;
}

int tool_kafka_consumer_groups(int argc, char **argv)
{
    struct kafka_groups groups;
    int code;
    memset(&groups, 0, sizeof groups);
    if (!kafka_options_read(&groups.options, &kafka_consumer_groups_syntax, argc, argv, &code)) {
        return code;
    }
    kafka_admin_init(&groups.admin);
    code = run(&groups);
    kafka_admin_close(&groups.admin);
    kafka_options_release(&groups.options);
    return fflush(stdout) == 0 ? code : 1;
}
