"""The cache's disk tier: what it keeps over a restart and a kill, bodies larger than RAM, what purges, unsafe methods and damage leave of
it, and a disk that is full."""
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import unittest

from harness import FULL, Gateway, binary, configuration, free_port, loopback, wait_until
from test_cluster import KEY, states
from upstream import Upstream


def settings(port, name="under-test", gossip=None, seeds=(), disk="256MiB", data="var", **cache):
    routes = {"$default": {"upstream": "main", "cache": {"default_ttl": "1h", **cache}}}
    sections = {"cluster": {"listen": loopback(gossip), "seeds": list(seeds), "keys": [KEY]}} if gossip else {}
    return configuration(
        port, routes=routes, node={"name": name, "workers": 2, "data": data}, cache={"ram": "16MiB", "disk": disk}, **sections)


@functools.lru_cache(maxsize=128)
def content(path, version, size):
    """The bytes of one version of what is at a path; each block of 64 bytes is unlike all others."""
    return b"".join(hashlib.sha256(f"{path} {version} {i}".encode()).hexdigest().encode() for i in range(-(-size // 64)))[:size]


class Content:
    """The origin: `/s/<name>/<size>` has so many bytes, of the version that is the present one; Vary by what `varies` says."""

    def __init__(self, upstream):
        self.version, self.fields, self.varies, self.upstream = 1, [], None, upstream
        upstream.on(None, self.respond)

    def respond(self, exchange):
        request = exchange.request
        exchange.read()
        if request.method not in ("GET", "HEAD"):
            self.version += 1
            return exchange.respond(200, [], b"done")
        path = request.target.split("?")[0]
        size = int(path.rsplit("/", 1)[1])
        tag = f'"{self.version}"'
        fields = [("Cache-Control", "max-age=3600"), ("ETag", tag), ("X-Version", str(self.version)), *self.fields]
        if self.varies:
            fields.append(("Vary", self.varies))
            path += " " + request.get(self.varies.lower(), "")
        if request.get("if-none-match") == tag:
            return exchange.respond(304, fields)
        body = content(path, self.version, size)
        wanted = request.get("range", "")
        if wanted.startswith("bytes=") and request.method == "GET":
            first, last = (int(n) for n in wanted[6:].split("-"))
            fields.append(("Content-Range", f"bytes {first}-{last}/{size}"))
            return exchange.respond(206, fields, body[first:last + 1])
        exchange.respond(200, fields, body)


class DiskCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.origin = Content(self.upstream)

    def start(self, config):
        return self.enterContext(Gateway(config))

    def disk(self, gateway):
        return json.loads(gateway.admin("/cache").text)["disk"]

    def is_on(self, gateway):
        wait_until(lambda: self.disk(gateway)["on"], "the disk tier is on")

    def is_written(self, gateway):
        wait_until(lambda: self.disk(gateway)["pending_bytes"] == 0, "what was stored is on disk")

    def kill(self, gateway):
        """Ends the process that serves, and waits for the next one."""
        before = gateway.serving_pid
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gateway.serving_pids not in ([], [before]) and gateway.is_ready(), "another process serves")
        self.is_on(gateway)

    def restart(self, gateway, between=lambda: None):
        gateway.stop()
        between()
        gateway.start()
        self.is_on(gateway)

    def get(self, gateway, path, fields=(), method="GET"):
        """The answer, whose body is one of the content's versions, and how the cache came by it."""
        answer = gateway.get(path, fields, method)
        status = answer.get("cache-status", "")
        if answer.status == 200 and method == "GET":
            whole = path + (f" {dict(fields).get(self.origin.varies, '')}" if self.origin.varies else "")
            self.assertEqual(answer.body, content(whole, int(answer.get("x-version")), int(path.rsplit("/", 1)[1])), f"{path}: {status}")
        return answer, status

    def fill(self, gateway, *paths, fields=()):
        for path in paths:
            self.assertNotIn("; hit", self.get(gateway, path, fields)[1], path)

    def from_disk(self, gateway, path, fields=()):
        # A disk that is late is a miss, and a busy machine's may be: then what was fetched instead is soon there.
        for _ in range(50):
            answer, status = self.get(gateway, path, fields)
            if "; hit" in status:
                break
        self.assertIn("; hit", status, path)
        self.assertIn("detail=disk", status, path)
        return answer

    def is_missed(self, gateway, path, fields=()):
        self.assertNotIn("; hit", self.get(gateway, path, fields)[1], path)

    def purge(self, gateway, body):
        answer = gateway.admin("/purge?wait=5s", "POST", {"Content-Type": "application/json"}, json.dumps(body))
        self.assertEqual(answer.status, 200, answer.text)


class OneNode(DiskCase):
    def setUp(self):
        super().setUp()
        self.gateway = self.start(settings(self.upstream.port))
        self.is_on(self.gateway)

    def again(self, between=lambda: None):
        self.is_written(self.gateway)
        self.restart(self.gateway, between)

    def test_it_survives_a_restart_and_a_kill(self):
        paths = ["/s/a/100", "/s/b/5000", "/s/c/90000", "/s/d/400000"]
        self.fill(self.gateway, *paths)
        self.again()
        for path in paths:
            self.from_disk(self.gateway, path)
        self.assertIn("detail=memory", self.get(self.gateway, paths[0])[1], "it has come to RAM")
        self.assertIn("detail=disk", self.get(self.gateway, paths[3])[1], "what is too large for RAM stays on disk")
        self.kill(self.gateway)
        self.upstream.seen.clear()
        for path in paths:
            self.from_disk(self.gateway, path)
        self.assertEqual(self.upstream.seen, [])

    def test_variants_are_found_again(self):
        self.origin.varies = "Accept-Language"
        for language in ("de", "en", "fr"):
            self.fill(self.gateway, "/s/v/3000", fields=[("Accept-Language", language)])
        self.again()
        for language in ("fr", "de", "en"):
            self.from_disk(self.gateway, "/s/v/3000", [("Accept-Language", language)])
        self.is_missed(self.gateway, "/s/v/3000", [("Accept-Language", "it")])
        self.again()
        for language in ("it", "de"):
            self.from_disk(self.gateway, "/s/v/3000", [("Accept-Language", language)])

    def test_a_body_larger_than_ram(self):
        path = "/s/large/3000000"
        whole = content(path, 1, 3000000)
        self.fill(self.gateway, path)
        self.upstream.seen.clear()
        for _ in range(2):
            self.from_disk(self.gateway, path)
        head = self.gateway.get(path, method="HEAD")
        self.assertEqual((head.status, head.get("content-length"), head.body), (200, "3000000", b""))
        for first, last in ((0, 9), (131071, 131072), (500, 400000), (2999000, 2999999), (262144, 2999999)):
            part = self.gateway.get(path, [("Range", f"bytes={first}-{last}")])
            self.assertEqual((part.status, part.get("content-range")), (206, f"bytes {first}-{last}/3000000"))
            self.assertEqual(part.body, whole[first:last + 1], (first, last))
        self.assertEqual(self.gateway.get(path, [("Range", "bytes=0-1,9-10")]).status, 200)
        self.assertEqual(self.gateway.get(path, [("Range", "bytes=3000000-")]).status, 416)
        self.assertEqual(self.gateway.get(path, [("If-None-Match", '"1"')]).status, 304)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.gateway.get(path).body == whole)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(answers, [True] * 8)
        self.assertEqual(self.upstream.seen, [])

    def test_a_client_that_does_not_read_holds_little_of_a_large_body(self):
        path = "/s/slow/6000000"
        self.fill(self.gateway, path)
        self.is_written(self.gateway)
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(self.gateway.wire()) for _ in range(30)]
            before = self.gateway.memory("VmRSS")
            for wire in wires:
                wire.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
            for wire in wires:
                self.assertTrue(wire.socket.recv(1))
            self.from_disk(self.gateway, path)
            self.assertLess(self.gateway.memory("VmRSS") - before, 90 << 20, "30 bodies of 6 MB are not in memory")

    def test_a_large_body_is_validated_and_keeps_its_place(self):
        path = "/s/valid/2000000"
        self.fill(self.gateway, path)
        self.purge(self.gateway, {"url": "http://a.test" + path, "soft": True})
        self.upstream.seen.clear()
        answer, status = self.get(self.gateway, path)
        self.assertIn("fwd=stale", status)
        self.assertIn("fwd-status=304", status)
        self.assertEqual([r.get("if-none-match") for r in self.upstream.seen], ['"1"'])
        self.from_disk(self.gateway, path)
        self.origin.version = 2
        self.purge(self.gateway, {"url": "http://a.test" + path, "soft": True})
        self.assertEqual(self.get(self.gateway, path)[0].get("x-version"), "2")
        self.assertEqual(self.from_disk(self.gateway, path).get("x-version"), "2")

    def test_what_is_purged_stays_purged_over_a_restart(self):
        self.origin.fields = [("Cache-Tag", "one, two")]
        self.fill(self.gateway, "/s/u/100", "/s/p/q/100", "/s/t/100", "/s/t/500000")
        self.origin.fields = []
        self.fill(self.gateway, "/s/soft/100", "/s/stays/100")
        self.is_written(self.gateway)
        for body in ({"url": "http://a.test/s/u/100"}, {"prefix": "http://a.test/s/p/"}, {"tag": "two"}, {"url": "//a.test/s/soft/100", "soft": True}):
            self.purge(self.gateway, body)
        for paths in (["/s/u/100", "/s/t/500000"], ["/s/p/q/100", "/s/t/100"]):
            self.kill(self.gateway)
            for path in paths:
                self.is_missed(self.gateway, path)
            self.is_written(self.gateway)
        self.assertIn("fwd=stale", self.get(self.gateway, "/s/soft/100")[1])
        self.from_disk(self.gateway, "/s/stays/100")
        self.again()
        for path in ("/s/u/100", "/s/t/500000", "/s/p/q/100", "/s/soft/100"):
            self.from_disk(self.gateway, path)
        self.purge(self.gateway, {"all": True})
        self.again()
        for path in ("/s/u/100", "/s/t/500000", "/s/stays/100"):
            self.is_missed(self.gateway, path)

    def test_an_unsafe_request_removes_it_from_disk(self):
        self.fill(self.gateway, "/s/x/100", "/s/x/600000")
        self.again()
        for path in ("/s/x/100", "/s/x/600000"):
            self.assertEqual(self.gateway.get(path, method="POST", body=b"x").status, 200)
            self.assertEqual(self.get(self.gateway, path)[0].get("x-version"), str(self.origin.version))
        self.gateway.get("/s/x/100", method="DELETE")
        self.kill(self.gateway)
        self.is_missed(self.gateway, "/s/x/100")

    def test_a_head_that_differs_removes_it_from_disk(self):
        for path in ("/s/h/100", "/s/h/600000"):
            self.fill(self.gateway, path)
            self.is_written(self.gateway)
            self.gateway.get(path, [("Cache-Control", "no-cache")], method="HEAD")
            self.assertIn("; hit", self.get(self.gateway, path)[1], "the same representation")
            self.origin.version += 1
            self.gateway.get(path, [("Cache-Control", "no-cache")], method="HEAD")
            self.is_missed(self.gateway, path)

    def test_parts_are_found_again(self):
        path, whole = "/s/part/900000", content("/s/part/900000", 1, 900000)
        self.gateway.get(path, [("Range", "bytes=1000-1999")])
        self.again()
        self.upstream.seen.clear()
        part = self.gateway.get(path, [("Range", "bytes=1200-1299")])
        self.assertEqual((part.status, part.body), (206, whole[1200:1300]))
        self.assertIn("detail=disk", part.get("cache-status"))
        self.assertEqual(self.upstream.seen, [])
        self.is_missed(self.gateway, path)
        self.from_disk(self.gateway, path)

    def test_files_that_are_damaged_are_set_aside(self):
        self.fill(self.gateway, "/s/a/100", "/s/b/300000")
        folder = self.gateway.folder / "var/cache"

        def damage():
            for file in folder.iterdir():
                if file.name.startswith(("MANIFEST", "CURRENT")):
                    file.write_bytes(b"nothing of the kind")
        self.again(damage)
        self.is_missed(self.gateway, "/s/a/100")
        self.assertTrue((self.gateway.folder / "var/cache-broken-1").is_dir())
        self.assertEqual(self.disk(self.gateway)["set_aside"].rsplit("/", 1)[1], "cache-broken-1")
        self.fill(self.gateway, "/s/b/300000")
        self.again()
        self.from_disk(self.gateway, "/s/b/300000")

    def test_bodies_that_are_damaged_are_not_served(self):
        names = [f"/s/{number}/{size}" for number in range(40) for size in (2000, 200000)]
        self.fill(self.gateway, *names)

        def damage():
            chosen = random.Random(4)
            for file in (self.gateway.folder / "var/cache").iterdir():
                if file.suffix not in (".blob", ".sst", ".log"):
                    continue
                data = bytearray(file.read_bytes())
                for _ in range(min(40, len(data) // 500)):
                    data[chosen.randrange(len(data))] ^= 0xff
                file.write_bytes(data)
        self.again(damage)
        for name in names:
            with contextlib.suppress(ConnectionError, EOFError, ValueError):
                self.get(self.gateway, name)
        for name in names:
            self.get(self.gateway, name)

    def test_without_its_purges_nothing_that_was_kept_counts(self):
        for damage in (lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-1])):
            self.fill(self.gateway, "/s/a/100")
            self.purge(self.gateway, {"tag": "some"})
            self.again(lambda: damage(self.gateway.folder / "var/cache-purges"))
            self.is_missed(self.gateway, "/s/a/100")
            self.again()
            self.from_disk(self.gateway, "/s/a/100")
            self.purge(self.gateway, {"all": True})

    def test_operators_see_entries_without_their_bodies(self):
        path = "/s/seen/150000"
        self.fill(self.gateway, path)
        self.again()
        self.from_disk(self.gateway, path)
        url = f"http://a.test:{self.gateway.port()}{path}"
        shown = json.loads(self.gateway.admin("/cache?url=" + url).text)
        self.assertEqual((shown["owner"], len(shown["keys"])), ("under-test", 1))
        entry = shown["entries"][0]
        self.assertEqual((entry["tier"], entry["status"], entry["body_bytes"]), ("disk", 200, 150000))
        self.assertIn("X-Version: 1", entry["head"])
        self.assertGreater(entry["ttl"], 3000)
        self.assertEqual(json.loads(self.gateway.admin("/cache?key=" + entry["key"]).text)["entries"], shown["entries"])
        self.fill(self.gateway, "/s/seen/100")
        shown = json.loads(self.gateway.admin("/cache?url=http://a.test/s/seen/100").text)
        self.assertEqual([e["tier"] for e in shown["entries"]][0], "memory")
        self.assertEqual(json.loads(self.gateway.admin("/cache?url=http://a.test/s/none/1").text)["entries"], [])
        for bad in ("url=a.test", "url=", "key=zz", "key=123"):
            self.assertEqual(self.gateway.admin("/cache?" + bad).status, 400, bad)
        for _ in range(5):
            self.get(self.gateway, "/s/seen/100")
        self.assertEqual(json.loads(self.gateway.admin("/cache").text)["hot_keys"], ["http://a.test/s/seen/100"])
        done = subprocess.run(
            [binary(), "cache", "inspect", "--config", self.gateway.path, "--json", url], capture_output=True, text=True, timeout=30,
            cwd=self.gateway.folder)
        self.assertEqual((done.returncode, json.loads(done.stdout)["entries"][0]["body_bytes"]), (0, 150000), done.stderr)

    def test_a_reload_keeps_it_and_a_new_size_waits_for_a_start(self):
        self.fill(self.gateway, "/s/a/100")
        reloads = lambda: self.gateway.metrics()[("tidegate_reloads_total", ())]
        for disk in ("128MiB", "0"):
            before = reloads()
            self.gateway.write({**self.gateway.config, "cache": {"ram": "16MiB", "disk": disk}})
            self.gateway.reload()
            wait_until(lambda: reloads() == before + 1, "it is reloaded")
            self.assertTrue(self.disk(self.gateway)["on"])
        self.is_written(self.gateway)
        self.gateway.stop()
        self.gateway.start()
        self.assertIsNone(self.disk(self.gateway))
        self.is_missed(self.gateway, "/s/a/100")


