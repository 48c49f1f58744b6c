// One open RocksDB, generation by generation (a column family each). Calls block: they belong on the tier's own threads. Which generation
// is read or written, and when one goes, is the keeper's.
import CRocksDB
import Glibc
import Synchronization

/// A generation on disk.
// SAFETY: (@unchecked Sendable) `handle` is used under the gate's shared side and cleared under its exclusive side only.
final class DiskGeneration: @unchecked Sendable {
  let number: UInt64
  fileprivate(set) var handle: OpaquePointer?
  /// Bodies that are being read from it.
  let cursors = Atomic<Int>(0)

  fileprivate init(number: UInt64, handle: OpaquePointer) {
    self.number = number
    self.handle = handle
  }

  /// Makes the generation unreachable.
  /// - Returns: what is left to destroy, once; called under the gate's exclusive side.
  func takeHandle() -> OpaquePointer? {
    defer { handle = nil }
    return handle
  }
}

/// An open database.
// SAFETY: (@unchecked Sendable) RocksDB's handles may be used by several threads; the gate sees to it that none is used after `close`.
final class DiskDatabase: @unchecked Sendable {
  private let database: OpaquePointer
  private let base: OpaquePointer
  private let settings: DiskSettings

  private init(database: OpaquePointer, base: OpaquePointer, settings: DiskSettings) {
    self.database = database
    self.base = base
    self.settings = settings
  }

  /// Opens the database or makes it.
  /// - Returns: the database and its generations, oldest first.
  static func open(_ options: DiskOptions) throws(DiskFault) -> (DiskDatabase, [DiskGeneration]) {
    let settings = DiskSettings(options)
    var names = ["default"]
    if DiskFolder.hasDatabase(options.path) { names = try listFamilies(options.path, settings) }
    var numbers: [UInt64] = []
    for name in names where name != "default" {
      guard let number = generationNumber(name) else {
        throw DiskFault(.unknownVersion, "\(options.path) holds a column family \(name), which no version known here writes")
      }
      numbers.append(number)
    }
    let cNames = names.map { strdup($0) }
    defer { for name in cNames { free(name) } }
    var handles = [OpaquePointer?](repeating: nil, count: names.count)
    let database = try check(isOpening: true) { error in
      var pointers = cNames.map { UnsafePointer<CChar>($0) }
      var each = [OpaquePointer?](repeating: settings.base, count: names.count)
      return rocksdb_open_column_families(settings.base, options.path, Int32(names.count), &pointers, &each, &handles, error)
    }
    guard let database, let base = handles[names.firstIndex(of: "default") ?? 0] else {
      throw DiskFault(.io, "RocksDB opened \(options.path) without a database")
    }
    var generations: [DiskGeneration] = []
    for (name, handle) in zip(names, handles) {
      if let number = generationNumber(name), let handle { generations.append(DiskGeneration(number: number, handle: handle)) }
    }
    generations.sort { $0.number < $1.number }
    return (DiskDatabase(database: database, base: base, settings: settings), generations)
  }

  private static func listFamilies(_ path: String, _ settings: DiskSettings) throws(DiskFault) -> [String] {
    var count = 0
    var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    // There is a list to give back after an error too.
    defer { if let list { rocksdb_list_column_families_destroy(list, count) } }
    try check(isOpening: true) { list = rocksdb_list_column_families(settings.base, path, &count, $0) }
    guard let list else { throw DiskFault(.io, "RocksDB lists nothing in \(path)") }
    return (0..<count).compactMap { list[$0].map { String(cString: $0) } }
  }

  private static func name(_ number: UInt64) -> String { "g\(number)" }

  private static func generationNumber(_ name: String) -> UInt64? {
    guard name.first == "g", let number = UInt64(name.dropFirst()), number > 0, DiskDatabase.name(number) == name else { return nil }
    return number
  }

  // MARK: generations

  func makeGeneration(_ number: UInt64) throws(DiskFault) -> DiskGeneration {
    let handle = try check { rocksdb_create_column_family(database, settings.base, DiskDatabase.name(number), $0) }
    guard let handle else { throw DiskFault(.io, "RocksDB made no column family \(number)") }
    return DiskGeneration(number: number, handle: handle)
  }

  /// Forgets a generation; its files stay until its handle is destroyed.
  func drop(_ generation: DiskGeneration) throws(DiskFault) {
    guard let handle = generation.handle else { return }
    try check { rocksdb_drop_column_family(database, handle, $0) }
  }

  /// Gives a generation's handle back; the files of a dropped one are deleted here.
  func destroy(handle: OpaquePointer) { rocksdb_column_family_handle_destroy(handle) }

  func flush(_ generation: DiskGeneration) throws(DiskFault) {
    guard let handle = generation.handle else { return }
    try check { rocksdb_flush_cf(database, settings.flushing, handle, $0) }
  }

  /// Bytes of a generation in memory, not yet in a file of it.
  func memoryBytes(_ generation: DiskGeneration) -> UInt64 { property("rocksdb.cur-size-all-mem-tables", generation) }

  /// Bytes of a generation in files and memory.
  func bytes(_ generation: DiskGeneration) -> UInt64 {
    property("rocksdb.total-sst-files-size", generation) &+ property("rocksdb.total-blob-file-size", generation)
      &+ property("rocksdb.cur-size-all-mem-tables", generation)
  }

  /// Records in a generation, as RocksDB estimates them.
  func recordsEstimate(_ generation: DiskGeneration) -> UInt64 { property("rocksdb.estimate-num-keys", generation) }

