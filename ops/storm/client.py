"""One client of the storm: keeps connections open to all nodes, sends a request and reads its answer by hand, so that every way in which an
answer can fail to come is told apart. As behind DNS, an idempotent request whose connection broke, or whose answer broke off, is tried
at another node."""
import socket
import time

HEAD_MAX = 65536
LOOK_SECONDS = 0.5      # how often a waiting client asks itself whether its node is frozen
STUCK_SECONDS = 20.0    # within which a node that lives answers, the next bytes of an answer included


class Answer:
    def __init__(self, status, fields, body, node, began):
        self.status, self.fields, self.body, self.node, self.began = status, fields, body, node, began
        self.ended = time.monotonic()

    def get(self, name):
        return self.fields.get(name)

    def head(self):
        return "\n".join([f"  {self.status}", *(f"  {n}: {v}" for n, v in self.fields.items())])


class Broken(Exception):
    """No answer, or not all of it. Its text says why."""

    def __init__(self, why, node, began, is_nodes_fault):
        super().__init__(why)
        self.node, self.began, self.ended, self.is_nodes_fault = node, began, time.monotonic(), is_nodes_fault


class Client:
    def __init__(self, nodes):
        self.nodes, self.open = nodes, {}

    def close(self):
        for connection in self.open.values():
            connection.close()
        self.open = {}

    def ask(self, node, method, path, fields=(), slowly=0.0):
        """One try at one node. `slowly`: seconds to wait between reads of 16 KiB."""
        began, life = time.monotonic(), node.lives
        try:
            connection = self.open.pop(node, None) or self.dial(node)
            lines = [f"{method} {path} HTTP/1.1", "Host: storm.test", *(f"{n}: {v}" for n, v in fields)]
            if method not in ("GET", "HEAD"):
                lines.append("Content-Length: 0")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            status, got, body = Reader(connection, node, slowly).answer(method)
        except (OSError, ValueError) as error:
            raise Broken(str(error) or type(error).__name__, node, began, not node.is_up or node.lives != life) from None
        if got.get("connection", "").lower() == "close":
            connection.close()
        else:
            self.open[node] = connection
        return Answer(status, got, body, node, began)

    @staticmethod
    def dial(node):
        connection = socket.create_connection((node.host, node.port), timeout=LOOK_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class Reader:
    """Reads one answer."""

    def __init__(self, connection, node, slowly):
        self.connection, self.node, self.slowly, self.waiting = connection, node, slowly, bytearray()

    def more(self, room=262144):
        if self.slowly:
            time.sleep(self.slowly)
        until = time.monotonic() + STUCK_SECONDS
        while True:
            try:
                got = self.connection.recv(16384 if self.slowly else room)
                break
            except TimeoutError:
                if not self.node.is_up:
                    raise OSError("the node is frozen") from None
                if time.monotonic() > until:
                    raise OSError(f"stuck: not a byte in {STUCK_SECONDS:g} s") from None
        if not got:
            raise OSError("the connection ended")
        self.waiting += got

    def line(self):
        while (end := self.waiting.find(b"\r\n")) < 0:
            if len(self.waiting) > HEAD_MAX:
                raise ValueError("a line without end")
            self.more()
        line = self.waiting[:end].decode("latin-1")
        del self.waiting[:end + 2]
        return line

    def exactly(self, count):
        while len(self.waiting) < count:
            self.more()
        got = bytes(self.waiting[:count])
        del self.waiting[:count]
        return got

    def answer(self, method):
        version, status = self.line().split(" ")[:2]
        if version != "HTTP/1.1":
            raise ValueError(f"no answer of HTTP/1.1: {version!r}")
        fields = {}
        while line := self.line():
            name, _, value = line.partition(":")
            name = name.lower()
            # Fields that come twice are joined, as RFC 9110 §5.3 has it.
            fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
        body = b""
        if method != "HEAD" and int(status) not in (204, 304):
            if fields.get("transfer-encoding", "").lower() == "chunked":
                pieces = []
                while count := int(self.line().split(";")[0], 16):
                    pieces.append(self.exactly(count))
                    self.line()
                while self.line():
                    pass
                body = b"".join(pieces)
            elif "content-length" in fields:
                body = self.exactly(int(fields["content-length"]))
            else:
                raise ValueError("a body without length")
        if self.waiting:
            raise ValueError("bytes behind the answer")
        return int(status), fields, body
