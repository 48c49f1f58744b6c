// A logger for RocksDB that writes nothing, since RocksDB's own fails with the disk it is to report on.
#ifndef TIDEGATE_DISK_LOG_H
#define TIDEGATE_DISK_LOG_H
#include <rocksdb/c.h>
#ifdef __cplusplus
extern "C" {
#endif
/// Gives the options a logger that drops every message; RocksDB then makes no LOG file.
void tg_rocksdb_drop_log(rocksdb_options_t *options);
#ifdef __cplusplus
}
#endif
#endif
