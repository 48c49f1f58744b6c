"""An upstream whose every answer a test scripts, and which keeps what it was sent. One thread a connection; strict about what it
reads, so that a gateway that forwards rubbish is found out."""
import contextlib
import socket
import struct
import threading

DEADLINE = 15.0


class Request:
    """What came: `fields` in order, names in lower case; `framing` is none, length or chunked."""

    def __init__(self, method, target, version, fields, connection):
        self.method, self.target, self.version, self.fields, self.connection = method, target, version, fields, connection
        self.body, self.trailers, self.framing, self.complete = b"", [], "none", False

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def all(self, name):
        return [v for n, v in self.fields if n == name.lower()]

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields} {self.framing} {self.body[:80]!r}>"


class Ended(Exception):
    """The gateway ended the connection."""


class Exchange:
    """One request on its way, as a handler sees it. `close()` ends the connection after the handler."""

    def __init__(self, upstream, connection, request):
        self._upstream, self._connection, self.request = upstream, connection, request
        self.closes = False

    @property
    def socket(self):
        return self._connection.socket

    def body_parts(self):
        """The body as it arrives; whole parts are kept in `request.body` too, unless the upstream only counts."""
        for part in self._connection.body(self.request):
            if self._upstream.keeps_bodies:
                self.request.body += part
            yield part
        self._upstream.completed(self.request)

    def read(self):
        """The whole body."""
        for _ in self.body_parts():
            pass
        return self.request.body

    def send(self, data):
        self.socket.sendall(data)

    def respond(self, status=200, fields=(), body=b"ok"):
        """A response with Content-Length; the body is left away where there is none (HEAD, 204, 304)."""
        lines = [f"HTTP/1.1 {status} Scripted"] + [f"{n}: {v}" for n, v in fields]
        if status not in (204, 304) and not any(n.lower() in ("content-length", "transfer-encoding") for n, _ in fields):
            lines.append(f"Content-Length: {len(body)}")
        bare = self.request.method == "HEAD" or status in (204, 304)
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if bare else body))

    def close(self):
        self.closes = True

    def reset(self):
        """Ends the connection with RST at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Ended

    def take(self):
        """Whatever bytes come next (after 101); empty at the end of the connection."""
        return self._connection.take_any()


class _Connection:
    """Reads requests off one socket."""

    def __init__(self, sock, number):
        self.socket, self.number, self.buffer = sock, number, b""

    def fill(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise Ended
        self.buffer += data

    def take_any(self):
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        return self.socket.recv(1 << 18)

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        raw, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = raw.split(b"\r\n")
        method, target, version = first.decode("latin-1").split(" ")
        fields = [self.field(line) for line in rest]
        request = Request(method, target, version, fields, self.number)
        lengths, codings = request.all("content-length"), request.all("transfer-encoding")
        if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
            raise ValueError(f"the gateway sent ambiguous framing: {raw!r}")
        request.framing = "chunked" if codings else "length" if lengths else "none"
        return request

    @staticmethod
    def field(line):
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in line or b"\r" in line:
            raise ValueError(f"the gateway sent a bad field line: {line!r}")
        return name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")

    def body(self, request):
        if request.framing == "length":
            left = int(request.get("content-length"))
            while left:
                if not self.buffer:
                    self.fill()
                part, self.buffer = self.buffer[:left], self.buffer[left:]
                left -= len(part)
                yield part
        elif request.framing == "chunked":
            while size := int(self.line().split(b";")[0], 16):
                while size:
                    if not self.buffer:
                        self.fill()
                    part, self.buffer = self.buffer[:size], self.buffer[size:]
                    size -= len(part)
                    yield part
                if self.line() != b"":
                    raise ValueError("the gateway sent a chunk without its line end")
            while line := self.line():
                request.trailers.append(self.field(line))


class Upstream:
    """Listens inside a `with` block. `on(path, handler)` scripts a path (the query is ignored); others are answered 200 `ok`."""

    def __init__(self, port=0, tls=None, name="ok", keeps_bodies=True):
        self.port, self.tls, self.name, self.keeps_bodies = port, tls, name.encode(), keeps_bodies
        self.changed = threading.Condition()
        self.seen, self.accepted, self.faults = [], 0, []
        self._handlers, self._sockets, self._listener = {}, set(), None
        self._default = self._answer

    def _answer(self, exchange):
        exchange.read()
        exchange.respond(body=self.name)

    def on(self, path, handler):
        """`handler(exchange)`; path None is for all others. The body is read after the handler if it did not do so."""
        if path is None:
            self._default = handler
        else:
            self._handlers[path] = handler

    def clear(self):
        """Forgets scripts and what was seen."""
        with self.changed:
            self.seen, self.accepted, self.faults = [], 0, []
        self._handlers, self._default = {}, self._answer

    def last(self):
        """The request that arrived last; the tests' client has its answer, so it is there."""
        with self.changed:
            return self.seen[-1]

    def wait_for(self, condition, what):
        """Waits until `condition(self)` holds, asked anew after each arrival."""
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self), DEADLINE):
                raise AssertionError(f"not within {DEADLINE} s: {what}; seen: {self.seen[-5:]}")

    def completed(self, request):
        with self.changed:
            request.complete = True
            self.changed.notify_all()

    # ---- life
    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """Dies: the listener is gone and every connection is reset."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self.changed:
            sockets = list(self._sockets)
        for s in sockets:
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                s.close()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                self.accepted += 1
                self._sockets.add(sock)
                number = self.accepted
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                with self.changed:
                    self._sockets = self._sockets - {plain} | {sock}
            connection = _Connection(sock, number)
            while self._exchange(connection):
                pass
        except (Ended, OSError):
            pass
        except Exception as fault:  # what the gateway sent was unreadable; the test looks at `faults`
            with self.changed:
                self.faults.append(fault)
                self.changed.notify_all()
        finally:
            with contextlib.suppress(OSError):
                sock.close()
            with self.changed:
                self._sockets -= {plain, sock}

    def _exchange(self, connection):
        request = connection.head()
        with self.changed:
            self.seen.append(request)
            self.changed.notify_all()
        exchange = Exchange(self, connection, request)
        handler = self._handlers.get(request.target.split("?")[0], self._default)
        handler(exchange)
        if not exchange.closes and not request.complete:
            exchange.read()
        return not exchange.closes
