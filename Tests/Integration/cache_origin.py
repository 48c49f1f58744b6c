"""The origin of the caching table: answers each case by the step that the case has reached, and keeps what it was asked. It owns how an
answer goes over the wire (framing, breaking off, ranges); what to answer comes from cache_table.py, the sockets from upstream.py."""
import email.utils
import re
import time

from upstream import Upstream

CONDITIONS = ("if-none-match", "if-modified-since")
BASE = re.compile(r"^(?:https?://[^/]*)?/[^/]+/([^/?]+)")


class Answer:
    """What the origin says when it is asked. `framing` is length, chunked or close; `breaks_after` ends the connection after so many bytes
    of the body; `delay` is in seconds; `ranges` answers a single byte range of `body` with 206."""

    def __init__(self, status=200, fields=(), body=b"", framing="length", trailers=(), interim=(), breaks_after=None, delay=0.0,
                 disconnect=False, ranges=False):
        self.status, self.fields, self.body, self.framing, self.trailers = status, list(fields), body, framing, list(trailers)
        self.interim, self.breaks_after, self.delay = list(interim), breaks_after, delay
        self.disconnect, self.ranges = disconnect, ranges

    def field(self, name):
        return next((v for n, v in self.fields if n.lower() == name), None)


class _Script:
    """The step that one case has reached, and every request that came for it: (step, request)."""

    def __init__(self):
        self.step, self.answer, self.asked = 0, Answer(500), []


class CacheOrigin(Upstream):
    """Listens inside a `with` block. Requests are told apart by the second segment of their path, which each case has for itself."""

    def __init__(self, port=0):
        super().__init__(port, keeps_bodies=True)
        self._scripts = {}
        self.on(None, self._respond)

    # ---- the runner's side
    def set(self, base, step, answer):
        """From now on whatever belongs to `base` is answered so."""
        with self.changed:
            script = self._scripts.setdefault(base, _Script())
            script.step, script.answer = step, answer

    def asked(self, base, step, skip=0):
        """The requests that came while `step` was current, without the first `skip`."""
        with self.changed:
            return [r for s, r in self._scripts[base].asked if s == step][skip:]

    def wait_asked(self, base, step, count, deadline):
        """Waits until `count` requests came during `step`; False when the deadline (seconds) passed."""
        with self.changed:
            return self.changed.wait_for(lambda: sum(s == step for s, _ in self._scripts[base].asked) >= count, deadline)

    def forget(self, base):
        with self.changed:
            self._scripts.pop(base, None)

    # ---- the cache's side
    def _respond(self, exchange):
        exchange.read()
        with self.changed:
            self.seen.clear()  # the scripts keep their own; a long table must not pile up twice
            match = BASE.match(exchange.request.target)
            script = self._scripts.get(match.group(1)) if match else None
            if script:
                answer = script.answer
                script.asked.append((script.step, exchange.request))
                self.changed.notify_all()
        if not script:
            return exchange.respond(404, [("Cache-Control", "no-store")], b"no case asks for this")
        if answer.delay:
            time.sleep(answer.delay)
        if answer.disconnect:
            return exchange.close()
        for status, fields in answer.interim:
            exchange.send(_head(status, fields))
        self._final(exchange, answer)

    def _final(self, exchange, answer):
        request, status, fields, body = exchange.request, answer.status, list(answer.fields), answer.body
        if status == 304 and not any(request.get(name) for name in CONDITIONS):
            # Nobody may answer 304 to a request without a condition: the case then sees the body that it did not expect.
            status, fields = 200, [(n, v) for n, v in fields if n.lower() != "content-length"]
        if answer.ranges and status == 200 and request.method == "GET":
            status, fields, body = _ranged(request, answer)
        if answer.field("date") is None:
            fields.append(("Date", email.utils.formatdate(usegmt=True)))
        fields = [(n, v) for n, v in fields if v is not None]
        bodiless = status in (204, 304)
        if answer.framing == "chunked" and not bodiless:
            fields.append(("Transfer-Encoding", "chunked"))
        elif answer.framing == "length" and not bodiless and not any(n.lower() == "content-length" for n, _ in fields):
            fields.append(("Content-Length", str(len(body))))
        elif answer.framing == "close":
            fields.append(("Connection", "close"))
        out = _head(status, fields)
        if request.method != "HEAD" and not bodiless:
            out += _framed(answer, body)
        exchange.send(out)
        if answer.breaks_after is not None or answer.framing == "close":
            exchange.close()


def _head(status, fields):
    lines = [f"HTTP/1.1 {status} Scripted"] + [f"{n}: {v}" for n, v in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _framed(answer, body):
    cut = body if answer.breaks_after is None else body[:answer.breaks_after]
    if answer.framing != "chunked":
        return cut
    half = max(1, len(cut) // 2)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (cut[:half], cut[half:]) if part)
    if answer.breaks_after is not None:
        return chunks
    trailers = "".join(f"{n}: {v}\r\n" for n, v in answer.trailers).encode("latin-1")
    return chunks + b"0\r\n" + trailers + b"\r\n"


def _ranged(request, answer):
    """RFC 9110 §14.2 for one range; anything else is answered whole, which is always allowed."""
    fields, body, size = list(answer.fields), answer.body, len(answer.body)
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.get("range", ""))
    condition = request.get("if-range")
    outdated = condition and condition not in (answer.field("etag"), answer.field("last-modified"))
    if not wanted or wanted.group(1, 2) == ("", "") or outdated:
        return 200, fields, body
    first, last = wanted.groups()
    start, end = (max(0, size - int(last)), size) if not first else (int(first), min(size, int(last or size) + 1))
    if start >= size or start >= end:
        return 416, fields + [("Content-Range", f"bytes */{size}")], b""
    return 206, fields + [("Content-Range", f"bytes {start}-{end - 1}/{size}")], body[start:end]
