/* draw_membership.c - what a seed draws of who belongs to an ensemble. See reconfigurer.h.
 *
 * Its streams are its own, so that what else a seed draws does not depend on it.
 */
#include "sim/config_writer.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/ensemble/scenarios.h"

#define RECONFIG_ONCE_IN 3
#define GROUPS_ONCE_IN 5
#define MACHINES_MORE_MAX 2

#define STREAM UINT64_C(0x6d656d6265727300)

static bool is_enabled;

void membership_enable(void)
{
    is_enabled = true;
}

bool membership_is_enabled(void)
{
    return is_enabled;
}

static void draw_stream(struct random *random, uint64_t seed, uint64_t which)
{
    random_init(random, seed ^ (STREAM + which));
}

/* Groups of about the same size; weights that make some of them count more, or not at all. */
static void draw_groups(struct random *random, struct membership *first)
{
    static const int weights[] = {0, 1, 1, 1, 1, 2, 3, 5, -1};
    uint64_t groups = random_between(random, 1, 3);
    bool has_weights = !random_once_in(random, 4);
    int heaviest = 0;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        struct seat *seat = &first->seats[i];
        if (!seat->is_there || !seat->is_voter) {
            continue;
        }
        seat->group = 1 + i % (int)groups;
        if (has_weights) {
            seat->weight = weights[random_below(random, ARRAY_LEN(weights))];
        }
        heaviest = MAX(heaviest, seat->weight < 0 ? 1 : seat->weight);
    }
    first->seats[0].weight = heaviest == 0 ? 1 : first->seats[0].weight;
}

/* Few at a time, as with the other faults. */
static void draw_reconfigs(struct random *random, struct ensemble_options *options)
{
    uint64_t once_in = random_between(random, 1, 3);
    for (size_t kind = ENSEMBLE_FAULT_FIRST_RECONFIG; kind < ENSEMBLE_FAULT_KINDS; kind++) {
        uint64_t gap_ms = random_spread(random, ensemble_fault_low_ms((enum ensemble_fault)kind),
                                        ensemble_fault_high_ms((enum ensemble_fault)kind));
        bool is_left_out = !random_once_in(random, once_in);
        options->fault_gap_ns[kind] = is_left_out ? 0 : gap_ms * NS_PER_MS;
    }
}

void membership_draw(struct ensemble_options *options, struct options *base, uint64_t seed)
{
    struct random random;
    struct membership *first = &options->first;
    bool has_client_ports;
    draw_stream(&random, seed, 0);
    bool is_drawn = is_enabled && seed != 0 && options->member_count >= 3 &&
                    scenario_of_seed(seed) == SCENARIO_NONE;
    options->has_reconfig = is_drawn && random_once_in(&random, RECONFIG_ONCE_IN);
    options->has_groups = is_drawn && random_once_in(&random, GROUPS_ONCE_IN);
    has_client_ports = random_once_in(&random, 2);
    *first = (struct membership){.has_names = options->has_names};
    for (int i = 0; i < options->member_count; i++) {
        first->seats[i] = (struct seat){
            .is_there = true,
            .is_voter = i < options->member_count - options->observer_count,
            .has_client_port = options->has_reconfig && has_client_ports,
            .quorum_port = QUORUM_PORT,
            .election_port = ELECTION_PORT,
        };
    }
    for (int i = 0; i < MEMBERS_MAX; i++) {
        first->seats[i].weight = -1;
    }
    if (options->has_groups) {
        draw_groups(&random, first);
    }
    if (options->has_reconfig) {
        uint64_t more = random_between(&random, 1, MACHINES_MORE_MAX);
        options->member_count = MIN(options->member_count + (int)more, MEMBERS_MAX);
        options->has_dynamic_file = random_once_in(&random, 2);
        options->has_super = !random_once_in(&random, 3);
        base->client_count += 1;
        draw_reconfigs(&random, options);
    }
}

void membership_draw_lines(struct ensemble_options *options, uint64_t seed)
{
    struct random random;
    struct config_writer writer = {.text = options->config_text,
                                   .size = sizeof options->config_text};
    writer.len = strlen(options->config_text);
    draw_stream(&random, seed, 1);
    if (!options->has_reconfig) {
        return;
    }
    config_writer_add(&writer, "reconfigEnabled=true\n");
    if (random_once_in(&random, 2)) {
        config_writer_add(&writer, "standaloneEnabled=false\n");
    }
    /* Without the right to it, all are refused; that is tried now and then, too. */
    if (options->has_super) {
        config_writer_add(&writer, "DigestAuthenticationProvider.superDigest=%s\n", AUTH_SUPER_ID);
    } else if (!random_once_in(&random, 8)) {
        config_writer_add(&writer, "skipACL=yes\n");
    }
}
