// The network that real nodes speak over: the machine's loopback, or one in a namespace of its own that loses datagrams. A namespace goes,
// with its rules, when the last process in it has ended, however it ends.
import Glibc

enum RealNetwork {
  /// Which network namespace this process is in.
  private static var current: String { target(of: "/proc/self/ns/net") }

  private static func target(of link: String) -> String {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let n = readlink(link, &bytes, bytes.count - 1)
    return String(decoding: bytes[..<max(n, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Sees to it that datagrams are lost: this program starts over in a network of its own, and does not come back from the first call, or
  /// comes back without loss where the machine does not allow it.
  /// - Parameters:
  ///   - percent: of all datagrams; 0 leaves everything as it is.
  ///   - outside: the namespace that was left, as the program that starts over is told; nil at first.
  /// - Returns: what the network is, in words.
  static func prepare(losing percent: Double, outside: String?) throws -> String {
    if percent <= 0 { return "the machine's loopback, no loss" }
    guard let outside else {
      if geteuid() != 0 { return without("only root may make a network of its own") }
      if !RealProcess.succeeds(["unshare", "--net", "true"]) { return without("`unshare --net` does not work here") }
      let words = ["unshare", "--net", "--", target(of: "/proc/self/exe")] + CommandLine.arguments.dropFirst() + ["--outside", current]
      var texts: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
      execvp("unshare", &texts)
      throw RealFault("unshare: \(String(cString: strerror(errno)))")
    }
    // Rules are made in a network that was made for them and in no other.
    guard current != outside else { throw RealFault("--outside is for `simulate real` itself; use --loss alone") }
    guard RealProcess.succeeds(["ip", "link", "set", "lo", "up"]) else {
      throw RealFault("`ip link set lo up` failed in a network of its own")
    }
    let text = "loopback in a network of its own, \(percent) % of datagrams lost"
    let rule = ["INPUT", "-i", "lo", "-p", "udp", "-m", "statistic", "--mode", "random", "--probability", "\(percent / 100)", "-j", "DROP"]
    if RealProcess.succeeds(["iptables", "-w", "-A"] + rule) { return text + " by iptables" }
    let random = "numgen random mod 100000 < \(Int((percent * 1_000).rounded()))"
    let table = "table ip loss { chain input { type filter hook input priority 0; iifname lo meta l4proto udp \(random) drop; }; }"
    if RealProcess.succeeds(["nft", "add \(table)"]) { return text + " by nft" }
    return without("neither iptables nor nft takes a rule")
  }

  private static func without(_ reason: String) -> String { "no loss, which says less than was asked for: \(reason)" }
}
