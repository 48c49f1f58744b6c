"""The PROXY protocol in front of a connection, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt)."""
import ipaddress
import ssl
import struct
import unittest

from certificates import Authority
from harness import Gateway, configuration, free_port, loopback
from upstream import Upstream
from wire import Wire, head

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version2(source, target, command=1, family=None, extra=b"", length=None, version=2):
    """A version 2 head; `family` and `length` override what fits the addresses."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    body = a.packed + b.packed + struct.pack(">HH", 56324, 443) + extra
    family = (0x11 if a.version == 4 else 0x21) if family is None else family
    return SIGNATURE + bytes([version << 4 | command, family]) + struct.pack(">H", len(body) if length is None else length) + body


class ProxyProtocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = cls.enterClassContext(Authority())
        certificate, key = cls.authority.issue("a", "DNS:a.test")
        cls.upstream = cls.enterClassContext(Upstream())
        config = configuration(cls.upstream.port, listener={"proxy_protocol": True}, limits={"head_timeout": "1s"})
        config["listeners"].append({
            "address": loopback(free_port()), "proxy_protocol": True,
            "tls": {"certificates": [{"certificate": str(certificate), "key": str(key)}]}})
        cls.gateway = cls.enterClassContext(Gateway(config))

    def setUp(self):
        self.upstream.clear()

    GOOD = {
        "version 1, IPv4": (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1"),
        "version 1, IPv6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "2001:db8::1"),
        "version 1, unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        "version 1, unknown with rubbish": (b"PROXY UNKNOWN a b c d\r\n", "127.0.0.1"),
        "version 1, the longest": (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535".ljust(105, b"f") + b"\r\n", "127.0.0.1"),
        "version 2, IPv4": (version2("192.0.2.1", "192.0.2.2"), "192.0.2.1"),
        "version 2, IPv6": (version2("2001:db8::1", "2001:db8::2"), "2001:db8::1"),
        "version 2, local": (version2("192.0.2.1", "192.0.2.2", command=0), "127.0.0.1"),
        "version 2, local without addresses": (SIGNATURE + b"\x20\x00\x00\x00", "127.0.0.1"),
        "version 2, with extensions": (version2("192.0.2.1", "192.0.2.2", extra=b"\x02\x00\x06a.test\x04\x00\x03\0\0\0"), "192.0.2.1"),
        "version 2, with 2000 bytes of extensions": (version2("192.0.2.1", "192.0.2.2", extra=b"\x04\x07\xcd" + b"\0" * 1997), "192.0.2.1"),
    }

    def test_the_client_is_whom_the_head_names(self):
        for name, (preface, client) in self.GOOD.items():
            with self.subTest(name):
                wire = self.enterContext(self.gateway.wire(preface=preface))
                for _ in range(3):
                    self.assertEqual(wire.request("GET", "/").body, b"ok")
                    self.assertEqual(self.upstream.last().get("x-forwarded-for").strip('"[]'), client)

    def test_head_and_request_in_one_segment(self):
        for name, (preface, client) in self.GOOD.items():
            with self.subTest(name):
                wire = self.enterContext(self.gateway.wire())
                wire.send(preface + head("GET", "/one") + head("GET", "/two"))
                self.assertEqual([wire.read().body, wire.read().body], [b"ok", b"ok"])
                self.assertEqual(self.upstream.last().get("x-forwarded-for").strip('"[]'), client)

    def test_head_byte_by_byte(self):
        for name, (preface, client) in self.GOOD.items():
            with self.subTest(name):
                wire = self.enterContext(self.gateway.wire())
                wire.send_slowly(preface[:150])
                wire.send(preface[150:])
                self.assertEqual(wire.request("GET", "/").body, b"ok")
                self.assertEqual(self.upstream.last().get("x-forwarded-for").strip('"[]'), client)

    def test_in_front_of_tls(self):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        for preface, client in (self.GOOD["version 1, IPv4"], self.GOOD["version 2, IPv6"]):
            wire = self.enterContext(self.gateway.wire(1, preface=preface, tls=context, server_name="a.test"))
            self.assertEqual(wire.request("GET", "/").body, b"ok")
            self.assertEqual(self.upstream.last().get("x-forwarded-for").strip('"[]'), client)

    BAD = {
        "no head": b"",
        "another word": b"PROXI TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
        "lower case": b"proxy TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
        "no family": b"PROXY\r\n",
        "unknown family": b"PROXY TCP5 192.0.2.1 192.0.2.2 56324 443\r\n",
        "UDP": b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "no ports": b"PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
        "one port": b"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
        "port out of range": b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
        "port of letters": b"PROXY TCP4 192.0.2.1 192.0.2.2 a 443\r\n",
        "negative port": b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n",
        "bad address": b"PROXY TCP4 192.0.2.256 192.0.2.2 56324 443\r\n",
        "name for an address": b"PROXY TCP4 a.test b.test 1 2\r\n",
        "IPv6 as IPv4": b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "IPv4 as IPv6": b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "two spaces": b"PROXY  TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
        "bare LF": b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
        "a word too many": b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 x\r\n",
        "too long": b"PROXY UNKNOWN " + b"f" * 100 + b"\r\n",
        "endless": b"PROXY UNKNOWN " + b"f" * 5000,
        "NUL": b"PROXY TCP4 192.0.2.1\0 192.0.2.2 56324 443\r\n",
        "version 2, broken signature": b"\r\n\r\n\0\r\nQUIX\n" + version2("192.0.2.1", "192.0.2.2")[12:],
        "version 2, version 1 inside": version2("192.0.2.1", "192.0.2.2", version=1),
        "version 2, version 3": version2("192.0.2.1", "192.0.2.2", version=3),
        "version 2, unknown command": version2("192.0.2.1", "192.0.2.2", command=2),
        "version 2, too short for IPv4": SIGNATURE + b"\x21\x11\x00\x04abcd",
        "version 2, too short for IPv6": version2("192.0.2.1", "192.0.2.2", family=0x21),
        "version 2, TLS at once": b"\x16\x03\x01\x02\x00\x01\x00",
    }

    def test_a_bad_head_is_closed_without_an_answer_and_reaches_no_upstream(self):
        for name, preface in self.BAD.items():
            for index in (0, 1):
                with self.subTest(name, index=index):
                    with Wire(self.gateway.port(index)) as wire:
                        try:
                            wire.send(preface + head("GET", "/smuggled"))
                            self.assertEqual(wire.read_to_end(), b"")
                        except ConnectionError:
                            self.assertEqual(wire.buffer, b"")
        self.assertEqual(self.upstream.seen, [])
        self.test_in_front_of_tls()

    def test_a_head_that_does_not_end_is_closed(self):
        for beginning in (
            b"", b"PROX", b"PROXY TCP4 192.0.2.1", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x0c",
            version2("192.0.2.1", "192.0.2.2", length=2000),
        ):
            with self.subTest(beginning):
                with Wire(self.gateway.port()) as wire:
                    wire.send(beginning)
                    self.assertTrue(wire.ends())
        self.assertEqual(self.upstream.seen, [])

    def test_a_listener_that_does_not_ask_for_it_takes_it_for_a_bad_request(self):
        gateway = self.enterContext(Gateway(configuration(self.upstream.port)))
        for preface in (self.GOOD["version 1, IPv4"][0], self.GOOD["version 2, IPv4"][0]):
            with gateway.wire(preface=preface) as wire:
                wire.send(head("GET", "/smuggled"))
                self.assertEqual(wire.read_head().status, 400)
        self.assertEqual(self.upstream.seen, [])


if __name__ == "__main__":
    unittest.main()
