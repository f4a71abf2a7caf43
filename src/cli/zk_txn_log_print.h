/* zk_txn_log_print.h - one transaction as zkTxnLogToolkit prints it. */
#ifndef CLI_ZK_TXN_LOG_PRINT_H
#define CLI_ZK_TXN_LOG_PRINT_H

#include "zookeeper/core/txn.h"

/* What printing needs again and again: decoded values and the line. */
struct txn_printer {
    struct arena arena;
    struct buffer line;
};

void txn_printer_init(struct txn_printer *printer);
void txn_printer_release(struct txn_printer *printer);

/* Prints "<prefix> - " unless prefix is "", then time, session, cxid, zxid, type and record, to
 * stdout. The errors of txn_decode: nothing is printed then. */
NODISCARD int txn_print(struct txn_printer *printer, struct slice payload, const char *prefix);

/* Decodes without printing; *zxid is the header's. */
NODISCARD int txn_check(struct txn_printer *printer, struct slice payload, int64_t *zxid);

#endif
