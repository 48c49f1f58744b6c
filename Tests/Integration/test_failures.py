"""What goes wrong between a client and an upstream: early ends, rubbish, slow readers, clients that leave. Nobody else may notice."""
import hashlib
import threading
import unittest

from harness import GatewayTestCase, configuration, free_port
from wire import Truncated, chunk, head

BIG = 48 << 20


class Ends(GatewayTestCase):
    def answers(self, raw, path="/"):
        """Scripts an upstream that sends these bytes and closes."""
        def answer(x):
            x.read()
            x.send(raw)
            x.close()
        self.upstream.on(path, answer)

    def test_a_truncated_body_never_looks_complete(self):
        for name, raw in {
            "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            "by chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"short"),
            "inside a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
            "inside a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n1",
            "bad size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
            "before the trailer ends": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\nT: 1\r\n",
        }.items():
            with self.subTest(name):
                self.answers(raw)
                wire = self.wire()
                wire.send(head("GET", "/"))
                try:
                    response = wire.read()
                    self.assertEqual(response.status, 502, f"looks complete: {response}")
                except (Truncated, ConnectionError):
                    pass
        self.assertEqual(self.gateway.get("/after").status, 200)

    def test_an_unreadable_response_is_502(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        for name, raw in {
            "no HTTP": b"hello\r\n\r\n", "nothing but a line": b"HTTP/1.1 200 OK\r\n", "nothing": b"",
            "another version": b"HTTP/2.0 200 OK\r\n\r\n",
            "no status": b"HTTP/1.1 OK\r\n\r\n", "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
            "two lengths": ok + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
            "a length of letters": ok + b"Content-Length: x\r\n\r\n",
            "a negative length": ok + b"Content-Length: -1\r\n\r\n",
            "a length beyond 2^64": ok + b"Content-Length: 18446744073709551618\r\n\r\nok",
            "an unknown coding": ok + b"Transfer-Encoding: gzip\r\n\r\nok",
            "chunked twice": ok + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "length and chunks": ok + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "a folded field": ok + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
            "a space before the colon": ok + b"X : a\r\nContent-Length: 2\r\n\r\nok",
            "a NUL": ok + b"X: a\x00b\r\nContent-Length: 2\r\n\r\nok",
            "a bare CR": ok + b"X: a\rb\r\nContent-Length: 2\r\n\r\nok",
            "a bare LF": ok + b"X: a\nSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
            "a head without end": ok + b"X: y\r\n" * 50_000,
            "a head of one long field": ok + b"X: " + b"y" * 500_000,
        }.items():
            with self.subTest(name):
                self.answers(raw)
                response = self.gateway.get("/", method="POST", body=b"")
                self.assertEqual(response.status, 502, response)
        self.assertEqual(self.gateway.get("/after").status, 200)

    def test_a_kept_connection_that_the_upstream_closed_is_not_used(self):
        closing = threading.Event()

        def answer(x):
            x.respond()
            x.socket.shutdown(2)
            closing.set()
            x.close()
        wire = self.wire()
        self.upstream.on("/", answer)
        for _ in range(10):
            closing.clear()
            self.assertEqual(wire.request("GET", "/").body, b"ok")
            self.assertTrue(closing.wait(5))
            self.assertEqual(wire.request("PUT", "/other", body=b"x").body, b"ok")

    def test_a_kept_connection_that_dies_on_use_costs_no_idempotent_request(self):
        def respond_then_die(x):
            x.respond()
            x.take()
            x.reset()
        self.upstream.on("/stale", respond_then_die)
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            wire = self.wire()
            self.assertEqual(wire.request("GET", "/stale").body, b"ok")
            self.assertEqual(wire.request(method, "/after").status, 200, method)

    def test_an_unsafe_request_is_not_sent_twice(self):
        def die(x):
            x.read()
            x.reset()
        self.upstream.on("/", die)
        self.assertEqual(self.gateway.get("/", method="POST", body=b"order").status, 502)
        self.assertEqual([r.method for r in self.upstream.seen], ["POST"])

    def test_bytes_behind_a_response_belong_to_nobody(self):
        """An upstream that says more than it was asked for must not answer the next client (RFC 9112 9.2)."""
        self.upstream.on("/", lambda x: x.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"))
        wire = self.wire()
        for _ in range(5):
            self.assertEqual(wire.request("GET", "/").body, b"ok")
            self.assertEqual(wire.request("GET", "/next").body, b"ok")


class Unreachable(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        return configuration(free_port())

    def test_an_upstream_that_is_not_there_is_a_gateway_error(self):
        for _ in range(20):
            self.assertIn(self.gateway.get("/").status, (502, 503))
        self.assertEqual(self.gateway.admin("/healthz").status, 200)


class BackPressure(GatewayTestCase):
    def test_a_slow_reader_stops_the_upstream_and_still_gets_everything(self):
        stalled, sent = threading.Event(), [0]

        def answer(x):
            x.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
            x.socket.settimeout(0.5)
            block = memoryview(bytes(range(256)) * 256)
            while sent[0] < BIG:
                offset = sent[0] % len(block)
                try:
                    sent[0] += x.socket.send(block[offset:offset + BIG - sent[0]])
                except TimeoutError:
                    stalled.set()
            x.socket.settimeout(None)
        self.upstream.on("/", answer)
        wire = self.wire(receive_buffer=65536, timeout=30)
        wire.send(head("GET", "/"))
        self.assertTrue(stalled.wait(15), "the upstream was never made to wait")
        self.assertLess(sent[0], BIG // 2)
        other = self.gateway.get("/other")
        self.assertEqual(other.body, b"ok", "others are served meanwhile")
        self.assertEqual(hashlib.sha256(wire.read().body).digest(), hashlib.sha256(bytes(range(256)) * (BIG // 256)).digest())

    def test_a_slow_upstream_stops_the_client_and_still_gets_everything(self):
        go = threading.Event()

        def answer(x):
            go.wait(20)
            x.respond(body=hashlib.sha256(x.read()).digest())
        self.upstream.on("/", answer)
        wire = self.wire(timeout=30)
        body = bytes(range(256)) * (BIG // 256)
        wire.send(head("POST", "/", [("Content-Length", len(body))]))
        wire.socket.settimeout(0.5)
        sent, view, stalled = 0, memoryview(body), False
        while sent < len(body):
            try:
                sent += wire.socket.send(view[sent:])
            except TimeoutError:
                self.assertFalse(go.is_set(), "stalled although the upstream reads")
                self.assertLess(sent, BIG // 2)
                stalled = True
                go.set()
                wire.socket.settimeout(30)
        self.assertTrue(stalled, "the client was never made to wait")
        self.assertEqual(wire.read().body, hashlib.sha256(body).digest())


class Aborts(GatewayTestCase):
    def test_an_upstream_learns_that_the_client_left_in_mid_response(self):
        gone = threading.Event()

        def answer(x):
            x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    x.send(chunk(b"z" * 10_000))
            except OSError:
                gone.set()
                raise
        self.upstream.on("/", answer)
        for leave in ("close", "reset"):
            with self.subTest(leave):
                gone.clear()
                wire = self.wire()
                wire.send(head("GET", "/"))
                self.assertEqual(wire.read_head().status, 200)
                getattr(wire, leave)()
                self.assertTrue(gone.wait(15), "the upstream is still sending to nobody")

    def test_an_upstream_learns_that_the_client_left_in_mid_request(self):
        for framing in ([("Content-Length", 1_000_000)], [("Transfer-Encoding", "chunked")]):
            with self.subTest(framing):
                gone = threading.Event()
                self.upstream.on("/", lambda x, gone=gone: self.read_until_gone(x, gone))
                wire = self.wire()
                before = len(self.upstream.seen)
                wire.send(head("POST", "/", framing) + (chunk(b"a" * 1000) if "chunked" in framing[0] else b"a" * 1000))
                self.upstream.wait_for(
                    lambda u, before=before: len(u.seen) > before and u.seen[-1].body, "the body's beginning arrives")
                wire.reset()
                self.assertTrue(gone.wait(15), "the upstream still waits for the rest")
                self.assertFalse(self.upstream.last().complete)

    @staticmethod
    def read_until_gone(x, gone):
        try:
            x.read()
        finally:
            if not x.request.complete:
                gone.set()

    def test_a_client_that_only_ends_its_sending_side_gets_its_answer(self):
        turn = threading.Event()

        def answer(x):
            turn.wait(5)
            x.respond()
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("GET", "/"))
        wire.socket.shutdown(1)
        self.upstream.wait_for(lambda u: u.seen, "the request arrives")
        turn.set()
        self.assertEqual(wire.read().body, b"ok")

    def test_many_clients_that_leave_at_once_leave_nothing_behind(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.upstream.on("/held", lambda x: hold.wait(20))
        wires = [self.gateway.wire() for _ in range(100)]
        for wire in wires:
            wire.send(head("GET", "/held"))
        self.upstream.wait_for(lambda u: len(u.seen) == 100, "all of them arrive")
        for i, wire in enumerate(wires):
            wire.reset() if i % 2 else wire.close()
        self.assertEqual(self.gateway.get("/after").status, 200)
        hold.set()
        self.assertEqual([self.gateway.get("/after").status for _ in range(20)], [200] * 20)


if __name__ == "__main__":
    unittest.main()
