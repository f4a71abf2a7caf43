/* quotas.c - rules in one table by their text, meters in another.
 *
 * A rule's text is "u=NAME;c=NAME", with "<default>" for a default and nothing after = where the
 * rule does not name one. Looking up the bound makes the eight texts in the order of their
 * exactness. A meter counts for (rule's user part, rule's client part) with real names where the
 * rule has the default: two clients below "<default>" do not share, two connections of one client
 * do.
 *
 * THE RATE is Kafka's: a ring of windows; the sum of those that are not older than the ring,
 * divided by the time since the oldest of them began, which counts as at least all windows but the
 * last. So a burst after silence is spread over ten seconds, not over the moment in which it came.
 */
#include "kafka/server/quotas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"

#define DEFAULT_NAME "<default>"
#define TEXT_MAX (2 * QUOTA_NAME_MAX + 8)
#define METER_IDLE_MS INT64_C(3600000) /* Apache forgets a sensor after an hour, too */

struct rule {
    double bounds[QUOTA_KINDS]; /* negative: not set */
    size_t len;
    char text[];
};

struct meter {
    int64_t starts_ms[QUOTA_WINDOWS];
    double sums[QUOTA_WINDOWS];
    int32_t current;
    int64_t used_ms;
    size_t len;
    char text[];
};

struct quota_table {
    struct bytes_map rules;
    struct bytes_map meters;
    size_t counts[QUOTA_KINDS]; /* rules that set the kind */
};

static const char *const key_names[QUOTA_KINDS] = {"producer_byte_rate", "consumer_byte_rate",
                                                   "request_percentage"};

struct quota_table *quota_table_create(void)
{
    struct quota_table *table = mem_alloc_zeroed(sizeof *table);
    bytes_map_init(&table->rules, (struct hash_key){0});
    bytes_map_init(&table->meters, (struct hash_key){0});
    return table;
}

static void rules_release(struct quota_table *table)
{
    size_t position = 0;
    struct slice key;
    void *value;
    while (bytes_map_next(&table->rules, &position, &key, &value)) {
        struct rule *rule = value;
        mem_free(rule, sizeof *rule + rule->len);
    }
    bytes_map_release(&table->rules);
}

static void meters_release(struct quota_table *table)
{
    size_t position = 0;
    struct slice key;
    void *value;
    while (bytes_map_next(&table->meters, &position, &key, &value)) {
        struct meter *meter = value;
        mem_free(meter, sizeof *meter + meter->len);
    }
    bytes_map_release(&table->meters);
}

void quota_table_release(struct quota_table *table)
{
    rules_release(table);
    meters_release(table);
    mem_free(table, sizeof *table);
}

void quota_table_clear(struct quota_table *table)
{
    rules_release(table);
    bytes_map_init(&table->rules, (struct hash_key){0});
    memset(table->counts, 0, sizeof table->counts);
}

