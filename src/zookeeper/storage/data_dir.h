/* data_dir.h - the folders and file names of a ZooKeeper server's data.
 *
 * Layout (Apache's): <dataDir>/{myid, version-2/{snapshot.<hex>[.gz|.snappy], acceptedEpoch,
 * currentEpoch}}, <dataLogDir>/version-2/log.<hex>. hex is a zxid, lower case, not padded.
 * dataLogDir defaults to dataDir. Other names in the folders are left alone, but for our own
 * unfinished "*.samsa-tmp" files, which are removed at opening. The folder is locked
 * (version-2/.samsa-lock) so that two servers never share it.
 * Sources: FileTxnSnapLog (checkLogDir, checkSnapDir), Util; reference 2.10.
 */
#ifndef ZOOKEEPER_STORAGE_DATA_DIR_H
#define ZOOKEEPER_STORAGE_DATA_DIR_H

#include "runtime/errmsg.h"
#include "runtime/runtime.h"

#define DATA_DIR_PATH_MAX 3072
#define DATA_FILE_NAME_MAX 256
#define DATA_TMP_SUFFIX ".samsa-tmp"

enum snapshot_compression {
    SNAPSHOT_PLAIN,
    SNAPSHOT_GZIP,
    SNAPSHOT_SNAPPY
};

struct data_dir {
    struct runtime *runtime;
    char snap_dir[DATA_DIR_PATH_MAX]; /* <dataDir>/version-2 */
    char log_dir[DATA_DIR_PATH_MAX];  /* <dataLogDir>/version-2 */
    struct file *lock;                /* NULL when opened for reading only */
};

struct data_file {
    int64_t zxid;
    uint64_t size;
    enum snapshot_compression compression; /* snapshots */
    char name[DATA_FILE_NAME_MAX];
};

struct data_file_list {
    struct data_file *files; /* by zxid, smallest first */
    size_t count;
    size_t cap;
};

/* Opens, creating what is absent when `create` is set, locks, and removes unfinished files. With
 * read_only nothing is changed or locked. data_log_dir may be NULL or equal to data_dir. */
NODISCARD int data_dir_open(struct data_dir *dir,
                            struct runtime *runtime,
                            const char *data_dir,
                            const char *data_log_dir,
                            bool create,
                            bool read_only,
                            struct errmsg *message);
void data_dir_close(struct data_dir *dir);

/* log.<hex> files of a folder. The list is the caller's: release it. */
NODISCARD int data_dir_list_logs(struct runtime *runtime,
                                 const char *folder,
                                 struct data_file_list *list);
NODISCARD int data_dir_list_snapshots(struct runtime *runtime,
                                      const char *folder,
                                      struct data_file_list *list);
void data_file_list_release(struct data_file_list *list);

/* zxid of "log.<hex>" / "snapshot.<hex>[.suffix]", false when the name is not of that form. */
bool data_file_parse_log(const char *name, int64_t *zxid);
bool data_file_parse_snapshot(const char *name,
                              int64_t *zxid,
                              enum snapshot_compression *compression);

/* "<folder>/<name>" into path (PATH_TEXT_MAX bytes). */
void data_dir_join(char *path, const char *folder, const char *name);

#endif
