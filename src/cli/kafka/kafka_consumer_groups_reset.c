/* kafka_consumer_groups_reset.c - kafka-consumer-groups --reset-offsets and --delete-offsets. See
 * kafka_consumer_groups.c.
 *
 * A reset is planned for every group that has no members: which partitions (--topic, --all-topics
 * or the file), which offset for each, brought inside the log. With --execute it is committed.
 */
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "cli/kafka/kafka_consumer_groups.h"
#include "cli/kafka/kafka_time.h"
#include "runtime/uv/runtime_uv.h"

#define CSV_FIELDS_MAX 4

static bool has(const struct kafka_groups *groups, const char *name)
{
    return kafka_options_has(&groups->options, name);
}

static int usage(struct kafka_groups *groups, const char *text)
{
    fflush(stdout);
    kafka_options_usage(&groups->options, "%s", text);
    return KAFKA_GROUPS_USAGE;
}

/* ---- which partitions ------------------------------------------------------------------------ */

static int add_named_partitions(struct kafka_groups *groups,
                                struct slice argument,
                                struct kafka_spots *spots)
{
    struct kafka_admin *admin = &groups->admin;
    struct slice topic;
    struct slice partitions;
    text_cut(argument, ':', &topic, &partitions);
    bool has_more = true;
    if (partitions.len == 0 || memchr(partitions.ptr, ':', partitions.len) != NULL) {
        return usage(groups,
                     (const char *)kafka_admin_format(
                         admin, "Invalid topic arg '%.*s', expected topic name and partitions",
                         SLICE_ARGS(argument))
                         .ptr);
    }
    while (has_more) {
        struct slice one;
        int32_t number;
        has_more = text_cut(partitions, ',', &one, &partitions);
        if (text_parse_i32(one, &number) != 0) {
            return usage(groups,
                         (const char *)kafka_admin_format(
                             admin, "Invalid partition '%.*s' specified in topic arg '%.*s''",
                             SLICE_ARGS(one), SLICE_ARGS(argument))
                             .ptr);
        }
        kafka_spots_add(admin, spots, topic, number);
    }
    return 0;
}

int kafka_groups_topics(struct kafka_groups *groups,
                        struct kafka_spots *spots,
                        struct kafka_group_list *unknown)
{
    struct kafka_admin *admin = &groups->admin;
    size_t count = kafka_options_count(&groups->options, "topic");
    struct slice *whole = ARENA_ARRAY(&admin->arena, struct slice, count + 1);
    int32_t whole_count = 0;
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        struct slice argument = kafka_options_nth(&groups->options, "topic", i);
        if (argument.len > 0 && memchr(argument.ptr, ':', argument.len) != NULL) {
            error = add_named_partitions(groups, argument, spots);
        } else {
            whole[whole_count++] = argument;
        }
    }
    if (unknown == NULL || error != 0) {
        return error != 0 ? error : kafka_spots_add_topics(admin, spots, whole, whole_count);
    }
    unknown->ids = ARENA_ARRAY(&admin->arena, struct slice, count + 1);
    unknown->count = 0;
    for (int32_t i = 0; i < whole_count; i++) {
        if (kafka_spots_add_topics(admin, spots, &whole[i], 1) != 0) {
            unknown->ids[unknown->count++] = whole[i];
        }
    }
    return 0;
}

static int find_partitions(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    *spots = (struct kafka_spots){0};
    if (has(groups, "all-topics")) {
        return kafka_groups_wrapped(groups, 2, kafka_groups_committed(groups, id, spots));
    }
    if (has(groups, "topic")) {
        int error = kafka_groups_topics(groups, spots, NULL);
        return error == KAFKA_GROUPS_USAGE ? error : kafka_groups_wrapped(groups, 2, error);
    }
    if (has(groups, "from-file")) {
        return 0;
    }
    return usage(groups, "One of the reset scopes should be defined: --all-topics, --topic.");
}

/* ---- which offsets --------------------------------------------------------------------------- */

