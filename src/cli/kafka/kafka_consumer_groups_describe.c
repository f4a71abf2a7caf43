/* kafka_consumer_groups_describe.c - kafka-consumer-groups --describe. See kafka_consumer_groups.c.
 */
#include <stdlib.h>

#include "cli/kafka/kafka_consumer_groups.h"

#define COLUMN_MIN 15
#define ASSIGNMENT_BYTES_MAX ((size_t)64 << 20)

static bool has(const struct kafka_groups *groups, const char *name)
{
    return kafka_options_has(&groups->options, name);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int16_t describe_error(const void *response, int16_t version)
{
    const struct kafka_describe_groups_response *described = response;
    (void)version;
    return described->groups_count > 0 ? described->groups[0].error_code : 0;
}

const struct kafka_group *kafka_groups_ask(struct kafka_groups *groups, struct slice id)
{
    struct kafka_admin *admin = &groups->admin;
    struct kafka_describe_groups_request request;
    codec_init(&kafka_describe_groups_request_message, &request);
    request.groups = &id;
    request.groups_count = 1;
    struct kafka_admin_call call = {
        .name = "describeConsumerGroups",
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = id},
        .request_message = &kafka_describe_groups_request_message,
        .response_message = &kafka_describe_groups_response_message,
        .request = &request,
        .error_of = describe_error,
    };
    const struct kafka_describe_groups_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return NULL;
    }
    if (response->groups_count < 1) {
        kafka_admin_kafka_error(admin, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
        return NULL;
    }
    struct kafka_group *group = ARENA_ARRAY(&admin->arena, struct kafka_group, 1);
    *group = (struct kafka_group){.id = id, .description = &response->groups[0]};
    if (!kafka_client_broker(admin->client, admin->broker_id, &group->coordinator)) {
        group->coordinator = (struct kafka_client_broker){.id = admin->broker_id, .host = ""};
    }
    if (group->description->error_code != 0) {
        kafka_admin_kafka_error(admin, group->description->error_code, SLICE_NULL);
        return NULL;
    }
    struct slice type = group->description->protocol_type;
    if (type.len > 0 && !slice_equal_cstr(type, "consumer")) {
        kafka_admin_error(admin, "java.lang.IllegalArgumentException",
                          "GroupId %.*s is not a consumer group (%.*s).", SLICE_ARGS(id),
                          SLICE_ARGS(type));
        return NULL;
    }
    return group;
}

static int16_t fetch_error(const void *response, int16_t version)
{
    (void)version;
    return ((const struct kafka_offset_fetch_response *)response)->error_code;
}

int kafka_groups_committed(struct kafka_groups *groups, struct slice id, struct kafka_spots *spots)
{
    struct kafka_admin *admin = &groups->admin;
    struct kafka_offset_fetch_request request;
    codec_init(&kafka_offset_fetch_request_message, &request);
    request.group_id = id;
    request.topics_count = -1;
    struct kafka_admin_call call = {
        .name = "listConsumerGroupOffsets",
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = id},
        .request_message = &kafka_offset_fetch_request_message,
        .response_message = &kafka_offset_fetch_response_message,
        .request = &request,
        .min_version = 2, /* all topics */
        .max_version = 7, /* one group */
        .error_of = fetch_error,
    };
    const struct kafka_offset_fetch_response *response = kafka_admin_ask(admin, &call);
    *spots = (struct kafka_spots){0};
    if (response == NULL) {
        return ERR_INVALID;
    }
    if (response->error_code != 0) {
        return kafka_admin_kafka_error(admin, response->error_code, SLICE_NULL);
    }
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kafka_offset_fetch_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            if (topic->partitions[k].error_code == 0 &&
                topic->partitions[k].committed_offset >= 0) {
                kafka_spots_add(admin, spots, topic->name, topic->partitions[k].partition_index)
                    ->offset = topic->partitions[k].committed_offset;
            }
        }
    }
    kafka_spots_sort(spots);
    return 0;
}

