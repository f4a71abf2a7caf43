/* authorized_operations.h - the bit fields of KIP-430. Without an authorizer everybody may do all
 * that a resource knows. Source: AclEntry.supportedOperations of 3.9.
 */
#ifndef KAFKA_SERVER_HANDLERS_AUTHORIZED_OPERATIONS_H
#define KAFKA_SERVER_HANDLERS_AUTHORIZED_OPERATIONS_H

/* Bits by the codes of AclOperation: READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8,
 * CLUSTER_ACTION 9, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11, IDEMPOTENT_WRITE 12. */
#define TOPIC_OPERATIONS (1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11)
#define CLUSTER_OPERATIONS (1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12)
#define GROUP_OPERATIONS (1 << 3 | 1 << 6 | 1 << 8)

#endif
