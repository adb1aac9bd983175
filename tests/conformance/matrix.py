"""Which test shows which requirement: `python -m tests.conformance.matrix` writes docs/conformance.md.

Marks are taken from pytest's own collection, so that those of classes, modules and parameters count. With `--check`
nothing is written: the exit code is 1, with a line for each fault, when a mark names an id that the catalogue does not
have, or when the page is not what would be written.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support import catalogue
from tests.support.catalogue import Entry

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"
MARKS = ("req", "octt")
NOTHING_SHOWN = ("xfail", "skip")
PART_21 = "OCPP 2.1, functional requirements"
LISTED_WHEN_SHOWN = (PART_21, "OCPP 1.6, errata")
"""Parts that are counted by block; only what a test shows is listed."""

Shown = Mapping[str, Sequence[str]]
"""Test functions by the id that they show."""

INTRODUCTION = """\
# Conformance

Which requirement, which OCA test case and which lesson of the field is shown by which test. The page is written by
`make conformance-page` from the marks on the tests (`@pytest.mark.req`, `@pytest.mark.octt`) and the ids in
`tests/conformance/catalogue`; a test fails when a mark names an unknown id or when this page is stale. Of the
specifications only the numbers stand here, in words of our own; the texts are those of the Open Charge Alliance.

- **shown**: a test drives it. For an OCA test case: the use case runs through a real websocket, every frame of ours is
  judged by the published JSON schemas, and the records and the operator's view are checked. That is our own proof; the
  certificate of a test laboratory it is not.
- **not yet**: it is the duty of a central system, and no test shows it.
- **of stations**: the duty of a charging station; some are shown by the tests of the simulator in `device_sim`.
- **of people**: for who runs the system, makes certificates or builds stations, not for software.

Sections stand for requirements where a specification does not number them. Prefixes: `1.6:` sections of OCPP 1.6,
`1.6S:` its security extension, `1.6J:` OCPP-J 1.6, `1.6E:` its errata, `2.0.1J:` and `2.1J:` OCPP-J of those versions,
`2.1:` requirements of OCPP 2.1; without a prefix those of OCPP 2.0.1.
"""


class _Items:
    """A plugin that only looks at what was collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.items = list(items)


def shown_by(items: Iterable[pytest.Item]) -> Shown:
    """What these tests say they show."""
    shown: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if any(item.get_closest_marker(name) for name in NOTHING_SHOWN):
            continue
        for mark in (mark for name in MARKS for mark in item.iter_markers(name)):
            for name in mark.args:
                shown[name].add(item.nodeid.split("[")[0])
    return {name: sorted(tests) for name, tests in shown.items()}


def collect() -> Shown:
    """What all tests say they show; RuntimeError when they cannot be collected."""
    found, said = _Items(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        options = ["--collect-only", "-qqq", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(ROOT / "tests")]
        code = pytest.main(options, plugins=[found])
    if code != pytest.ExitCode.OK:
        raise RuntimeError("the tests cannot be collected:\n" + said.getvalue()[-3000:])
    return shown_by(found.items)


def unknown(shown: Shown, entries: Mapping[str, Entry]) -> list[str]:
    """Marks that mean nothing, with the tests that carry them."""
    return [f"unknown id {name!r}: {', '.join(tests)}" for name, tests in sorted(shown.items()) if name not in entries]


def page(entries: Mapping[str, Entry], shown: Shown) -> str:
    """The whole page."""
    parts = _grouped(entries.values(), lambda entry: entry.part)
    lines = [INTRODUCTION, "## Numbers", "", *_figures(parts, shown), ""]
    for part, members in parts.items():
        lines += [f"## {part}", ""]
        if part == PART_21:
            lines += _as_before(shown)
        blocks = _grouped(members, lambda entry: entry.block)
        if len(blocks) > 1:
            lines += [*_figures(blocks, shown), ""]
        for block, found in blocks.items():
            lines += _block(block, part, found, shown)
    return "\n".join(lines).rstrip() + "\n"


def _as_before(shown: Shown) -> Iterator[str]:
    """What the scripts of 2.0.1 say of 2.1."""
    pairs = list(catalogue.as_before())
    also = sum(any("/test_201_" in test for test in shown.get(old, ())) and new not in shown for old, new in pairs)
    yield (
        f"{len(pairs)} of these have the words of 2.0.1. Of those that are not shown below, {also} are shown by "
        "scripts of 2.0.1, and `make conformance-21` plays all of these scripts with stations that speak 2.1."
    )
    yield ""


def _figures(groups: Mapping[str, Sequence[Entry]], shown: Shown) -> Iterator[str]:
    yield "| | of a central system | shown | not yet | of stations | of those shown | of people |"
    yield "| --- | --: | --: | --: | --: | --: | --: |"
    for name, members in groups.items():
        if all(entry.who == "note" for entry in members):
            continue
        ours = [entry for entry in members if entry.ours]
        theirs = [entry for entry in members if entry.who == "station"]
        done = sum(entry.id in shown for entry in ours)
        people = sum(entry.who == "operator" for entry in members)
        simulated = sum(entry.id in shown for entry in theirs)
        figures = (len(ours), done, len(ours) - done, len(theirs), simulated, people)
        yield f"| {name} | " + " | ".join(str(figure) for figure in figures) + " |"


def _block(block: str, part: str, members: Sequence[Entry], shown: Shown) -> Iterator[str]:
    only_shown = part in LISTED_WHEN_SHOWN
    listed = [e for e in members if e.id in shown or (e.ours and not only_shown)]
    people = [entry.id for entry in members if entry.who == "operator" and entry.id not in shown]
    if not listed and not (people and not only_shown):
        return
    yield from (f"### {block}", "")
    if listed:
        words = any(entry.words for entry in listed)
        yield "| id | what | shown by |" if words else "| id | shown by |"
        yield "| --- | --- | --- |" if words else "| --- | --- |"
        yield from (_row(entry, shown.get(entry.id, ()), words) for entry in listed)
        yield ""
    if people and not only_shown:
        yield from (f"Of people, not of software: {', '.join(people)}.", "")


def _row(entry: Entry, tests: Sequence[str], words: bool) -> str:
    of_station = " (station)" if entry.who == "station" else ""
    cells = [f"{entry.id}{of_station}", *([entry.words.replace("|", "/")] if words else [])]
    return "| " + " | ".join([*cells, "<br>".join(map(_link, tests)) or "not yet"]) + " |"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{Path(path).stem}::{name}](../{path})"


def _grouped(members: Iterable[Entry], key: object) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in members:
        groups[key(entry)].append(entry)  # type: ignore[operator]
    return groups


def faults(shown: Shown) -> list[str]:
    """What is wrong with the marks, or with the page as it is."""
    entries = catalogue.load()
    stale = not PAGE.is_file() or PAGE.read_text("utf-8") != page(entries, shown)
    return unknown(shown, entries) + ["docs/conformance.md is stale: run `make conformance-page`"] * stale


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it."""
    shown = collect()
    if "--check" not in arguments:
        PAGE.write_text(page(catalogue.load(), shown), "utf-8")
    found = faults(shown)
    for fault in found:
        print(fault)  # noqa: T201 - this is a command
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
