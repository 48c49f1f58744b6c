"""Starts the processes that the tests drive, and ends them: the gateway, its origin, nginx. What travels between them is left to
wire.py (the client's side), upstream.py (the other side) and http2.py.

Every process is started in a group of its own and ended by its recorded pid. A wait is an event with a deadline."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from upstream import Upstream
from wire import Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 15.0
FULL = os.environ.get("TIDEGATE_FULL") == "1"


def binary():
    """The gateway under test: $TIDEGATE_BIN, else the release build, else the debug build."""
    named = os.environ.get("TIDEGATE_BIN")
    for path in [pathlib.Path(named)] if named else [ROOT / ".build/release/tidegate", ROOT / ".build/debug/tidegate"]:
        if path.exists():
            return str(path.resolve())
    raise RuntimeError(f"no gateway to test: {named or '.build/release/tidegate'} does not exist; run `make build` first")


def wait_until(condition, what, deadline=DEADLINE):
    """Asks until `condition()` is true and returns its value; fails with `what` when the deadline has passed."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.01)


_given = set()


def free_port():
    """A TCP port that nobody listens on, below the range from which the kernel takes ports for outgoing connections."""
    while True:
        port = random.randrange(15000, 32000)
        if port in _given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def loopback(port):
    return f"127.0.0.1:{port}"


def configuration(*ports, upstream=None, routes=None, listener=None, node=None, **sections):
    """A configuration whose `$default` route goes to an upstream `main` with the given ports as endpoints. JSON is YAML."""
    return {
        "node": {"name": "under-test", "workers": 2, "data": "var", "drain": "10s", **(node or {})},
        "listeners": [{"address": loopback(free_port()), **(listener or {})}],
        "admin": {"listen": loopback(free_port())},
        "upstreams": {"main": {"endpoints": [loopback(p) for p in ports], **(upstream or {})}},
        "apis": [{"name": "test", "protocol": "http", "hosts": ["*"], "routes": routes or {"$default": {"upstream": "main"}}}],
        **sections,
    }


