"""A client that sees the wire: sends exactly the bytes it is told to and reads HTTP/1 responses strictly. No library stands between,
because libraries hide what these tests are about."""
import socket
import struct


class Response:
    """One response; `interim` holds the statuses and fields of 1xx responses before it."""

    def __init__(self, version, status, fields, reason=""):
        self.version, self.status, self.fields, self.reason = version, status, fields, reason
        self.body, self.trailers, self.framing, self.interim = b"", [], "none", []
        self.chunks = []

    def get(self, name, default=None):
        """The values of a field, joined."""
        values = self.all(name)
        return ", ".join(values) if values else default

    def all(self, name):
        return [v for n, v in self.fields if n == name.lower()]

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:80]!r}>"


class Truncated(ValueError):
    """The connection ended before the message did; `so_far` is what had come of its body."""

    def __init__(self, what, so_far=b""):
        super().__init__(f"the connection ended inside {what}")
        self.so_far = so_far


def parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\r" in line or b"\n" in line or b"\0" in line:
            raise ValueError(f"bad field line {line!r}")
        fields.append((name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")))
    return fields


def head(method, target, fields=(), version="HTTP/1.1", host="a.test"):
    """The bytes of a request head; `host` None leaves Host out."""
    lines = [f"{method} {target} {version}"] + ([f"Host: {host}"] if host is not None else []) + [f"{n}: {v}" for n, v in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Wire:
    """One connection. `tls` is an SSLContext; `preface` is sent in front of everything (PROXY protocol)."""

    def __init__(self, port, host="127.0.0.1", tls=None, server_name=None, timeout=10, receive_buffer=None, preface=b"", session=None):
        self.socket = socket.socket()
        self.buffer = b""
        try:
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(timeout)
            self.socket.connect((host, port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if preface:
                self.socket.sendall(preface)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=server_name, session=session)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_slowly(self, data):
        """One byte a segment."""
        for i in range(len(data)):
            self.socket.sendall(data[i:i + 1])

    def request(self, method, target, fields=(), body=None, **options):
        """Sends a request (with Content-Length when there is a body) and reads its response."""
        fields = [*fields, ("Content-Length", len(body))] if body is not None else list(fields)
        self.send(head(method, target, fields, **options) + (body or b""))
        return self.read(method)

    # ---- reading
    def fill(self):
        """Takes more bytes; False at the end of the connection."""
        data = self.socket.recv(1 << 18)
        self.buffer += data
        return bool(data)

    def take_until(self, mark, what):
        while mark not in self.buffer:
            if not self.fill():
                raise Truncated(what, self.buffer)
        taken, self.buffer = self.buffer.split(mark, 1)
        return taken

    def take(self, n, what="a body"):
        parts, have = [self.buffer], len(self.buffer)
        while have < n:
            data = self.socket.recv(min(1 << 20, n - have) if n - have > 1 << 16 else 1 << 16)
            if not data:
                self.buffer = b""
                raise Truncated(what, b"".join(parts))
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.buffer = whole[n:]
        return whole[:n]

    def read_head(self):
        """The next head, interim or final; no body."""
        lines = self.take_until(b"\r\n\r\n", "a head").split(b"\r\n")
        version, status, *reason = lines[0].split(b" ", 2)
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(status) != 3 or not status.isdigit():
            raise ValueError(f"bad status line {lines[0]!r}")
        return Response(version.decode(), int(status), parse_fields(lines[1:]), b"".join(reason).decode("latin-1"))

    def read(self, method="GET"):
        """The next final response, with its body."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append((response.status, response.fields))
        response.interim = interim
        self.read_body(response, method)
        return response

    def read_body(self, response, method="GET"):
        lengths, codings = response.all("content-length"), response.all("transfer-encoding")
        if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
            raise ValueError(f"ambiguous framing: {response.fields}")
        if method == "HEAD" or response.status in (101, 204, 304):
            return
        if codings:
            if codings != ["chunked"]:
                raise ValueError(f"unknown coding {codings}")
            response.framing = "chunked"
            self._read_chunks(response)
        elif lengths:
            response.framing = "length"
            response.body = self.take(int(lengths[0]))
        else:
            response.framing = "close"
            response.body = self.read_to_end()

    def _read_chunks(self, response):
        while True:
            size = int(self.take_until(b"\r\n", "a chunk size").split(b";")[0], 16)
            if size == 0:
                break
            try:
                data = self.take(size + 2, "a chunk")
            except Truncated as fault:
                raise Truncated("a chunk", b"".join(response.chunks) + fault.so_far) from None
            if data[-2:] != b"\r\n":
                raise ValueError("a chunk without its line end")
            response.chunks.append(data[:-2])
        response.body = b"".join(response.chunks)
        lines = []
        while line := self.take_until(b"\r\n", "a trailer section"):
            lines.append(line)
        response.trailers = parse_fields(lines)

    def read_to_end(self):
        """Everything up to the end of the connection."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ends(self):
        """True when the peer ends the connection without another byte, False when it sends one or stays."""
        try:
            return not self.buffer and not self.socket.recv(1)
        except ConnectionError:
            return True
        except TimeoutError:
            return False
