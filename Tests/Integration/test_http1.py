"""HTTP/1.1 between a client and an upstream that both see the wire (RFC 9110, RFC 9112): what arrives, in which order, and when."""
import threading
import unittest

from harness import GatewayTestCase, configuration
from wire import chunk, head


class Messages(GatewayTestCase):
    def test_a_connection_serves_many_requests(self):
        wire = self.wire()
        for i in range(50):
            self.assertEqual(wire.request("GET", f"/{i}").body, b"ok")
        self.assertEqual([r.target for r in self.upstream.seen], [f"/{i}" for i in range(50)])
        self.assertEqual(len({r.connection for r in self.upstream.seen}), 1, "the upstream connection is kept as well")

    def test_pipelined_requests_are_answered_in_order(self):
        self.upstream.on(None, lambda x: x.respond(body=x.request.target.encode()))
        wire = self.wire()
        wire.send(b"".join(head("GET", f"/{i}") for i in range(40)))
        self.assertEqual([wire.read().body for _ in range(40)], [b"/%d" % i for i in range(40)])

    def test_pipelined_requests_with_bodies_keep_apart(self):
        self.upstream.on(None, lambda x: x.respond(body=x.read()))
        wire = self.wire()
        bodies = [b"", b"a", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n", b"b" * 70000]
        wire.send(b"".join(head("POST", "/", [("Content-Length", len(b))]) + b for b in bodies))
        self.assertEqual([wire.read().body for _ in bodies], bodies)
        wire.send(b"".join(head("POST", "/", [("Transfer-Encoding", "chunked")]) + (chunk(b) if b else b"") + b"0\r\n\r\n" for b in bodies))
        self.assertEqual([wire.read().body for _ in bodies], bodies)

    def test_a_chunked_upload_arrives_with_its_trailers(self):
        wire = self.wire()
        wire.send(head("POST", "/", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")]) + chunk(b"abc") + chunk(b"de" * 5000))
        wire.send(b"0\r\nX-Sum: 7\r\n\r\n")
        self.assertEqual(wire.read().status, 200)
        request = self.upstream.last()
        self.assertEqual((request.framing, request.body), ("chunked", b"abc" + b"de" * 5000))
        self.assertEqual(request.trailers, [("x-sum", "7")])

    def test_a_trailer_never_becomes_a_field(self):
        wire = self.wire()
        wire.send(head("POST", "/", [("Transfer-Encoding", "chunked")]) + chunk(b"a") + b"0\r\nAuthorization: stolen\r\n\r\n")
        wire.read()
        self.assertEqual([r.all("authorization") for r in self.upstream.seen], [[]] * len(self.upstream.seen))

    def test_a_chunked_download_arrives_with_its_trailers(self):
        def answer(x):
            x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            for i in range(1, 30):
                x.send(b"%x;e=1\r\n%s\r\n" % (i, b"z" * i))
            x.send(b"0\r\nX-Sum: 7\r\n\r\n")
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("GET", "/", [("TE", "trailers"), ("Connection", "TE")]))
        response = wire.read()
        self.assertEqual((response.framing, response.body), ("chunked", b"".join(b"z" * i for i in range(1, 30))))
        self.assertEqual(response.trailers, [("x-sum", "7")])
        self.assertEqual(wire.request("GET", "/next").body, b"ok")

    def test_a_response_flows_while_it_is_made(self):
        """Each part is made only after the client has got the one before."""
        turn = threading.Semaphore(0)

        def answer(x):
            x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(5):
                x.send(chunk(b"%d" % i))
                turn.acquire(timeout=10)
            x.send(b"0\r\n\r\n")
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("GET", "/"))
        response = wire.read_head()
        self.assertEqual(response.get("transfer-encoding"), "chunked")
        for i in range(5):
            self.assertEqual(wire.take_until(b"\r\n", "a size"), b"1")
            self.assertEqual(wire.take(3), b"%d\r\n" % i)
            turn.release()
        self.assertEqual(wire.take(5), b"0\r\n\r\n")

    def test_a_request_flows_while_it_is_made(self):
        arrived = threading.Semaphore(0)

        def answer(x):
            for _ in x.body_parts():
                arrived.release()
            x.respond(body=x.request.body)
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("POST", "/", [("Content-Length", 5)]))
        for i in range(5):
            wire.send(b"%d" % i)
            self.assertTrue(arrived.acquire(timeout=10), f"part {i} did not arrive before the next was sent")
        self.assertEqual(wire.read().body, b"01234")

    def test_responses_without_a_body_end_at_their_head(self):
        self.upstream.on("/head", lambda x: x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"))
        self.upstream.on("/head-chunked", lambda x: x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        self.upstream.on("/204", lambda x: x.send(b"HTTP/1.1 204 No Content\r\n\r\n"))
        self.upstream.on("/304", lambda x: x.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\nETag: \"a\"\r\n\r\n"))
        self.upstream.on("/empty", lambda x: x.respond(body=b""))
        wire = self.wire()
        self.assertEqual(wire.request("HEAD", "/head").get("content-length"), "500")
        self.assertEqual(wire.request("HEAD", "/head-chunked").status, 200)
        no_content = wire.request("GET", "/204")
        self.assertEqual((no_content.status, no_content.all("content-length"), no_content.all("transfer-encoding")), (204, [], []))
        self.assertEqual(wire.request("GET", "/304").get("etag"), '"a"')
        self.assertEqual(wire.request("GET", "/empty").body, b"")
        self.assertEqual(wire.request("GET", "/next").body, b"ok")

    def test_every_final_status_passes(self):
        self.upstream.on(None, lambda x: x.respond(int(x.request.target[1:])))
        wire = self.wire()
        for status in (200, 201, 206, 301, 302, 307, 400, 401, 404, 405, 409, 410, 418, 422, 429, 451, 500, 501, 599, 299):
            self.assertEqual(wire.request("GET", f"/{status}").status, status)

    def test_a_request_byte_by_byte(self):
        self.upstream.on("/echo", lambda x: x.respond(body=x.read()))
        wire = self.wire()
        wire.send_slowly(head("POST", "/echo", [("Content-Length", 4)]) + b"wxyz")
        self.assertEqual(wire.read().body, b"wxyz")
        wire.send_slowly(head("POST", "/echo", [("Transfer-Encoding", "chunked")]) + chunk(b"abc"))
        wire.send_slowly(chunk(b"d" * 20) + b"0\r\nT: 1\r\n\r\n")
        self.assertEqual(wire.read().body, b"abc" + b"d" * 20)

    def test_a_response_byte_by_byte(self):
        def dribble(raw):
            return lambda x: [x.send(raw[i:i + 1]) for i in range(len(raw))]
        self.upstream.on("/length", dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc"))
        self.upstream.on("/chunked", dribble(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n"))
        self.upstream.on("/interim", dribble(
            b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
        wire = self.wire()
        for path in ("/length", "/chunked", "/interim"):
            self.assertEqual(wire.request("GET", path).body, b"abc", path)


class Interim(GatewayTestCase):
    def test_early_hints_pass(self):
        def answer(x):
            x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n")
            x.respond()
        self.upstream.on("/", answer)
        response = self.wire().request("GET", "/")
        links = [dict(fields).get("link") for status, fields in response.interim if status == 103]
        self.assertEqual((links, response.body), (["</a.css>", "</b.css>"], b"ok"))

    def test_no_interim_response_goes_to_a_client_of_1_0(self):
        def answer(x):
            x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            x.respond()
        self.upstream.on("/", answer)
        response = self.wire().request("GET", "/", version="HTTP/1.0")
        self.assertEqual((response.interim, response.body), ([], b"ok"))

    def test_an_expectation_is_granted_before_the_body_is_sent(self):
        def answer(x):
            x.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            x.respond(body=x.read())
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("POST", "/", [("Content-Length", 5), ("Expect", "100-continue")]))
        self.assertEqual(wire.read_head().status, 100)
        wire.send(b"hello")
        self.assertEqual(wire.read().body, b"hello")
        self.assertEqual(wire.request("GET", "/next").body, b"ok")

    def test_an_expectation_is_refused_before_the_body_is_sent(self):
        def answer(x):
            x.respond(403, body=b"no")
            x.close()
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("POST", "/", [("Content-Length", 5), ("Expect", "100-continue")]))
        response = wire.read_head()
        self.assertEqual(response.status, 403)
        wire.read_body(response)
        self.assertEqual((response.body, self.upstream.last().body), (b"no", b""))
        self.assertEqual(self.gateway.get("/after").status, 200)

    def test_an_expectation_that_the_upstream_ignores_is_no_deadlock(self):
        """The client does not wait for ever either (RFC 9110 10.1.1)."""
        self.upstream.on("/", lambda x: x.respond(body=x.read()))
        wire = self.wire()
        wire.send(head("POST", "/", [("Content-Length", 5), ("Expect", "100-continue")]))
        wire.send(b"hello")
        self.assertEqual(wire.read().body, b"hello")

    def test_an_early_response_reaches_a_client_that_is_still_sending(self):
        def answer(x):
            x.respond(413, [("Connection", "close")], b"too much")
            x.close()
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("POST", "/", [("Content-Length", 50_000_000)]))
        sender = threading.Thread(target=self.send_until_refused, args=(wire, 50_000_000), daemon=True)
        sender.start()
        response = wire.read()
        self.assertEqual((response.status, response.body), (413, b"too much"))
        wire.close()
        sender.join(10)
        self.assertEqual(self.gateway.get("/after").status, 200)

    @staticmethod
    def send_until_refused(wire, count):
        try:
            for _ in range(count // 50_000):
                wire.send(b"b" * 50_000)
        except OSError:
            pass


class Versions(GatewayTestCase):
    def test_a_client_of_1_0_gets_no_chunks(self):
        self.upstream.on("/", lambda x: x.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc") + chunk(b"de") + b"0\r\n\r\n"))
        response = self.wire().request("GET", "/", version="HTTP/1.0", host=None)
        self.assertIn(response.framing, ("close", "length"))
        self.assertEqual(response.body, b"abcde")

    def test_a_client_of_1_0_is_closed_unless_it_asks(self):
        wire = self.wire()
        self.assertEqual(wire.request("GET", "/", version="HTTP/1.0").body, b"ok")
        self.assertTrue(wire.ends())
        wire = self.wire()
        response = wire.request("GET", "/", [("Connection", "keep-alive")], version="HTTP/1.0")
        self.assertEqual(response.body, b"ok")
        if "keep-alive" in response.get("connection", "").lower():
            self.assertEqual(wire.request("GET", "/", version="HTTP/1.0").body, b"ok")
        else:
            self.assertTrue(wire.ends())

    def test_connection_close_closes(self):
        wire = self.wire()
        response = wire.request("GET", "/", [("Connection", "close")])
        self.assertEqual((response.body, response.get("connection", "").lower()), (b"ok", "close"))
        self.assertTrue(wire.ends())

    def test_an_upstream_of_1_0_ends_its_body_by_closing(self):
        def answer(x):
            x.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"hello" * 1000)
            x.close()
        self.upstream.on("/", answer)
        response = self.wire().request("GET", "/")
        self.assertEqual((response.status, response.body), (200, b"hello" * 1000))

    def test_the_close_of_an_upstream_does_not_close_the_client(self):
        def answer(x):
            x.respond(fields=[("Connection", "close")])
            x.close()
        self.upstream.on("/", answer)
        wire = self.wire()
        for _ in range(3):
            response = wire.request("GET", "/")
            self.assertNotIn("close", response.get("connection", "").lower())
            self.assertEqual(response.body, b"ok")

    def test_the_upstream_sees_1_1_and_the_host(self):
        self.wire().request("GET", "/", version="HTTP/1.0", host="b.test:81")
        self.assertEqual((self.upstream.last().version, self.upstream.last().get("host")), ("HTTP/1.1", "b.test:81"))


class Limits(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        return configuration(port, limits={
            "body": "64KiB", "head_timeout": "1s", "body_timeout": "1s", "idle_timeout": "1s", "target": "1KiB", "header_bytes": "4KiB",
            "header_count": 20})

    def arrived(self, prefix):
        """What the upstream has seen of this test: a request broken off in the one before may reach it late."""
        return [r for r in self.upstream.seen if r.target.startswith(prefix)]

    def test_a_body_beyond_the_limit_is_413(self):
        wire = self.wire()
        self.assertEqual(wire.request("POST", "/fits", body=b"b" * 65536).status, 200)
        wire.send(head("POST", "/beyond", [("Content-Length", 65537)]))
        self.assertEqual(wire.read().status, 413)
        self.assertTrue(wire.ends())
        self.assertEqual(self.arrived("/beyond"), [])

    def test_a_chunked_body_beyond_the_limit_is_413(self):
        wire = self.wire()
        wire.send(head("POST", "/chunks", [("Transfer-Encoding", "chunked")]) + chunk(b"b" * 40000) * 2 + b"0\r\n\r\n")
        self.assertEqual(wire.read().status, 413)
        self.assertEqual([r for r in self.arrived("/chunks") if r.complete], [])

    def test_a_head_beyond_the_limits(self):
        self.assertEqual(self.wire().request("GET", "/large" + "a" * 1100).status, 414)
        self.assertEqual(self.wire().request("GET", "/large", [("X", "y" * 4100)]).status, 431)
        self.assertEqual(self.wire().request("GET", "/large", [("X", "y")] * 21).status, 431)
        self.assertEqual(self.arrived("/large"), [])

    def test_a_head_that_does_not_end_is_408(self):
        wire = self.wire()
        wire.send(b"GET /slow HTTP/1.1\r\nHost: a.test\r\n")
        self.assertEqual(wire.read().status, 408)
        self.assertTrue(wire.ends())
        self.assertEqual(self.arrived("/slow"), [])

    def test_a_body_that_does_not_come_is_408(self):
        wire = self.wire()
        wire.send(head("POST", "/slow-body", [("Content-Length", 5)]) + b"he")
        self.assertEqual(wire.read().status, 408)
        self.assertTrue(wire.ends())
        self.assertEqual([r for r in self.arrived("/slow-body") if r.complete], [])

    def test_a_silent_connection_is_closed_without_a_word(self):
        wire = self.wire()
        self.assertEqual(wire.request("GET", "/").status, 200)
        self.assertTrue(wire.ends())
        self.assertTrue(self.wire().ends())


if __name__ == "__main__":
    unittest.main()
