"""The command line: exit codes are its contract."""
import json
import subprocess
import tempfile
import unittest

from harness import Gateway, Origin, binary, configuration
from upstream import Upstream
from wire import Wire, head


def tidegate(*arguments, **options):
    """(exit code, everything that it said)."""
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=30, **options)
    return done.returncode, done.stdout + done.stderr


class Validate(unittest.TestCase):
    def validate(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return tidegate("validate", "--config", file.name)

    def test_a_good_configuration_is_0(self):
        code, said = self.validate(json.dumps(configuration(1)))
        self.assertEqual(code, 0, said)

    def test_every_fault_is_named_at_once_with_its_line(self):
        code, said = self.validate(
            "listeners:\n  - { address: 127.0.0.1:99999 }\nupstreams:\n  main:\n    endpoints: [127.0.0.1:1]\n    balence: round_robin\n"
            "apis:\n  - name: a\n    routes: { $default: { upstream: nowhere } }\n")
        self.assertEqual(code, 1, said)
        for text in (":2", ":6", "balence", "balance", "nowhere"):
            self.assertIn(text, said)

    def test_a_file_that_is_not_there_is_1(self):
        self.assertEqual(tidegate("validate", "--config", "/nonexistent/tidegate.yaml")[0], 1)

    def test_what_a_later_release_brings_is_accepted_with_a_warning(self):
        config = configuration(1, throttle={"rate": 1000})
        code, said = self.validate(json.dumps(config))
        self.assertEqual(code, 0, said)
        self.assertIn("not in effect", said)


class Verbs(unittest.TestCase):
    def test_version(self):
        code, said = tidegate("version")
        self.assertEqual(code, 0)
        self.assertRegex(said, r"\d+\.\d+")

    def test_help_names_the_verbs(self):
        code, said = tidegate("--help")
        self.assertEqual(code, 0)
        for verb in ("run", "validate", "reload", "healthcheck", "version", "origin"):
            self.assertIn(verb, said)

    def test_an_unknown_verb_is_no_success(self):
        self.assertNotEqual(tidegate("sing")[0], 0)

    def test_healthcheck_is_0_while_it_serves_and_1_when_it_does_not(self):
        upstream = self.enterContext(Upstream())
        gateway = self.enterContext(Gateway(configuration(upstream.port)))
        code, said = tidegate("healthcheck", "--config", gateway.path, cwd=gateway.folder)
        self.assertEqual(code, 0, said)
        gateway.stop()
        self.assertEqual(tidegate("healthcheck", "--config", gateway.path, cwd=gateway.folder)[0], 1)


class TheOrigin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = cls.enterClassContext(Origin())

    def wire(self):
        return self.enterContext(Wire(self.origin.port))

    def test_its_paths(self):
        wire = self.wire()
        self.assertEqual(wire.request("GET", "/get").status, 200)
        self.assertEqual(wire.request("GET", "/status/503").status, 503)
        self.assertEqual(len(wire.request("GET", "/bytes/12345").body), 12345)
        self.assertEqual(wire.request("GET", "/delay/0").status, 200)
        self.assertEqual(wire.request("GET", "/nowhere").status, 404)
        self.assertIn("60", wire.request("GET", "/cache/60").get("cache-control"))
        self.assertEqual(len(wire.request("GET", "/stream/5").body.strip().split(b"\n")), 5)

    def test_anything_tells_what_it_was_sent(self):
        response = self.wire().request("PUT", "/anything/a?b=c", [("X-One", "1")], b"body-1234")
        told = json.loads(response.body)
        self.assertEqual(told["method"], "PUT")
        text = json.dumps(told)
        for part in ("/anything/a", "body-1234", "X-One"):
            self.assertIn(part.lower(), text.lower())

    def test_websocket_echo(self):
        wire = self.wire()
        wire.send(head("GET", "/ws", [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        response = wire.read()
        self.assertEqual((response.status, response.get("sec-websocket-accept")), (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        mask, text = b"\x01\x02\x03\x04", b"hello"
        wire.send(b"\x81" + bytes([0x80 | len(text)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text)))
        self.assertEqual(wire.take(7), b"\x81\x05hello")


if __name__ == "__main__":
    unittest.main()
