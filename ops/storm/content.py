"""What the storm's origin says, as a function of path and version: origin and judge make every body anew from its stamp, so that a body
that is not exactly one that the origin sent, byte for byte and at its place, is seen. Kinds of content differ in how they may be cached."""
import functools
import hashlib
from collections import namedtuple

STAMP_BYTES = 64
LANGUAGES = ("de", "en", "fr")
TAGS = 8

# `fresh`, `revalidated` (stale-while-revalidate) and `on_error` (stale-if-error) are in seconds; `period`: about how often the content
# changes by itself; `count` paths are asked for with a frequency of 1/rank^0.9.
Kind = namedtuple("Kind", "fresh revalidated on_error period count smallest largest ranges tags weight")
KINDS = {
    "short": Kind(2, 0, 0, 3.0, 300, 200, 4_000, False, False, 18),
    "while": Kind(1, 2, 0, 2.5, 100, 200, 4_000, False, False, 10),
    "error": Kind(1, 0, 5, 4.0, 60, 200, 4_000, False, False, 8),
    "long": Kind(3600, 0, 0, None, 600, 200, 12_000, True, True, 30),
    "vary": Kind(3600, 0, 0, None, 120, 200, 4_000, False, True, 12),
    "medium": Kind(3600, 0, 0, None, 60, 40_000, 900_000, True, True, 5),
    "big": Kind(3600, 0, 0, None, 12, 1_100_000, 2_500_000, True, True, 1),
    # For their own request alone: the answer repeats the request's X-Nonce. The number's remainder by 3 says how.
    "none": Kind(0, 0, 0, None, 30, 200, 2_000, False, False, 4),
    "private": Kind(0, 0, 0, None, 30, 200, 2_000, False, False, 4),
}


def kind_of(path):
    return path.split("/")[1]


def number_of(path):
    return int(path.split("/")[2])


def is_personal(path):
    return kind_of(path) in ("none", "private")


def tag_of(path):
    return f"{kind_of(path)}-{number_of(path) % TAGS}"


def is_chunked(path):
    return number_of(path) % 3 == 1


def paths_of(kind):
    return [f"/{kind}/{number}" for number in range(KINDS[kind].count)]


def hashed(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stamp(path, version, variant):
    return f"{path} {version} {variant} ".encode().ljust(STAMP_BYTES - 1, b".") + b"\n"


def size(path, version):
    kind = KINDS[kind_of(path)]
    return kind.smallest + hashed(f"{path} {version}") % (kind.largest - kind.smallest)


@functools.lru_cache(maxsize=400)
def body(path, version, variant):
    """`variant` is a language, a nonce or empty."""
    begin = stamp(path, version, variant)
    return begin + hashlib.shake_128(begin).digest(size(path, version) - STAMP_BYTES)


def etag(path, version, variant):
    return f'"{path[1:]}.{version}.{variant}"'


def read_etag(text):
    """(path, version, variant), None for what the origin never said."""
    words = (text or "").strip('"').split(".")
    if len(words) != 3 or not words[1].isdigit():
        return None
    return "/" + words[0], int(words[1]), words[2]