  private func property(_ name: String, _ generation: DiskGeneration) -> UInt64 {
    guard let handle = generation.handle else { return 0 }
    var value: UInt64 = 0
    return rocksdb_property_int_cf(database, handle, name, &value) == 0 ? value : 0
  }

  /// Ends it. All handles of generations have been given back, and nobody calls any more.
  func close() {
    rocksdb_column_family_handle_destroy(base)
    rocksdb_close(database)
  }

  // MARK: records

  /// Calls `body` with a record of a generation, without copying it.
  /// - Returns: what `body` returns; nil if there is no such record.
  func read<Result>(
    _ key: [UInt8], in generation: DiskGeneration, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(DiskFault) -> Result? {
    guard let handle = generation.handle else { return nil }
    return try read(key, handle, body)
  }

  /// A note beside the generations.
  func note(_ key: String) throws(DiskFault) -> [UInt8]? { try read(Array(key.utf8), base) { Array($0) } }

  private func read<Result>(
    _ key: [UInt8], _ handle: OpaquePointer, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(DiskFault) -> Result? {
    let slice = try check { error in
      key.withUnsafeBytes { bytes in
        let name = bytes.bindMemory(to: CChar.self)
        return rocksdb_get_pinned_cf(database, settings.reading, handle, name.baseAddress, name.count, error)
      }
    }
    guard let slice else { return nil }
    defer { rocksdb_pinnableslice_destroy(slice) }
    var count = 0
    let value = rocksdb_pinnableslice_value(slice, &count)
    // SAFETY: RocksDB keeps the value's memory until the slice is destroyed, which is after `body`.
    return body(UnsafeRawBufferPointer(start: value, count: count))
  }

  /// Writes a note through to the device.
  func setNote(_ key: String, _ value: [UInt8]) throws(DiskFault) {
    let batch = DiskBatch()
    batch.put(Array(key.utf8), value, base)
    try check { rocksdb_write(database, settings.syncing, batch.pointer, $0) }
  }

  /// Writes a batch, all of it or nothing, and empties it.
  func write(_ batch: DiskBatch) throws(DiskFault) {
    try check { rocksdb_write(database, batch.mustBeLogged ? settings.logging : settings.writing, batch.pointer, $0) }
    batch.clear()
  }

  /// Visits head records of a generation in the order of their hashes.
  /// - Parameters:
  ///   - start: the first hash to visit.
  ///   - limit: how many records to visit at most.
  ///   - visit: called with each record.
  /// - Returns: the hash to go on from; nil at the end.
  func walkHeads(
    _ generation: DiskGeneration, from start: DiskHash, limit: Int, _ visit: (DiskHash, UnsafeRawBufferPointer) -> Void
  ) throws(DiskFault) -> DiskHash? {
    guard let handle = generation.handle else { return nil }
    let iterator = rocksdb_create_iterator_cf(database, settings.reading, handle)
    defer { rocksdb_iter_destroy(iterator) }
    start.headKey.withUnsafeBytes { bytes in
      let name = bytes.bindMemory(to: CChar.self)
      rocksdb_iter_seek(iterator, name.baseAddress, name.count)
    }
    var visits = 0
    while rocksdb_iter_valid(iterator) != 0 {
      var keyBytes = 0
      var valueBytes = 0
      let key = rocksdb_iter_key(iterator, &keyBytes)
      guard let hash = DiskHash(headKey: UnsafeRawBufferPointer(start: key, count: keyBytes)) else { break }
      if visits == limit { return hash }
      // SAFETY: RocksDB keeps key and value until the iterator moves.
      let value = rocksdb_iter_value(iterator, &valueBytes)
      visit(hash, UnsafeRawBufferPointer(start: value, count: valueBytes))
      visits += 1
      rocksdb_iter_next(iterator)
    }
    try check { rocksdb_iter_get_error(iterator, $0) }
    return nil
  }
}

/// Writes that reach the database together.
final class DiskBatch {
  fileprivate let pointer: OpaquePointer
  /// Bytes of keys and values in it.
  private(set) var bytes = 0
  /// It holds a removal.
  var mustBeLogged = false

  init() { pointer = rocksdb_writebatch_create() }
  deinit { rocksdb_writebatch_destroy(pointer) }

  var isEmpty: Bool { bytes == 0 }

  func put(_ key: [UInt8], _ value: [UInt8], in generation: DiskGeneration) {
    guard let handle = generation.handle else { return }
    put(key, value, handle)
  }

  fileprivate func put(_ key: [UInt8], _ value: [UInt8], _ handle: OpaquePointer) {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        let name = key.bindMemory(to: CChar.self)
        let bytes = value.bindMemory(to: CChar.self)
        rocksdb_writebatch_put_cf(pointer, handle, name.baseAddress, name.count, bytes.baseAddress, bytes.count)
      }
    }
    bytes += key.count + value.count
  }

  func clear() {
    rocksdb_writebatch_clear(pointer)
    bytes = 0
    mustBeLogged = false
  }
}

/// Calls RocksDB and makes the message it leaves, if any, a fault.
private func check<Result>(
  isOpening: Bool = false, _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) throws(DiskFault) -> Result {
  var message: UnsafeMutablePointer<CChar>?
  let result = call(&message)
  guard let message else { return result }
  defer { rocksdb_free(message) }
  throw DiskFault(status: String(cString: message), isOpening: isOpening)
}
