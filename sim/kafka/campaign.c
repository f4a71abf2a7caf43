/* campaign.c - the tables of many runs: what went wrong, and what was met. See kafka_world.h. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/kafka/kafka_world.h"

static const char *const fault_names[KAFKA_FAULT_KINDS] = {
#define X(name, text) [KAFKA_FAULT_##name] = text,
    KAFKA_FAULT_LIST(X)
#undef X
};

static const char *const mark_names[KAFKA_MARK_KINDS] = {
#define X(name, text) [KAFKA_MARK_##name] = text,
    KAFKA_MARK_LIST(X)
#undef X
};

size_t kafka_campaign_print(const struct kafka_campaign *campaign)
{
    size_t missing = 0;
    printf("%" PRIu64 " runs, %.0f virtual s, %" PRIu64 " events, %" PRIu64 " starts\n",
           campaign->runs, (double)campaign->virtual_ns / 1e9, campaign->events, campaign->starts);
    printf("%" PRIu64 " records acknowledged, %" PRIu64 " read, %" PRIu64 " commits, %" PRIu64
           " passes of compaction, %" PRIu64 " places in groups\n\n",
           campaign->acks, campaign->reads, campaign->commits, campaign->cleaner_runs,
           campaign->member_syncs);
    for (int kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        printf("%10" PRIu64 "  %s\n", campaign->faults[kind], fault_names[kind]);
    }
    printf("\n");
    for (int mark = 0; mark < KAFKA_MARK_KINDS; mark++) {
        printf("%10" PRIu64 "  %s\n", campaign->marks[mark], mark_names[mark]);
        missing += campaign->marks[mark] == 0;
    }
    return missing;
}
