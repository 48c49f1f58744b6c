import Runtime
import Testing

@testable import Node
@testable import Proxy

@Suite("The admin listener's answers")
struct AdminApplicationTests {
  static let reading = AdminPath.allCases.filter { !$0.changes }
  static let changing = AdminPath.allCases.filter { $0.changes }

  @Test("every path that tells something answers GET and HEAD", arguments: reading)
  func tells(_ path: AdminPath) {
    let fixture = AdminFixture()
    for method in ["GET", "HEAD"] {
      let response = fixture.response(.made(method, path.rawValue + (path == .ring ? "?key=a" : "")))
      #expect(response.status == 200)
      #expect(!response.body.isEmpty)
      #expect(response.field("cache-control") == "no-store")
    }
  }

  @Test("and no other method", arguments: reading, ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", ""])
  func onlyTells(_ path: AdminPath, _ method: String) {
    let response = AdminFixture().response(.made(method, path.rawValue, [("Content-Type", "application/json")]))
    #expect(response.status == 405)
    #expect(response.field("allow") == "GET, HEAD")
    #expect(response.field("access-control-allow-origin") == nil)
  }

  @Test("a path that changes something knows POST only", arguments: changing, ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
  func onlyChanges(_ path: AdminPath, _ method: String) {
    let response = AdminFixture().response(.made(method, path.rawValue, [("Content-Type", "application/json")]))
    #expect(response.status == 405)
    #expect(response.field("allow") == "POST")
  }

  @Test("an operator's tool may change", arguments: [nil, "http://localhost:9901"])
  func changes(_ origin: String?) throws {
    let fixture = AdminFixture()
    let reload = fixture.response(.change("/reload", origin: origin))
    #expect(reload.status == 200)
    #expect(try reload.json()["revision"] == 4)
    #expect(fixture.response(.change("/drain", origin: origin)).status == 202)
    #expect(fixture.response(.change("/reload", type: "Application/JSON ; charset=utf-8", body: "")).status == 200)
    #expect(fixture.source.reloads == 0 && fixture.source.drains == 0, "deciding changes nothing")
  }

  @Test("a page elsewhere may not", arguments: changing)
  func foreignPage(_ path: AdminPath) {
    let fixture = AdminFixture()
    let refused: [(LocalRequest, Int)] = [
      (.change(path.rawValue, type: nil), 415), (.change(path.rawValue, type: "text/plain"), 415),
      (.change(path.rawValue, type: "application/x-www-form-urlencoded"), 415), (.change(path.rawValue, type: "application/jsonx"), 415),
      (.change(path.rawValue, type: "text/plain; application/json"), 415), (.change(path.rawValue, origin: "http://evil.test"), 403),
      (.change(path.rawValue, origin: "null"), 403), (.change(path.rawValue, origin: "http://127.0.0.1:9901.evil.test"), 403),
      (.change(path.rawValue, origin: "https://127.0.0.1:9901"), 403), (.change(path.rawValue, host: "evil.test"), 421),
      (.change(path.rawValue, host: "evil.test:9901"), 421), (.change(path.rawValue, host: "127.0.0.1:9902"), 403),
      (.change(path.rawValue, host: ""), 403), (.change(path.rawValue, body: "{"), 400),
      (
        .made(
          "POST", path.rawValue,
          [("Content-Type", "application/json"), ("Origin", "http://127.0.0.1:9901"), ("origin", "http://evil.test")]), 403
      ),
    ]
    for (request, status) in refused {
      let response = fixture.response(request)
      #expect(response.status == status, "\(request.authority) \(request.fields)")
      #expect(response.field("access-control-allow-origin") == nil)
    }
  }

  @Test("under a foreign name nothing is told, but the health that anybody may know")
  func foreignName() {
    let fixture = AdminFixture()
    for path in Self.reading {
      let target = path.rawValue + (path == .ring ? "?key=a" : "")
      #expect(fixture.get(target, host: "evil.test").status == (path.isFree ? 200 : 421))
      #expect(fixture.get(target, host: "localhost:8000").status == 200)
      #expect(fixture.get(target, host: "").status == 200)
    }
    #expect(fixture.get("/nowhere", host: "evil.test").status == 421)
  }

  @Test("a token is demanded where one is set, but not of probes")
  func token() {
    let fixture = AdminFixture(AdminOptions(listen: HostPort(host: "0.0.0.0", port: 9901), token: "a-secret"))
    let shown = [(name: "Authorization", value: "Bearer a-secret")]
    for path in Self.reading {
      let target = path.rawValue + (path == .ring ? "?key=a" : "")
      #expect(fixture.get(target).status == (path.isFree ? 200 : 401))
      #expect(fixture.get(target, shown).status == 200)
      // Who has the token is no rebound page, so that a scraper may use the name that it knows.
      #expect(fixture.get(target, host: "edge-1.internal:9901", shown).status == 200)
    }
    let refused = fixture.get("/nowhere")
    #expect(refused.status == 401)
    #expect(refused.field("www-authenticate")?.hasPrefix("Bearer") == true)
    #expect(fixture.get("/nowhere", shown).status == 404)
    #expect(fixture.response(.change("/reload")).status == 401)
    let change = shown + [(name: "Content-Type", value: "application/json")]
    #expect(fixture.response(.made("POST", "/reload", host: "10.0.0.1:9901", change)).status == 200)
    #expect(fixture.response(.made("POST", "/reload", host: "edge-1.internal:9901", change)).status == 403)
  }

  @Test("a certificate in an operator's browser does not open the door to a foreign name")
  func certificate() {
    let fixture = AdminFixture(AdminOptions(listen: HostPort(host: "0.0.0.0", port: 9901), trustsCertificates: true))
    let stats = { (host: String) in fixture.response(.made("GET", "/stats", host: host, isSecure: true, subject: "CN=operator")).status }
    #expect(stats("10.0.0.1:9901") == 200)
    #expect(stats("evil.test:9901") == 421)
  }

  @Test("what is not there is not found", arguments: ["/nowhere", "", "//", "/stats/", "/STATS", "/healthz/../config", "/%73tats"])
  func unknown(_ path: String) throws {
    let response = AdminFixture().get(path)
    #expect(response.status == 404)
    #expect(try response.json()["message"]?.stringValue != nil)
  }

  @Test("readiness gives its reasons in either form")
  func readiness() throws {
    let fixture = AdminFixture()
    #expect(try fixture.get("/readyz").json()["ready"] == true)
    #expect(fixture.get("/readyz?format=text").text == "ready\n")
    fixture.source.reasons = ["draining", "no endpoint of catalog is healthy"]
    let response = fixture.get("/readyz")
    #expect(response.status == 503)
    #expect(try response.json() == ["ready": false, "reasons": ["draining", "no endpoint of catalog is healthy"]])
    let text = fixture.get("/readyz?a=b&format=text")
    #expect(text.status == 503 && text.text == "draining\nno endpoint of catalog is healthy\n")
  }

  @Test("a form that a path does not have is refused", arguments: ["/metrics?format=json", "/config?format=text", "/stats?format=xml"])
  func unknownForm(_ target: String) {
    #expect(AdminFixture().get(target).status == 400)
  }

  @Test("health and index have both forms")
  func forms() throws {
    let fixture = AdminFixture()
    #expect(fixture.get("/healthz").text == "ok\n")
    #expect(try fixture.get("/healthz?format=json").json() == ["status": "ok"])
    for path in AdminPath.allCases { #expect(fixture.get("/").text.contains(path.rawValue)) }
    #expect(try fixture.get("/?format=json").json()["paths"]?.arrayValue?.count == AdminPath.allCases.count)
  }

  @Test("a refused reload gives the faults, one that cannot be tried the reason")
  func reloads() throws {
    let fixture = AdminFixture()
    fixture.source.outcome = .refused(faults: ["tidegate.yaml:3: `listners` is not known"])
    let refused = fixture.response(.change("/reload"))
    #expect(refused.status == 422)
    #expect(try refused.json()["faults"] == ["tidegate.yaml:3: `listners` is not known"])
    fixture.source.outcome = .unavailable("The node is draining.")
    #expect(fixture.response(.change("/reload")).status == 409)
    fixture.source.outcome = .applied(revision: 5, warnings: ["`cluster` is not in effect yet"])
    #expect(try fixture.response(.change("/reload")).json()["warnings"] == ["`cluster` is not in effect yet"])
  }
}
