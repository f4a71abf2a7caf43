#!/bin/sh
# zkSnapshotRecursiveSummaryToolkit.sh snapshot_file starting_node max_depth
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkSnapshotRecursiveSummaryToolkit "$@"
