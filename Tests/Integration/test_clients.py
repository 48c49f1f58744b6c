"""Clients that nobody here wrote, against upstreams of the kind that people run: curl, h2load, http.client, ssl, h2; nginx, origin."""
import concurrent.futures
import hashlib
import http.client
import os
import re
import socket
import ssl
import subprocess
import unittest

import http2
from certificates import Authority
from harness import Gateway, Nginx, Origin, configuration, free_port, loopback

PAYLOAD = os.urandom(3_000_000)


def curl(*arguments, body=None):
    """(status, HTTP version, body) of one transfer."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--output", "-",
         "--write-out", "\n%{http_code} %{http_version}", *map(str, arguments)], input=body, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"curl ended with {done.returncode}: {done.stderr.decode()}")
    content, _, last = done.stdout.rpartition(b"\n")
    status, version = last.decode().split()
    return int(status), version, content


class Clients(unittest.TestCase):
    """One gateway with a plain and a TLS listener; nginx serves a file and answers `/nginx/`, the rest goes to the origin."""

    @classmethod
    def setUpClass(cls):
        cls.authority = cls.enterClassContext(Authority())
        certificate, key = cls.authority.issue("a.test", "DNS:a.test")
        cls.client_certificate = cls.authority.issue("someone", client=True)
        cls.nginx = cls.enterClassContext(Nginx(
            "location = /nginx/hello { return 200 'hello from nginx'; }\n"
            "location = /nginx/echo {\n"
            "  client_body_buffer_size 8m; proxy_pass http://127.0.0.1:$server_port/nginx/length; }\n"
            "location = /nginx/length { return 200 $content_length; }\n"
            "location /nginx/ { add_header X-Served-By nginx; }\n", files={"nginx/payload": PAYLOAD}))
        cls.origin = cls.enterClassContext(Origin())
        config = configuration(
            cls.origin.port, routes={"ANY /nginx/{proxy+}": {"upstream": "nginx"}, "$default": {"upstream": "main"}})
        config["upstreams"]["nginx"] = {"endpoints": [loopback(cls.nginx.port)]}
        config["listeners"].append({"address": loopback(free_port()), "tls": {
            "certificates": [{"certificate": str(certificate), "key": str(key)}],
            "client": {"mode": "optional", "trust": str(cls.authority.certificate)}}})
        cls.gateway = cls.enterClassContext(Gateway(config))
        cls.plain = f"http://127.0.0.1:{cls.gateway.port()}"
        cls.secure = f"https://a.test:{cls.gateway.port(1)}"
        cls.trust = ["--cacert", cls.authority.certificate, "--resolve", f"a.test:{cls.gateway.port(1)}:127.0.0.1"]

    def ways(self):
        """curl's arguments for each protocol, with what it must report."""
        return {
            "HTTP/1.1": (["--http1.1"], self.plain, "1.1"), "HTTP/1.0": (["--http1.0"], self.plain, None),
            "HTTP/2 with prior knowledge": (["--http2-prior-knowledge"], self.plain, "2"),
            "HTTP/2 upgrade, not taken": (["--http2"], self.plain, "1.1"),
            "HTTP/1.1 over TLS": (["--http1.1", *self.trust], self.secure, "1.1"),
            "HTTP/2 over TLS": (["--http2", *self.trust], self.secure, "2"),
            "HTTP/2 over TLS 1.2": (["--http2", "--tls-max", "1.2", *self.trust], self.secure, "2"),
        }

    def test_curl_gets_a_file_from_nginx(self):
        for name, (arguments, base, version) in self.ways().items():
            with self.subTest(name):
                status, spoken, content = curl(*arguments, f"{base}/nginx/payload")
                self.assertEqual((status, hashlib.sha256(content).digest()), (200, hashlib.sha256(PAYLOAD).digest()))
                self.assertIn(spoken, {version} if version else {"1.1", "1.0", "1"})

    def test_curl_gets_a_range_a_head_and_a_not_modified(self):
        for name, (arguments, base, _) in self.ways().items():
            with self.subTest(name):
                self.assertEqual(curl(*arguments, "--range", "10-19", f"{base}/nginx/payload")[::2], (206, PAYLOAD[10:20]))
                status, _, head = curl(*arguments, "--head", f"{base}/nginx/payload")
                self.assertEqual(status, 200)
                self.assertIn(b"content-length: 3000000", head.lower())
                tag = re.search(rb"(?i)etag: (\S+)", head).group(1).decode()
                self.assertEqual(curl(*arguments, "--header", f"If-None-Match: {tag}", f"{base}/nginx/payload")[::2], (304, b""))
                self.assertEqual(curl(*arguments, f"{base}/nginx/missing")[0], 404)

    def test_curl_sends_a_body(self):
        for name, (arguments, base, _) in self.ways().items():
            for extra in ([], ["--header", "Expect: 100-continue"], ["--header", "Transfer-Encoding: chunked"]):
                if name == "HTTP/1.0" and extra:
                    continue
                with self.subTest(name, extra=extra):
                    status, _, content = curl(*arguments, *extra, "--data-binary", "@-", f"{base}/nginx/echo", body=PAYLOAD)
                    self.assertEqual((status, content), (200, b"%d" % len(PAYLOAD)))

    def test_curl_reads_what_the_origin_makes(self):
        for name, (arguments, base, _) in self.ways().items():
            with self.subTest(name):
                self.assertEqual(len(curl(*arguments, f"{base}/bytes/100000")[2]), 100_000)
                self.assertEqual(curl(*arguments, f"{base}/status/418")[0], 418)
                self.assertEqual(curl(*arguments, f"{base}/stream/20")[0], 200)
                status, _, content = curl(*arguments, "--data-binary", "marker-1234", f"{base}/anything")
                self.assertEqual(status, 200)
                self.assertIn(b"marker-1234", content)

    def test_h2load_loses_nothing(self):
        for name, arguments in {
            "prior knowledge": ["-c", "8", "-m", "8", f"{self.plain}/nginx/hello"],
            "one connection, many streams": ["-c", "1", "-m", "100", f"{self.plain}/nginx/hello"],
            "TLS": ["-c", "8", "-m", "8", f"https://127.0.0.1:{self.gateway.port(1)}/nginx/hello"],
            "HTTP/1.1": ["--h1", "-c", "8", f"{self.plain}/nginx/hello"],
            "larger than a window": ["-c", "4", "-m", "4", f"{self.plain}/bytes/300000"],
        }.items():
            with self.subTest(name):
                count = 160 if "bytes" in arguments[-1] else 4000
                done = subprocess.run(["h2load", "-n", str(count), *arguments], capture_output=True, text=True, check=True, timeout=120)
                summary = re.search(r"requests: (\d+) total.* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
                self.assertTrue(summary, done.stdout)
                self.assertEqual(summary.groups(), (str(count), str(count), str(count), "0", "0"), done.stdout)
                self.assertIn(f"{count} 2xx, 0 3xx, 0 4xx, 0 5xx", done.stdout)

    def test_http_client_keeps_its_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port(), timeout=10)
        self.addCleanup(connection.close)
        for i in range(20):
            connection.request(
                "POST", f"/anything/{i}", body=iter([b"abc", b"def"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            sock = connection.sock
            answer = connection.getresponse()
            self.assertIn(b"abcdef", answer.read())
            self.assertEqual(answer.status, 200)
            self.assertIs(connection.sock, sock)

    def test_ssl_with_a_client_certificate(self):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(*self.client_certificate)
        connection = http.client.HTTPSConnection("a.test", self.gateway.port(1), context=context, timeout=10)
        connection._create_connection = lambda address, *rest: socket.create_connection(("127.0.0.1", address[1]), *rest)
        self.addCleanup(connection.close)
        for _ in range(3):
            connection.request("GET", "/nginx/hello")
            self.assertEqual(connection.getresponse().read(), b"hello from nginx")

    def test_many_clients_at_once(self):
        def one(i):
            connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port(), timeout=20)
            try:
                for k in range(20):
                    connection.request("GET", f"/anything/{i}-{k}?q={i}")
                    answer = connection.getresponse()
                    if answer.status != 200 or f"/anything/{i}-{k}".encode() not in answer.read():
                        return 1
                return 0
            finally:
                connection.close()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.assertEqual(sum(pool.map(one, range(64))), 0)


class GRPC(unittest.TestCase):
    """A gRPC-like exchange: HTTP/2 at both ends, both directions open at once, trailers at the end."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(http2.Upstream())
        cls.gateway = cls.enterClassContext(Gateway(configuration(cls.upstream.port, upstream={"protocol": "http2"})))

    def setUp(self):
        self.upstream.seen.clear()
        self.client = self.enterContext(http2.Client(self.gateway.port()))

    FIELDS = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "5S")]

    def test_both_sides_stream_at_once(self):
        stream = self.client.start("POST", "/echo.Echo/Chat", self.FIELDS, end=False)
        result = self.client.streams[stream]
        for i in range(20):
            message = b"\0\0\0\0\5" + b"%05d" % i
            self.client.send(stream, message)
            self.client.until(lambda: result.body.endswith(message), f"message {i} came back")
        self.assertFalse(result.ended)
        self.client.send(stream, b"", end=True)
        self.client.finish(stream)
        self.assertEqual((result.status, len(result.body)), (200, 200))
        self.assertEqual(dict(result.trailers), {"grpc-status": "0", "grpc-message": "done"})
        # What is left of the test before may be seen late: a reset, or its request.
        request = next(dict(s) for s in self.upstream.seen if s[0] != "reset" and dict(s).get(":path") == "/echo.Echo/Chat")
        self.assertEqual((request[":path"], request["te"], request["grpc-timeout"]), ("/echo.Echo/Chat", "trailers", "5S"))

    def test_the_head_comes_before_any_data(self):
        stream = self.client.start("POST", "/a", self.FIELDS, end=False)
        self.client.until(lambda: self.client.streams[stream].fields, "the response's head came")
        self.client.send(stream, b"", end=True)
        self.client.finish(stream)

    def test_a_response_of_trailers_alone(self):
        result = self.client.request("POST", "/trailers-only", self.FIELDS, b"\0\0\0\0\0")
        self.assertEqual((result.status, result.body, dict(result.fields)["grpc-status"]), (200, b"", "12"))

    def test_request_trailers_arrive(self):
        stream = self.client.start("POST", "/a", self.FIELDS, end=False)
        self.client.send(stream, b"data")
        self.client.trailers(stream, [("x-sum", "7")])
        self.assertEqual(self.client.finish(stream).body, b"data")
        self.assertIn([("x-sum", "7")], [[tuple(f) for f in s] for s in self.upstream.seen if s[0] != "reset"])

    def test_many_streams_on_one_connection(self):
        streams = [self.client.start("POST", f"/{i}", self.FIELDS, end=False) for i in range(50)]
        for i, stream in enumerate(streams):
            self.client.send(stream, b"%d" % i * 100, end=True)
        for i, stream in enumerate(streams):
            result = self.client.finish(stream)
            self.assertEqual((result.body, dict(result.fields)["x-path"]), (b"%d" % i * 100, f"/{i}"))

    def test_more_than_any_window(self):
        stream = self.client.start("POST", "/big", self.FIELDS, end=False)
        self.client.send(stream, PAYLOAD, end=True)
        self.assertEqual(hashlib.sha256(self.client.finish(stream).body).digest(), hashlib.sha256(PAYLOAD).digest())

    def test_a_reset_stream_ends_and_others_go_on(self):
        other = self.client.start("POST", "/other", self.FIELDS, end=False)
        result = self.client.request("POST", "/reset", self.FIELDS, b"x")
        self.assertTrue(result.reset is not None or result.status == 502, result.fields)
        self.client.send(other, b"still here", end=True)
        self.assertEqual(self.client.finish(other).body, b"still here")

    def test_a_client_that_cancels_is_cancelled_upstream(self):
        stream = self.client.start("POST", "/a", self.FIELDS, end=False)
        self.client.send(stream, b"data")
        self.client.until(lambda: self.client.streams[stream].body == b"data", "the echo came")
        self.client.h2.reset_stream(stream, http2.h2.errors.ErrorCodes.CANCEL)
        self.client.flush()
        with self.upstream.changed:
            cancelled = lambda: any(s[0] == "reset" for s in self.upstream.seen)
            self.assertTrue(self.upstream.changed.wait_for(cancelled, 10), "the upstream stream stays open")
        self.assertEqual(self.client.request("POST", "/b", self.FIELDS, b"on").body, b"on")

    def test_a_refused_stream_is_answered_as_a_gateway_error(self):
        result = self.client.request("GET", "/refuse")
        self.assertTrue(result.reset is not None or result.status in (502, 503), result.fields)
        self.assertGreater(len([s for s in self.upstream.seen if s[0] != "reset"]), 1, "a refused stream is safe to try again")

    def test_a_client_of_1_1_reaches_it_too(self):
        wire = self.enterContext(self.gateway.wire())
        response = wire.request("POST", "/echo", [("TE", "trailers"), ("Connection", "TE")], b"hello")
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertEqual(dict(response.trailers).get("grpc-status"), "0")


if __name__ == "__main__":
    unittest.main()
