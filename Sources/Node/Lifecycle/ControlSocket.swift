// Owns: one message with its descriptors over a SOCK_SEQPACKET socket (unix(7), cmsg(3)). What the bytes mean is ControlMessage's
// business. This is the only file that builds control messages by hand, because their macros do not reach Swift.
import CEpoll
import Glibc

/// One end of the talk between master and serving process; does not own the descriptor.
struct ControlSocket {
  let descriptor: Int32

  enum Sent: Equatable {
    case sent
    /// The peer does not read; try again when the socket takes more.
    case full
    /// The peer is gone.
    case gone
  }

  enum Received {
    case message([UInt8], descriptors: [Int32])
    /// Nothing to read now (non-blocking sockets only).
    case nothing
    /// The peer is gone.
    case gone
  }

  /// `struct cmsghdr` is a length of 8 bytes, a level and a type of 4 each on every 64-bit Linux; data follow at once.
  private static let headerBytes = 16
  private static let roomBytes = headerBytes + ControlLimits.descriptorsPerMessageMax * MemoryLayout<Int32>.size

  /// Sends one message whole or not at all; SCM_RIGHTS duplicates the descriptors, the caller keeps its own.
  func send(_ bytes: [UInt8], descriptors: [Int32] = []) -> Sent {
    precondition(descriptors.count <= ControlLimits.descriptorsPerMessageMax, "\(descriptors.count) descriptors in one message")
    var bytes = bytes
    var control = [UInt64](repeating: 0, count: (ControlSocket.roomBytes + 7) / 8)
    let controlBytes = ControlSocket.headerBytes + descriptors.count * MemoryLayout<Int32>.size
    return bytes.withUnsafeMutableBytes { payload in
      control.withUnsafeMutableBytes { room in
        var vector = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          if !descriptors.isEmpty {
            // SAFETY: `room` holds a header and descriptorsPerMessageMax numbers, and UInt64 gives it the header's alignment.
            room.storeBytes(of: controlBytes, as: Int.self)
            room.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            room.storeBytes(of: Int32(1), toByteOffset: 12, as: Int32.self)  // SCM_RIGHTS
            for (index, descriptor) in descriptors.enumerated() {
              room.storeBytes(of: descriptor, toByteOffset: ControlSocket.headerBytes + index * 4, as: Int32.self)
            }
            message.msg_control = room.baseAddress
            message.msg_controllen = (controlBytes + 7) & ~7
          }
          while sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) < 0 {
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == ENOBUFS ? .full : .gone
          }
          return .sent
        }
      }
    }
  }

  /// Receives one message; the caller owns the descriptors that came with it, all close-on-exec.
  func receive() -> Received {
    var bytes = [UInt8](repeating: 0, count: ControlLimits.messageBytesMax)
    var control = [UInt64](repeating: 0, count: (ControlSocket.roomBytes + 7) / 8)
    var descriptors: [Int32] = []
    let count = bytes.withUnsafeMutableBytes { payload in
      control.withUnsafeMutableBytes { room in
        var vector = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = room.baseAddress
          message.msg_controllen = room.count
          var got = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC))
          while got < 0 && errno == EINTR { got = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC)) }
          if got >= 0 { descriptors = ControlSocket.rights(UnsafeRawBufferPointer(rebasing: room[..<Int(message.msg_controllen)])) }
          return got
        }
      }
    }
    if count > 0 { return .message(Array(bytes[..<count]), descriptors: descriptors) }
    for descriptor in descriptors { close(descriptor) }
    if count < 0 && errno == EAGAIN { return .nothing }
    return .gone
  }

  /// The descriptors of every SCM_RIGHTS record in a control area.
  private static func rights(_ room: UnsafeRawBufferPointer) -> [Int32] {
    var descriptors: [Int32] = []
    var at = 0
    while at + headerBytes <= room.count {
      let length = room.loadUnaligned(fromByteOffset: at, as: Int.self)
      guard length >= headerBytes, at + length <= room.count else { break }
      let level = room.loadUnaligned(fromByteOffset: at + 8, as: Int32.self)
      let type = room.loadUnaligned(fromByteOffset: at + 12, as: Int32.self)
      if level == SOL_SOCKET && type == 1 {
        for offset in stride(from: at + headerBytes, to: at + length, by: 4) {
          descriptors.append(room.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        }
      }
      at += (length + 7) & ~7
    }
    return descriptors
  }
}