/* AbstractLogger's line, on stderr. */
static void warn_range(const struct kafka_spot *spot, const char *relation, int64_t bound)
{
    fflush(stdout);
    fprintf(stderr,
            "WARN New offset (%lld) is %s offset for topic partition %.*s-%d. Value will be set to "
            "%lld\n",
            (long long)spot->offset, relation, SLICE_ARGS(spot->topic), spot->partition,
            (long long)bound);
}

/* Brings every offset inside its log. */
static int clamp(struct kafka_groups *groups, struct kafka_spots *spots)
{
    struct kafka_spots starts;
    struct kafka_spots ends;
    struct kafka_admin *admin = &groups->admin;
    int error = kafka_spots_at(admin, spots, KAFKA_LIST_OFFSETS_EARLIEST, &starts);
    if (error == 0) {
        error = kafka_spots_at(admin, spots, KAFKA_LIST_OFFSETS_LATEST, &ends);
    }
    for (int32_t i = 0; i < spots->count && error == 0; i++) {
        struct kafka_spot *spot = &spots->items[i];
        if (spot->offset > ends.items[i].offset) {
            warn_range(spot, "higher than latest", ends.items[i].offset);
            spot->offset = ends.items[i].offset;
        } else if (spot->offset < starts.items[i].offset) {
            warn_range(spot, "lower than earliest", starts.items[i].offset);
            spot->offset = starts.items[i].offset;
        }
    }
    return kafka_groups_wrapped(groups, 2, error);
}

static int to_place(struct kafka_groups *groups, struct kafka_spots *spots, int64_t timestamp)
{
    struct kafka_spots found;
    int error = kafka_spots_at(&groups->admin, spots, timestamp, &found);
    for (int32_t i = 0; i < spots->count && error == 0; i++) {
        spots->items[i].offset = found.items[i].offset;
    }
    return kafka_groups_wrapped(groups, 2, error);
}

static int to_time(struct kafka_groups *groups, struct kafka_spots *spots, int64_t ms)
{
    struct kafka_spots empty = {0};
    int error = to_place(groups, spots, ms);
    for (int32_t i = 0; i < spots->count && error == 0; i++) {
        if (spots->items[i].offset < 0) {
            printf("\nWarn: Partition %d from topic %.*s is empty. Falling back to latest known "
                   "offset.\n",
                   spots->items[i].partition, SLICE_ARGS(spots->items[i].topic));
            kafka_spots_add(&groups->admin, &empty, spots->items[i].topic,
                            spots->items[i].partition);
        }
    }
    if (error == 0 && empty.count > 0) {
        error = to_place(groups, &empty, KAFKA_LIST_OFFSETS_LATEST);
    }
    for (int32_t i = 0; i < empty.count && error == 0; i++) {
        kafka_spots_find(spots, empty.items[i].topic, empty.items[i].partition)->offset =
            empty.items[i].offset;
    }
    return error;
}

static int shift(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    struct kafka_spots committed;
    int64_t by = 0;
    if (kafka_options_i64(&groups->options, "shift-by", &by) != 0) {
        return usage(groups, groups->options.message.text);
    }
    int error = kafka_groups_committed(groups, id, &committed);
    if (error != 0) {
        return kafka_groups_wrapped(groups, 2, error);
    }
    for (int32_t i = 0; i < spots->count; i++) {
        struct kafka_spot *spot = &spots->items[i];
        const struct kafka_spot *at = kafka_spots_find(&committed, spot->topic, spot->partition);
        if (at == NULL) {
            struct slice text = kafka_admin_format(
                &groups->admin,
                "Cannot shift offset for partition %.*s-%d since there is no current committed "
                "offset",
                SLICE_ARGS(spot->topic), spot->partition);
            return usage(groups, (const char *)text.ptr);
        }
        if (__builtin_add_overflow(at->offset, by, &spot->offset)) {
            spot->offset = by > 0 ? INT64_MAX : INT64_MIN;
        }
    }
    return clamp(groups, spots);
}

