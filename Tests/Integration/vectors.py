"""The requests of Tests/Vectors/http1 as bytes."""
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "Vectors/http1"


class Vector:
    """One case; `raw` is what goes over the wire."""

    def __init__(self, case):
        self.case, self.name = case, case["name"]
        parts = [case["raw"]] if "raw" in case else case["parts"]
        self.raw = "".join(p if isinstance(p, str) else p["repeat"] * p["times"] for p in parts).encode("latin-1")
        status = case["status"]
        self.statuses = status if isinstance(status, list) else [status]
        self.closes = case.get("close") is True
        self.stage = case.get("stage", "head")

    def __getattr__(self, key):
        return self.case[key]


def load(name):
    return [Vector(case) for case in json.loads((FOLDER / name).read_text())]
