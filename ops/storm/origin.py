"""The storm's origin, a process of its own: it stamps what it says with version and time, changes content by the clock and by unsafe
requests, fails now and then by a seed, and keeps in mind what it said, so that whoever finds a wrong answer can ask.

    origin.py HOST SEED      prints its port; ends with its standard input

    POST /control/bump       a JSON list of paths: each gets a new version; answers {path: version}
    POST /control/fail       {"seconds": s}: an outage; {"share": p}: how many requests fail otherwise
    GET /control/said/PATH   what was said on a path: [{at, until, method, status, version, fault, asked}]
"""
import collections
import email.utils
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import content  # noqa: E402

REMEMBERED = 400    # answers of one path
HEAD_MAX = 65536
PAUSE_SECONDS = 3.5    # that an answer takes at most
FAULTS = ("503", "503", "close", "break", "break", "slow", "slow", "trickle", "trickle")


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = first.split(" ", 2)
        self.path = target.split("?")[0]
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()
        self.body = body


class Origin:
    def __init__(self, seed):
        self.lock = threading.Lock()
        self.random = random.Random(f"origin {seed}")
        self.bumps = collections.Counter()
        self.said = collections.defaultdict(lambda: collections.deque(maxlen=REMEMBERED))
        self.began = time.monotonic()
        self.fails_until, self.share, self.answers = 0.0, 0.01, 0

    def version(self, path, now):
        """Grows with each unsafe request and, where content changes by itself, with time."""
        period = content.KINDS[content.kind_of(path)].period
        if not period:
            return 1 + self.bumps[path]
        phase = content.hashed(path) % 1000 / 1000
        return 1 + self.bumps[path] + int((now - self.began) / (period * (0.5 + phase)) + phase)

    def choose_fault(self, path, method):
        if time.monotonic() < self.fails_until:
            return "503" if self.random.random() < 0.7 else "close"
        if self.random.random() >= self.share:
            return None
        return self.random.choice(FAULTS) if method == "GET" else "503"

    # ---- one connection
    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        try:
            while True:
                while b"\r\n\r\n" not in waiting:
                    got = connection.recv(65536)
                    if not got or len(waiting) > HEAD_MAX:
                        return
                    waiting += got
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                request = Request(head, b"")
                length = int(request.fields.get("content-length", 0))
                while len(waiting) < length:
                    got = connection.recv(65536)
                    if not got:
                        return
                    waiting += got
                request.body, waiting = waiting[:length], waiting[length:]
                if request.path.startswith("/control/"):
                    self.control(connection, request)
                elif not self.answer(connection, request):
                    return
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def control(self, connection, request):
        what, _, rest = request.path[len("/control/"):].partition("/")
        answer = {}
        with self.lock:
            if what == "bump":
                for path in json.loads(request.body):
                    self.bumps[path] += 1
                    answer[path] = self.version(path, time.monotonic())
            elif what == "fail":
                asked = json.loads(request.body)
                self.fails_until = max(self.fails_until, time.monotonic() + asked.get("seconds", 0))
                self.share = asked.get("share", self.share)
                answer = {"answers": self.answers}
            elif what == "said":
                answer = list(self.said["/" + rest])
        body = json.dumps(answer).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self, connection, request):
        """False when the connection is over."""
        path, method = request.path, request.method
        with self.lock:
            self.answers += 1
            fault = self.choose_fault(path, method)
            is_change = method not in ("GET", "HEAD") and fault is None
            also = request.fields.get("x-also")
            if is_change:
                for changed in {path, also or path}:
                    self.bumps[changed] += 1
            # The version and the time of what is said are of one moment.
            now = time.monotonic_ns()
            version = self.version(path, now / 1e9)
            said = dict(at=now / 1e9, until=None, method=method, status=None, version=version, fault=fault, asked={
                n: request.fields[n] for n in ("if-none-match", "range", "if-range", "accept-language", "via") if n in request.fields})
            self.said[path].append(said)
            pause = self.random.uniform(0.05, PAUSE_SECONDS)
            if is_change and also:
                said["also"] = self.version(also, now / 1e9)
        try:
            return self.say(connection, request, fault, is_change, now, version, said, pause)
        finally:
            said["until"] = time.monotonic()

    def say(self, connection, request, fault, is_change, now, version, said, pause):
        path = request.path
        fields = [("X-Made", now), ("Date", email.utils.formatdate(usegmt=True))]
        if fault == "close":
            return False
        if fault == "503":
            said["status"] = 503
            connection.sendall(text(503, [*fields, ("X-Fault", 1), ("Content-Length", 6)]) + b"fault\n" * (request.method != "HEAD"))
            return True
        if is_change:
            said["status"] = 200
            if "also" in said:    # what it names is stale too (RFC 9111 §4.4)
                fields += [("Content-Location", request.fields["x-also"]), ("X-Also-Version", said["also"])]
            connection.sendall(text(200, [*fields, ("X-Version", version), ("Content-Length", 0)]))
            return True
        variant, more = self.terms(request)
        fields += more
        if not content.is_personal(path):
            fields.append(("ETag", content.etag(path, version, variant)))
        whole = content.body(path, version, variant)
        status, part = 200, None
        if not content.is_personal(path) and request.fields.get("if-none-match") == content.etag(path, version, variant):
            said["status"] = 304
            connection.sendall(text(304, fields))
            return True
        if request.method == "GET" and content.KINDS[content.kind_of(path)].ranges:
            part = asked_range(request.fields, len(whole), content.etag(path, version, variant))
        if part:
            status = 206
            fields.append(("Content-Range", f"bytes {part[0]}-{part[1] - 1}/{len(whole)}"))
        said["status"] = status
        body = whole[part[0]:part[1]] if part else whole
        is_chunked = content.is_chunked(path) and not part
        fields.append(("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", len(body)))
        if fault == "slow":
            time.sleep(pause / 4)
        connection.sendall(text(status, fields))
        if request.method == "HEAD":
            return True
        return send(connection, body, is_chunked, fault, pause)

    @staticmethod
    def terms(request):
        """(variant, fields) of an answer to this request."""
        path = request.path
        name = content.kind_of(path)
        kind = content.KINDS[name]
        if content.is_personal(path):
            nonce = request.fields.get("x-nonce", "")
            how = content.number_of(path) % 3
            more = [("X-Nonce", nonce)]
            if name == "none":
                return nonce, more + [("Cache-Control", "no-store")]
            if how == 0:
                return nonce, more + [("Cache-Control", "private, max-age=60")]
            if how == 1:
                return nonce, more + [("Cache-Control", "max-age=60"), ("Set-Cookie", f"who={nonce}")]
            return nonce, more + [("Cache-Control", "max-age=60")]    # the request has Authorization
        windows = [f"max-age={kind.fresh}"]
        if kind.revalidated:
            windows.append(f"stale-while-revalidate={kind.revalidated}")
        if kind.on_error:
            windows.append(f"stale-if-error={kind.on_error}")
        more = [("Cache-Control", ", ".join(windows))]
        if kind.tags:
            more.append(("Cache-Tag", content.tag_of(path)))
        if name == "vary":
            language = request.fields.get("accept-language", "")
            return language if language in content.LANGUAGES else "en", more + [("Vary", "Accept-Language")]
        return "", more