/* What a member was given. A malformed assignment is none. */
static struct kafka_spots read_assignment(struct kafka_admin *admin, struct slice bytes)
{
    struct kafka_spots spots = {0};
    struct kafka_consumer_assignment assignment;
    struct codec_limits limits = {ASSIGNMENT_BYTES_MAX, ASSIGNMENT_BYTES_MAX};
    if (bytes.len < 2) {
        return spots;
    }
    int version = (int16_t)load_be16(bytes.ptr);
    struct slice rest = slice_part(bytes, 2, bytes.len);
    /* Newer versions add fields at the end only. */
    version = MIN(version, codec_max_version(&kafka_consumer_assignment_message));
    if (version < 0 || codec_decode(&kafka_consumer_assignment_message, version, &rest, &limits,
                                    &admin->arena, &assignment) != 0) {
        return spots;
    }
    for (int32_t i = 0; i < assignment.assigned_partitions_count; i++) {
        const struct kafka_consumer_assignment_topic *topic = &assignment.assigned_partitions[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            kafka_spots_add(admin, &spots, topic->topic, topic->partitions[k]);
        }
    }
    kafka_spots_sort(&spots);
    return spots;
}

/* ---- the state of a group ----------------------------------------------------------------------
 */

/* False: nothing more is to be shown. */
static bool say_state(const struct kafka_group *group)
{
    struct slice state = group->description->group_state;
    if (slice_equal_cstr(state, "Dead")) {
        kafka_groups_say_error("Consumer group '%.*s' does not exist.", SLICE_ARGS(group->id));
        return false;
    }
    fflush(stdout);
    if (slice_equal_cstr(state, "Empty")) {
        fprintf(stderr, "\nConsumer group '%.*s' has no active members.\n", SLICE_ARGS(group->id));
    } else if (!slice_equal_cstr(state, "Stable")) {
        fprintf(stderr, "\nWarning: Consumer group '%.*s' is rebalancing.\n",
                SLICE_ARGS(group->id));
    }
    return true;
}

/* ---- offsets --------------------------------------------------------------------------------- */

struct row {
    struct kafka_spot spot;
    bool has_partition;
    bool has_end;
    int64_t end;
    struct slice member;
    struct slice host;
    struct slice client;
};

struct rows {
    struct row *items;
    int32_t count;
};

struct member_view {
    const struct kafka_describe_groups_response_member *member;
    struct kafka_spots spots;
    int32_t position;
};

static int compare_views(const void *a, const void *b)
{
    const struct member_view *left = a;
    const struct member_view *right = b;
    int order = (left->spots.count < right->spots.count) - (left->spots.count > right->spots.count);
    return order != 0 ? order
                      : (left->position > right->position) - (left->position < right->position);
}

static void add_row(struct rows *rows,
                    const struct kafka_spot *spot,
                    const struct kafka_spots *committed,
                    const struct kafka_describe_groups_response_member *member)
{
    const struct kafka_spot *at = kafka_spots_find(committed, spot->topic, spot->partition);
    struct slice none = SLICE_LIT("-");
    rows->items[rows->count++] = (struct row){
        .spot = {.topic = spot->topic,
                 .partition = spot->partition,
                 .offset = at != NULL ? at->offset : -1},
        .has_partition = true,
        .member = member != NULL ? member->member_id : none,
        .host = member != NULL ? member->client_host : none,
        .client = member != NULL ? member->client_id : none,
    };
}

/* Members with most partitions first, then what nobody has. */
static struct rows make_rows(struct kafka_admin *admin,
                             const struct kafka_group *group,
                             const struct kafka_spots *committed)
{
    const struct kafka_describe_groups_response_group *description = group->description;
    struct kafka_spots assigned = {0};
    struct rows rows = {0};
    struct member_view *views = ARENA_ARRAY(&admin->arena, struct member_view,
                                            (size_t)description->members_count + 1);
    for (int32_t i = 0; i < description->members_count; i++) {
        views[i].member = &description->members[i];
        views[i].spots = read_assignment(admin, description->members[i].member_assignment);
        views[i].position = i;
        for (int32_t k = 0; k < views[i].spots.count; k++) {
            kafka_spots_add(admin, &assigned, views[i].spots.items[k].topic,
                            views[i].spots.items[k].partition);
        }
    }
    qsort(views, (size_t)description->members_count, sizeof views[0], compare_views);
    rows.items = ARENA_ARRAY(&admin->arena, struct row,
                             (size_t)assigned.count + (size_t)committed->count + 1);
    for (int32_t i = 0; i < description->members_count; i++) {
        for (int32_t k = 0; k < views[i].spots.count; k++) {
            add_row(&rows, &views[i].spots.items[k], committed, views[i].member);
        }
    }
    for (int32_t i = 0; i < committed->count; i++) {
        const struct kafka_spot *spot = &committed->items[i];
        if (kafka_spots_find(&assigned, spot->topic, spot->partition) == NULL) {
            add_row(&rows, spot, committed, NULL);
        }
    }
    return rows;
}

