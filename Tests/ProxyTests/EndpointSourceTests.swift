import Runtime
import Testing

@testable import Proxy

@Suite("What a configured endpoint stands for")
struct EndpointSourceTests {
  private func resolved(_ text: String, priority: UInt16 = 0, weight: UInt16 = 1) -> ResolvedEndpoint {
    ResolvedEndpoint(address: SocketAddress(text)!, priority: priority, weight: weight, ttlSeconds: 1)
  }

  @Test("a literal address is listed as it is", arguments: [("10.0.0.1", "10.0.0.1:80"), ("2001:db8::1", "[2001:db8::1]:80")])
  func literal(host: String, text: String) {
    let source = EndpointSource(EndpointOptions(host: host, port: 80, weight: 3, sameZone: false, priority: 2))
    #expect(source.isLiteral && source.isAnswered)
    let described = source.described()
    #expect(described.map(\.description) == [EndpointDescription(id: StableHash.hash(text), weight: 3, sameZone: false, priority: 2)])
    #expect(described[0].address.address.description == text)
    #expect(described[0].address.host == host)
  }

  @Test("each address of a name takes the endpoint's settings")
  func name() {
    let source = EndpointSource(EndpointOptions(host: "shop.test", port: 80, weight: 2, priority: 1))
    #expect(!source.isLiteral && !source.isAnswered && source.described().isEmpty)
    source.endpoints = [resolved("10.0.0.1:80"), resolved("10.0.0.2:80")]
    let described = source.described()
    #expect(described.map(\.description.weight) == [2, 2])
    #expect(described.map(\.description.priority) == [1, 1])
    #expect(described.map(\.address.host) == ["shop.test", "shop.test"])
    #expect(Set(described.map(\.description.id)).count == 2)
  }

  @Test("priorities of a service are counted, on top of the endpoint's own")
  func priorities() {
    let source = EndpointSource(EndpointOptions(host: "_http._tcp.shop.test", port: 0, isService: true, priority: 1))
    source.endpoints = [
      resolved("10.0.0.1:1", priority: 10), resolved("10.0.0.2:2", priority: 10), resolved("10.0.0.3:3", priority: 65535),
    ]
    #expect(source.described().map(\.description.priority) == [1, 1, 2])
    let many = EndpointSource(EndpointOptions(host: "_a._tcp.test", port: 0, isService: true, priority: 250))
    many.endpoints = (0..<20).map { resolved("10.0.0.\($0 + 1):1", priority: $0) }
    #expect(many.described().map(\.description.priority).max() == 255)
  }

  @Test(
    "weights of a service keep their ratio, and 0 means hardly any",
    arguments: [
      ([60, 20, 20], [6000, 2000, 2000]), ([0, 0], [1, 1]), ([10, 0], [1000, 1]), ([65535, 1, 0], [65535, 1, 1]),
      ([1000, 1], [65000, 65]),
    ] as [([UInt16], [UInt16])])
  func weights(weights: [UInt16], expected: [UInt16]) {
    let source = EndpointSource(EndpointOptions(host: "_http._tcp.shop.test", port: 0, isService: true, weight: 7))
    source.endpoints = weights.enumerated().map { resolved("10.0.0.\($0 + 1):1", weight: $1) }
    #expect(source.described().map(\.description.weight) == expected)
  }

  @Test(
    "a service goes by the domain that was asked",
    arguments: [("_http._tcp.shop.test", "shop.test"), ("_a.test", "test"), ("plain.test", "plain.test"), ("_x._y", "_x._y")])
  func serviceHost(name: String, host: String) {
    #expect(EndpointSource(EndpointOptions(host: name, port: 0, isService: true)).host == host)
  }
}
