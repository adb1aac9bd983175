"""Every id that a test may say it shows: requirements, sections, OCA test cases, ids of this project.

The files in `tests/conformance/catalogue` hold ids and our own words only. A table is named `[who.block]` and maps ids
to words, or `[who.numbers]` and maps the first part of ids to their numbers; `who` has to fulfil them: csms, both,
station, operator (people, not software), or it is a note (a clarification that asks for nothing). `as_before` is no
such table: it names requirements of 2.1 whose words are those of 2.0.1.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "conformance" / "catalogue"
FILES = (
    "octt16",
    "octt201",
    "ocpp16",
    "security16",
    "ocppj16",
    "errata16",
    "ocpp201",
    "ocppj201",
    "ocpp21",
    "ocppj21",
    "field",
)
"""In the order of the page."""

BLOCKS: Mapping[str, str] = {
    "A": "Security",
    "B": "Provisioning",
    "C": "Authorization",
    "D": "Local list",
    "E": "Transactions",
    "F": "Remote control",
    "G": "Availability",
    "H": "Reservation",
    "I": "Tariff and cost",
    "J": "Meter values",
    "K": "Smart charging",
    "L": "Firmware",
    "M": "Certificates",
    "N": "Diagnostics",
    "O": "Display",
    "P": "Data transfer",
    "Q": "Bidirectional power",
    "R": "Distributed energy",
    "S": "Battery swap",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One id. `words` is empty where the number says it all."""

    id: str
    part: str
    block: str
    who: str
    words: str = ""

    @property
    def ours(self) -> bool:
        """Whether a central system has to show it."""
        return self.who in ("csms", "both")


def load() -> dict[str, Entry]:
    """All entries by id; ValueError for an id that stands twice."""
    entries: dict[str, Entry] = {}
    for entry in (entry for name in FILES for entry in _file(FOLDER / f"{name}.toml")):
        if entry.id in entries:
            raise ValueError(f"{entry.id} stands twice in the catalogue")
        entries[entry.id] = entry
    return entries


AS_BEFORE = "as_before"


def as_before() -> Iterator[tuple[str, str]]:
    """Requirements of 2.1 with the words of 2.0.1: the id there, and here."""
    content = tomllib.loads((FOLDER / "ocpp21.toml").read_text("utf-8"))
    for key, numbers in content[AS_BEFORE]["numbers"].items():
        for number in numbers.split():
            yield f"{key}.{number}", f"{content['prefix']}{key}.{number}"


def _file(path: Path) -> Iterator[Entry]:
    content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    part, prefix = content.pop("title"), content.pop("prefix")
    content.pop(AS_BEFORE, None)
    for who, tables in content.items():
        for block, table in tables.items():
            for key, value in table.items():
                if block == "numbers":
                    for number in value.split():
                        yield Entry(f"{prefix}{key}.{number}", part, _block(key), who)
                else:
                    yield Entry(f"{prefix}{key}", part, block, who, value)


def _block(use_case: str) -> str:
    found = re.match(r"([A-Z])\d\d\.FR$", use_case)
    return f"{found[1]} {BLOCKS[found[1]]}" if found else "General"