/* Where there is no offset yet: the end. */
static int to_current(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    struct kafka_spots committed;
    int error = kafka_groups_wrapped(groups, 2, kafka_groups_committed(groups, id, &committed));
    if (error == 0) {
        error = to_place(groups, spots, KAFKA_LIST_OFFSETS_LATEST);
    }
    for (int32_t i = 0; i < spots->count && error == 0; i++) {
        struct kafka_spot *spot = &spots->items[i];
        const struct kafka_spot *at = kafka_spots_find(&committed, spot->topic, spot->partition);
        spot->offset = at != NULL ? at->offset : spot->offset;
    }
    return error;
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int to_moment(struct kafka_groups *groups, struct kafka_spots *spots)
{
    struct errmsg message;
    int64_t ms = 0;
    bool is_date = has(groups, "to-datetime");
    struct slice text = kafka_options_value(&groups->options,
                                            is_date ? "to-datetime" : "by-duration");
    int error = is_date ? kafka_parse_datetime(text, &ms, &message)
                        : kafka_parse_duration(text, &ms, &message);
    if (error != 0) {
        kafka_admin_error(&groups->admin, "java.time.format.DateTimeParseException", "%s",
                          message.text);
        return kafka_groups_wrapped(groups, 0, error);
    }
    return to_time(groups, spots, is_date ? ms : wall_ms() - ms);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* A field may stand in double quotes, which are doubled inside. */
static struct slice take_field(struct kafka_admin *admin, struct slice *line)
{
    struct slice field;
    if (line->len == 0 || line->ptr[0] != '"') {
        text_cut(*line, ',', &field, line);
        return text_trim(field);
    }
    char *text = arena_alloc(&admin->arena, line->len);
    size_t len = 0;
    size_t i = 1;
    for (; i < line->len; i++) {
        if (line->ptr[i] == '"' && (i + 1 == line->len || line->ptr[i + 1] != '"')) {
            break;
        }
        i += line->ptr[i] == '"';
        text[len++] = (char)line->ptr[i];
    }
    struct slice rest = slice_part(*line, MIN(i + 1, line->len), line->len);
    struct slice ignored;
    text_cut(rest, ',', &ignored, line);
    return slice_of(text, len);
}

static int read_plan_line(struct kafka_groups *groups,
                          struct slice line,
                          struct slice id,
                          struct kafka_spots *spots)
{
    struct slice fields[CSV_FIELDS_MAX];
    size_t count = 0;
    struct slice rest = line;
    int32_t partition;
    int64_t offset;
    while (rest.len > 0 && count < CSV_FIELDS_MAX) {
        fields[count++] = take_field(&groups->admin, &rest);
    }
    bool is_single = kafka_options_count(&groups->options, "group") == 1 && count == 3;
    if ((!is_single && count != 4) || text_parse_i32(fields[count - 2], &partition) != 0 ||
        text_parse_i64(fields[count - 1], &offset) != 0) {
        kafka_admin_error(&groups->admin, "java.lang.RuntimeException",
                          "the line \"%.*s\" is not [group,]topic,partition,offset",
                          SLICE_ARGS(line));
        return kafka_groups_wrapped(groups, 0, ERR_INVALID);
    }
    if (is_single || slice_equal(fields[0], id)) {
        kafka_spots_add(&groups->admin, spots, fields[count - 3], partition)->offset = offset;
    }
    return 0;
}

static int from_file(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    struct slice text;
    struct kafka_admin *admin = &groups->admin;
    const char *path = kafka_options_text(&groups->options, "from-file");
    int error = kafka_groups_wrapped(groups, 1, kafka_admin_read_file(admin, path, &text));
    bool has_more = error == 0;
    *spots = (struct kafka_spots){0};
    while (has_more && error == 0) {
        struct slice line;
        has_more = text_cut(text, '\n', &line, &text);
        line = text_trim(line);
        if (line.len > 0) {
            error = read_plan_line(groups, line, id, spots);
        }
    }
    if (error == 0 && spots->count == 0) {
        kafka_groups_say_error("No reset plan for group %.*s found", SLICE_ARGS(id));
    }
    return error != 0 ? error : clamp(groups, spots);
}

/* ---- the plan and its execution ---------------------------------------------------------------
 */

static int plan(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    int64_t offset = 0;
    if (has(groups, "to-offset")) {
        if (kafka_options_i64(&groups->options, "to-offset", &offset) != 0) {
            return usage(groups, groups->options.message.text);
        }
        for (int32_t i = 0; i < spots->count; i++) {
            spots->items[i].offset = offset;
        }
        return clamp(groups, spots);
    }
    if (has(groups, "to-earliest")) {
        return to_place(groups, spots, KAFKA_LIST_OFFSETS_EARLIEST);
    }
    if (has(groups, "to-latest")) {
        return to_place(groups, spots, KAFKA_LIST_OFFSETS_LATEST);
    }
    if (has(groups, "shift-by")) {
        return shift(groups, id, spots);
    }
    if (has(groups, "to-datetime") || has(groups, "by-duration")) {
        return to_moment(groups, spots);
    }
    if (has(groups, "from-file")) {
        return from_file(groups, id, spots);
    }
    if (has(groups, "to-current")) {
        return to_current(groups, id, spots);
    }
    return usage(groups,
                 "Option '[reset-offsets]' requires one of the following scenarios: [[to-offset], "
                 "[shift-by], [to-datetime], [by-duration], [to-earliest], [to-latest], "
                 "[to-current], [from-file]]");
}

static int16_t first_error(const struct kafka_offset_commit_response *response)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            if (response->topics[i].partitions[k].error_code != 0) {
                return response->topics[i].partitions[k].error_code;
            }
        }
    }
    return 0;
}