class Process:
    """A child in a process group of its own, with its output kept in a file."""

    def __init__(self, command, folder, environment=None):
        self.command = [str(c) for c in command]
        self.output_path = pathlib.Path(folder) / f"{pathlib.Path(self.command[0]).name}-{time.monotonic_ns()}.out"
        with open(self.output_path, "wb") as out:
            self.child = subprocess.Popen(
                self.command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(environment or {})})
        self.pid = self.child.pid

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    def require_alive(self):
        if self.child.poll() is not None:
            raise AssertionError(f"{' '.join(self.command)} ended with {self.child.returncode}:\n{self.output[-4000:]}")

    def send(self, number):
        self.child.send_signal(number)

    def wait(self, deadline=DEADLINE):
        """The exit code, negative for a signal."""
        try:
            return self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{' '.join(self.command)} did not end within {deadline} s:\n{self.output[-4000:]}") from None

    def kill(self):
        """Ends the whole group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()


class Gateway:
    """`tidegate run`, ready to serve inside a `with` block; leaving it drains the gateway and demands exit code 0."""

    def __init__(self, config, environment=None, files=None):
        self.config = config
        self.environment = environment
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-")
        self.folder = pathlib.Path(self._folder.name)
        self.path = self.folder / "tidegate.yaml"
        for name, content in (files or {}).items():
            (self.folder / name).write_bytes(content)
        self.process = None

    def __enter__(self):
        self.write(self.config)
        try:
            self.start()
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.process and self.process.child.poll() is None:
                if kind is None:
                    self.stop()
        finally:
            if self.process:
                self.process.kill()
            self._folder.cleanup()

    def write(self, config):
        """Replaces the configuration file in one step, as an operator's tool would; takes a mapping, or text as it stands."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.path)

    def start(self):
        self.process = Process([binary(), "run", "--config", self.path], self.folder, self.environment)
        wait_until(self.is_ready, "the gateway says that it is ready")

    def is_ready(self):
        self.process.require_alive()
        try:
            return self.admin("/readyz").status == 200
        except OSError:
            return False

    def stop(self):
        """SIGTERM; the exit code must be 0."""
        self.process.send(signal.SIGTERM)
        code = self.process.wait(30)
        if code != 0:
            raise AssertionError(f"the gateway ended with {code} instead of 0:\n{self.process.output[-4000:]}")

    def reload(self):
        self.process.send(signal.SIGHUP)

    # ---- where it listens
    def port(self, index=0):
        return int(self.config["listeners"][index]["address"].rsplit(":", 1)[1])

    @property
    def admin_port(self):
        return int(self.config["admin"]["listen"].rsplit(":", 1)[1])

    def wire(self, index=0, **options):
        """A new connection to a listener."""
        return Wire(self.port(index), **options)

    def get(self, target, fields=(), method="GET", body=None):
        """One request on a connection of its own."""
        with self.wire() as wire:
            return wire.request(method, target, [*fields, ("Connection", "close")], body)

    # ---- what it says of itself
    def admin(self, path, method="GET", fields=None, body=None):
        """The admin listener's answer, with its body read: .status, .headers, .text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=DEADLINE)
        try:
            connection.request(method, path, body=body, headers=fields or {})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        except http.client.HTTPException as fault:
            raise OSError(f"the admin listener did not answer {path}: {fault!r}") from None
        finally:
            connection.close()

    def metrics(self):
        """{(name, ((label, value), ...)): number} of /metrics."""
        return parse_metrics(self.admin("/metrics").text)

    @property
    def serving_pids(self):
        """The children of the master: the processes that serve."""
        return [int(p) for p in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    @property
    def serving_pid(self):
        """The one process that serves; before the first request of a new one there may be none for a moment."""
        return wait_until(lambda: len(self.serving_pids) == 1 and self.serving_pids[0], "there is one serving process")

    def memory(self, key):
        """VmRSS or VmHWM of the serving process in bytes."""
        status = pathlib.Path(f"/proc/{self.serving_pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M).group(1)) * 1024


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


def parse_metrics(text):
    """Reads the Prometheus text format strictly: every line is a comment, empty or a sample; no sample comes twice."""
    samples = {}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        sample = SAMPLE.match(line)
        if not sample:
            raise AssertionError(f"no sample: {line!r}")
        name, labels, number = sample.groups()
        found = LABEL.findall(labels or "")
        if LABEL.sub("", labels or ""):
            raise AssertionError(f"bad labels: {line!r}")
        key = (name, tuple(found))
        if key in samples:
            raise AssertionError(f"a sample comes twice: {line!r}")
        samples[key] = float(number)
    return samples


class Origin:
    """`tidegate origin`, which can be killed and started again on its port."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="origin-")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self._folder.cleanup()

    def start(self):
        self.process = Process([binary(), "origin", "--listen", loopback(self.port)], self._folder.name)
        wait_until(self._answers, "the origin answers")

    def _answers(self):
        self.process.require_alive()
        try:
            with Wire(self.port, timeout=2) as wire:
                return wire.request("GET", "/get").status == 200
        except (OSError, ValueError):
            return False

    def kill(self):
        if self.process:
            self.process.kill()


class Nginx:
    """nginx in the foreground, with the given text inside its `server` block."""

    def __init__(self, server, files=None):
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-")
        self.folder = pathlib.Path(self._folder.name)
        for name, content in (files or {}).items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_bytes(content)
        temporary = "".join(f"{kind}_temp_path {self.folder}; " for kind in ("proxy", "fastcgi", "uwsgi", "scgi", "client_body"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{self.port}; root {self.folder}; client_max_body_size 0;\n{server}\n}} }}\n")
        self.process = None

    @staticmethod
    def path():
        return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def __enter__(self):
        if not self.path():
            raise RuntimeError("nginx is not installed; run `make setup`")
        self.process = Process([self.path(), "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"], self.folder)
        wait_until(self._listens, "nginx listens")
        return self

    def _listens(self):
        self.process.require_alive()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
        self._folder.cleanup()


class GatewayTestCase(unittest.TestCase):
    """One gateway before one scripted upstream for all the tests of a class."""

    @classmethod
    def configure(cls, port):
        return configuration(port)

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        cls.gateway = cls.enterClassContext(Gateway(cls.configure(cls.upstream.port)))

    def setUp(self):
        self.upstream.clear()

    def wire(self, **options):
        return self.enterContext(self.gateway.wire(**options))
