"""What the tests of the response cache share: nodes that cache, an origin that answers by halves, and clients that go on asking."""
import base64
import concurrent.futures
import os
import threading

from harness import Gateway, configuration, free_port, loopback, wait_until
from test_cluster import states
from wire import Truncated, chunk, head

FRESH = ("Cache-Control", "max-age=60")
KEY = base64.b64encode(os.urandom(32)).decode()
ROUTES = {
    "$default": {"upstream": "main", "cache": {}},
    "GET /mixed/{proxy+}": {"upstream": "main", "cache": {}},
    "POST /mixed/{proxy+}": {"upstream": "main"},
}


def settings(port, label="one", **sections):
    """A node that caches what the origin allows. It asks the origin once for each request: the tests count."""
    upstream = {"retries": {"attempts": 1}, "ejection": {"consecutive": 0}}
    return configuration(port, upstream=upstream, routes=dict(ROUTES), node={"name": label, "drain": "5s"}, **sections)


def start_nodes(stack, port, names="abc"):
    """Nodes that know each other."""
    gossip, nodes = free_port(), []
    for label in names:
        is_first = label == names[0]
        cluster = {"listen": loopback(gossip if is_first else free_port()), "seeds": [] if is_first else [loopback(gossip)], "keys": [KEY]}
        nodes.append(stack.enter_context(Gateway(settings(port, label, cluster=cluster))))
    agree(nodes, names)
    return nodes


def agree(nodes, alive):
    wait_until(lambda: all({m for m, s in states(n).items() if s == "alive"} == set(alive) for n in nodes), f"all see that {alive} live")


def all_of(calls):
    """Runs the calls at the same time; their results."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(calls))) as pool:
        return [f.result(60) for f in [pool.submit(c) for c in calls]]


def peers_asked(gateway):
    return sum(v for (name, _), v in gateway.metrics().items() if name == "tidegate_cache_peer_requests_total")


def owner_of(nodes, path):
    """The node that does not ask another one for a key."""
    for node in nodes:
        before = peers_asked(node)
        node.get(path)
        if peers_asked(node) == before:
            return node
    raise AssertionError(f"every node asks another for {path}")


class Gated:
    """Answers a path with head and first part of a body at once, and with the rest when it is let go."""

    def __init__(self, upstream, path, first, rest, fields=(FRESH,), chunked=False):
        self.upstream, self.path, self.first, self.rest, self.fields, self.chunked = upstream, path, first, rest, fields, chunked
        self.go, self.sent = threading.Event(), 0
        upstream.on(path, self.answer)

    def answer(self, x):
        x.read()
        framing = "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(self.first) + len(self.rest)}"
        lines = "".join(f"{n}: {v}\r\n" for n, v in self.fields)
        x.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n{lines}\r\n".encode())
        part = chunk if self.chunked else bytes
        x.send(part(self.first))
        self.go.wait(15)
        x.send(part(self.rest) + (b"0\r\n\r\n" if self.chunked else b""))

    @property
    def body(self):
        return self.first + self.rest

    def asked(self):
        with self.upstream.changed:
            return len([r for r in self.upstream.seen if r.target == self.path])

    def begun(self, gateway, fields=(), **options):
        """A client that has the first part."""
        wire = gateway.wire(**options)
        wire.send(head("GET", self.path, fields))
        return Begun(self, wire)


class Begun:
    """A client that has the first part of a gated answer, in whatever chunks it came."""

    def __init__(self, gate, wire):
        self.gate, self.wire = gate, wire
        self.is_chunked = wire.read_head().get("transfer-encoding") == "chunked"
        self.left = 0 if self.is_chunked else len(gate.body)
        self.first = self.take(len(gate.first))

    def take(self, count):
        """So many bytes of the body, or what there is to its end."""
        parts = []
        while count:
            if not self.left and not (self.is_chunked and self.next_chunk()):
                break
            part = self.wire.take(min(count, self.left))
            parts.append(part)
            count, self.left = count - len(part), self.left - len(part)
            if self.is_chunked and not self.left:
                self.wire.take(2)
        return b"".join(parts)

    def next_chunk(self):
        self.left = int(self.wire.take_until(b"\r\n", "a size"), 16)
        if not self.left:
            self.wire.take(2)
        return self.left

    def finish(self):
        """The rest, one byte more than it should be included."""
        return self.take(len(self.gate.rest) + 1)


class Asking:
    """Clients that go on asking the nodes; a connection that breaks is tried once more at the next node."""

    def __init__(self, nodes, paths, body_of):
        self.nodes, self.paths, self.body_of = nodes, paths, body_of
        self.ends, self.faults, self.count = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(8)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()

    def run(self, i):
        turn = i
        while not self.ends.is_set():
            turn += 7
            path = self.paths[turn % len(self.paths)]
            for attempt in (0, 1):
                try:
                    answer = self.nodes[(turn + attempt) % len(self.nodes)].get(path)
                except (OSError, Truncated) as fault:
                    if attempt:
                        self.faults.append((path, repr(fault)))
                    continue
                if answer.status != 200 or answer.body != self.body_of(path):
                    self.faults.append((path, answer))
                break
            self.count += 1

    def go_on(self, when):
        enough = self.count + 200
        wait_until(lambda: self.count >= enough, f"200 requests more were answered: {when}; {self.faults[:3]}")
