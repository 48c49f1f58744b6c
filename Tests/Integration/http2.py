"""HTTP/2 at both ends, on the `h2` library: a client that a test drives frame by frame, and an upstream that echoes as it receives."""
import collections
import contextlib
import socket
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Stream:
    """What a client has got of one stream."""

    def __init__(self):
        self.informational, self.fields, self.body, self.trailers = [], None, b"", None
        self.ended, self.reset = False, None

    @property
    def status(self):
        return int(dict(self.fields)[":status"])


class Client:
    """One connection. Prior knowledge, or TLS with ALPN when `tls` is an SSLContext."""

    def __init__(self, port, tls=None, server_name="a.test", timeout=10, settings=None, checks=True):
        sock = socket.create_connection(("127.0.0.1", port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=server_name)
            if sock.selected_alpn_protocol() != "h2":
                raise ValueError(f"ALPN chose {sock.selected_alpn_protocol()}")
        self.socket = sock
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=checks, normalize_outbound_headers=checks))
        self.streams = collections.defaultdict(Stream)
        self.goaway = self.last_stream = None
        self.closed = False
        self.pings = 0
        self._left = b""
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings(settings)
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    # ---- requests
    def start(self, method="GET", path="/", fields=(), end=True, authority="a.test", scheme="http"):
        """Sends a request's head and returns its stream id."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
        self.h2.send_headers(stream, pseudo + list(fields), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Sends data in frames that fit the windows, waiting for more window where needed."""
        view = memoryview(data)
        while len(view):
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(view))
            if room == 0:
                self.pump()
                continue
            self.h2.send_data(stream, bytes(view[:room]))
            view = view[room:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def trailers(self, stream, fields):
        self.h2.send_headers(stream, fields, end_stream=True)
        self.flush()

    def request(self, method="GET", path="/", fields=(), body=None, **options):
        """One whole request; its Stream when it has ended."""
        stream = self.start(method, path, fields, end=body is None, **options)
        if body is not None:
            self.send(stream, body, end=True)
        return self.finish(stream)

    # ---- reading
    def pump(self):
        """Takes in what has come; False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._left += data
        while len(self._left) >= 9 and len(self._left) >= (size := 9 + int.from_bytes(self._left[:3], "big")):
            frame, self._left = self._left[:size], self._left[size:]
            for event in self.h2.receive_data(frame):
                self.take(event)
        with contextlib.suppress(OSError):  # the gateway may be gone already
            self.flush()
        return True

    def take(self, event):
        stream = self.streams[event.stream_id] if getattr(event, "stream_id", None) else None
        if isinstance(event, h2.events.InformationalResponseReceived):
            stream.informational.append(event.headers)
        elif isinstance(event, h2.events.ResponseReceived):
            stream.fields = event.headers
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code
            stream.ended = True
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway, self.last_stream = event.error_code, event.last_stream_id
            if event.error_code == h2.errors.ErrorCodes.NO_ERROR:
                # The library takes any GOAWAY for the end; a graceful one lets the streams under way finish (RFC 9113 6.8).
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings += 1

    def until(self, condition, what):
        while not condition():
            if not self.pump():
                raise ConnectionError(f"the connection ended before {what}; GOAWAY {self.goaway}")

    def finish(self, stream):
        self.until(lambda: self.streams[stream].ended, f"stream {stream} did")
        return self.streams[stream]

    def until_closed(self):
        """Reads to the end of the connection and returns the error of its GOAWAY, None without one."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            while self.pump():
                pass
        return self.goaway


class Raw:
    """A connection on which a test writes frames as they stand and reads what comes of them; nothing is checked on the way."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        self.goaway, self.ended = None, False
        self._left, self._decoder = b"", hpack.Decoder()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """False when the gateway takes no more."""
        try:
            self.socket.sendall(data)
            return True
        except ConnectionError:
            return False

    def frames(self):
        """(kind, flags, stream, payload) of every frame up to the end of the connection."""
        while True:
            while len(self._left) < 9 or len(self._left) < 9 + int.from_bytes(self._left[:3], "big"):
                try:
                    data = self.socket.recv(1 << 16)
                except ConnectionError:
                    data = b""
                if not data:
                    self.ended = True
                    return
                self._left += data
            size = int.from_bytes(self._left[:3], "big")
            kind, flags, stream = self._left[3], self._left[4], int.from_bytes(self._left[5:9], "big")
            payload, self._left = self._left[9:9 + size], self._left[9 + size:]
            if kind == GOAWAY:
                self.goaway = int.from_bytes(payload[4:8], "big")
            yield kind, flags, stream, payload

    def outcome(self, stream):
        """What becomes of a stream: its status, or "reset", "goaway" or "end"."""
        for kind, _, number, payload in self.frames():
            if kind == GOAWAY and self.goaway:
                return "goaway"
            if number == stream and kind == RST_STREAM:
                return "reset"
            if kind == HEADERS:
                fields = dict(self._decoder.decode(payload))
                if number == stream:
                    return int(fields[":status"])
        return "end"


class Upstream:
    """An HTTP/2 server with prior knowledge (or TLS). It answers each request's head at once, sends every piece of data back as it
    comes, and ends with trailers, as a bidirectional gRPC method would. `/reset` resets the stream, `/refuse` refuses it. With `answer`
    every request gets that head and nothing else."""

    def __init__(self, tls=None, answer=None):
        self.tls, self.answer, self.port, self.seen, self.connections = tls, answer, 0, [], 0
        self.changed = threading.Condition()
        self._listener, self._sockets = None, []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for s in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls:
                    sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            self._sockets.append(sock)
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        waiting = {}  # by stream whose response goes on: echoes for which the window had no room yet
        ended = set()
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            sock.sendall(connection.data_to_send())
            while data := sock.recv(1 << 18):
                for event in connection.receive_data(data):
                    self._take(connection, event, waiting, ended)
                for stream in list(waiting):
                    self._echo(connection, stream, waiting, ended)
                sock.sendall(connection.data_to_send())
        sock.close()

    def _take(self, connection, event, waiting, ended):
        if isinstance(event, h2.events.RequestReceived):
            with self.changed:
                self.seen.append(event.headers)
                self.changed.notify_all()
            path = dict(event.headers)[":path"]
            if path in ("/reset", "/refuse"):
                code = h2.errors.ErrorCodes.REFUSED_STREAM if path == "/refuse" else h2.errors.ErrorCodes.INTERNAL_ERROR
                connection.reset_stream(event.stream_id, code)
                return
            if self.answer:
                connection.send_headers(event.stream_id, self.answer, end_stream=True)
                return
            if path == "/trailers-only":
                fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")]
                connection.send_headers(event.stream_id, fields, end_stream=True)
                return
            waiting[event.stream_id] = b""
            connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc"), ("x-path", path)])
        elif isinstance(event, h2.events.DataReceived):
            if event.stream_id in waiting:  # not where the response has ended already
                waiting[event.stream_id] += event.data
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            with self.changed:
                self.seen.append(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            if event.stream_id in waiting:
                ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            waiting.pop(event.stream_id, None)
            ended.discard(event.stream_id)
            with self.changed:
                self.seen.append(("reset", event.error_code))
                self.changed.notify_all()

    @staticmethod
    def _echo(connection, stream, waiting, ended):
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            while waiting[stream]:
                room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                if room <= 0:
                    return
                connection.send_data(stream, waiting[stream][:room])
                waiting[stream] = waiting[stream][room:]
            if stream not in ended:
                return
            connection.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "done")], end_stream=True)
        del waiting[stream]
        ended.discard(stream)
