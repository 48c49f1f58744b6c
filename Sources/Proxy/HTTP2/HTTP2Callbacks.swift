// libnghttp2's callbacks: each finds its session and hands over to the worker. Made once, shared by all sessions.
import CNghttp2
import Glibc
import Runtime

/// Callbacks and options for both roles.
///
/// SAFETY: (nonisolated(unsafe)) made once by the initialisers; libnghttp2 only reads them.
enum HTTP2Callbacks {
  nonisolated(unsafe) static let callbacks: OpaquePointer = {
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      h.pointee.worker._withUnsafeGuaranteedRef { h.pointee.clearBlock($0.pool) }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, nameCount, value, valueCount, _, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      let fine = h.pointee.worker._withUnsafeGuaranteedRef { h.add(name!, nameCount, value!, valueCount, $0.headLimits, $0.pool) }
      return fine ? 0 : Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      return h.pointee.worker._withUnsafeGuaranteedRef { $0.http2FrameReceived(h, frame!) }
    }
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      return h.pointee.worker._withUnsafeGuaranteedRef { $0.countNuisance(h) }
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, data, count, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      h.pointee.worker._withUnsafeGuaranteedRef { $0.http2DataReceived(h, stream, Bytes(mutating: data!), count) }
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      h.pointee.worker._withUnsafeGuaranteedRef { $0.http2StreamClosed(h, stream, code) }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      if h.pointee.isServer { h.pointee.worker._withUnsafeGuaranteedRef { $0.http2FrameSent(h, frame!) } }
      return 0
    }
    nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, count, source, me in
      let h = me!.assumingMemoryBound(to: HTTP2Session.self)
      let x = source!.pointee.ptr!.assumingMemoryBound(to: Exchange.self)
      h.pointee.worker._withUnsafeGuaranteedRef { $0.http2SendData(h, x, header!, count) }
      return 0
    }
    return callbacks!
  }()

  // SAFETY: made once, only read afterwards.
  nonisolated(unsafe) static let options: OpaquePointer = {
    var options: OpaquePointer?
    nghttp2_option_new(&options)
    nghttp2_option_set_no_auto_window_update(options, 1)
    nghttp2_option_set_max_outbound_ack(options, 1000)
    nghttp2_option_set_no_closed_streams(options, 1)
    // Beyond its default of 64 KiB a head would silently not be sent; ours are bounded by `headBytesMax` and what we add.
    nghttp2_option_set_max_send_header_block_length(options, 1 << 20)
    return options!
  }()

  /// Says how much of an exchange's queue goes into the next DATA frame.
  static let readDownstream: nghttp2_data_source_read_callback = { session, stream, _, room, flags, source, me in
    let x = source!.pointee.ptr!.assumingMemoryBound(to: Exchange.self)
    let n = min(x.pointee.downstreamOutput.count, room)
    if n == 0 && !x.pointee.downstreamEnded {
      x.pointee.downstreamDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    flags!.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    if x.pointee.downstreamEnded && n == x.pointee.downstreamOutput.count {
      flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if !x.pointee.responseTrailers.isEmpty {
        flags!.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        HTTP2Fields.submitTrailers(session!, stream, x.pointee.responseTrailers)
      }
    }
    return n
  }

  static let readUpstream: nghttp2_data_source_read_callback = { session, stream, _, room, flags, source, me in
    let x = source!.pointee.ptr!.assumingMemoryBound(to: Exchange.self)
    let n = min(x.pointee.upstreamOutput.count, room)
    if n == 0 && !x.pointee.upstreamEnded {
      x.pointee.upstreamDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    flags!.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    if x.pointee.upstreamEnded && n == x.pointee.upstreamOutput.count {
      flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if !x.pointee.requestTrailers.isEmpty {
        flags!.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        HTTP2Fields.submitTrailers(session!, stream, x.pointee.requestTrailers)
      }
    }
    return n
  }
}

/// Field lists for libnghttp2 out of HTTP/1 heads.
enum HTTP2Fields {
  @inline(__always)
  static func field(_ name: UnsafePointer<UInt8>, _ n: Int, _ value: UnsafePointer<UInt8>, _ v: Int) -> nghttp2_nv {
    let flags = isOfOneMessage(name, n) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE  // libnghttp2 copies both
    return nghttp2_nv(name: Bytes(mutating: name), value: Bytes(mutating: value), namelen: n, valuelen: v, flags: UInt8(flags.rawValue))
  }

  /// Fields whose value never comes again: in the table of HPACK they would only drive out others (RFC 7541 §7.1.3 allows it to be left).
  @inline(__always)
  private static func isOfOneMessage(_ name: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    switch n {
    case 11: equalsIgnoringCase(name, n, "traceparent")
    case 12: equalsIgnoringCase(name, n, "x-request-id")
    case 15: equalsIgnoringCase(name, n, "tidegate-client")
    default: false
    }
  }

  @inline(__always)
  static func field(_ name: StaticString, _ value: UnsafePointer<UInt8>, _ v: Int) -> nghttp2_nv {
    field(name.utf8Start, name.utf8CodeUnitCount, value, v)
  }

  /// Field names are lower case in HTTP/2 (RFC 9113 §8.2.1).
  @inline(__always)
  static func lower(_ p: Bytes, _ n: Int) {
    var i = 0
    while i < n {
      if p[i] &- 0x41 < 26 { p[i] |= 0x20 }
      i &+= 1
    }
  }

  /// Submits the lines of a trailer section; libnghttp2 copies them.
  static func submitTrailers(_ session: OpaquePointer, _ stream: Int32, _ lines: ByteQueue) {
    var head = MessageHead()
    defer { head.deallocate() }
    let copy = Bytes.allocate(capacity: lines.count + 2)
    defer { copy.deallocate() }
    memcpy(copy, lines.start, lines.count)
    _ = put(copy, lines.count, "\r\n")
    guard head.parseTrailers(copy, lines.count + 2, HeadLimits(headBytesMax: 1 << 20, fieldsMax: 256)) > 0 else { return }
    var fields: [nghttp2_nv] = []
    for k in 0..<head.count {
      let f = head.fields[k]
      lower(copy + Int(f.name), Int(f.nameCount))
      let nv = field(copy + Int(f.name), Int(f.nameCount), copy + Int(f.value), Int(f.valueCount))
      fields.append(nv)
    }
    nghttp2_submit_trailer(session, stream, fields, fields.count)
  }
}
