"""Judges one answer of a cache: compares what a step of the caching table expects with what the client got and what the origin was asked.
It only reads; sending, waiting and counting are cache_table.py's."""
import re

CONDITIONS = ("if-none-match", "if-modified-since")
TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
NUMBER = re.compile(r"-?\d+(\.\d{1,3})?")
STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


# ---- structured fields, as far as Cache-Status needs them (RFC 8941 §3.1, RFC 9211 §2)
def _bare_item(text):
    for pattern, make in ((STRING, lambda m: re.sub(r"\\(.)", r"\1", m.group(1))), (TOKEN, lambda m: m.group()),
                          (NUMBER, lambda m: float(m.group()) if m.group(1) else int(m.group()))):
        if match := pattern.match(text):
            return make(match), text[match.end():]
    if text[:2] in ("?0", "?1"):
        return text[1] == "1", text[2:]
    raise ValueError(f"no item at {text[:30]!r}")


def parse_cache_status(text):
    """[(cache name, {parameter: value})], the member nearest to the client last. Raises ValueError where RFC 8941 has parsing fail."""
    members, text = [], text.strip(" ")
    while text:
        name, text = _bare_item(text)
        if not isinstance(name, str):
            raise ValueError(f"a member's name is {name!r}")
        parameters = {}
        while text.startswith(";"):
            text = text[1:].lstrip(" ")
            key = KEY.match(text)
            if not key:
                raise ValueError(f"no parameter at {text[:30]!r}")
            value, text = True, text[key.end():]
            if text.startswith("="):
                value, text = _bare_item(text[1:])
            parameters[key.group()] = value
        members.append((name, parameters))
        text = text.lstrip(" \t")
        if text:
            if text[0] != "," or not text[1:].strip(" \t"):
                raise ValueError(f"no list at {text[:30]!r}")
            text = text[1:].lstrip(" \t")
    return members


# ---- values
def _unequal(what, got, wanted):
    """A wanted value is text, a number, a list of those allowed, None (absent), True (present), {"has": part} or {"lacks": part}."""
    if isinstance(wanted, dict):
        if "has" in wanted and wanted["has"] not in (got or ""):
            return f"{what} is {got!r}, without {wanted['has']!r}"
        if "lacks" in wanted and wanted["lacks"] in (got or ""):
            return f"{what} is {got!r}, with {wanted['lacks']!r}"
        return None
    if wanted is True:
        return None if got is not None else f"{what} is missing"
    allowed = wanted if isinstance(wanted, list) else [wanted]
    return None if got in allowed else f"{what} is {got!r} instead of {wanted!r}"


def _outside(what, got, bounds):
    number = int(got) if got is not None and re.fullmatch(r"-?\d+", str(got)) else None
    if number is None or not bounds[0] <= number <= bounds[1]:
        return f"{what} is {got!r}, not within {bounds}"
    return None


def parts_of(response):
    """[(Content-Range, body)] of a multipart/byteranges answer (RFC 9110 §14.6)."""
    boundary = re.search(r'boundary="?([^";]+)"?', response.get("content-type", ""))
    if not boundary:
        raise ValueError(f"no boundary in {response.get('content-type')!r}")
    mark = b"--" + boundary.group(1).encode("latin-1")
    pieces = (b"\r\n" + response.body).split(b"\r\n" + mark)
    if not pieces[-1].startswith(b"--"):
        raise ValueError("the last boundary is missing")
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        span = re.search(rb"(?im)^content-range: *(.*?)\r?$", head)
        found.append([span.group(1).decode("latin-1") if span else None, body.decode("latin-1")])
    return found


