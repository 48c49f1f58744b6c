"""Bodies far larger than any buffer, up and down, in bounded memory: 128 MiB each way, or 1 GiB with TIDEGATE_FULL=1."""
import ssl
import threading
import unittest

import http2
from certificates import Authority
from harness import FULL, Gateway, configuration, free_port, loopback
from upstream import Upstream
from wire import chunk, head

SIZE = (1024 if FULL else 128) << 20
GROWTH_MAX = 64 << 20
BLOCK = bytes(range(256)) * 1024


class Streaming(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = cls.enterClassContext(Authority())
        certificate, key = cls.authority.issue("a", "DNS:a.test")
        cls.upstream = cls.enterClassContext(Upstream(keeps_bodies=False))
        cls.upstream.on("/down", cls.down)
        cls.upstream.on("/down-chunked", cls.down_chunked)
        cls.upstream.on("/up", cls.up)
        cls.config = configuration(cls.upstream.port, limits={"body": "2GiB"})
        tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
        cls.config["listeners"].append({"address": loopback(free_port()), "tls": tls})

    def setUp(self):
        self.gateway = self.enterContext(Gateway(self.config))
        for _ in range(20):
            self.assertEqual(self.gateway.get("/warm").status, 200)
        self.before = self.gateway.memory("VmRSS")

    def tearDown(self):
        growth = self.gateway.memory("VmHWM") - self.before
        self.assertLess(growth, GROWTH_MAX, f"resident memory grew by {growth >> 20} MiB")

    @staticmethod
    def down(x):
        x.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            x.send(BLOCK)

    @staticmethod
    def down_chunked(x):
        x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(SIZE // len(BLOCK)):
            x.send(chunk(BLOCK))
        x.send(b"0\r\n\r\n")

    @staticmethod
    def up(x):
        """Answers with the number of bytes, or where they went wrong."""
        count, expected = 0, BLOCK * 2
        for part in x.body_parts():
            for at in range(0, len(part), len(BLOCK)):
                piece, offset = part[at:at + len(BLOCK)], (count + at) % len(BLOCK)
                if piece != expected[offset:offset + len(piece)]:
                    return x.respond(500, body=b"wrong near %d" % (count + at))
            count += len(part)
        return x.respond(body=b"%d" % count)

    def read_blocks(self, wire, count):
        for i in range(count // len(BLOCK)):
            if wire.take(len(BLOCK)) != BLOCK:
                self.fail(f"block {i} is wrong")

    def tls(self):
        return {"index": 1, "tls": ssl.create_default_context(cafile=self.authority.certificate), "server_name": "a.test"}

    def check_down(self, **options):
        wire = self.enterContext(self.gateway.wire(timeout=60, **options))
        wire.send(head("GET", "/down"))
        self.assertEqual(wire.read_head().get("content-length"), str(SIZE))
        self.read_blocks(wire, SIZE)
        self.assertEqual(wire.request("GET", "/after").status, 200)

    def check_up(self, **options):
        wire = self.enterContext(self.gateway.wire(timeout=60, **options))
        wire.send(head("POST", "/up", [("Content-Length", SIZE)]))
        for _ in range(SIZE // len(BLOCK)):
            wire.send(BLOCK)
        self.assertEqual(wire.read().body, b"%d" % SIZE)

    def test_down(self):
        self.check_down()

    def test_up(self):
        self.check_up()

    def test_down_over_tls(self):
        self.check_down(**self.tls())

    def test_up_over_tls(self):
        self.check_up(**self.tls())

    def test_chunked_both_ways(self):
        wire = self.enterContext(self.gateway.wire(timeout=60))
        wire.send(head("POST", "/up", [("Transfer-Encoding", "chunked")]))
        framed = chunk(BLOCK)
        for _ in range(SIZE // len(BLOCK)):
            wire.send(framed)
        wire.send(b"0\r\n\r\n")
        self.assertEqual(wire.read().body, b"%d" % SIZE)
        wire.send(head("GET", "/down-chunked"))
        self.assertEqual(wire.read_head().get("transfer-encoding"), "chunked")
        count = 0
        while size := int(wire.take_until(b"\r\n", "a size"), 16):
            count += len(wire.take(size + 2)) - 2
        self.assertEqual(count, SIZE)

    def test_both_at_once_on_several_connections(self):
        faults = []

        def run(check):
            try:
                check()
            except BaseException as fault:
                faults.append(fault)
        threads = [threading.Thread(target=run, args=(check,)) for check in (self.check_down, self.check_up)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(faults, [])

    def test_down_over_http2_to_a_slow_reader(self):
        """The client's window closes; the gateway must not go on collecting."""
        client = self.enterContext(http2.Client(self.gateway.port(), timeout=60))
        stream = client.start("GET", "/down")
        client.until(lambda: client.streams[stream].fields, "the head came")
        count, result = 0, client.streams[stream]
        while count < SIZE // 4:
            if not client.pump():
                self.fail(f"the connection ended after {count} bytes")
            count += len(result.body)
            result.body = b""
        client.h2.reset_stream(stream)
        client.flush()
        self.assertEqual(client.request("GET", "/after").status, 200)


if __name__ == "__main__":
    unittest.main()
