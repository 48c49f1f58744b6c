"""TLS towards clients and towards upstreams."""
import hashlib
import pathlib
import socket
import threading
import ssl
import unittest

from certificates import Authority
from harness import Gateway, configuration, wait_until
from upstream import Upstream
from wire import Wire, chunk, head


def trust(authority, certificate=None, alpn=None, version=None, verify=True):
    """A client's context."""
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate)
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def fingerprint(wire):
    return hashlib.sha256(wire.socket.getpeercert(binary_form=True)).hexdigest()


def print_of(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())).hexdigest()


def secure(certificates, **more):
    return {"tls": {"certificates": [{"certificate": str(c), "key": str(k)} for c, k in certificates], **more}}


class TLSTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = cls.enterClassContext(Authority())
        cls.upstream = cls.enterClassContext(Upstream())

    def serve(self, certificates, **more):
        self.config = configuration(self.upstream.port, listener=secure(certificates, **more))
        return self.enterContext(Gateway(self.config))

    def connect(self, gateway, context, name="a.test", **options):
        return self.enterContext(gateway.wire(tls=context, server_name=name, **options))


class Certificates(TLSTestCase):
    def test_exact_names_come_before_wildcards_and_the_first_serves_the_rest(self):
        default = self.authority.issue("default", "DNS:default.test")
        wildcard = self.authority.issue("wildcard", "DNS:*.a.test")
        exact = self.authority.issue("exact", "DNS:www.a.test")
        many = self.authority.issue("many", "DNS:b.test", "DNS:c.test")
        gateway = self.serve([default, wildcard, exact, many])
        for name, expected in {
            "www.a.test": exact, "WWW.A.TEST": exact, "other.a.test": wildcard, "b.test": many, "c.test": many, "default.test": default,
            "a.test": default, "x.y.a.test": default, "unknown.test": default, None: default,
        }.items():
            with self.subTest(name):
                wire = self.connect(gateway, trust(self.authority, verify=False), name)
                self.assertEqual(fingerprint(wire), print_of(expected[0]))
                self.assertEqual(wire.request("GET", "/", host=name or "a.test").body, b"ok")

    def test_a_reload_brings_new_certificates_and_keeps_connections(self):
        pair = self.authority.issue("changing", "DNS:a.test")
        gateway = self.serve([pair])
        kept = self.connect(gateway, trust(self.authority))
        before = fingerprint(kept)
        self.authority.issue("changing", "DNS:a.test")
        gateway.reload()

        def current():
            with gateway.wire(tls=trust(self.authority), server_name="a.test") as wire:
                return fingerprint(wire)
        wait_until(lambda: current() == print_of(pair[0]), "the new certificate is served")
        self.assertNotEqual(current(), before)
        self.assertEqual(kept.request("GET", "/").body, b"ok")

    def test_a_reload_with_a_broken_certificate_keeps_the_old_one(self):
        pair = self.authority.issue("breaking", "DNS:a.test")
        gateway = self.serve([pair])
        expected = print_of(pair[0])
        pathlib.Path(pair[0]).write_text("no certificate")
        gateway.reload()
        wait_until(lambda: [k for k, v in gateway.metrics().items() if "reload" in str(k).lower() and v], "the reload is over")
        self.assertEqual(fingerprint(self.connect(gateway, trust(self.authority))), expected)


