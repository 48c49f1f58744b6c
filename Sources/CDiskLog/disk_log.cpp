// The logger that writes nothing. RocksDB 7.8's EnvLogger goes on appending to a LOG file after an append that a full device refused, and
// WritableFileWriter asserts that nobody does (file/writable_file_writer.h:312); Debian's build keeps its assertions, so the process ends.
#include "disk_log.h"

#include <rocksdb/env.h>

#include <memory>

namespace {
class DroppingLogger final : public rocksdb::Logger {
 public:
  DroppingLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char *, va_list) override {}
};
}  // namespace

// SAFETY: the C API of 7.8 takes a logger but makes none. This is its own definition (db/c.cc), whose layout has not changed since it came.
struct rocksdb_logger_t {
  std::shared_ptr<rocksdb::Logger> rep;
};

void tg_rocksdb_drop_log(rocksdb_options_t *options) {
  rocksdb_logger_t logger{std::make_shared<DroppingLogger>()};
  rocksdb_options_set_info_log(options, &logger);
}
