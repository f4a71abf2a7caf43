#!/bin/sh
# kafka-consumer-perf-test.sh --topic TOPIC ...
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-consumer-perf-test "$@"