class Judgement:
    """Collects what is wrong with one answer. `bodies` and `statuses` are those of the origin's answers by step, from 1."""

    def __init__(self, expect, number, method, response, asked, bodies, statuses):
        self.expect, self.number, self.method, self.response = expect, number, method, response
        self.asked, self.bodies, self.statuses = asked, bodies, statuses
        self.faults = []
        self.answer = expect.get("answer", "origin")
        own = expect.get("from", number if self.answer == "origin" else 1)
        self.sources = own if isinstance(own, list) else [own]

    def note(self, fault):
        if fault:
            self.faults.append(fault)

    def run(self, demands_status=False):
        self._asked()
        self._status_and_body()
        self._fields(self.expect)
        if not self.asked and "when_cached" in self.expect:
            self._fields(self.expect["when_cached"])
        self._cache_status(demands_status)
        return self.faults

    def _asked(self):
        count, expect = len(self.asked), self.expect
        if self.answer == "cache" and count and not expect.get("background"):
            self.note(f"the origin was asked {count} times")
        if self.answer in ("origin", "validated", "fallback") and not count:
            self.note("the origin was not asked")
        if self.answer == "validated" and count and not any(self.asked[-1].get(name) for name in CONDITIONS):
            self.note("the origin was asked without a condition")
        if self.answer == "other" and not count and self.response.status < 400:
            self.note("neither was the origin asked nor an error given")
        if "asks" in expect and count != expect["asks"]:
            self.note(f"the origin was asked {count} times instead of {expect['asks']}")
        if count:
            for name, wanted in expect.get("sees", {}).items():
                self.note(_unequal(f"{name} at the origin", self.asked[-1].get(name), wanted))
            if "asks_method" in expect:
                self.note(_unequal("the method at the origin", self.asked[-1].method, expect["asks_method"]))

    def _status_and_body(self):
        response, expect = self.response, self.expect
        incomplete = getattr(response, "incomplete", False)
        if expect.get("incomplete") and response.status >= 500:
            return  # whoever waits for the whole body may still tell the client by a status
        if incomplete != bool(expect.get("incomplete")):
            self.note("the answer broke off" if incomplete else "the answer did not break off")
        if "status" in expect:
            self.note(_unequal("the status", response.status, expect["status"]))
        elif self.answer != "other":
            self.note(_unequal("the status", response.status, [self.statuses[s - 1] for s in self.sources]))
        if "parts" in expect:
            try:
                self.note(_unequal("the multipart body", [parts_of(response)], [[expect["parts"]]]))
            except ValueError as fault:
                self.note(str(fault))
        elif "body" in expect:
            self.note(_unequal("the body", response.body.decode("latin-1"), expect["body"]))
        elif self.answer == "other":
            if response.body and response.body in self.bodies[:self.number - 1]:
                self.note("the body is that of an earlier answer")
        elif not (self.method == "HEAD" or response.status in (204, 304) or expect.get("incomplete")):
            if response.body not in [self.bodies[s - 1] for s in self.sources]:
                self.note(f"the body is {response.body[:60]!r} (status {response.status}), not that of step {self.sources}")

    def _fields(self, expect):
        for name, wanted in expect.get("fields", {}).items():
            self.note(_unequal(name, self.response.get(name), wanted))
        if "age" in expect:
            self.note(_outside("age", self.response.get("age"), expect["age"]))
        if "interim" in expect:
            self.note(_unequal("the interim statuses", [[s for s, _ in self.response.interim]], [[expect["interim"]]]))

    def _cache_status(self, demanded):
        wanted, text = self.expect.get("cache_status"), self.response.get("cache-status")
        if text is None:
            if wanted is not None or demanded:
                self.note("there is no Cache-Status")
            return
        try:
            members = parse_cache_status(text)
        except ValueError as fault:
            self.note(f"Cache-Status {text!r}: {fault}")
            return
        name, parameters = members[-1]
        # RFC 9211 §2.1, §2.2: a hit was not forwarded, and what was forwarded is no hit. Whoever was collapsed is both on its way.
        if "hit" in parameters and "fwd" in parameters:
            self.note(f"Cache-Status {text!r} says both hit and fwd")
        if self.answer == "cache" and self.response.status < 500 and "hit" not in parameters:
            self.note(f"Cache-Status {text!r} does not tell of the hit")
        if self.answer in ("origin", "validated", "fallback") and "fwd" not in parameters:
            self.note(f"Cache-Status {text!r} does not tell why it was forwarded")
        for key, value in (wanted or {}).items():
            got = {"name": name, "members": len(members)}.get(key, parameters.get(key))
            bounds = isinstance(value, list) and key == "ttl"
            self.note(_outside(f"{key} in Cache-Status", got, value) if bounds else _unequal(f"{key} in Cache-Status {text!r}", got, value))
