import Foundation
import Testing

@testable import Node

/// A folder that lasts as long as one test.
private final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("\(NSTemporaryDirectory())/tidegate-configuration-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { preconditionFailure("no temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: some Collection<UInt8>) -> String {
    let file = path + "/" + name
    guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else { preconditionFailure("\(file) cannot be written") }
    return file
  }
}

@Suite struct ConfigurationFileTests {
  private let folder = TemporaryFolder()
  private let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
  private let key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"

  private func document(_ certificate: String, _ key: String, tickets: String = "[]") -> String {
    """
    listeners:
      - address: 127.0.0.1:0
        tls: { certificates: [{ certificate: \(certificate), key: \(key) }], ticket_keys: \(tickets) }
    """
  }

  @Test func pathsAreRelativeToTheFolderOfTheFile() throws {
    _ = folder.write("cert.pem", certificate.utf8)
    _ = folder.write("key.pem", key.utf8)
    _ = folder.write("tickets", [UInt8](repeating: 7, count: 80))
    let file = folder.write("tidegate.yaml", document("cert.pem", "key.pem", tickets: "[tickets]").utf8)
    let result = Configuration.load(path: file, environment: [:])
    #expect(result.faults == [])
    let configuration = try #require(result.configuration)
    #expect(configuration.listeners[0].tls?.certificates == [.init(certificate: folder.path + "/cert.pem", key: folder.path + "/key.pem")])
    #expect(configuration.node.data == folder.path + "/var")
    #expect(configuration.log.access == nil)
    #expect(configuration.file == file)
  }

  @Test func filesThatAreNotWhatTheyShouldBeAreFaultsAtTheirPlace() {
    _ = folder.write("key.pem", key.utf8)
    _ = folder.write("short", [1, 2, 3])
    let file = folder.write("tidegate.yaml", document("missing.pem", "short", tickets: "[short, .]").utf8)
    let faults = Configuration.load(path: file, environment: [:]).faults
    #expect(
      faults.map(\.path) == [
        "listeners[0].tls.certificates[0].certificate", "listeners[0].tls.certificates[0].key", "listeners[0].tls.ticket_keys[0]",
        "listeners[0].tls.ticket_keys[1]",
      ])
    #expect(faults.allSatisfy { $0.line == 3 })
    for (fault, text) in zip(faults, ["No such file", "holds no PEM private key", "holds 3 bytes", "is not a regular file"]) {
      #expect(fault.reason.contains(text), "\(fault)")
    }
  }

  @Test func aCertificateInPlaceOfAKeyIsAFault() {
    _ = folder.write("cert.pem", certificate.utf8)
    let file = folder.write("tidegate.yaml", document("cert.pem", "cert.pem").utf8)
    #expect(Configuration.load(path: file, environment: [:]).faults.map(\.path) == ["listeners[0].tls.certificates[0].key"])
  }

  @Test func aMissingFileAFolderAndAPipeAreRefusedAtOnce() throws {
    let pipe = folder.path + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    for path in [folder.path + "/missing.yaml", folder.path, pipe] {
      let result = Configuration.load(path: path, environment: [:])
      #expect(result.configuration == nil && result.faults.count == 1)
      #expect(result.faults.first?.line == 0)
      #expect(result.faults.first?.description.hasPrefix(path + ": ") == true)
    }
  }

  @Test func aHugeFileIsRefusedWithoutBeingParsed() throws {
    let file = folder.write("huge.yaml", [UInt8](repeating: UInt8(ascii: "["), count: Configuration.fileBytesMax + 1))
    #expect(Configuration.load(path: file, environment: [:]).faults.map(\.reason) == ["is longer than 4MiB"])
  }

  @Test func theEnvironmentOfTheProcessIsTheDefault() {
    let file = folder.write("tidegate.yaml", "listeners: [{ address: \"127.0.0.1:${TIDEGATE_NEVER_SET_1f3a:-8080}\" }]".utf8)
    #expect(Configuration.load(path: file).configuration?.listeners[0].address.port == 8080)
  }
}