static int16_t commit_error(const void *response, int16_t version)
{
    (void)version;
    return first_error(response);
}

static int commit(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    struct kafka_admin *admin = &groups->admin;
    struct kafka_offset_commit_request request;
    codec_init(&kafka_offset_commit_request_message, &request);
    request.group_id = id;
    request.generation_id_or_member_epoch = -1;
    request.topics = kafka_admin_array(admin, &kafka_offset_commit_request_topic_message,
                                       spots->count);
    request.topics_count = 0;
    for (int32_t i = 0; i < spots->count;) {
        struct kafka_offset_commit_request_topic *topic = &request.topics[request.topics_count++];
        int32_t end = i;
        topic->name = spots->items[i].topic;
        while (end < spots->count && slice_equal(spots->items[end].topic, topic->name)) {
            end++;
        }
        topic->partitions_count = end - i;
        topic->partitions = kafka_admin_array(admin, &kafka_offset_commit_request_partition_message,
                                              end - i);
        for (int32_t k = 0; i < end; k++, i++) {
            topic->partitions[k].partition_index = spots->items[i].partition;
            topic->partitions[k].committed_offset = spots->items[i].offset;
            topic->partitions[k].committed_metadata = SLICE_LIT("");
        }
    }
    struct kafka_admin_call call = {
        .name = "offsetCommit",
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = id},
        .request_message = &kafka_offset_commit_request_message,
        .response_message = &kafka_offset_commit_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 8,
        .error_of = commit_error,
    };
    const struct kafka_offset_commit_response *response = kafka_admin_ask(admin, &call);
    int error = response == NULL ? ERR_INVALID : 0;
    if (response != NULL && first_error(response) != 0) {
        error = kafka_admin_kafka_error(admin, first_error(response), SLICE_NULL);
    }
    return kafka_groups_wrapped(groups, 2, error);
}

struct planned {
    struct slice id;
    struct kafka_spots spots;
};

