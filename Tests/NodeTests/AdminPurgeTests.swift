// Owns: the cases of what an operator may ask to be purged, and of what is said of the cache.
import Cache
import Runtime
import Testing

@testable import Node
@testable import Proxy

@Suite struct AdminPurgeTests {
  private func ask(_ body: String, _ query: String = "") -> LocalResponse {
    AdminFixture().response(.change("/purge" + query, body: body))
  }

  @Test(
    "what is to be purged is said again in its normal form",
    arguments: [
      (#"{"url":"HTTP://Shop.test:80/a"}"#, "url", "http://shop.test/a", false),
      (#"{"prefix":"//shop.test/a","soft":true}"#, "prefix", "//shop.test/a", true),
      (#"{"soft":false,"tag":"news"}"#, "tag", "news", false),
    ])
  func purged(body: String, kind: String, text: String, soft: Bool) throws {
    let response = ask(body)
    #expect(response.status == 200)
    let said = try response.json()
    #expect(said["purged"]?[kind]?.stringValue == text && said["purged"]?["soft"]?.boolValue == soft)
    #expect(said["id"] == "7.0-1" && said["applied"] == ["edge-1"] && said["awaited"] == ["edge-2"])
  }

  @Test func everything() throws { #expect(try ask(#"{"all":true}"#).json()["purged"]?["all"]?.boolValue == true) }

  @Test(
    "what is no purge is refused, with the reason",
    arguments: [
      ("", "JSON object"), ("[]", "JSON object"), ("{}", "One of"), (#"{"soft":true}"#, "One of"),
      (#"{"url":"http://a/","tag":"b"}"#, "One of"),
      (#"{"tag":"a","tag":"b"}"#, "twice"), (#"{"tags":["a"]}"#, "`tags` is unknown"), (#"{"all":false}"#, "`all` is true"),
      (#"{"all":"true"}"#, "`all` is true"), (#"{"url":1}"#, "`url` is a text"), (#"{"url":"/a"}"#, "`url` has to begin"),
      (#"{"prefix":""}"#, "`prefix` is empty"), (#"{"tag":"a,b"}"#, "`tag` has a"), (#"{"all":true,"soft":"yes"}"#, "`soft` is"),
      (#"{"all":true,"soft":null}"#, "`soft` is"),
    ])
  func refused(body: String, reason: String) throws {
    let response = ask(body)
    #expect(response.status == 400)
    #expect(try response.json()["message"]?.stringValue?.contains(reason) == true, "\(response.text)")
  }

  @Test func theTimeToWaitIsBounded() throws {
    func patience(_ query: String) -> UInt64? {
      guard case .purge(_, let nanoseconds, _) = AdminFixture().application.respond(to: .change("/purge" + query, body: #"{"all":true}"#))
      else { return nil }
      return nanoseconds
    }
    #expect(patience("") == 250_000_000 && patience("?wait=2s") == 2_000_000_000 && patience("?wait=0") == 0)
    for query in ["?wait=6s", "?wait=2", "?wait=", "?wait=-1s"] { #expect(ask(#"{"all":true}"#, query).status == 400, "\(query)") }
  }

  @Test func tooManyAtOnceAreRefused() {
    let fixture = AdminFixture()
    fixture.source.purgeReport = nil
    #expect(fixture.response(.change("/purge", body: #"{"all":true}"#)).status == 503)
    #expect(fixture.source.purges.isEmpty, "deciding changes nothing")
  }

  @Test func theCacheIsShownWithItsHitRatio() throws {
    let said = try AdminFixture().get("/cache").json()
    #expect(said["requests"]?["total"] == 4 && said["requests"]?["hit_ratio"]?.doubleValue == 0.75)
    #expect(said["requests"]?["by_result"]?["uri-miss"] == 1 && said["settled"]?.boolValue == true)
    #expect(AdminFixture().get("/cache?format=text").text.contains("ram.entries 0\n"))
    let metrics = AdminFixture().get("/metrics").text
    for name in ["tidegate_cache_memory_bytes", "tidegate_cache_purged_entries_total{effect=\"marked\"}"] {
      #expect(metrics.contains(name))
    }
  }
}