bool quota_table_is_empty(const struct quota_table *table, enum quota_kind kind)
{
    return table == NULL || table->counts[kind] == 0;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Java's URLEncoder with "+" as "%20" and "*" as "%2A": what Apache names the znodes with. */
static size_t encode_name(struct slice name, char out[QUOTA_NAME_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < name.len && len + 3 < QUOTA_NAME_MAX; i++) {
        uint8_t c = name.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (is_plain) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    return len;
}

static struct slice make_text(char text[TEXT_MAX], struct slice user, struct slice client)
{
    int len = snprintf(text, TEXT_MAX, "u=%.*s;c=%.*s", (int)MIN(user.len, QUOTA_NAME_MAX),
                       user.len > 0 ? (const char *)user.ptr : "",
                       (int)MIN(client.len, QUOTA_NAME_MAX),
                       client.len > 0 ? (const char *)client.ptr : "");
    return slice_of(text, (size_t)len);
}

/* "NAME/clients/NAME" into both. */
static void split_user(struct slice name, struct slice *user, struct slice *client)
{
    static const char middle[] = "/clients/";
    size_t len = sizeof middle - 1;
    *user = name;
    *client = SLICE_NULL;
    for (size_t i = 0; i + len <= name.len; i++) {
        if (memcmp(name.ptr + i, middle, len) == 0) {
            *user = slice_part(name, 0, i);
            *client = slice_part(name, i + len, name.len);
            return;
        }
    }
}

/* ---- rules ----------------------------------------------------------------------------------- */

static double parse_bound(struct slice value)
{
    char text[64];
    char *end;
    if (slice_is_null(value) || value.len == 0 || value.len >= sizeof text) {
        return -1;
    }
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    double bound = strtod(text, &end);
    return *end != '\0' || !isfinite(bound) || bound < 0 ? -1 : bound;
}

static struct rule *rule_make(struct quota_table *table, struct slice text)
{
    struct rule *rule = mem_alloc_zeroed(sizeof *rule + text.len);
    for (int i = 0; i < QUOTA_KINDS; i++) {
        rule->bounds[i] = -1;
    }
    rule->len = text.len;
    memcpy(rule->text, text.ptr, text.len);
    bytes_map_add(&table->rules, slice_of(rule->text, rule->len), rule);
    return rule;
}

bool quota_table_set(struct quota_table *table,
                     struct slice entity_type,
                     struct slice entity_name,
                     struct slice key,
                     struct slice value)
{
    char text[TEXT_MAX];
    struct slice user = SLICE_NULL;
    struct slice client = SLICE_NULL;
    int kind = 0;
    while (kind < QUOTA_KINDS && !slice_equal_cstr(key, key_names[kind])) {
        kind++;
    }
    if (kind == QUOTA_KINDS) {
        return false;
    }
    if (slice_equal_cstr(entity_type, "users")) {
        split_user(entity_name, &user, &client);
    } else {
        client = entity_name;
    }
    struct slice name = make_text(text, user, client);
    struct rule *rule = bytes_map_get(&table->rules, name);
    double bound = parse_bound(value);
    if (rule == NULL && bound >= 0) {
        rule = rule_make(table, name);
    }
    if (rule != NULL) {
        table->counts[kind] -= rule->bounds[kind] >= 0;
        table->counts[kind] += bound >= 0;
        rule->bounds[kind] = bound;
    }
    return true;
}

/* The deciding rule, and the names that its meter counts for. */
static const struct rule *find_rule(const struct quota_table *table,
                                    enum quota_kind kind,
                                    struct slice user,
                                    struct slice client,
                                    struct slice *meter_user,
                                    struct slice *meter_client)
{
    const struct slice any = SLICE_LIT(DEFAULT_NAME);
    const struct slice none = SLICE_NULL;
    const struct {
        struct slice user;
        struct slice client;
    } order[] = {{user, client}, {user, any}, {user, none},   {any, client},
                 {any, any},     {any, none}, {none, client}, {none, any}};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        char text[TEXT_MAX];
        const struct rule *rule = bytes_map_get(&table->rules,
                                                make_text(text, order[i].user, order[i].client));
        if (rule != NULL && rule->bounds[kind] >= 0) {
            *meter_user = order[i].user.len > 0 ? user : none;
            *meter_client = order[i].client.len > 0 ? client : none;
            return rule;
        }
    }
    return NULL;
}

/* ---- meters ---------------------------------------------------------------------------------- */

static void forget_idle(struct quota_table *table, int64_t now_ms)
{
    size_t position = 0;
    struct slice key;
    void *value;
    while (bytes_map_next(&table->meters, &position, &key, &value)) {
        struct meter *meter = value;
        if (now_ms - meter->used_ms > METER_IDLE_MS) {
            bytes_map_remove_at(&table->meters, &position);
            mem_free(meter, sizeof *meter + meter->len);
        }
    }
}

static struct meter *find_meter(struct quota_table *table,
                                enum quota_kind kind,
                                struct slice user,
                                struct slice client,
                                int64_t now_ms)
{
    char text[TEXT_MAX + 1];
    text[0] = (char)('0' + (int)kind);
    struct slice name = make_text(text + 1, user, client);
    name = slice_of(text, name.len + 1);
    struct meter *meter = bytes_map_get(&table->meters, name);
    if (meter == NULL) {
        if (table->meters.count >= QUOTA_METERS_MAX) {
            forget_idle(table, now_ms);
        }
        if (table->meters.count >= QUOTA_METERS_MAX) {
            return NULL; /* who comes now is not measured: a limit of ours must not stop the rest */
        }
        meter = mem_alloc_zeroed(sizeof *meter + name.len);
        meter->len = name.len;
        memcpy(meter->text, name.ptr, name.len);
        for (int i = 0; i < QUOTA_WINDOWS; i++) {
            meter->starts_ms[i] = -1;
        }
        meter->starts_ms[0] = now_ms;
        bytes_map_add(&table->meters, slice_of(meter->text, meter->len), meter);
    }
    meter->used_ms = now_ms;
    return meter;
}

/* The window of now; those that have left the ring lose their sums. */
static void meter_advance(struct meter *meter, int64_t now_ms)
{
    if (now_ms - meter->starts_ms[meter->current] >= QUOTA_WINDOW_MS) {
        meter->current = (meter->current + 1) % QUOTA_WINDOWS;
        meter->starts_ms[meter->current] = now_ms;
        meter->sums[meter->current] = 0;
    }
    for (int i = 0; i < QUOTA_WINDOWS; i++) {
        if (meter->starts_ms[i] >= 0 &&
            now_ms - meter->starts_ms[i] >= (int64_t)QUOTA_WINDOWS * QUOTA_WINDOW_MS) {
            meter->starts_ms[i] = -1;
            meter->sums[i] = 0;
        }
    }
}

static double meter_rate(const struct meter *meter, int64_t now_ms)
{
    double sum = 0;
    int64_t oldest_ms = now_ms;
    for (int i = 0; i < QUOTA_WINDOWS; i++) {
        if (meter->starts_ms[i] >= 0) {
            sum += meter->sums[i];
            oldest_ms = MIN(oldest_ms, meter->starts_ms[i]);
        }
    }
    /* Full windows that have not been yet count as silence. */
    int64_t elapsed_ms = now_ms - oldest_ms;
    int64_t full = elapsed_ms / QUOTA_WINDOW_MS;
    if (full < QUOTA_WINDOWS - 1) {
        elapsed_ms += (QUOTA_WINDOWS - 1 - full) * QUOTA_WINDOW_MS;
    }
    return sum * 1000 / (double)elapsed_ms;
}

/* ---- use ------------------------------------------------------------------------------------- */

struct found {
    struct meter *meter;
    double bound;
};

static struct found find(struct quota_table *table,
                         enum quota_kind kind,
                         struct slice user,
                         struct slice client_id,
                         int64_t now_ms)
{
    char user_text[QUOTA_NAME_MAX];
    char client_text[QUOTA_NAME_MAX];
    struct slice meter_user;
    struct slice meter_client;
    struct found found = {NULL, -1};
    if (quota_table_is_empty(table, kind)) {
        return found;
    }
    user = slice_of(user_text, encode_name(user, user_text));
    client_id = slice_of(client_text, encode_name(client_id, client_text));
    const struct rule *rule = find_rule(table, kind, user, client_id, &meter_user, &meter_client);
    if (rule != NULL) {
        found.bound = rule->bounds[kind];
        found.meter = find_meter(table, kind, meter_user, meter_client, now_ms);
    }
    return found;
}

int32_t quota_record(struct quota_table *table,
                     enum quota_kind kind,
                     struct slice user,
                     struct slice client_id,
                     double amount,
                     int64_t now_ms)
{
    struct found found = find(table, kind, user, client_id, now_ms);
    if (found.meter == NULL) {
        return 0;
    }
    meter_advance(found.meter, now_ms);
    found.meter->sums[found.meter->current] += amount;
    double rate = meter_rate(found.meter, now_ms);
    if (rate <= found.bound) {
        return 0;
    }
    double most_ms = (double)QUOTA_WINDOWS * QUOTA_WINDOW_MS;
    double wait_ms = found.bound > 0 ? (rate - found.bound) / found.bound * (QUOTA_WINDOWS - 1) *
                                           QUOTA_WINDOW_MS
                                     : most_ms;
    return (int32_t)llround(MIN(wait_ms, most_ms));
}

void quota_unrecord(struct quota_table *table,
                    enum quota_kind kind,
                    struct slice user,
                    struct slice client_id,
                    double amount,
                    int64_t now_ms)
{
    struct found found = find(table, kind, user, client_id, now_ms);
    if (found.meter != NULL) {
        meter_advance(found.meter, now_ms);
        found.meter->sums[found.meter->current] -= amount;
    }
}

double quota_bound(const struct quota_table *table,
                   enum quota_kind kind,
                   struct slice user,
                   struct slice client_id)
{
    char user_text[QUOTA_NAME_MAX];
    char client_text[QUOTA_NAME_MAX];
    struct slice meter_user;
    struct slice meter_client;
    user = slice_of(user_text, encode_name(user, user_text));
    client_id = slice_of(client_text, encode_name(client_id, client_text));
    const struct rule *rule = find_rule(table, kind, user, client_id, &meter_user, &meter_client);
    return rule == NULL ? -1 : rule->bounds[kind];
}

double quota_rate(struct quota_table *table,
                  enum quota_kind kind,
                  struct slice user,
                  struct slice client_id,
                  int64_t now_ms)
{
    struct found found = find(table, kind, user, client_id, now_ms);
    if (found.meter == NULL) {
        return 0;
    }
    meter_advance(found.meter, now_ms);
    return meter_rate(found.meter, now_ms);
}
