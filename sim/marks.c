/* marks.c - see marks.h. */
#include "sim/marks.h"

#include <inttypes.h>
#include <stdio.h>

void marks_hit(struct marks *marks, enum mark mark)
{
    if (!marks->in_run[mark]) {
        marks->in_run[mark] = true;
        marks->hits[mark] += 1;
    }
}

void marks_work(struct marks *marks, enum work_kind kind)
{
    marks->work[kind] += 1;
}

void marks_fault(struct marks *marks, enum fault_kind kind)
{
    marks->faults[kind] += 1;
}

void marks_begin_run(struct marks *marks)
{
    memset(marks->in_run, 0, sizeof marks->in_run);
    marks->runs += 1;
}

static void print_totals(const struct marks *marks)
{
    printf("%" PRIu64 " runs (%" PRIu64 " void), %" PRIu64 " events, %.1f hours of virtual time\n",
           marks->runs, marks->void_runs, marks->events, (double)marks->virtual_ns / 3.6e12);
    printf("%" PRIu64 " requests answered, %" PRIu64 " of them writes; %" PRIu64
           " transactions, %" PRIu64 " notifications\n",
           marks->requests, marks->writes, marks->txns, marks->notifications);
    printf("%" PRIu64 " replies and %" PRIu64 " notifications compared with the model\n",
           marks->checked_replies, marks->checked_events);
    printf("%" PRIu64 " server starts, %" PRIu64 " disk operations, %" PRIu64
           " of them syncs; power cuts tore %" PRIu64 " writes, lost %" PRIu64 " and %" PRIu64
           " names\n",
           marks->starts, marks->disk_ops, marks->syncs, marks->torn_writes, marks->lost_writes,
           marks->lost_names);
}

size_t marks_print(const struct marks *marks)
{
    static const char *const texts[] = {
#define X(name, text) text,
        MARK_LIST(X)
#undef X
    };
    size_t missing = 0;
    print_totals(marks);
    printf("\nfaults\n");
    for (size_t i = 0; i < FAULT_KINDS; i++) {
        printf("%10" PRIu64 "  %s\n", marks->faults[i], fault_name((enum fault_kind)i));
    }
    printf("\nwork\n");
    for (size_t i = 0; i < WORK_KINDS; i++) {
        printf("%10" PRIu64 "  %s\n", marks->work[i], work_name((enum work_kind)i));
    }
    printf("\nmust reach: runs that did\n");
    for (size_t i = 0; i < MARK_COUNT; i++) {
        missing += marks->hits[i] == 0;
        printf("%10" PRIu64 "  %s%s\n", marks->hits[i], texts[i],
               marks->hits[i] == 0 ? "   <-- never" : "");
    }
    return missing;
}
