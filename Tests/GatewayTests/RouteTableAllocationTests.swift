// Matching allocates nothing: in a process whose heap is used up, so that any allocation fails, a hundred thousand matches still
// give their results. AddressSanitizer and ThreadSanitizer bring their own allocator, so this runs only without them.

import Glibc
import Testing

@testable import Gateway

@Suite struct RouteTableAllocationTests {
  static var hasPlainHeap: Bool {
    guard let process = dlopen(nil, RTLD_NOW) else { return true }
    return dlsym(process, "__asan_init") == nil && dlsym(process, "__tsan_init") == nil
  }

  @Test(.enabled(if: hasPlainHeap, "a sanitizer's allocator is in place"), .timeLimit(.minutes(1)))
  func matchingAllocatesNothing() async {
    await #expect(processExitsWith: .success) {
      let routes = ["GET /pets/{id}", "GET /pets/dog/{id}", "ANY /files/{rest+}", "$default"]
      let keys = routes.compactMap { try? RouteKey($0) }
      let table = try RouteTable.compile(keys.enumerated().map { ($1, Int32($0)) })
      let resources = try RouteTable.compile(keys.dropLast().enumerated().map { ($1, Int32($0)) }, rules: .rest)
      let hosts = try HostTable.compile([(HostPattern("*.example.com"), 1), (HostPattern("api.example.com"), 2)])
      let requests = HeapProbe.copy("/pets/1\n/pets/dog/2\n/files/a/b\n/%70ets/1\n/none\n\n")
      let captures = UnsafeMutablePointer<PathCapture>.allocate(capacity: table.capturesMax)
      let method = HeapProbe.copy("GET\n")
      let host = HeapProbe.copy("API.Example.com:80\n")
      // Once with a heap, so that what the Swift runtime builds on first use is there.
      let expected = HeapProbe.run(table, hosts, method, requests, host, captures, rounds: 1)
      let expectedOfResources = HeapProbe.run(resources, hosts, method, requests, host, captures, rounds: 1)
      HeapProbe.exhaust()
      let total = HeapProbe.run(table, hosts, method, requests, host, captures, rounds: 20_000)
      let totalOfResources = HeapProbe.run(resources, hosts, method, requests, host, captures, rounds: 20_000)
      let isRight = total == expected &* 20_000 && expected == 12
      _exit(isRight && totalOfResources == expectedOfResources &* 20_000 && expectedOfResources == 9 ? 0 : 1)
    }
  }

  @Test(.enabled(if: hasPlainHeap, "a sanitizer's allocator is in place"), .timeLimit(.minutes(1)))
  func theProbeSeesAnAllocation() async {
    await #expect(processExitsWith: .failure) {
      HeapProbe.exhaust()
      let key = try RouteKey("GET /pets/{id}")
      _exit(key.segments.count == 2 ? 0 : 1)
    }
  }
}

enum HeapProbe {
  /// The bytes of a text in memory that stays.
  static func copy(_ text: String) -> UnsafeMutablePointer<UInt8> {
    let bytes = Array(text.utf8)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
    memory.initialize(from: bytes, count: bytes.count)
    return memory
  }

  /// Takes all free memory of the allocator and keeps the process from getting more.
  static func exhaust() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    limit.rlim_cur = 0
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    var size = 1 << 26
    while size >= 8 {
      take(size)
      size = size > 1024 ? size / 2 : size - 8
    }
  }

  /// Takes blocks of a size until there are none. Each block names the one before, so that the optimizer cannot leave out an
  /// allocation that nobody uses.
  private static func take(_ size: Int) {
    while let block = malloc(size) {
      block.storeBytes(of: taken, as: UnsafeMutableRawPointer?.self)
      taken = block
    }
  }

  // SAFETY: only one thread of the child process of an exit test touches it.
  private nonisolated(unsafe) static var taken: UnsafeMutableRawPointer?

  /// Matches every line of the requests and the host, and sums what comes back: payload and captures of each, and the API.
  static func run(
    _ table: RouteTable, _ hosts: HostTable, _ method: UnsafePointer<UInt8>, _ requests: UnsafePointer<UInt8>,
    _ host: UnsafePointer<UInt8>, _ captures: UnsafeMutablePointer<PathCapture>, rounds: Int
  ) -> Int {
    var sum = 0
    var round = 0
    while round < rounds {
      var start = 0
      while requests[start] != 0x0A {
        var end = start
        while requests[end] != 0x0A { end &+= 1 }
        let match = table.match(method: method, methodCount: 3, path: requests + start, pathCount: end &- start, into: captures)
        sum &+= Int(match.payload) &+ Int(match.captureCount)
        start = end &+ 1
      }
      sum &+= Int(hosts.match(host, 18))
      round &+= 1
    }
    return sum
  }
}