class Kills(DiskCase):
    def test_kills_while_it_stores(self):
        gateway = self.start(settings(self.upstream.port, disk="64MiB"))
        self.is_on(gateway)
        chosen, found = random.Random(11), 0
        for turn in range(50 if FULL else 3):
            names = [f"/s/{turn}.{i}/{chosen.choice((300, 4000, 70000, 300000, 1500000))}" for i in range(60)]
            over, stored, wrong = threading.Event(), [], []

            def load(seed):
                order = random.Random(seed)
                while not over.is_set():
                    name = order.choice(names)
                    try:
                        self.get(gateway, name)
                    except (OSError, EOFError, ValueError):
                        continue
                    except AssertionError as fault:
                        wrong.append(str(fault)[:300])
                    stored.append(name)
            threads = [threading.Thread(target=load, args=(turn * 4 + i,)) for i in range(4)]
            for thread in threads:
                thread.start()
            wanted = chosen.randrange(20, 120)
            wait_until(lambda: len(stored) >= wanted, "there are stores")
            before = gateway.serving_pid
            os.kill(before, signal.SIGKILL)
            over.set()
            for thread in threads:
                thread.join(30)
            wait_until(lambda: gateway.serving_pids not in ([], [before]) and gateway.is_ready(), "another process serves")
            self.is_on(gateway)
            for name in dict.fromkeys(stored):
                found += "detail=disk" in self.get(gateway, name)[1]
            self.assertEqual(wrong, [])
        self.assertGreater(found, 0)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "needs a file system of its own")
