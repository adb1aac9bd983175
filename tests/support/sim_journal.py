"""Reports on disk, so that hours of runs may be broken off and gone on with: a line each, for one state of the code."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.sim_world import Report

ROOT = Path(__file__).parents[2]


class OtherCode(Exception):
    """The file holds runs of another state of the code."""


class Journal:
    """Every report is in the file before it is counted; a line that a crash cut off is run again."""

    def __init__(self, path: Path, code: str) -> None:
        """Raises OtherCode."""
        self._path, self._known = path, _read(path, code)
        if not path.exists():
            path.write_text(json.dumps({"code": code}) + "\n", encoding="utf-8")
        elif not path.read_bytes().endswith(b"\n"):
            self._append("\n")

    def known(self, job: str) -> Report | None:
        """What a job gave before."""
        found = self._known.get(job)
        return None if found is None else Report(**found)

    def add(self, job: str, report: Report) -> None:
        """One more."""
        self._known[job] = asdict(report)
        self._append(json.dumps({"job": job, "report": self._known[job]}) + "\n")

    def _append(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)


def _read(path: Path, code: str) -> dict[str, Any]:
    if not path.exists():
        return {}
    first, *rest = path.read_text(encoding="utf-8").splitlines() or [""]
    if _line(first).get("code") != code:
        raise OtherCode(f"{path} holds runs of other code; give another file, or delete it")
    return {line["job"]: line["report"] for line in map(_line, rest) if line}


def _line(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def code_of(root: Path = ROOT) -> str:
    """A digest of every module of ours that is loaded by now, which is all that a run is made of."""
    files = {Path(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    whole = hashlib.sha256()
    for path in sorted(path for path in files if path.is_relative_to(root) and "site-packages" not in path.parts):
        whole.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()