class Protocols(TLSTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = configuration(cls.upstream.port, listener=secure([cls.authority.issue("a", "DNS:a.test")]))
        cls.gateway = cls.enterClassContext(Gateway(cls.config))

    def test_alpn(self):
        for offered, chosen in (
            (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.0", "http/1.1"], "http/1.1"),
            (None, None),
        ):
            with self.subTest(offered):
                wire = self.connect(self.gateway, trust(self.authority, alpn=offered))
                self.assertEqual(wire.socket.selected_alpn_protocol(), chosen)

    def test_versions(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            wire = self.connect(self.gateway, trust(self.authority, version=version))
            self.assertEqual(wire.socket.version(), name)
            self.assertEqual(wire.request("GET", "/").body, b"ok")

    def test_older_versions_are_refused(self):
        context = trust(self.authority, verify=False)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.connect(self.gateway, context)

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trust(self.authority, version=version)
            wire = self.connect(self.gateway, context)
            wire.request("GET", "/")
            session = wire.socket.session
            # Whichever worker takes a connection, it knows the ticket.
            for _ in range(10):
                again = self.connect(self.gateway, context, session=session)
                self.assertEqual(again.request("GET", "/").body, b"ok")
                self.assertTrue(again.socket.session_reused, version.name)

    def test_the_upstream_learns_of_tls(self):
        self.connect(self.gateway, trust(self.authority)).request("GET", "/")
        self.assertEqual(self.upstream.last().get("x-forwarded-proto"), "https")

    def test_large_bodies_both_ways(self):
        self.upstream.on("/echo", lambda x: x.respond(body=x.read()))
        body = bytes(range(256)) * 8000
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            wire = self.connect(self.gateway, trust(self.authority, version=version), timeout=20)
            self.assertEqual(wire.request("POST", "/echo", body=body).body, body)
            self.assertEqual(wire.request("GET", "/").body, b"ok")

    def test_a_refusal_in_the_midst_of_a_body_arrives(self):
        config = configuration(
            self.upstream.port, listener=secure([self.authority.issue("a", "DNS:a.test")]), limits={"body": "64KiB"})
        gateway = self.enterContext(Gateway(config))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            wire = self.connect(gateway, trust(self.authority, version=version), timeout=20)
            wire.send(head("POST", "/", [("Transfer-Encoding", "chunked")]) + chunk(b"b" * 60000) * 30)
            self.assertEqual(wire.read().status, 413)
            self.assertTrue(wire.ends())

    def test_requests_byte_by_byte(self):
        wire = self.connect(self.gateway, trust(self.authority))
        wire.send_slowly(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual(wire.read().body, b"ok")

    def test_strangers_do_no_harm(self):
        for raw in (
            b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"\x16\x03\x01\x40\x00" + b"\xff" * 500, b"\x00" * 100,
            b"\x16\x03\x01\x00\x00", b"x",
        ):
            with Wire(self.gateway.port()) as wire:
                wire.send(raw)
                wire.socket.shutdown(1)
                self.assertNotIn(b" 200 ", drained(wire))
        self.assertEqual(self.connect(self.gateway, trust(self.authority)).request("GET", "/").body, b"ok")


def drained(wire):
    """What came before the connection ended, however it did."""
    try:
        return wire.read_to_end()
    except ConnectionError:
        return wire.buffer


class ClientCertificates(TLSTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger = cls.enterClassContext(Authority("Another CA"))
        cls.server = cls.authority.issue("a", "DNS:a.test")
        cls.good = cls.authority.issue("good", client=True)
        cls.bad = cls.stranger.issue("bad", client=True)

    def attempt(self, gateway, certificate, version):
        """True when a request passes. With TLS 1.3 a refusal shows only after the client's side of the handshake."""
        try:
            with gateway.wire(tls=trust(self.authority, certificate, version=version), server_name="a.test") as wire:
                return wire.request("GET", "/").status == 200
        except (ssl.SSLError, ConnectionError, ValueError):
            return False

    def check(self, mode, none, good, bad):
        more = {} if mode == "off" else {"trust": str(self.authority.certificate)}
        gateway = self.serve([self.server], client={"mode": mode, **more})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            outcome = tuple(self.attempt(gateway, c, version) for c in (None, self.good, self.bad))
            self.assertEqual(outcome, (none, good, bad), (mode, version.name))

    def test_required(self):
        self.check("required", none=False, good=True, bad=False)

    def test_optional(self):
        self.check("optional", none=True, good=True, bad=False)

    def test_off(self):
        self.check("off", none=True, good=True, bad=True)


class Upstreams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = cls.enterClassContext(Authority())
        cls.stranger = cls.enterClassContext(Authority("Another CA"))
        cls.pair = cls.authority.issue("origin", "DNS:origin.test", "IP:127.0.0.1", "DNS:localhost")
        cls.ours = cls.authority.issue("gateway", client=True)

    def serve(self, endpoint="127.0.0.1", pair=None, demand=None, **tls):
        """A gateway before a TLS upstream; the names that it asked for are in `asked`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(pair or self.pair))
        if demand:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(demand.certificate)
        self.asked = []
        context.sni_callback = lambda sock, name, _: self.asked.append(name)
        upstream = self.enterContext(Upstream(tls=context))
        upstream.on("/echo", lambda x: x.respond(body=x.read()))
        return self.enterContext(Gateway(configuration(upstream={"endpoints": [f"{endpoint}:{upstream.port}"], "tls": tls})))

    def trusted(self, **more):
        return {"trust": str(self.authority.certificate), **more}

    def test_a_trusted_upstream_serves(self):
        gateway = self.serve(**self.trusted())
        body = bytes(range(256)) * 4000
        self.assertEqual(gateway.get("/echo", method="POST", body=body).body, body)

    def test_the_name_is_asked_for_and_verified(self):
        gateway = self.serve(**self.trusted(server_name="origin.test"))
        self.assertEqual(gateway.get("/").status, 200)
        self.assertEqual(set(self.asked), {"origin.test"})
        gateway = self.serve(**self.trusted(server_name="wrong.test"))
        self.assertEqual(gateway.get("/").status, 502)

    def test_the_name_of_the_endpoint_is_asked_for(self):
        gateway = self.serve("localhost", **self.trusted())
        self.assertEqual(gateway.get("/").status, 200)
        self.assertEqual(set(self.asked), {"localhost"})

    def test_an_untrusted_upstream_is_refused_unless_told_otherwise(self):
        self.assertEqual(self.serve().get("/").status, 502)
        self.assertEqual(self.serve(trust=str(self.stranger.certificate)).get("/").status, 502)
        self.assertEqual(self.serve(verify=False).get("/").status, 200)

    def test_an_expired_certificate_is_refused(self):
        expired = self.authority.issue("expired", "DNS:origin.test", "IP:127.0.0.1", days=-1)
        self.assertEqual(self.serve(pair=expired, **self.trusted()).get("/").status, 502)

    def test_our_certificate_is_shown(self):
        certificate, key = self.ours
        gateway = self.serve(demand=self.authority, **self.trusted(certificate=str(certificate), key=str(key)))
        self.assertEqual(gateway.get("/").status, 200)
        self.assertEqual(self.serve(demand=self.authority, **self.trusted()).get("/").status, 502)

    def test_an_upstream_that_speaks_no_tls_is_502(self):
        server = self.enterContext(socket.create_server(("127.0.0.1", 0)))

        def answer():
            for _ in range(3):  # as many as there are attempts
                connection = server.accept()[0]
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.close()
        threading.Thread(target=answer, daemon=True).start()
        gateway = self.enterContext(Gateway(configuration(server.getsockname()[1], upstream={"tls": self.trusted()})))
        self.assertEqual(gateway.get("/").status, 502)


if __name__ == "__main__":
    unittest.main()
