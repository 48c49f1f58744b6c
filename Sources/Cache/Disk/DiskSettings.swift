// How RocksDB is set up for a cache: values in blob files that are written once, small trees of keys, no tombstones, small log files.
// What the settings cost and gain stands in the room's page.
import CDiskLog
import CRocksDB

/// The option objects of one open database.
// SAFETY: (@unchecked Sendable) set up in `init`, only read by RocksDB afterwards, destroyed with the last reference.
final class DiskSettings: @unchecked Sendable {
  let base: OpaquePointer
  let reading: OpaquePointer
  let writing: OpaquePointer
  /// For removals, which must outlive the process whatever stores may do.
  let logging: OpaquePointer
  /// For what must outlive the machine: the version, the epoch.
  let syncing: OpaquePointer
  let flushing: OpaquePointer
  private let cache: OpaquePointer

  init(_ options: DiskOptions) {
    cache = rocksdb_cache_create_lru(options.blockCacheBytes)
    base = rocksdb_options_create()
    reading = rocksdb_readoptions_create()
    writing = rocksdb_writeoptions_create()
    logging = rocksdb_writeoptions_create()
    syncing = rocksdb_writeoptions_create()
    flushing = rocksdb_flushoptions_create()
    rocksdb_writeoptions_disable_WAL(writing, options.logsStores ? 0 : 1)
    rocksdb_writeoptions_set_sync(syncing, 1)
    rocksdb_flushoptions_set_wait(flushing, 1)
    setFiles(options)
    setTree(options)
    setBlobs()
  }

  deinit {
    rocksdb_flushoptions_destroy(flushing)
    rocksdb_writeoptions_destroy(syncing)
    rocksdb_writeoptions_destroy(logging)
    rocksdb_writeoptions_destroy(writing)
    rocksdb_readoptions_destroy(reading)
    rocksdb_options_destroy(base)
    rocksdb_cache_destroy(cache)
  }

  private func setFiles(_ options: DiskOptions) {
    rocksdb_options_set_create_if_missing(base, 1)
    // A tail of the log that a crash cut off is no damage; a hole in it is.
    rocksdb_options_set_wal_recovery_mode(base, Int32(rocksdb_point_in_time_recovery))
    rocksdb_options_set_max_total_wal_size(base, UInt64(options.writeBufferBytes) * 2)
    rocksdb_options_set_max_open_files(base, 1024)
    rocksdb_options_set_skip_stats_update_on_db_open(base, 1)
    rocksdb_options_set_stats_persist_period_sec(base, 0)
    rocksdb_options_set_stats_dump_period_sec(base, 0)
    rocksdb_options_set_max_background_jobs(base, 2)
    // RocksDB's own log would end the process on a full device.
    tg_rocksdb_drop_log(base)
    rocksdb_options_set_max_manifest_file_size(base, 1 << 20)
    rocksdb_options_set_manifest_preallocation_size(base, 64 << 10)
  }

  private func setTree(_ options: DiskOptions) {
    rocksdb_options_set_write_buffer_size(base, options.writeBufferBytes)
    rocksdb_options_set_max_write_buffer_number(base, 3)
    rocksdb_options_set_compaction_style(base, Int32(rocksdb_universal_compaction))
    // Only keys and small heads are merged; eight runs of them cost a lookup eight filters at most.
    rocksdb_options_set_level0_file_num_compaction_trigger(base, 8)
    rocksdb_options_set_compression(base, Int32(rocksdb_lz4_compression))
    let table = rocksdb_block_based_options_create()
    rocksdb_block_based_options_set_block_cache(table, cache)
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1)
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
    rocksdb_block_based_options_set_format_version(table, 5)
    // The table takes the policy over. A lookup asks every generation, so that wrong answers of filters add up: 12 bits for 0.3 %.
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(12))
    rocksdb_options_set_block_based_table_factory(base, table)
    rocksdb_block_based_options_destroy(table)
  }

  private func setBlobs() {
    rocksdb_options_set_enable_blob_files(base, 1)
    rocksdb_options_set_min_blob_size(base, 1024)
    rocksdb_options_set_blob_compression_type(base, Int32(rocksdb_no_compression))
    rocksdb_options_set_enable_blob_gc(base, 0)
    rocksdb_options_set_blob_cache(base, cache)
  }
}
