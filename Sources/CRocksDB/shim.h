// RocksDB's C API. No logic.
#ifndef TIDEGATE_CROCKSDB_H
#define TIDEGATE_CROCKSDB_H
#include <rocksdb/c.h>

#endif
