// swift-tools-version:6.2
// The house: one target a room, arrows point down only (docs/architecture.md; Tests/TidyTests holds them).
import PackageDescription

/// Release builds see across rooms, so that a step from one room to the next costs a call and not a witness. Exclusive access is checked at
/// run time in debug builds, where the tests run; a worker's state is confined to its thread, and the check costs on every access.
let acrossRooms: [SwiftSetting] = [
  .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// `make fuzz` asks for these; nobody else needs the toolchain's libFuzzer.
let fuzzers: [Target] =
  Context.environment["TIDEGATE_FUZZ"] == nil
  ? []
  : [
    .executableTarget(name: "fuzz-http1", dependencies: ["Proxy"], path: "Tests/Fuzz/HTTP1"),
    .executableTarget(name: "fuzz-configuration", dependencies: ["Node"], path: "Tests/Fuzz/Configuration"),
    .executableTarget(name: "fuzz-packets", dependencies: ["Gossip"], path: "Tests/Fuzz/Packets"),
    .executableTarget(name: "fuzz-streams", dependencies: ["Gossip"], path: "Tests/Fuzz/Streams"),
    .executableTarget(name: "fuzz-schemas", dependencies: ["Gateway"], path: "Tests/Fuzz/Schemas"),
  ]

let package = Package(
  name: "tidegate",
  products: [.executable(name: "tidegate", targets: ["tidegate"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "CEpoll"),
    .systemLibrary(name: "CVector"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CDatagram"),
    .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"])]),
    .target(name: "CDiskLog", linkerSettings: [.linkedLibrary("rocksdb")]),
    .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),

    .target(name: "Runtime", dependencies: ["CEpoll"], swiftSettings: acrossRooms),
    .target(name: "Proxy", dependencies: ["Runtime", "CVector", "COpenSSL", "CNghttp2", "CCares"], swiftSettings: acrossRooms),
    .target(name: "Cache", dependencies: ["Runtime", "CEpoll", "CRocksDB", "CDiskLog", "CLZ4"], swiftSettings: acrossRooms),
    .target(name: "Gateway", dependencies: ["Runtime", "Proxy", "Cache", "CPCRE2"], swiftSettings: acrossRooms),
    .target(name: "Gossip", dependencies: ["Runtime", "CEpoll", "CDatagram", "COpenSSL", "CLZ4"], swiftSettings: acrossRooms),
    .target(name: "Node", dependencies: ["Runtime", "Proxy", "Cache", "Gateway", "Gossip", "Yams"], swiftSettings: acrossRooms),
    .executableTarget(
      name: "tidegate",
      dependencies: ["Node", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: acrossRooms),

    .testTarget(name: "RuntimeTests", dependencies: ["Runtime"]),
    .testTarget(name: "ProxyTests", dependencies: ["Proxy"]),
    .executableTarget(name: "disk-writer", dependencies: ["Cache", "Runtime"], path: "Tests/DiskWriter", swiftSettings: acrossRooms),
    .testTarget(name: "CacheTests", dependencies: ["Cache", "disk-writer"]),
    .testTarget(name: "GatewayTests", dependencies: ["Gateway", "Cache"]),
    .target(name: "SimulationKit", dependencies: ["Runtime", "Gossip"], path: "Tests/SimulationKit", swiftSettings: acrossRooms),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "Runtime", "Gossip", "Cache", "Gateway", "SimulationKit", "CEpoll",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Simulate", swiftSettings: acrossRooms),
    .testTarget(name: "GossipTests", dependencies: ["Gossip", "SimulationKit"]),
    .testTarget(name: "NodeTests", dependencies: ["Node"]),
    .testTarget(name: "TidyTests"),
  ] + fuzzers,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