static int find_ends(struct kafka_admin *admin, struct rows *rows)
{
    struct kafka_spots asked = {0};
    struct kafka_spots ends;
    for (int32_t i = 0; i < rows->count; i++) {
        kafka_spots_add(admin, &asked, rows->items[i].spot.topic, rows->items[i].spot.partition);
    }
    int error = kafka_spots_at(admin, &asked, KAFKA_LIST_OFFSETS_LATEST, &ends);
    for (int32_t i = 0; i < rows->count && error == 0; i++) {
        rows->items[i].has_end = true;
        rows->items[i].end = ends.items[i].offset;
    }
    return error;
}

static const char *number_text(bool has_number, int64_t number, char text[24])
{
    if (!has_number) {
        return "-";
    }
    snprintf(text, 24, "%lld", (long long)number);
    return text;
}

static void print_row(const struct kafka_group *group, const struct row *row, const int widths[4])
{
    char partition[24];
    char offset[24];
    char end[24];
    char lag[24];
    bool has_offset = row->spot.offset >= 0;
    printf("%-*.*s %-*.*s %-10s %-15s %-15s %-15s %-*.*s %-*.*s %.*s\n", widths[0],
           SLICE_ARGS(group->id), widths[1], SLICE_ARGS(row->spot.topic),
           number_text(row->has_partition, row->spot.partition, partition),
           number_text(has_offset, row->spot.offset, offset),
           number_text(row->has_end, row->end, end),
           number_text(has_offset && row->has_end, row->end - row->spot.offset, lag), widths[2],
           SLICE_ARGS(row->member), widths[3], SLICE_ARGS(row->host), SLICE_ARGS(row->client));
}

static void print_rows(const struct kafka_group *group, const struct rows *rows)
{
    int widths[4] = {(int)MAX(COLUMN_MIN, group->id.len), COLUMN_MIN, COLUMN_MIN, COLUMN_MIN};
    for (int32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        widths[1] = MAX(widths[1], (int)row->spot.topic.len);
        widths[2] = MAX(widths[2], (int)row->member.len);
        widths[3] = MAX(widths[3], (int)row->host.len);
    }
    printf("\n%-*s %-*s %-10s %-15s %-15s %-15s %-*s %-*s %s\n", widths[0], "GROUP", widths[1],
           "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", widths[2],
           "CONSUMER-ID", widths[3], "HOST", "CLIENT-ID");
    for (int32_t i = 0; i < rows->count; i++) {
        print_row(group, &rows->items[i], widths);
    }
}

static int describe_offsets(struct kafka_groups *groups, const struct kafka_group *group)
{
    struct kafka_admin *admin = &groups->admin;
    struct kafka_spots committed;
    int error = kafka_groups_wrapped(groups, 2,
                                     kafka_groups_committed(groups, group->id, &committed));
    if (error != 0) {
        return error;
    }
    struct rows rows = make_rows(admin, group, &committed);
    error = kafka_groups_wrapped(groups, 2, find_ends(admin, &rows));
    if (error == 0 && say_state(group) && rows.count > 0) {
        print_rows(group, &rows);
    }
    return error;
}

/* ---- members --------------------------------------------------------------------------------- */

/* "(0,1), (0,1,2)": one list a topic, all in the order of their texts. */
static void print_partitions(struct kafka_admin *admin, const struct kafka_spots *spots)
{
    struct slice lists[1024];
    size_t count = 0;
    for (int32_t i = 0; i < spots->count && count < ARRAY_LEN(lists);) {
        struct slice topic = spots->items[i].topic;
        struct slice text = SLICE_LIT("(");
        const char *separator = "";
        for (; i < spots->count && slice_equal(spots->items[i].topic, topic); i++) {
            text = kafka_admin_format(admin, "%.*s%s%d", SLICE_ARGS(text), separator,
                                      spots->items[i].partition);
            separator = ",";
        }
        lists[count++] = kafka_admin_format(admin, "%.*s)", SLICE_ARGS(text));
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && slice_compare(lists[k - 1], lists[k]) > 0; k--) {
            struct slice other = lists[k];
            lists[k] = lists[k - 1];
            lists[k - 1] = other;
        }
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s%.*s", i > 0 ? ", " : "", SLICE_ARGS(lists[i]));
    }
    if (count == 0) {
        putchar('-');
    }
}