class FullDisk(DiskCase):
    def test_a_full_disk_turns_it_off_and_room_brings_it_back(self):
        folder = pathlib.Path(self.enterContext(__import__("tempfile").TemporaryDirectory(prefix="tidegate-full-")))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tidegate-test", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        gateway = self.start(settings(self.upstream.port, disk="256MiB", data=str(folder)))
        self.is_on(gateway)
        self.fill(gateway, "/s/a/200000")
        self.from_disk(gateway, "/s/a/200000")
        # All but a little is taken by somebody else.
        with open(folder / "other", "wb") as other:
            room = os.statvfs(folder)
            other.write(b"x" * (room.f_bavail * room.f_frsize - (1 << 20)))
        number = 0

        def is_off():
            nonlocal number
            number += 1
            self.fill(gateway, f"/s/n{number}/300000")
            return not self.disk(gateway)["on"]
        wait_until(is_off, "the disk tier is off")
        self.assertIn("must stay free", self.disk(gateway)["reason"])
        self.assertEqual(gateway.admin("/readyz").status, 200)
        self.assertEqual(gateway.metrics()[("tidegate_cache_disk_on", ())], 0)
        self.fill(gateway, "/s/b/100")
        self.assertIn("detail=memory", self.get(gateway, "/s/b/100")[1])
        (folder / "other").unlink()
        wait_until(lambda: self.disk(gateway)["on"], "it is back", 30)
        self.fill(gateway, "/s/c/200000")
        self.from_disk(gateway, "/s/c/200000")


