"""The steady path allocates nothing: how often the thread of a worker asks the C library for memory, counted by a library put in front
of it (allocations.c), while h2load drives a warm gateway. A budget of counts, not of time: it holds on any machine."""
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

from certificates import Authority
from harness import Gateway, Origin, binary, configuration, free_port, loopback, wait_until

SOURCE = pathlib.Path(__file__).with_name("allocations.c")
PLACES = 65536
WARM, SHORT, LONG = 2000, 1000, 12000
TRIES = 3

# Allocations a request. Timers and the worker's own bookkeeping may cost one now and then.
NOTHING = 0.02
# libssl 3.0 itself: one packet writer for a record read and three for a record written, of some 40 bytes each: 4. Its record buffers come
# from TLSMemory. With streams side by side a record carries several. The handshakes of two runs differ a little, which the margins
# allow for.
A_RECORD_EACH_WAY = 5.5
STREAMS_SIDE_BY_SIDE = 1.5


def compiler():
    return next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)


def is_sanitised():
    """A sanitizer brings an allocator of its own, which stands no other in front of it."""
    content = pathlib.Path(binary()).read_bytes()
    return b"__asan_init" in content or b"__tsan_init" in content


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not compiler():
            raise unittest.SkipTest("no C compiler to build the counter with")
        if is_sanitised():
            raise unittest.SkipTest("the gateway is built with a sanitizer")
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="allocations-")))
        library = cls.folder / "allocations.so"
        subprocess.run([compiler(), "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        cls.environment = {"LD_PRELOAD": str(library), "ALLOCATION_COUNTERS": str(cls.folder)}
        cls.origin = cls.enterClassContext(Origin())
        authority = cls.enterClassContext(Authority())
        cls.certificate = dict(zip(("certificate", "key"), map(str, authority.issue("gateway", "IP:127.0.0.1"))))

    def start(self, **upstream):
        """A gateway of one worker with a plain and a TLS listener, an access log, and the counter in front of its C library."""
        config = configuration(self.origin.port, upstream=upstream, node={"workers": 1}, log={"access": "access.log"})
        config["listeners"].append({"address": loopback(free_port()), "tls": {"certificates": [self.certificate]}})
        self.gateway = self.enterContext(Gateway(config, environment=self.environment))
        self.plain = f"http://127.0.0.1:{self.gateway.port()}"
        self.secure = f"https://127.0.0.1:{self.gateway.port(1)}"
        self.worker = wait_until(self.worker_thread, "the worker's thread has its name")
        self.assertGreater(self.counted(), 0, "the counter sees nothing at all, not even the worker's start")

    def worker_thread(self):
        tasks = pathlib.Path(f"/proc/{self.gateway.serving_pid}/task").iterdir()
        workers = [int(task.name) for task in tasks if (task / "comm").read_text().startswith("worker")]
        return workers[0] if len(workers) == 1 else None

    def counted(self):
        """Allocations of the worker's thread since it began."""
        with open(self.folder / str(self.gateway.serving_pid), "rb") as counters:
            counters.seek(8 * (self.worker % PLACES))
            return struct.unpack("<Q", counters.read(8))[0]

    def drive(self, count, arguments):
        """`count` requests; what they allocated, their connections included."""
        before = self.counted()
        done = subprocess.run(["h2load", "-n", str(count), *map(str, arguments)], capture_output=True, text=True, check=True, timeout=120)
        # h2load counts no status where a status line lacks its reason phrase, so the gateway is asked for it.
        self.assertIn(f"{count} done", done.stdout)
        self.assertIn("0 errored, 0 timeout", done.stdout)
        return self.counted() - before

    def per_request(self, *arguments):
        """What a further request on a warm connection costs: the difference of two runs that differ in nothing but their length."""
        self.drive(WARM, arguments)
        answered = self.answered()
        short, long = self.drive(SHORT, arguments), self.drive(LONG, arguments)
        self.assertEqual(self.answered() - answered, SHORT + LONG, "every request was answered with 2xx")
        return (long - short) / (LONG - SHORT)

    def answered(self):
        return self.gateway.metrics()["tidegate_responses_total", (("class", "2xx"),)]

    def check(self, budget, name, *arguments):
        with self.subTest(name):
            # A pool that grows by a page in the longer run looks like a cost; one that is paid by every request is there every time.
            for _ in range(TRIES):
                cost = self.per_request(*arguments)
                if cost < budget:
                    break
            print(f"{cost:7.3f} allocations a request, {budget} allowed: {name}", flush=True)
            self.assertLess(cost, budget)

    def test_http1_allocates_nothing(self):
        self.start()
        self.check(NOTHING, "HTTP/1.1, one request after the other", "--h1", "-c8", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/1.1, pipelined", "--h1", "-c4", "-m4", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/1.1, bodies of requests", "--h1", "-c8", "-d", SOURCE, f"{self.plain}/anything")
        self.check(NOTHING, "HTTP/1.1, chunked responses", "--h1", "-c8", f"{self.plain}/stream/5")
        self.check(NOTHING, "HTTP/1.1, bodies larger than a buffer", "--h1", "-c4", f"{self.plain}/bytes/300000")

    def test_http2_allocates_nothing(self):
        self.start()
        self.check(NOTHING, "HTTP/2, one stream a connection", "-c8", "-m1", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/2, streams side by side", "-c8", "-m10", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/2, bodies of requests", "-c4", "-m4", "-d", SOURCE, f"{self.plain}/anything")
        self.check(NOTHING, "HTTP/2, chunked responses", "-c4", "-m4", f"{self.plain}/stream/5")

    def test_http2_upstream_allocates_nothing(self):
        self.start(protocol="http2")
        self.check(NOTHING, "HTTP/1.1 to HTTP/2", "--h1", "-c8", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/2 to HTTP/2", "-c8", "-m10", f"{self.plain}/bytes/128")
        self.check(NOTHING, "HTTP/2 to HTTP/2, bodies of requests", "-c4", "-m4", "-d", SOURCE, f"{self.plain}/anything")

    def test_tls_adds_what_libssl_itself_takes(self):
        self.start()
        self.check(A_RECORD_EACH_WAY, "HTTP/1.1 over TLS", "--h1", "-c8", f"{self.secure}/bytes/128")
        self.check(A_RECORD_EACH_WAY, "HTTP/2 over TLS, one stream a connection", "-c8", "-m1", f"{self.secure}/bytes/128")
        self.check(STREAMS_SIDE_BY_SIDE, "HTTP/2 over TLS, streams side by side", "-c8", "-m10", f"{self.secure}/bytes/128")


if __name__ == "__main__":
    unittest.main()
