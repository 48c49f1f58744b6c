import Runtime
import Testing

@testable import Proxy

@Suite("Faults and reason phrases")
struct HTTPFaultTests {
  @Test("every fault has a status of its own kind, a reason, a label and a body", arguments: Fault.allCases)
  func complete(fault: Fault) throws {
    let (code, reason) = fault.status
    #expect((400...599).contains(code))
    #expect("\(reason)" == ReasonPhrase.of(code), "one phrase for a status, wherever it is written")
    let label = "\(fault.label)"
    #expect(!label.isEmpty && label.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || $0 == 95 })
    let body = ErrorBody.of(fault)
    let json = try JSONValue.parse(Array(UnsafeBufferPointer(start: body.start, count: body.count)))
    #expect(json.objectValue?.map(\.name) == ["message"] && json["message"]?.stringValue == "\(fault.message)")
  }

  @Test("labels tell faults apart")
  func distinct() {
    #expect(Set(Fault.allCases.map { "\($0.label)" }).count == Fault.allCases.count)
    #expect(Fault.allCases.map { Int($0.rawValue) } == Array(0..<Fault.allCases.count), "metrics and bodies are found by number")
  }

  @Test("a connection whose bytes cannot be trusted any more is closed, and no other", arguments: Fault.allCases)
  func closes(fault: Fault) {
    let isTheirs = (400...499).contains(fault.status.code) && fault != .routeNotFound && fault != .misdirected
    #expect(fault.closesDownstream == (isTheirs || fault == .version || fault == .coding))
  }

  @Test("every verdict of the head parser has its fault")
  func headFaults() {
    let expected: [(HeadFault, Int)] = [
      (.malformed, 400), (.targetTooLong, 414), (.fieldsTooLarge, 431), (.version, 505), (.coding, 501), (.expectation, 417),
    ]
    for (fault, status) in expected {
      #expect(Fault(fault).status.code == status)
      #expect(fault.rawValue < 0, "never a length")
    }
    #expect((-6 ... -1).allSatisfy { HeadFault(rawValue: $0) != nil } && HeadFault(rawValue: -7) == nil && HeadFault(rawValue: 0) == nil)
  }

  @Test("messages in the words of AWS HTTP APIs where they have one")
  func messages() {
    #expect("\(Fault.routeNotFound.message)" == "Not Found")
    #expect("\(Fault.circuitOpen.message)" == "Service Unavailable")
    #expect("\(Fault.internalError.message)" == "Internal Server Error")
  }

  @Test("a status without a phrase has an empty one", arguments: [(200, "OK"), (404, "Not Found"), (299, ""), (0, ""), (999, "")])
  func phrases(status: Int, phrase: String) { #expect(ReasonPhrase.of(status) == phrase) }
}
