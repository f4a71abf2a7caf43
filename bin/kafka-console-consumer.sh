#!/bin/sh
# kafka-console-consumer.sh --bootstrap-server HOST:PORT --topic TOPIC [--from-beginning] ...
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-console-consumer "$@"