struct member_widths {
    int group;
    int member;
    int instance;
    int host;
    int client;
    bool has_instance;
};

static void print_member(const struct member_widths *widths,
                         struct slice group,
                         const struct kafka_describe_groups_response_member *member,
                         const char *count)
{
    printf("%-*.*s %-*.*s ", widths->group, SLICE_ARGS(group), widths->member,
           SLICE_ARGS(member->member_id));
    if (widths->has_instance) {
        printf("%-*.*s ", widths->instance, SLICE_ARGS(member->group_instance_id));
    }
    printf("%-*.*s %-*.*s %-15s ", widths->host, SLICE_ARGS(member->client_host), widths->client,
           SLICE_ARGS(member->client_id), count);
}

static int describe_members(struct kafka_groups *groups, const struct kafka_group *group)
{
    const struct kafka_describe_groups_response_group *description = group->description;
    struct member_widths widths = {COLUMN_MIN, COLUMN_MIN, 17, COLUMN_MIN, COLUMN_MIN, false};
    const struct kafka_describe_groups_response_member header = {
        .member_id = SLICE_LIT("CONSUMER-ID"),
        .group_instance_id = SLICE_LIT("GROUP-INSTANCE-ID"),
        .client_host = SLICE_LIT("HOST"),
        .client_id = SLICE_LIT("CLIENT-ID"),
    };
    bool is_shown = say_state(group);
    for (int32_t i = 0; i < description->members_count && is_shown; i++) {
        const struct kafka_describe_groups_response_member *member = &description->members[i];
        widths.group = MAX(widths.group, (int)group->id.len);
        widths.member = MAX(widths.member, (int)member->member_id.len);
        widths.instance = MAX(widths.instance, (int)member->group_instance_id.len);
        widths.host = MAX(widths.host, (int)member->client_host.len);
        widths.client = MAX(widths.client, (int)member->client_id.len);
        widths.has_instance |= member->group_instance_id.len > 0;
    }
    putchar('\n');
    print_member(&widths, SLICE_LIT("GROUP"), &header, "#PARTITIONS");
    printf("%s\n", has(groups, "verbose") ? "ASSIGNMENT" : "");
    for (int32_t i = 0; i < description->members_count; i++) {
        const struct kafka_describe_groups_response_member *member = &description->members[i];
        struct kafka_spots spots = read_assignment(&groups->admin, member->member_assignment);
        char count[24];
        snprintf(count, sizeof count, "%d", spots.count);
        print_member(&widths, group->id, member, count);
        if (has(groups, "verbose")) {
            print_partitions(&groups->admin, &spots);
        }
        putchar('\n');
    }
    return 0;
}

/* ---- state ----------------------------------------------------------------------------------- */

static int describe_state(struct kafka_groups *groups, const struct kafka_group *group)
{
    const struct kafka_describe_groups_response_group *description = group->description;
    if (!say_state(group)) {
        return 0;
    }
    struct slice coordinator = kafka_admin_format(&groups->admin, "%s:%u  (%d)",
                                                  group->coordinator.host, group->coordinator.port,
                                                  group->coordinator.id);
    int width = (int)MAX(25, coordinator.len);
    printf("\n%-*s %-25s %-20s %-15s %s", width, "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY",
           "STATE", "#MEMBERS");
    printf("\n%-*.*s %-25.*s %-20.*s %-15.*s %d\n", width, SLICE_ARGS(group->id),
           SLICE_ARGS(coordinator), SLICE_ARGS(description->protocol_data),
           SLICE_ARGS(description->group_state), description->members_count);
    return 0;
}

int kafka_groups_describe(struct kafka_groups *groups)
{
    struct kafka_group_list list = {0};
    int error = kafka_groups_chosen(groups, &list);
    for (int32_t i = 0; i < list.count && error == 0; i++) {
        const struct kafka_group *group = kafka_groups_ask(groups, list.ids[i]);
        if (group == NULL) {
            error = kafka_groups_wrapped(groups, 1, ERR_INVALID);
        } else if (has(groups, "members")) {
            error = describe_members(groups, group);
        } else if (has(groups, "state")) {
            error = describe_state(groups, group);
        } else {
            error = describe_offsets(groups, group);
        }
    }
    return error;
}