class ThreeNodes(DiskCase):
    def setUp(self):
        super().setUp()
        ports = [free_port() for _ in range(3)]
        self.nodes = [
            self.start(settings(self.upstream.port, name, port, [loopback(p) for p in ports if p != port]))
            for name, port in zip("abc", ports)]
        self.agree()

    def agree(self):
        everybody = {name: "alive" for name in "abc"}
        wait_until(lambda: all(states(n) == everybody for n in self.nodes), "all see each other")
        for node in self.nodes:
            wait_until(lambda: json.loads(node.admin("/cache").text)["settled"], "and are settled")
            self.is_on(node)

    def test_a_node_that_comes_back_serves_what_it_kept_but_for_what_has_changed(self):
        paths = [f"/s/{number}/2000" for number in range(24)]
        self.fill(self.nodes[0], *paths)
        for node in self.nodes:
            self.is_written(node)
        kept = [p for p in paths if json.loads(self.nodes[2].admin(f"/cache?url=http://a.test{p}").text)["entries"]]
        self.assertGreater(len(kept), 1)
        self.nodes[2].stop()
        wait_until(lambda: states(self.nodes[0]).get("c") != "alive", "c is gone")
        self.assertEqual(self.nodes[0].get(kept[0], method="POST", body=b"").status, 200)
        self.nodes[2].start()
        self.agree()
        statuses = {path: self.get(self.nodes[2], path) for path in paths}
        self.assertEqual(statuses[kept[0]][0].get("x-version"), "2")
        self.assertTrue([p for p in kept[1:] if "detail=disk" in statuses[p][1]], statuses)

    def test_what_was_purged_or_changed_while_a_node_was_down(self):
        paths = [f"/s/{number}/{size}" for number in range(12) for size in (500, 300000)]
        self.fill(self.nodes[0], *paths)
        for node in self.nodes:
            self.is_written(node)
        self.nodes[2].stop()
        wait_until(lambda: states(self.nodes[0]).get("c") != "alive", "c is gone")
        self.origin.version = 2
        self.purge(self.nodes[0], {"prefix": "http://a.test/s/1"})
        for path in paths[8:14]:
            self.assertEqual(self.nodes[1].get(path, method="POST", body=b"").status, 200)
        self.nodes[2].start()
        self.agree()
        purged = [p for p in paths if p.startswith("/s/1")]
        for path in purged + paths[8:14]:
            for node in self.nodes:
                self.assertGreaterEqual(int(self.get(node, path)[0].get("x-version")), 2, path)


if __name__ == "__main__":
    unittest.main()
