import Testing

@testable import Node
@testable import Proxy

@Suite("Who gets in at the admin listener")
struct AdminGateTests {
  private static func gate(_ host: String = "127.0.0.1", token: String? = nil, certificates: Bool = false) -> AdminGate {
    AdminGate(AdminOptions(listen: HostPort(host: host, port: 9901), token: token, trustsCertificates: certificates))
  }

  @Test(
    "names of a listener on loopback",
    arguments: [
      ("127.0.0.1:9901", .own), ("localhost:9901", .own), ("LOCALHOST:9901", .own), ("[::1]:9901", .own), ("127.0.0.1", .literal),
      ("localhost", .literal), ("localhost:8000", .literal), ("10.0.0.1:9901", .literal), ("[2001:db8::1]:9901", .literal),
      ("evil.test", .foreign), ("evil.test:9901", .foreign), ("localhost.evil.test:9901", .foreign), ("127.0.0.1.evil.test", .foreign),
      ("localhost.:9901", .foreign), ("127.0.0.1:9901:1", .foreign), ("127.0.0.1:", .foreign), ("127.0.0.1:99999", .foreign),
      ("127.0.0.1:+9901", .foreign), ("user@127.0.0.1:9901", .foreign), ("[localhost]:9901", .foreign), ("::1", .foreign),
      ("[::1]9901", .foreign), ("0x7f000001:9901", .foreign), ("2130706433", .foreign), ("127.1:9901", .foreign), ("", .absent),
    ] as [(String, AdminGate.Standing)])
  func standing(_ host: String, _ expected: AdminGate.Standing) {
    #expect(Self.gate().standing(ofHost: host, isSecure: false) == expected)
  }

  @Test("a listener's own address is its name; one on all addresses goes by any of them, and by no other name")
  func beyondLoopback() {
    let one = Self.gate("10.0.0.1", token: "t")
    #expect(one.standing(ofHost: "10.0.0.1:9901", isSecure: false) == .own)
    #expect(one.standing(ofHost: "10.0.0.2:9901", isSecure: false) == .literal)
    for host in ["0.0.0.0", "::"] {
      let all = Self.gate(host, token: "t")
      #expect(all.standing(ofHost: "10.0.0.2:9901", isSecure: false) == .own)
      #expect(all.standing(ofHost: "10.0.0.2:9902", isSecure: false) == .literal)
      #expect(all.standing(ofHost: "evil.test:9901", isSecure: false) == .foreign)
    }
    let six = Self.gate("::1")
    #expect(six.standing(ofHost: "[0:0::1]:9901", isSecure: false) == .own)
  }

  @Test("a port that is not named is that of the scheme")
  func defaultPorts() {
    let plain = AdminGate(AdminOptions(listen: HostPort(host: "127.0.0.1", port: 80)))
    #expect(plain.standing(ofHost: "localhost", isSecure: false) == .own)
    #expect(plain.standing(ofHost: "localhost", isSecure: true) == .literal)
    let secure = AdminGate(AdminOptions(listen: HostPort(host: "127.0.0.1", port: 443)))
    #expect(secure.standing(ofHost: "localhost", isSecure: true) == .own)
  }

  @Test(
    "origins",
    arguments: [
      ("http://127.0.0.1:9901", true), ("http://localhost:9901", true), ("HTTP://[::1]:9901", true), ("https://127.0.0.1:9901", false),
      ("null", false), ("", false), ("http://", false), ("http://evil.test", false), ("http://127.0.0.1:9901.evil.test", false),
      ("http://127.0.0.1:9902", false), ("http://127.0.0.1:9901/", false), ("file://", false),
    ])
  func origins(_ origin: String, _ isOwn: Bool) {
    #expect(Self.gate().isOwn(origin: origin, isSecure: false) == isOwn)
  }

  @Test(
    "the token, and nothing but the token",
    arguments: [
      ("Bearer a-secret", .token), ("bearer a-secret", .token), ("BEARER a-secret", .token), ("Bearer a-secreT", .refused),
      ("Bearer a-secre", .refused), ("Bearer a-secreta-secret", .refused), ("Bearer  a-secret", .refused), ("Bearer ", .refused),
      ("Bearer", .refused), ("a-secret", .refused), ("Basic a-secret", .refused), ("", .refused), ("Bearer a-secret ", .refused),
    ] as [(String, AdminGate.Admission)])
  func token(_ value: String, _ expected: AdminGate.Admission) {
    let gate = Self.gate(token: "a-secret")
    #expect(gate.admission(.made("GET", "/stats", [("authorization", value)])) == expected)
    #expect(gate.admission(.made("GET", "/stats")) == .refused)
  }

  @Test("a comparison of secrets is right for every length")
  func comparison() {
    #expect(AdminGate.isEqual([1, 2, 3], [1, 2, 3]))
    #expect(!AdminGate.isEqual([1, 2], [1, 2, 3]))
    #expect(!AdminGate.isEqual([1, 2, 3, 1, 2, 3], [1, 2, 3]))
    #expect(!AdminGate.isEqual([], [1]))
    #expect(!AdminGate.isEqual([0], []))
    #expect(AdminGate.isEqual([], []))
  }

  @Test("a client certificate counts only where such are verified")
  func certificates() {
    let shown = LocalRequest.made("GET", "/stats", isSecure: true, subject: "CN=operator")
    #expect(Self.gate(certificates: true).admission(shown) == .certificate)
    #expect(Self.gate(certificates: true).admission(.made("GET", "/stats", isSecure: true)) == .refused)
    #expect(Self.gate(token: "t").admission(shown) == .refused)
    #expect(Self.gate(token: "t", certificates: true).admission(shown) == .certificate)
    #expect(Self.gate().admission(.made("GET", "/stats")) == .open)
  }
}
