"""Whether an answer is one that the cache may give: whole and exactly what the origin said, for this request, no staler than its rules
allow, and not older than what is known to have been changed or purged. Every rule is a function of the answer, of when its request
began, and of what the origin stamped on it; what the rules go by is said in docs/cache.md, "How it is tested"."""
import json
import threading
import time
import urllib.request
from collections import Counter

import content

SHOWN_MAX = 20
CLOCKS_SECONDS = 0.02    # between a node's wall clock and the origin's monotonic one, over the lifetime of an answer


class Judge:
    """Shared by all clients."""

    def __init__(self, origin, began):
        self.origin, self.began = origin, began
        self.lock = threading.Lock()
        self.counts = Counter()
        self.violations = 0
        self.floors, self.loose = {}, []
        self.story = []    # what was done to the nodes, as lines

    # ---- what is known of the origin
    def tell(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://{self.origin}/control/{what}", data, timeout=30) as answer:
            return json.load(answer)

    def faults(self, path, since, until):
        """What the origin did wrong on a path in that time."""
        return [s for s in self.tell(f"said{path}") if s["fault"] and s["at"] <= until and (s["until"] or until) >= since]

    # ---- floors: from a time on no answer may be older than a version
    def raise_floor(self, path, version, at, is_soft=False):
        """`is_soft`: what was before is stale, and who takes stale answers may get it."""
        with self.lock:
            self.floors.setdefault(path, []).append((at, version, is_soft))
            del self.floors[path][:-8]

    def raise_later(self, path, version, is_soft=False):
        """Changed while nodes were hurt: who did not hear of it may not know yet."""
        with self.lock:
            self.loose.append((path, version, is_soft))

    def take_loose(self):
        with self.lock:
            loose, self.loose = self.loose, []
        return loose

    def floor(self, path, at, takes_stale):
        with self.lock:
            known = (version for since, version, is_soft in self.floors.get(path, ()) if since <= at and not (is_soft and takes_stale))
            return max(known, default=0)

    # ---- answers
    def judge(self, ask, answer):
        """Counts a whole answer to a GET or HEAD, or says what is wrong with it. True where it is one that the client wanted."""
        path, kind = ask.path, content.kind_of(ask.path)
        if answer.get("x-fault") or answer.status >= 500:
            return self.judge_failure(ask, answer)
        status = answer.get("cache-status") or ""
        with self.lock:
            self.counts["hit" if "; hit" in status else "from the origin"] += 1
            self.counts[f"status {answer.status}"] += 1
        if ask.fields.get("Cache-Control") == "only-if-cached" and answer.status == 504:
            return True
        if answer.status not in (200, 206, 304) or (answer.status == 206) and "Range" not in ask.fields:
            return self.violated("a status that nobody asked for", ask, answer)
        if content.is_personal(path):
            return self.judge_personal(ask, answer)
        said = content.read_etag(answer.get("etag"))
        if not said or said[0] != path:
            return self.violated("an entity tag of another path, or none", ask, answer)
        _, version, variant = said
        if variant != ask.variant:
            return self.violated(f"a variant that was not asked for: {variant!r} instead of {ask.variant!r}", ask, answer)
        if wrong := self.wrong_body(ask, answer, content.body(path, version, variant)):
            return self.violated(wrong, ask, answer)
        if version < (floor := self.floor(path, answer.began, "max-stale" in ask.fields.get("Cache-Control", ""))):
            return self.violated(f"version {version} after version {floor} was known", ask, answer)
        if wrong := self.wrong_age(ask, answer, content.KINDS[kind], status):
            return self.violated(wrong, ask, answer)
        ask.seen(answer.get("etag"))
        return True

    def judge_personal(self, ask, answer):
        nonce = ask.fields["X-Nonce"]
        if answer.get("x-nonce") != nonce:
            return self.violated("what was said to another request", ask, answer)
        if ask.method == "GET":
            words = answer.body[:content.STAMP_BYTES].split()
            if len(words) < 3 or not words[1].isdigit() or answer.body != content.body(ask.path, int(words[1]), nonce):
                return self.violated("a wrong body", ask, answer)
        return True

    @staticmethod
    def wrong_body(ask, answer, whole):
        if answer.status == 304:
            asked = ask.fields.get("If-None-Match")
            return None if asked == answer.get("etag") else f"304 for another tag than {asked}"
        if ask.method == "HEAD":
            length = answer.get("content-length")
            return None if length in (None, str(len(whole))) else f"a length of {length} for {len(whole)} bytes"
        if answer.status == 200:
            if answer.body == whole:
                return None
            return f"a wrong body of {len(answer.body)} bytes instead of {len(whole)}{differs(answer.body, whole)}"
        first, end = ask.part(len(whole))
        if answer.get("content-range") != f"bytes {first}-{end - 1}/{len(whole)}":
            return f"the part {answer.get('content-range')} instead of {first}-{end - 1}/{len(whole)}"
        if (condition := ask.fields.get("If-Range")) and condition != answer.get("etag"):
            return f"a part of another representation than {condition}"
        return None if answer.body == whole[first:end] else "a wrong part" + differs(answer.body, whole[first:end])

    def wrong_age(self, ask, answer, kind, status):
        """By what the origin stamped when it made the answer, or last said that it is still good."""
        made = answer.get("x-made")
        if made is None:    # a 304 need not repeat it
            age = answer.get("age")
            return f"an age of {age} s" if age and int(age) > kind.fresh + max(kind.revalidated, kind.on_error) else None
        age = answer.began - int(made) / 1e9 - CLOCKS_SECONDS
        if "no-cache" in ask.fields.get("Cache-Control", "") and "collapsed" not in status and age > 0:
            return f"made {age:.3f} s before its request, which has no-cache"
        wish, _, seconds = ask.fields.get("Cache-Control", "").partition("=")
        # Who came while it was fetched takes what was fetched.
        limit = {"max-age": float(seconds or 0), "min-fresh": kind.fresh - float(seconds or 0)}.get(wish)
        if limit is not None and int(age) > limit and "collapsed" not in status:    # ages are whole seconds (RFC 9111 §5.1)
            return f"{age:.3f} s old for a request with {wish}={seconds}"
        if age <= kind.fresh + kind.revalidated or wish == "max-stale" and int(age) - kind.fresh <= int(seconds):
            return None
        if age > kind.fresh + max(kind.revalidated, kind.on_error):
            return f"{age:.3f} s old"
        # stale-if-error: there was an error.
        return None if self.faults(ask.path, answer.began, answer.ended) else f"{age:.3f} s old, and the origin did not fail"

    def judge_failure(self, ask, answer):
        faults = self.faults(ask.path, answer.began, answer.ended)
        if answer.get("x-fault"):
            if not faults or int(answer.get("x-made")) / 1e9 < answer.began - CLOCKS_SECONDS:
                return self.violated("an error that was said to another request", ask, answer)
        elif ask.fields.get("Cache-Control") == "only-if-cached" and answer.status == 504:
            return self.counted("not cached")
        elif not faults:
            return self.violated("a failure of the gateway's own, and the origin did not fail", ask, answer)
        return self.counted("failed with the origin")

    def judge_broken(self, ask, tries):
        """No node answered: each try is a `Broken`."""
        for one in tries:
            if not one.is_nodes_fault and not self.faults(ask.path, one.began, one.ended):
                told = "; ".join(
                    f"{t.node.name} after {t.ended - t.began:.3f} s: {t}{' (it was hurt)' if t.is_nodes_fault else ''}" for t in tries)
                return self.violated(f"no answer that a live node could have given: {told}", ask, None)
        return self.counted("broken with the origin")

    def counted(self, what):
        with self.lock:
            self.counts[what] += 1
        return True

    # ---- what is wrong
    def violated(self, what, ask, answer):
        try:
            said = self.tell(f"said{ask.path}")
        except (OSError, ValueError) as error:
            said = [dict(at=0, fault=str(error))]
        with self.lock:
            self.violations += 1
            if self.violations > SHOWN_MAX:
                return False
            floors = self.floors.get(ask.path, [])
            story = self.story[-8:]
        since = lambda t: f"{t - self.began:.3f}" if t else "…"
        lines = [f"\nVIOLATION {self.violations}: {what}", f"  {ask.method} {ask.path} {ask.fields}"]
        if answer:
            made = answer.get("x-made")
            lines += [f"at {answer.node.name}, asked at {since(answer.began)}, answered at {since(answer.ended)}, "
                      f"made at {since(int(made) / 1e9) if made else '?'}:", answer.head(), f"  {bytes(answer.body[:80])!r}"]
        lines += ["what the origin said (at, until):"] + [
            f"  {since(s['at'])} {since(s.get('until'))} {s.get('method')} {s.get('status')} version {s.get('version')} {s.get('fault') or ''} "
            f"{s.get('asked') or ''}" for s in said[-14:]]
        lines += ["versions known:"] + [f"  {version} from {since(at)} on" for at, version, _ in floors]
        lines += ["what was done to the nodes:"] + [f"  {line}" for line in story]
        print("\n".join(lines), flush=True)
        return False


def differs(got, wanted):
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
    return f", from byte {at} on ({bytes(got[at:at + 24])!r} instead of {bytes(wanted[at:at + 24])!r})"


def now():
    return time.monotonic()
