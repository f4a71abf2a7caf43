/* version.c - see version.h.
 *
 * Clients parse a ZooKeeper server's version as "<major>.<minor>.<micro>-<rest>, built on <date>"
 * (reference 3.6, trap 14).
 */
#include "base/version.h"

const char samsa_version[] = "0.1.0";
const char samsa_zookeeper_version[] = "3.9.5-samsa-0.1.0";
const char samsa_build_date[] = "2026-11-20 00:00 UTC";