def text(status, fields):
    return "".join([f"HTTP/1.1 {status} Said\r\n", *(f"{n}: {v}\r\n" for n, v in fields), "\r\n"]).encode()


def asked_range(fields, length, tag):
    """(first, end) of the one range that is asked for, or None for the whole."""
    units, _, spec = fields.get("range", "").partition("=")
    if units != "bytes" or "," in spec or fields.get("if-range", tag) != tag:
        return None
    first, _, last = spec.partition("-")
    if not first:
        return max(0, length - int(last)), length
    part = int(first), min(length, int(last) + 1 if last else length)
    return part if part[0] < part[1] else None


def send(connection, body, is_chunked, fault, pause):
    """False when the connection is over."""
    if fault == "break":
        body = body[:len(body) * 2 // 3]
    count = 8 if fault in ("trickle", "break") else 1
    step = max(1, -(-len(body) // count))
    for at in range(0, len(body), step):
        piece = body[at:at + step]
        if is_chunked:
            piece = b"%x\r\n" % len(piece) + piece + b"\r\n"
        connection.sendall(piece)
        if fault == "trickle":
            time.sleep(pause / count)
    if fault == "break":
        return False
    if is_chunked:
        connection.sendall(b"0\r\n\r\n")
    return True


def main():
    host, seed = sys.argv[1:]
    origin = Origin(seed)
    listener = socket.create_server((host, 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=origin.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
