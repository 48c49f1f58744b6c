"""Requests that come while a response is on its way: who comes behind its head has it only on the terms on which it would have it from the store."""
import threading
import unittest

from harness import Gateway, configuration
from upstream import Upstream


class Late(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.gateway = self.enterContext(Gateway(configuration(
            self.upstream.port, routes={"$default": {"upstream": "main", "cache": {}}})))
        self.released, self.count, self.lock = threading.Event(), 0, threading.Lock()
        self.addCleanup(self.released.set)
        self.upstream.on(None, self.respond)

    def respond(self, exchange):
        """The first response stays behind its head until it is released; each has a body of its own."""
        with self.lock:
            self.count += 1
            number = self.count
        body = f"response {number}".encode()
        head = "".join(f"{n}: {v}\r\n" for n, v in self.fields)
        exchange.send(f"HTTP/1.1 200 Scripted\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:3])
        if number == 1:
            self.released.wait(15)
        exchange.send(body[3:])

    def begin(self, fields):
        """The first request, whose head has come."""
        self.fields = fields
        wire = self.enterContext(self.gateway.wire())
        wire.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual(wire.read_head().status, 200)

    def get(self, *fields):
        return self.gateway.get("/a", list(fields)).body

    def test_what_is_stale_when_it_comes_is_for_those_who_waited(self):
        self.begin([("Cache-Control", "max-age=5"), ("Age", "10"), ("ETag", '"1"')])
        self.assertEqual(self.get(), b"response 2")

    def test_what_is_to_be_validated_each_time_is_for_those_who_waited(self):
        self.begin([("Cache-Control", "no-cache"), ("ETag", '"1"')])
        self.assertEqual(self.get(), b"response 2")

    def test_who_wants_it_from_the_origin_does_not_take_what_was_asked_for_before(self):
        self.begin([("Cache-Control", "max-age=60")])
        self.assertEqual(self.get(("Cache-Control", "no-cache")), b"response 2")
        follower = []
        thread = threading.Thread(target=lambda: follower.append(self.get()))
        thread.start()
        self.released.set()
        thread.join(15)
        self.assertEqual(follower, [b"response 1"], "it is good for others")
        self.assertEqual(self.count, 2)


if __name__ == "__main__":
    unittest.main()