static int reset_one(struct kafka_groups *groups, struct slice id, struct planned *planned)
{
    const struct kafka_group *group = kafka_groups_ask(groups, id);
    *planned = (struct planned){.id = id};
    if (group == NULL) {
        return kafka_groups_wrapped(groups, 2, ERR_INVALID);
    }
    struct slice state = group->description->group_state;
    if (!slice_equal_cstr(state, "Empty") && !slice_equal_cstr(state, "Dead")) {
        kafka_groups_say_error("Assignments can only be reset if the group '%.*s' is inactive, but "
                               "the current state is %.*s.",
                               SLICE_ARGS(id), SLICE_ARGS(state));
        return 0;
    }
    int error = find_partitions(groups, id, &planned->spots);
    if (error == 0) {
        kafka_spots_sort(&planned->spots);
        error = plan(groups, id, &planned->spots);
    }
    kafka_spots_sort(&planned->spots);
    if (error == 0 && has(groups, "execute") && planned->spots.count > 0) {
        error = commit(groups, id, &planned->spots);
    }
    return error;
}

/* Jackson quotes a text that has more than letters, digits and a few signs. */
static void print_csv_text(struct slice text)
{
    bool is_plain = true;
    for (size_t i = 0; i < text.len; i++) {
        is_plain &= text.ptr[i] > ' ' && text.ptr[i] != ',' && text.ptr[i] != '"';
    }
    if (is_plain) {
        kafka_print(stdout, text);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            putchar('"');
        }
        putchar(text.ptr[i]);
    }
    putchar('"');
}

static void print_plan(const struct kafka_groups *groups,
                       const struct planned *plans,
                       int32_t count)
{
    bool is_export = has(groups, "export");
    bool has_one_group = kafka_options_count(&groups->options, "group") == 1;
    if (!is_export && count > 0) {
        printf("\n%-30s %-30s %-10s %-15s\n", "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
    }
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < plans[i].spots.count; k++) {
            const struct kafka_spot *spot = &plans[i].spots.items[k];
            if (!is_export) {
                printf("%-30.*s %-30.*s %-10d %-15lld\n", SLICE_ARGS(plans[i].id),
                       SLICE_ARGS(spot->topic), spot->partition, (long long)spot->offset);
                continue;
            }
            if (!has_one_group) {
                print_csv_text(plans[i].id);
                putchar(',');
            }
            print_csv_text(spot->topic);
            printf(",%d,%lld\n", spot->partition, (long long)spot->offset);
        }
    }
    if (is_export) {
        putchar('\n');
    }
}

int kafka_groups_reset(struct kafka_groups *groups)
{
    struct kafka_group_list list = {0};
    int error = kafka_groups_chosen(groups, &list);
    struct planned *plans = ARENA_ARRAY(&groups->admin.arena, struct planned,
                                        (size_t)list.count + 1);
    for (int32_t i = 0; i < list.count && error == 0; i++) {
        error = reset_one(groups, list.ids[i], &plans[i]);
    }
    if (error == 0) {
        print_plan(groups, plans, list.count);
    }
    return error;
}

/* ---- deleting offsets ------------------------------------------------------------------------ */

static int16_t delete_error(const void *response, int16_t version)
{
    (void)version;
    return ((const struct kafka_offset_delete_response *)response)->error_code;
}

static const struct kafka_offset_delete_response *ask_delete(struct kafka_admin *admin,
                                                             struct slice id,
                                                             const struct kafka_spots *spots)
{
    struct kafka_offset_delete_request request;
    codec_init(&kafka_offset_delete_request_message, &request);
    request.group_id = id;
    request.topics = kafka_admin_array(admin, &kafka_offset_delete_request_topic_message,
                                       spots->count);
    request.topics_count = 0;
    for (int32_t i = 0; i < spots->count;) {
        struct kafka_offset_delete_request_topic *topic = &request.topics[request.topics_count++];
        int32_t end = i;
        topic->name = spots->items[i].topic;
        while (end < spots->count && slice_equal(spots->items[end].topic, topic->name)) {
            end++;
        }
        topic->partitions_count = end - i;
        topic->partitions = kafka_admin_array(admin, &kafka_offset_delete_request_partition_message,
                                              end - i);
        for (int32_t k = 0; i < end; k++, i++) {
            topic->partitions[k].partition_index = spots->items[i].partition;
        }
    }
    struct kafka_admin_call call = {
        .name = "offsetDelete",
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = id},
        .request_message = &kafka_offset_delete_request_message,
        .response_message = &kafka_offset_delete_response_message,
        .request = &request,
        .error_of = delete_error,
    };
    return kafka_admin_ask(admin, &call);
}

