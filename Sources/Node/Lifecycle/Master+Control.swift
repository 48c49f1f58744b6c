// Owns: the master's side of the control socket: it answers what the serving process asks, and queues what that does not read yet.
import Glibc

extension MasterLoop {
  /// Reads everything that waits; the end of the stream closes our side, the death itself is told by SIGCHLD.
  func readControl() {
    while control >= 0 {
      switch ControlSocket(descriptor: control).receive() {
      case .nothing: return
      case .gone: closeControl()
      case .message(let bytes, let descriptors):
        // `keep` takes its descriptor over; any other is nobody's.
        var rest = descriptors
        answer(ControlRequest(bytes), &rest)
        for descriptor in rest { close(descriptor) }
      }
    }
  }

  private func answer(_ request: ControlRequest?, _ descriptors: inout [Int32]) {
    switch request {
    case .listen(let address, let count):
      do throws(ControlFailure) {
        sendSockets(try keeper.listen(address, count: count))
      } catch {
        send(.failure(error.kind, error.message))
      }
    case .unlisten(let address):
      keeper.unlisten(address)
      send(.done)
    case .keep:
      guard descriptors.count == 1 else { return send(.failure(.malformed, "keep comes with one descriptor")) }
      if keptConfiguration >= 0 { close(keptConfiguration) }
      keptConfiguration = descriptors.removeLast()
      send(.done)
    case .kept: sendSockets(keptConfiguration >= 0 ? [keptConfiguration] : [])
    case .ready:
      handle(.ready)
      send(.done)
    case .status(let text): serviceManager?.notify("STATUS=" + text.replacing("\n", with: " "))
    case .data(let path): dataPath = path
    case .none: send(.failure(.malformed, "no such request"))
    }
  }

  /// Descriptors in as many messages as they need, one even for none.
  private func sendSockets(_ descriptors: [Int32]) {
    var at = 0
    repeat {
      let batch = Array(descriptors[at...].prefix(ControlLimits.descriptorsPerMessageMax))
      at += batch.count
      send(.sockets(count: batch.count, more: descriptors.count - at), batch)
    } while at < descriptors.count
  }

  /// Sends at once or keeps for later; never waits.
  func send(_ reply: ControlReply, _ descriptors: [Int32] = []) {
    guard control >= 0 else { return }
    let bytes = reply.encoded
    if unsent.isEmpty {
      switch ControlSocket(descriptor: control).send(bytes, descriptors: descriptors) {
      case .sent, .gone: return
      case .full: break
      }
    }
    // The same command twice in a row says no more than once.
    guard unsent.last?.bytes != bytes || !descriptors.isEmpty, unsent.count < MasterLoop.unsentMax else { return }
    unsent.append((bytes, descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }))
  }

  func flush() {
    while control >= 0, let message = unsent.first {
      switch ControlSocket(descriptor: control).send(message.bytes, descriptors: message.descriptors) {
      case .full: return
      case .sent, .gone:
        for descriptor in message.descriptors { close(descriptor) }
        unsent.removeFirst()
      }
    }
  }
}
