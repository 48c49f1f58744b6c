// The method PURGE, where a route allows it: the URL that it names is purged on all nodes. It is no method of the routes: what is purged is
// what a GET of the same URL would find.
import Cache
import Proxy
import Runtime

extension GatewayApplication {
  /// - Returns: nil where it is not PURGE, or not allowed: then it goes the way of every other request.
  @inline(never)
  func decidePurge(_ request: RequestView, _ plan: CachePlan) -> Step? {
    guard plan.caching.allowsPurgeMethod, request.isPlain, let service = cache else { return nil }
    let fields = HeadFields(head: request.wholeHead)
    var key: [UInt8] = []
    // Whatever query and host are to the route: a purge makes its own choice of them for each entry.
    CacheKey.write(
      into: &key, scheme: request.isSecure ? .https : .http, authority: request.authority.bytes, path: request.path.bytes,
      query: request.query.bytes, method: .get, request: nil, rules: CacheKeyRules(), listenerPort: request.listenerPort)
    let isSoft = fields.first("soft-purge").map { $0.elementsEqual([0x31]) } ?? false
    let reply = request.hold()
    PurgeRequest(reply).begin(Array(CacheKey.uri(of: key) ?? []), isSoft: isSoft, at: service)
    return .held
  }

  static func isPurge(_ method: ByteView) -> Bool { method.bytes.elementsEqual("PURGE".utf8) }
}

/// A held PURGE.
///
/// SAFETY: (@unchecked Sendable) the reply is used on its worker's thread alone; others only post to that worker.
private final class PurgeRequest: @unchecked Sendable {
  /// Nanoseconds for which the client waits for the other nodes.
  private static let patience: UInt64 = 250_000_000

  private let reply: LocalReply
  private let worker: Worker

  init(_ reply: LocalReply) {
    self.reply = reply
    worker = reply.worker
  }

  func begin(_ url: [UInt8], isSoft: Bool, at service: CacheService) {
    let purge: Purge
    do throws(PurgeRefusal) {
      purge = try .url(url, isSoft: isSoft, stamp: service.now)
    } catch {
      return reply.send(PurgeRequest.answer(400, [JSONMember("message", .string("The URL \(error.reason)."))]))
    }
    guard let spreader = service.spreader else {
      return service.apply(purge) { [self] in end(purge, PurgeReport(id: "", applied: [""], awaited: [])) }
    }
    spreader.purge(purge, within: PurgeRequest.patience) { [self] in end(purge, $0) }
  }

  /// Clients learn how many nodes there are, and not their names.
  private func end(_ purge: Purge, _ report: PurgeReport?) {
    guard let report else {
      return worker.post { [self] _ in
        reply.send(PurgeRequest.answer(503, [JSONMember("message", .string("Too many purges wait; try again."))]))
      }
    }
    let members = [
      JSONMember("purged", .string(purge.description.text ?? "")), JSONMember("soft", .bool(purge.isSoft)),
      JSONMember("applied", JSONValue(report.applied.count)), JSONMember("awaited", JSONValue(report.awaited.count)),
    ]
    worker.post { [self] _ in reply.send(PurgeRequest.answer(200, members)) }
  }

  private static func answer(_ status: Int, _ members: [JSONMember]) -> LocalResponse {
    var response = LocalResponse(status: status, json: JSONValue.object(members).text() + "\n")
    response.fields.append((name: "Cache-Control", value: "no-store"))
    return response
  }
}
