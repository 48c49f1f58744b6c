// Options that every TCP socket of ours has, listening or connected, whoever opens it.
import CEpoll
import Glibc

public enum StreamOptions {
  /// Sends at once (TCP_NODELAY), and within this machine with the plainest congestion control.
  ///
  /// Between two ends of one machine nothing is congested and nothing gets lost. Reno, which every Linux has, spares the measuring and
  /// pacing of the machine's own choice (3 % of a proxied request where that is BBR). A listening socket hands both on to what it
  /// accepts; there they hold from the first packet on, while a socket that was accepted before keeps its pacing.
  ///
  /// - Parameter address: where the socket is bound, for a listening one; else its other end.
  public static func set(_ descriptor: Int32, _ address: SocketAddress) {
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    if address.isLoopback { setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, "reno", 4) }
  }
}
