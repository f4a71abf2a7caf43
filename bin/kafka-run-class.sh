#!/bin/sh
# kafka-run-class.sh CLASS [arguments]: the tool that stands for this class of Kafka
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-run-class "$@"
