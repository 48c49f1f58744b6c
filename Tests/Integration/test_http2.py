"""HTTP/2 from clients in front of an upstream of HTTP/1.1 (RFC 9113): what is legal passes, what is not reaches no upstream, and no
flood keeps the others from being served."""
import signal
import threading
import unittest

import h2.settings
import hpack

import http2
from harness import GatewayTestCase
from http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, frame
from wire import chunk

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/bad")]


class HTTP2TestCase(GatewayTestCase):
    def client(self, **options):
        return self.enterContext(http2.Client(self.gateway.port(), **options))

    def require_serving(self):
        """A new client is served as if nothing had been."""
        with http2.Client(self.gateway.port()) as client:
            self.assertEqual(client.request().body, b"ok")


class Requests(HTTP2TestCase):
    def test_a_request_arrives_as_http1(self):
        self.upstream.on("/echo", lambda x: x.respond(201, [("X-Up", "1")], x.read()))
        result = self.client().request("POST", "/echo?q=1", [("x-one", "1"), ("cookie", "a=1"), ("cookie", "b=2")], b"hello")
        self.assertEqual((result.status, result.body, dict(result.fields)["x-up"]), (201, b"hello", "1"))
        request = self.upstream.last()
        self.assertEqual((request.method, request.target, request.get("host"), request.get("x-one")), ("POST", "/echo?q=1", "a.test", "1"))
        self.assertEqual(request.all("cookie"), ["a=1; b=2"], "crumbs are joined (RFC 9113 8.2.3)")
        self.assertRegex(request.get("via"), r"^2\S* \S+$")

    def test_a_body_with_its_length_keeps_it(self):
        self.client().request("POST", "/", [("content-length", "5")], b"hello")
        self.assertEqual((self.upstream.last().get("content-length"), self.upstream.last().body), ("5", b"hello"))

    def test_trailers_pass_both_ways(self):
        def answer(x):
            x.read()
            x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body") + b"0\r\nX-Sum: 7\r\n\r\n")
        self.upstream.on("/", answer)
        client = self.client()
        stream = client.start("POST", "/", end=False)
        client.send(stream, b"data")
        client.trailers(stream, [("x-check", "1")])
        result = client.finish(stream)
        self.assertEqual((result.body, result.trailers), (b"body", [("x-sum", "7")]))
        self.assertEqual(self.upstream.last().trailers, [("x-check", "1")])

    def test_responses_without_a_body(self):
        self.upstream.on("/204", lambda x: x.respond(204))
        self.upstream.on("/304", lambda x: x.respond(304, [("ETag", '"a"')]))
        client = self.client()
        head = client.request("HEAD", "/")
        self.assertEqual((head.status, head.body, dict(head.fields)["content-length"]), (200, b"", "2"))
        self.assertEqual([client.request("GET", p).status for p in ("/204", "/304", "/")], [204, 304, 200])

    def test_early_hints_pass(self):
        self.upstream.on("/", lambda x: (x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), x.respond()))
        result = self.client().request()
        self.assertEqual(([dict(i)[":status"] for i in result.informational], result.status), (["103"], 200))

    def test_no_connection_specific_field_of_a_response_passes(self):
        fields = [("Connection", "keep-alive, X-Drop"), ("X-Drop", "1"), ("Keep-Alive", "timeout=5")]
        self.upstream.on("/", lambda x: x.respond(fields=fields))
        names = {n for n, _ in self.client().request().fields}
        self.assertFalse(names & {"connection", "x-drop", "keep-alive", "transfer-encoding", "upgrade"}, names)

    def test_one_slow_stream_does_not_stop_the_others(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.upstream.on("/held", lambda x: (hold.wait(20), x.respond(body=b"held")))
        client = self.client()
        slow = client.start("GET", "/held")
        for i in range(20):
            self.assertEqual(client.request("GET", f"/{i}").body, b"ok")
        hold.set()
        self.assertEqual(client.finish(slow).body, b"held")

    def test_one_unread_stream_does_not_stop_the_others(self):
        """A stream whose window is closed waits alone."""
        self.upstream.on("/big", lambda x: x.respond(body=b"b" * 5_000_000))
        client = self.client(settings={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
        big = client.start("GET", "/big")
        client.until(lambda: client.streams[big].fields, "its head came")
        for i in range(10):
            self.assertEqual(client.request("GET", f"/{i}").body, b"ok")

    def test_a_truncated_response_resets_the_stream_alone(self):
        for rest in (b"Content-Length: 100\r\n\r\nshort", b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort"):
            raw = b"HTTP/1.1 200 OK\r\n" + rest
            self.upstream.on("/cut", lambda x, raw=raw: (x.send(raw), x.close()))
            client = self.client()
            result = client.request("GET", "/cut")
            self.assertTrue(result.reset is not None or result.status == 502, f"looks complete: {result.fields}")
            self.assertEqual(client.request().body, b"ok")

    def test_a_drain_says_goodbye_and_finishes(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.upstream.on("/held", lambda x: (hold.wait(20), x.respond(body=b"held")))
        client = self.client()
        stream = client.start("GET", "/held")
        self.upstream.wait_for(lambda u: u.seen, "the request is under way")
        try:
            self.gateway.process.send(signal.SIGTERM)
            client.until(lambda: client.goaway is not None, "GOAWAY came")
            self.assertEqual(client.goaway, 0)
            # The first notice refuses nothing yet: what a client sends before it has read it is served.
            self.assertEqual((client.last_stream, client.request("GET", "/late").body), (2**31 - 1, b"ok"))
            client.until(lambda: client.last_stream < 2**31 - 1, "the second GOAWAY came")
            hold.set()
            self.assertEqual(client.finish(stream).body, b"held")
            self.assertEqual(self.gateway.process.wait(), 0)
        finally:
            self.gateway.process.kill()
            self.gateway.start()


class MalformedRequests(HTTP2TestCase):
    """RFC 9113 8.1.1: a malformed request is a stream error; some are answered 400; none is passed on."""

    @staticmethod
    def with_field(name, value="x"):
        return GET + [(name, value)]

    @staticmethod
    def replaced(name, *values):
        return [f for f in GET if f[0] != name] + [(name, v) for v in values]

    def cases(self):
        yield from ((f"field {n!r}", self.with_field(n)) for n in (
            "Upper", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "a b", "a:b", "a\rb", "a\nb",
            "a\x00b", "", "\xe9", ":unknown", ":status", "a\x7fb", "a(b"))
        yield from ((f"value {v!r}", self.with_field("x", v)) for v in ("a\rb", "a\nb", "a\x00b", "a\r\nEvil: 1", "\x01"))
        yield "te: gzip", self.with_field("te", "gzip")
        yield from ((f"{n} missing", self.replaced(n)) for n in (":method", ":scheme", ":path"))
        yield from ((f"{n} twice", self.replaced(n, v, v)) for n, v in GET)
        yield from ((f":path {p!r}", self.replaced(":path", p)) for p in (
            "", "a", "*", "/a b", "/a#b", "/a\rb", "/a\nb", "/a\x00b", "/\xe9", "/a\x7f", "/ HTTP/1.1\r\nEvil: 1", "http://a.test/"))
        yield from ((f":method {m!r}", self.replaced(":method", m)) for m in ("", "G T", "GET /x HTTP/1.1\r\n", "G\x00T", "GET\n"))
        yield from ((f":authority {a!r}", self.replaced(":authority", a)) for a in (
            "u@a.test", "a b", "a\r\nb", "a.test:x", "a/b", "a\x00"))
        yield "pseudo-field behind a field", [GET[0], ("x", "y"), *GET[1:]]
        yield from ((f"content-length {v!r}", self.with_field("content-length", v)) for v in (
            "-1", "+1", "a", "1, 1", "18446744073709551616", ""))
        yield "content-length twice", GET + [("content-length", "0"), ("content-length", "0")]
        yield "content-length without data", self.with_field("content-length", "5")

    def test_none_of_them_reaches_an_upstream(self):
        for name, fields in self.cases():
            with self.subTest(name):
                self.upstream.clear()
                block = hpack.Encoder().encode([(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields])
                self.refused(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
                self.assertEqual(self.upstream.seen, [])
        self.require_serving()

    def test_data_that_does_not_fit_its_length(self):
        for length, data in (("3", b"hello"), ("10", b"hello"), ("0", b"hello")):
            with self.subTest(length):
                self.upstream.clear()
                block = hpack.Encoder().encode([*self.replaced(":method", "POST"), ("content-length", length)])
                self.refused(frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, data))
                if length != "0":  # a request of length 0 is complete with its head
                    self.assertEqual([r for r in self.upstream.seen if r.complete], [])

    def refused(self, frames):
        """A reset, a 4xx, GOAWAY or the end of the connection."""
        with http2.Raw(self.gateway.port()) as raw:
            raw.send(frames)
            outcome = raw.outcome(1)
            self.assertTrue(outcome in ("reset", "goaway", "end") or 400 <= outcome < 500, outcome)


class Floods(HTTP2TestCase):
    def flood(self, batches):
        """Sends until the gateway ends the connection; one that goes on listening fails."""
        serving = self.gateway.serving_pid
        raw = self.enterContext(http2.Raw(self.gateway.port(), timeout=20))
        for batch in batches:
            if not raw.send(batch):
                break
        for _ in raw.frames():
            pass
        self.assertTrue(raw.ended)
        self.assertNotEqual(raw.goaway, 0, "it says why, unless the connection was reset before that could be read")
        self.require_serving()
        self.assertEqual(self.gateway.serving_pid, serving)

    def test_rapid_reset(self):
        encoder = hpack.Encoder()
        self.flood(
            frame(HEADERS, END_STREAM | END_HEADERS, stream, encoder.encode(GET)) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
            for stream in range(1, 40_000, 2))
        self.assertLess(len(self.upstream.seen), 2000)

    def test_pings(self):
        self.flood(frame(PING, 0, 0, b"12345678") * 100 for _ in range(2000))

    def test_settings(self):
        self.flood(frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff") * 100 for _ in range(2000))

    def test_priorities(self):
        self.flood(frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 100 for _ in range(2000))

    def test_empty_data(self):
        def batches():
            yield frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode([(":method", "POST"), *GET[1:]]))
            for _ in range(2000):
                yield frame(DATA, 0, 1) * 100
        self.flood(batches())

    def test_continuations(self):
        def batches():
            yield frame(HEADERS, END_STREAM, 1, hpack.Encoder().encode(GET))
            for _ in range(20_000):
                yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 10)
        self.flood(batches())
        self.assertNotIn("/bad", [r.target for r in self.upstream.seen])

    def test_empty_continuations(self):
        def batches():
            yield frame(HEADERS, END_STREAM, 1, hpack.Encoder().encode(GET))
            for _ in range(2000):
                yield frame(CONTINUATION, 0, 1) * 100
        self.flood(batches())

    def test_a_header_bomb(self):
        """One long value in the table, named thousands of times by a byte each."""
        encoder = hpack.Encoder()
        block = encoder.encode([*GET, ("x", "y" * 4000)])
        bomb = encoder.encode([("x", "y" * 4000)]) * 16_000
        raw = self.enterContext(http2.Raw(self.gateway.port()))
        raw.send(frame(HEADERS, END_STREAM, 1, block) + frame(CONTINUATION, END_HEADERS, 1, bomb[:16_000]))
        self.assertIn(raw.outcome(1), {"reset", "goaway", "end", 400, 431})
        self.assertEqual(self.upstream.seen, [])
        self.assertLess(self.gateway.memory("VmHWM"), 512 << 20)
        self.require_serving()

    def test_streams_beyond_the_limit_are_refused(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.upstream.on("/held", lambda x: (hold.wait(20), x.respond()))
        client = self.client()
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams < 1000, "SETTINGS came")
        limit = client.h2.remote_settings.max_concurrent_streams
        client.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = limit + 100
        client.h2.remote_settings.acknowledge()
        streams = [client.start("GET", "/held") for _ in range(limit + 5)]
        client.until(lambda: client.goaway is not None or all(client.streams[s].ended for s in streams[limit:]), "the surplus is refused")
        hold.set()
        if client.goaway is None:
            self.assertEqual([client.finish(s).status for s in streams[:limit]], [200] * limit)


if __name__ == "__main__":
    unittest.main()
