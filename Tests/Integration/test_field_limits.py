"""The largest number of fields that can be configured: it counts the client's, and what the gateway adds of its own finds room beside them,
whichever protocol is spoken on either side."""
import unittest

import http2
from harness import Gateway, configuration
from upstream import Upstream

MOST = 256  # of limits.header_count


class FieldLimits(unittest.TestCase):
    def start(self, upstream, **options):
        config = configuration(upstream.port, upstream=options, limits={"header_count": MOST}, forwarding={"forwarded": True})
        gateway = self.enterContext(Gateway(config))
        return gateway, gateway.serving_pid

    def check(self, gateway, serving):
        """As many as are allowed pass, one more is refused, from clients of either protocol; and the same process serves on."""
        for extra, status in ((0, 200), (1, 431)):
            fields = [(f"x-{i}", "v") for i in range(MOST - 1 + extra)]
            with self.subTest("HTTP/1.1", fields=len(fields) + 1), gateway.wire() as wire:
                self.assertEqual(wire.request("GET", "/", fields).status, status)
            with self.subTest("HTTP/2", fields=len(fields) + 1), http2.Client(gateway.port()) as client:
                self.assertEqual(client.request("GET", "/", fields).status, status)
        self.assertEqual(gateway.serving_pid, serving, "the serving process died and was started again")

    def test_an_http1_upstream_gets_them_all(self):
        upstream = self.enterContext(Upstream())
        self.check(*self.start(upstream))
        self.assertEqual([sum(name.startswith("x-") and name[2:].isdigit() for name, _ in r.fields) for r in upstream.seen], [255, 255])
        self.assertEqual(upstream.faults, [])

    def test_an_http2_upstream_gets_them_all(self):
        upstream = self.enterContext(http2.Upstream())
        self.check(*self.start(upstream, protocol="http2"))
        requests = [fields for fields in upstream.seen if not isinstance(fields, tuple)]
        self.assertEqual([sum(name.startswith("x-") and name[2:].isdigit() for name, _ in fields) for fields in requests], [255, 255])

    def test_as_many_of_a_response_pass_too(self):
        upstream = self.enterContext(Upstream())
        upstream.on("/", lambda x: x.respond(fields=[(f"x-{i}", "v") for i in range(MOST - 1)]))
        gateway, serving = self.start(upstream)
        with gateway.wire() as wire:
            self.assertEqual(len([n for n, _ in wire.request("GET", "/").fields if n[2:].isdigit()]), MOST - 1)
        with http2.Client(gateway.port()) as client:
            self.assertEqual(len([n for n, _ in client.request("GET", "/").fields if n[2:].isdigit()]), MOST - 1)
        self.assertEqual(gateway.serving_pid, serving)


if __name__ == "__main__":
    unittest.main()
