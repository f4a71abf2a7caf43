/* txn_log.h - the transaction log's file format: reading, and what to do with a damaged one.
 *
 * File: i32 "ZKLG", i32 version 2, i64 dbid; then entries: i64 Adler-32 of the payload, i32 length,
 * payload (a txn, see zookeeper/core/txn.h), byte 'B'. Zeros follow (space prepared ahead): a
 * length of 0 with checksum 0 is the end, as is the end of file.
 *
 * Damage. A server writes one batch at a time and answers nothing of it before the sync, so what a
 * power cut can leave half-written lies in the last batch of the newest file. Which bytes those are
 * is told by the synced mark, a small file of ours beside the logs (synced_mark.h): up to its
 * offset everything was synced. An entry that does not check is therefore
 *   - corruption, when it is not in the newest file, or stands below the mark, or a valid entry
 * stands farther behind it than one batch reaches (LOG_BATCH_BYTES_MAX); without a mark (Apache
 * wrote the file) any valid entry behind it says so. Nothing is cut then, the server refuses to
 * start and names file and offset: acknowledged writes may be behind it;
 *   - a torn tail otherwise: cut there.
 * Sources: FileTxnLog, FilePadding, TxnLogToolkit; reference 2.10.
 */
#ifndef ZOOKEEPER_STORAGE_TXN_LOG_H
#define ZOOKEEPER_STORAGE_TXN_LOG_H

#include "zookeeper/storage/data_dir.h"

#define TXN_LOG_MAGIC 0x5a4b4c47 /* "ZKLG" */
#define TXN_LOG_VERSION 2
#define TXN_LOG_HEADER_BYTES 16
#define TXN_LOG_ENTRY_OVERHEAD 13 /* checksum, length, 'B' */
#define TXN_LOG_END_OF_ENTRY 0x42

/* Most bytes of one batch: what log_writer puts into one write and one sync (one txn alone may be
 * larger). */
#define LOG_BATCH_BYTES_MAX (4u << 20)

/* Largest payload that a reader believes: a txn is at most a request of jute.maxbuffer plus what
 * the server adds. */
#define TXN_LOG_PAYLOAD_MAX (128u << 20)

/* One file being read in order. */
struct txn_log_reader {
    struct file *file;
    char name[DATA_FILE_NAME_MAX];
    uint64_t size;
    uint64_t offset; /* of the next entry */
    uint32_t magic;  /* as it stands in the file, also when opening failed for it; 0 when the file
                        ends before */
    uint32_t version;
    int64_t dbid;
    uint8_t *window; /* bytes [window_start, window_start + window_len) of the file */
    uint64_t window_start;
    size_t window_len;
    size_t window_cap;
};

/* ERR_END for an empty file or one that ends inside its header (made, never written); ERR_CORRUPT
 * for a wrong magic or version. */
NODISCARD int txn_log_reader_open(struct txn_log_reader *reader,
                                  struct runtime *runtime,
                                  const char *folder,
                                  const char *name);
void txn_log_reader_close(struct txn_log_reader *reader);

/* The next entry's payload (borrowed until the next call). ERR_END at the end; ERR_TRUNCATED when
 * the entry is cut short or its end mark is missing; ERR_CHECKSUM when it does not check. The
 * offset then stays at that entry, and the payload is what its length field spans, null when that
 * is no length of an entry or reaches beyond the file. `stored` (may be NULL) gets the checksum
 * field. */
NODISCARD int txn_log_reader_next(struct txn_log_reader *reader,
                                  struct slice *payload,
                                  int64_t *stored);

/* After ERR_TRUNCATED or ERR_CHECKSUM with a payload: goes on behind that entry, for tools that
 * show damaged logs. */
void txn_log_reader_skip(struct txn_log_reader *reader, struct slice payload);

/* After ERR_TRUNCATED or ERR_CHECKSUM: is there a valid entry at `distance` or more bytes behind
 * the one that failed? */
bool txn_log_reader_valid_behind(struct txn_log_reader *reader, uint64_t distance);

uint32_t txn_log_checksum(struct slice payload);

/* zxid in the payload's TxnHeader; 0 when it is too short for one. */
int64_t txn_log_payload_zxid(struct slice payload);

/* May a txn of this zxid stand behind one of `last`: is it the next one, or the first of a later
 * epoch? Every zxid of an epoch is in the log, failed requests' too: anything else is a gap. */
bool txn_log_zxid_may_follow(int64_t last, int64_t zxid);

#endif
