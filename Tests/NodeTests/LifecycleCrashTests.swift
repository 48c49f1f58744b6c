import Glibc
import Testing

@testable import Node

@Suite("Crash reports")
struct LifecycleCrashTests {
  static func redacted(_ line: String, capacity: Int = 4096) -> String {
    let input = Array(line.utf8)
    var output = [UInt8](repeating: 0x21, count: capacity + 1)
    let count = RequestLineRedaction.write(input, count: input.count, to: &output, capacity: capacity)
    #expect(count <= capacity)
    #expect(output[capacity] == 0x21, "nothing is written beyond the room")
    return String(decoding: output[..<count], as: UTF8.self)
  }

  @Test(
    "a request line keeps method, path and version and loses its secrets",
    arguments: [
      ("GET / HTTP/1.1", "GET / HTTP/1.1\n"), ("GET /a?token=1 HTTP/1.1", "GET /a? HTTP/1.1\n"), ("GET /a?b c=d", "GET /a? c=d\n"),
      ("GET /a#b HTTP/1.1", "GET /a# HTTP/1.1\n"), ("GET /a HTTP/1.1\r\nAuthorization: x", "GET /a HTTP/1.1\n"), ("", "\n"),
      ("GET /\u{1b}[31m\0 HTTP/1.1", "GET /.[31m. HTTP/1.1\n"), ("GET /ü HTTP/1.1", "GET /.. HTTP/1.1\n"),
      ("GET http://me:secret@host/a?q HTTP/1.1", "GET http://host/a? HTTP/1.1\n"),
      ("GET http://a@b@host/ HTTP/1.1", "GET http://host/ HTTP/1.1\n"), ("GET http://host/a@b HTTP/1.1", "GET http://host/a@b HTTP/1.1\n"),
      ("GET /a?u=http://me:secret@host/ HTTP/1.1", "GET /a? HTTP/1.1\n"), ("GET /a/http://x@y/ HTTP/1.1", "GET /a/http://y/ HTTP/1.1\n"),
    ])
  func redaction(_ line: String, _ expected: String) {
    #expect(Self.redacted(line) == expected)
  }

  @Test("a line never passes its room")
  func room() {
    let long = "GET /" + String(repeating: "a", count: 2000) + "?secret HTTP/1.1"
    #expect(Self.redacted(long).utf8.count == RequestLineRedaction.lineBytesMax)
    for capacity in 0...40 { #expect(!Self.redacted("GET http://me:word@host/a?b HTTP/1.1", capacity: capacity).contains("word")) }
    #expect(Self.redacted("GET / HTTP/1.1", capacity: 0).isEmpty)
    #expect(Self.redacted("GET / HTTP/1.1", capacity: 1) == "\n")
  }

  @Test(
    "last words are read within their bounds, whatever a broken process left as their length",
    arguments: [0, 5, 1 << 40, .max] as [UInt64])
  func region(_ length: UInt64) throws {
    let descriptor = CrashRegion.create()
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let memory = try #require(CrashRegion.map(descriptor))
    defer { munmap(memory, CrashRegion.bytes) }
    memory.storeBytes(of: length, as: UInt64.self)
    memset(memory + CrashRegion.headerBytes, 0x1b, CrashRegion.textBytesMax)
    let text = CrashRegion.text(descriptor)
    #expect(text.utf8.count == Int(min(length, UInt64(CrashRegion.textBytesMax))))
    #expect(text.allSatisfy { $0 == "." })
    #expect(ftruncate(descriptor, 1) != 0, "the region cannot shrink under its mapping")
  }

  @Test("what is no region is not mapped")
  func noRegion() {
    let file = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(file) }
    #expect(CrashRegion.map(file) == nil)
  }

  @Test("file names sort by time")
  func names() {
    let name = CrashReport.fileName(wallNanoseconds: 1_700_000_000_123_456_789, pid: 4711)
    #expect(name == "20231114T221320.123Z-4711.txt")
    #expect(CrashReport.timestamp(1_700_000_000_007_000_000) == "2023-11-14T22:13:20.007Z")
  }

  @Test("the newest ten reports stay, other files are left alone")
  func kept() throws {
    var template = Array("/tmp/tidegate-crash-XXXXXX".utf8CString)
    let folder = try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } })
    let reports = folder + "/var/edge/crash"
    defer {
      for name in ProcFile.entries(reports) { unlink("\(reports)/\(name)") }
      for path in [reports, folder + "/var/edge", folder + "/var", folder] { rmdir(path) }
    }
    let start: UInt64 = 1_700_000_000_000_000_000
    for number in 0..<13 as Range<UInt64> {
      let time = start + number * 1_000_000_000
      let path = try #require(CrashReport.write("report \(number)\n", folder: reports, wallNanoseconds: time, pid: 7))
      #expect(ProcFile.read(path) == Array("report \(number)\n".utf8))
      if number == 0 { #expect(creat(reports + "/notes.txt", 0o600) >= 0) }
    }
    let names = ProcFile.entries(reports)
    #expect(names.count == CrashReport.keptMax + 1)
    #expect(names.first == CrashReport.fileName(wallNanoseconds: start + 3 * 1_000_000_000, pid: 7))
    #expect(names.last == "notes.txt")
  }

  @Test("log lines are JSON whatever stands in them")
  func quoting() {
    #expect(MasterLog.quoted("a\"b\\c\n\u{1}\u{7f}ü") == "\"a\\\"b\\\\c\\n\\u0001\\u007fü\"")
  }
}
