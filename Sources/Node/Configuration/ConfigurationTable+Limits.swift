// Owns the keys of `limits`: what one client may cost, with the defaults written down.

extension ConfigurationTable {
  static let limits = SectionTable(
    name: "limits", doc: "What one client may cost.",
    keys: [
      .init("target", .size(zero: nil), "8KiB", "Longest request target; beyond it 414."),
      .init("header_bytes", .size(zero: nil), "64KiB", "All header fields of a request together, at most 256 KiB; beyond it 431."),
      .init("header_count", .integer(1...256), "128", "Header fields of a request; beyond it 431."),
      .init("body", .size(zero: "no limit, bodies are streamed"), "0", "Longest request body; beyond it 413."),
      .init("head_timeout", .duration(zero: nil), "10s", "Time from the first byte of a request to the end of its header; beyond it 408."),
      .init(
        "body_timeout", .duration(zero: nil), "30s",
        "Longest pause within a request body (408), and of a client that takes a response (the connection is closed)."),
      .init("idle_timeout", .duration(zero: nil), "75s", "How long a connection stays open between requests."),
      .init("tunnel_timeout", .duration(zero: nil), "1h", "How long an upgraded connection may be silent both ways."),
      .init("connections", .integer(1...10_000_000), "65536", "Client connections per worker; beyond it new ones wait until one closes."),
      .init("http2", .section(http2Limits), "{}", "Bounds for HTTP/2 connections."),
    ])

  static let http2Limits = SectionTable(
    name: "limits.http2", doc: "Bounds for one HTTP/2 connection of a client.",
    keys: [
      .init("max_streams", .integer(1...10_000), "128", "Streams open at once (SETTINGS_MAX_CONCURRENT_STREAMS)."),
      .init(
        "control_frames", .integer(10...1_000_000), "400",
        "RST_STREAM, PING, SETTINGS, PRIORITY and empty frames in one second; beyond it GOAWAY (ENHANCE_YOUR_CALM)."),
      .init(
        "stream_buffer", .size(zero: nil), "128KiB",
        "What waits on one stream for a slow reader before its source is paused; 16 KiB to 1 GiB."),
    ])
}
