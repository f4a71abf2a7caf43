/* report.c - the tables of a campaign. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/ensemble/reconfigurer.h"

size_t ensemble_campaign_print(const struct ensemble_campaign *campaign)
{
    static const char *const marks[] = {
#define X(name, text) text,
        ENSEMBLE_MARKS(X)
#undef X
    };
    size_t missing = 0;
    printf("%" PRIu64 " runs (%" PRIu64 " void), %" PRIu64 " events, %.1f hours of virtual time\n",
           campaign->runs, campaign->void_runs, campaign->events,
           (double)campaign->virtual_ns / 3.6e12);
    printf("%" PRIu64 " starts of servers, %" PRIu64 " leaders; %" PRIu64
           " requests answered, %" PRIu64 " transactions committed\n",
           campaign->starts, campaign->leaders, campaign->answered, campaign->committed);
    printf("%" PRIu64 " replies and %" PRIu64 " notifications compared with the model; %" PRIu64
           " syncs showed less than others had seen\n",
           campaign->base.checked_replies, campaign->base.checked_events, campaign->weak_syncs);
    printf("\nfaults\n");
    for (size_t i = 0; i < ENSEMBLE_FAULT_KINDS; i++) {
        printf("%10" PRIu64 "  %s\n", campaign->faults[i],
               ensemble_fault_name((enum ensemble_fault)i));
    }
    printf("\nwork\n");
    for (size_t i = 0; i < WORK_KINDS; i++) {
        printf("%10" PRIu64 "  %s\n", campaign->base.work[i], work_name((enum work_kind)i));
    }
    printf("\nmust reach\n");
    for (size_t i = 0; i < ENSEMBLE_MARK_KINDS; i++) {
        bool is_left_out = !membership_is_enabled() && i >= ENSEMBLE_MARK_RECONFIGURED &&
                           i <= ENSEMBLE_MARK_WEIGHTS_MATTERED;
        if (is_left_out) {
            continue;
        }
        missing += campaign->marks[i] == 0;
        printf("%10" PRIu64 "  %s%s\n", campaign->marks[i], marks[i],
               campaign->marks[i] == 0 ? "   <-- never" : "");
    }
    return missing;
}
