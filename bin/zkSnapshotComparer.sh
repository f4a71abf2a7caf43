#!/bin/sh
# zkSnapshotComparer.sh -l left -r right -b bytes -n nodes [-d] [-i]
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkSnapshotComparer "$@"
