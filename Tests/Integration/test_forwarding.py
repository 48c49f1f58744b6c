"""What a gateway changes on the way and what it leaves alone: hop-by-hop fields, Via, X-Forwarded-*, Forwarded, trace context, tunnels."""
import re
import threading
import unittest

from harness import GatewayTestCase, configuration
from wire import head

TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")


class Fields(GatewayTestCase):
    def sent(self, *fields, **options):
        """What the upstream sees of a GET with these fields."""
        self.assertEqual(self.wire().request("GET", "/", fields, **options).status, 200)
        return self.upstream.last()

    def test_hop_by_hop_fields_of_a_request_stay_behind(self):
        request = self.sent(
            ("Connection", "X-Secret, keep-alive, x-other"), ("X-Secret", "1"), ("X-Other", "2"),
            ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("X-Stays", "3"))
        self.assertEqual(request.get("x-stays"), "3")
        for name in ("x-secret", "x-other", "keep-alive", "proxy-connection"):
            self.assertEqual(request.all(name), [], name)

    def test_hop_by_hop_fields_of_a_response_stay_behind(self):
        self.upstream.on("/", lambda x: x.respond(fields=[
            ("Connection", "keep-alive, X-Drop"), ("X-Drop", "1"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "a"),
            ("X-Stays", "2")]))
        response = self.wire().request("GET", "/")
        self.assertEqual((response.get("x-stays"), response.body), ("2", b"ok"))
        for name in ("x-drop", "proxy-connection"):
            self.assertEqual(response.all(name), [], name)
        self.assertNotIn("timeout=5", response.get("keep-alive", ""))

    def test_connection_cannot_name_away_what_frames_a_message(self):
        wire = self.wire()
        wire.send(head("POST", "/", [("Connection", "Content-Length, Host, Transfer-Encoding, close"), ("Content-Length", 5)]) + b"hello")
        self.assertEqual(wire.read().status, 200)
        request = self.upstream.last()
        self.assertEqual((request.body, request.get("host")), (b"hello", "a.test"))

    def test_end_to_end_fields_arrive_in_order_and_unchanged(self):
        fields = [
            ("Accept", "a/b;q=0.5"), ("Cookie", "a=b; c=d"), ("Authorization", "Bearer x"), ("X-One", "1"), ("X-Two", ""), ("X-One", "3"),
            ("Range", "bytes=0-1"), ("If-None-Match", 'W/"a"'), ("User-Agent", "caf\xe9")]
        request = self.sent(*fields)
        names = [n.lower() for n, _ in fields]
        self.assertEqual([f for f in request.fields if f[0] in names], [(n.lower(), v) for n, v in fields])

    def test_response_fields_arrive_in_order_and_unchanged(self):
        fields = [
            ("Set-Cookie", "a=1"), ("X-One", "1"), ("Set-Cookie", "b=2; Path=/"), ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("Server", "s"), ("ETag", '"a"'), ("X-Latin", "caf\xe9"), ("Location", "/a?b#c")]
        self.upstream.on("/", lambda x: x.respond(fields=fields))
        response = self.wire().request("GET", "/")
        names = [n.lower() for n, _ in fields]
        self.assertEqual([f for f in response.fields if f[0] in names], [(n.lower(), v) for n, v in fields])

    def test_via_on_both_sides(self):
        self.upstream.on("/", lambda x: x.respond(fields=[("Via", "1.1 origin")]))
        response = self.wire().request("GET", "/", [("Via", "1.0 fred")])
        request_via = [v.strip() for v in self.upstream.last().get("via").split(",")]
        response_via = [v.strip() for v in response.get("via").split(",")]
        self.assertEqual((request_via[0], response_via[0]), ("1.0 fred", "1.1 origin"))
        for via in (request_via, response_via):
            self.assertEqual(len(via), 2, via)
            self.assertRegex(via[1], r"^1\.1 \S+$")

    def test_via_names_the_version_that_was_received(self):
        self.assertRegex(self.sent(version="HTTP/1.0").get("via"), r"^1\.0 \S+$")

    def test_what_a_stranger_says_of_the_client_is_dropped(self):
        request = self.sent(
            ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"), ("Forwarded", "for=9.9.9.9"))
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")
        self.assertEqual(request.get("x-forwarded-proto"), "http")
        self.assertIn(request.get("x-forwarded-host", "a.test"), ("a.test",))
        self.assertNotIn("9.9.9.9", request.get("forwarded", ""))

    def test_a_traceparent_is_kept(self):
        trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        request = self.sent(("traceparent", f"00-{trace}-{parent}-01"), ("tracestate", "a=b"))
        self.assertEqual(len(request.all("traceparent")), 1)
        self.assertEqual(TRACEPARENT.match(request.get("traceparent")).group(1), trace)
        self.assertEqual(request.get("tracestate"), "a=b")

    def test_a_traceparent_is_started_where_there_is_none_or_a_bad_one(self):
        traces = set()
        for fields in ([], [("traceparent", "00-xyz-1-01")], [("traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01")],
                       [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01")],
                       [("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]):
            request = self.sent(*fields)
            self.assertEqual(len(request.all("traceparent")), 1, fields)
            started = TRACEPARENT.match(request.get("traceparent"))
            self.assertTrue(started, request.get("traceparent"))
            self.assertNotIn("0" * 32, started.group(1))
            traces.add(started.group(1))
        self.assertEqual(len(traces), 5)

    def test_every_request_has_an_id_of_its_own(self):
        ids = {self.sent().get("x-request-id") for _ in range(20)}
        self.assertEqual(len(ids), 20)
        self.assertNotIn(None, ids)
        self.assertNotEqual(self.sent(("X-Request-Id", "forged")).get("x-request-id"), "forged")


class Trusted(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        return configuration(port, forwarding={"trusted": ["127.0.0.0/8"], "forwarded": True})

    def test_what_a_trusted_proxy_says_is_kept_and_extended(self):
        self.wire().request("GET", "/", [
            ("X-Forwarded-For", "9.9.9.9, 8.8.8.8"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "b.test")])
        request = self.upstream.last()
        self.assertEqual(request.get("x-forwarded-for").replace(" ", ""), "9.9.9.9,8.8.8.8,127.0.0.1")
        self.assertEqual((request.get("x-forwarded-proto"), request.get("x-forwarded-host")), ("https", "b.test"))

    def test_forwarded_is_extended(self):
        self.wire().request("GET", "/", [("Forwarded", "for=9.9.9.9;proto=https")])
        elements = [e.strip().lower() for e in self.upstream.last().get("forwarded").split(",")]
        self.assertEqual((len(elements), elements[0]), (2, "for=9.9.9.9;proto=https"))
        self.assertRegex(elements[1], r'for="?127\.0\.0\.1"?')
        self.assertRegex(elements[1], r"proto=http(;|$)")

    def test_a_request_id_is_kept(self):
        self.wire().request("GET", "/", [("X-Request-Id", "abc-123")])
        self.assertEqual(self.upstream.last().get("x-request-id"), "abc-123")


class Silent(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        return configuration(port, forwarding={"mode": "off", "via": False})

    def test_nothing_is_told_when_it_is_switched_off(self):
        response = self.wire().request("GET", "/", [("X-Forwarded-For", "9.9.9.9")])
        request = self.upstream.last()
        self.assertEqual((request.all("x-forwarded-for"), request.all("x-forwarded-proto")), ([], []))
        self.assertEqual((request.all("via"), response.all("via")), ([], []))


class Tunnels(GatewayTestCase):
    UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "echo")]
    SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

    def echo(self, x):
        x.send(self.SWITCH)
        while data := x.take():
            x.send(data)
        x.close()

    def test_bytes_go_both_ways(self):
        self.upstream.on("/", self.echo)
        wire = self.wire()
        wire.send(head("GET", "/", self.UPGRADE))
        response = wire.read()
        self.assertEqual((response.status, response.get("upgrade").lower()), (101, "echo"))
        request = self.upstream.last()
        self.assertEqual(request.get("upgrade"), "echo")
        self.assertIn("upgrade", request.get("connection").lower())
        for data in (b"hello", b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"b" * 300_000):
            sender = threading.Thread(target=wire.send, args=(data,))
            sender.start()
            self.assertEqual(wire.take(len(data)), data)
            sender.join()

    def test_bytes_that_come_with_the_heads_are_not_lost(self):
        def answer(x):
            x.send(self.SWITCH + b"first")
            self.echo_rest(x)
        self.upstream.on("/", answer)
        wire = self.wire()
        wire.send(head("GET", "/", self.UPGRADE))
        self.assertEqual(wire.read().status, 101)
        self.assertEqual(wire.take(5), b"first")
        wire.send(b"second")
        self.assertEqual(wire.take(6), b"second")

    @staticmethod
    def echo_rest(x):
        while data := x.take():
            x.send(data)
        x.close()

    def test_either_end_ends_it(self):
        ended = threading.Event()

        def answer(x):
            x.send(self.SWITCH)
            while x.take():
                pass
            ended.set()
            x.close()
        self.upstream.on("/client-ends", answer)
        wire = self.wire()
        wire.send(head("GET", "/client-ends", self.UPGRADE))
        self.assertEqual(wire.read().status, 101)
        wire.close()
        self.assertTrue(ended.wait(10), "the upstream learns that the client has gone")

        def leave(x):
            x.send(self.SWITCH + b"bye")
            x.close()
        self.upstream.on("/upstream-ends", leave)
        wire = self.wire()
        wire.send(head("GET", "/upstream-ends", self.UPGRADE))
        self.assertEqual(wire.read().status, 101)
        self.assertEqual(wire.read_to_end(), b"bye")

    def test_a_refused_upgrade_is_an_ordinary_response(self):
        wire = self.wire()
        wire.send(head("GET", "/", self.UPGRADE))
        self.assertEqual(wire.read().body, b"ok")
        self.assertEqual(wire.request("GET", "/next").body, b"ok")

    def test_a_switch_that_nobody_asked_for_is_no_tunnel(self):
        self.upstream.on("/", lambda x: (x.send(self.SWITCH + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"), x.close()))
        response = self.wire().request("GET", "/")
        self.assertEqual((response.status, response.interim), (502, []))


if __name__ == "__main__":
    unittest.main()