/* What stands above the table. */
static void say_deleted(struct kafka_groups *groups, struct slice id, int16_t error, bool has_bad)
{
    struct slice topics = SLICE_LIT("");
    for (size_t i = 0; i < kafka_options_count(&groups->options, "topic"); i++) {
        topics = kafka_admin_format(&groups->admin, "%.*s%s%.*s", SLICE_ARGS(topics),
                                    i > 0 ? ", " : "",
                                    SLICE_ARGS(kafka_options_nth(&groups->options, "topic", i)));
    }
    if (error == 0 && has_bad) {
        kafka_groups_say_error("Encounter some partition level error, see the follow-up details:");
    } else if (error == 0) {
        printf("Request succeed for deleting offsets with topic %.*s group %.*s\n",
               SLICE_ARGS(topics), SLICE_ARGS(id));
    } else if (error == KAFKA_ERROR_INVALID_GROUP_ID) {
        kafka_groups_say_error("'%.*s' is not valid.", SLICE_ARGS(id));
    } else if (error == KAFKA_ERROR_GROUP_ID_NOT_FOUND) {
        kafka_groups_say_error("'%.*s' does not exist.", SLICE_ARGS(id));
    } else if (error == KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED) {
        kafka_groups_say_error("Access to '%.*s' is not authorized.", SLICE_ARGS(id));
    } else if (error == KAFKA_ERROR_NON_EMPTY_GROUP) {
        kafka_groups_say_error(
            "Deleting offsets of a consumer group '%.*s' is forbidden if the group is not empty.",
            SLICE_ARGS(id));
    } else {
        kafka_groups_say_error("Encounter some unknown error: %s", kafka_error_name(error));
    }
}

static void print_deleted(struct slice topic, const char *partition, int16_t error)
{
    char exception[KAFKA_EXCEPTION_TEXT_MAX];
    printf("%-30.*s %-15s ", SLICE_ARGS(topic), partition);
    if (error == 0) {
        printf("%-15s\n", "Successful");
    } else {
        printf("Error: :%s: %s\n", kafka_exception_name(error, exception), kafka_error_text(error));
    }
}

static void take_results(const struct kafka_offset_delete_response *response,
                         struct kafka_spots *spots,
                         bool *has_bad)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            struct kafka_spot *spot = kafka_spots_find(
                spots, response->topics[i].name, response->topics[i].partitions[k].partition_index);
            if (spot != NULL) {
                spot->error = response->topics[i].partitions[k].error_code;
                *has_bad |= spot->error != 0;
            }
        }
    }
}

int kafka_groups_delete_offsets(struct kafka_groups *groups)
{
    struct kafka_admin *admin = &groups->admin;
    struct slice id = kafka_options_value(&groups->options, "group");
    struct kafka_spots spots = {0};
    struct kafka_group_list unknown = {0};
    bool has_bad = false;
    int16_t group_error = 0;
    int error = kafka_groups_topics(groups, &spots, &unknown);
    kafka_spots_sort(&spots);
    if (error == 0 && spots.count > 0) {
        const struct kafka_offset_delete_response *response = ask_delete(admin, id, &spots);
        if (response == NULL) {
            return kafka_groups_wrapped(groups, 1, ERR_INVALID);
        }
        group_error = response->error_code;
        take_results(response, &spots, &has_bad);
    }
    if (error != 0) {
        return error;
    }
    say_deleted(groups, id, group_error, has_bad);
    printf("\n%-30s %-15s %-15s\n", "TOPIC", "PARTITION", "STATUS");
    for (int32_t i = 0; i < spots.count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%d", spots.items[i].partition);
        print_deleted(spots.items[i].topic, text,
                      group_error != 0 ? group_error : spots.items[i].error);
    }
    for (int32_t i = 0; i < unknown.count; i++) {
        print_deleted(unknown.ids[i], "Not Provided", KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    }
    return 0;
}
