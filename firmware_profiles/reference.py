"""The reference page about firmware profiles, made from schema and files: `python -m firmware_profiles.reference`.

A test fails when docs/reference/firmware-profiles.md is not what this makes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from firmware_profiles.book import shipped
from firmware_profiles.facts import doc_of, neutral_of, type_words
from firmware_profiles.loader import TABLES, FirmwareProfile, stated

PAGE = Path("docs/reference/firmware-profiles.md")
THREAD = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")

INTRODUCTION = """# Firmware profiles

What is known of real stations, as data: one file in `firmware_profiles/` for each make, model and range of firmware.
The central system reads them to know how to treat a station; the simulator reads them to behave as one (`csms sim
fleet --profile NAME`). This page is made from the loader and the files: `python -m firmware_profiles.reference`.

## How far to trust a file

| grade | meaning |
| --- | --- |
| `verified` | measured by us on the device, for instance with `csms firmware-profile probe` |
| `reported` | told in public; every fact has its source, and a new firmware may make it wrong |
| `generic` | neutral values |
| `generic` with `unverified = true` | a maker of whom nothing is public: found by its name, claims nothing |

## How a profile is found

Before its boot a station is known by its id alone; after it by what the boot says. Of all profiles that are about a
station the one that says most of it is taken, compared in this order: vendor, model, firmware text, version range,
station id, protocol, kind. In each of these an exact text says more than a beginning (`Name*`), a longer beginning
more than a shorter one, that more than an expression (`/Name|Other/`), that more than nothing; one version (`==`)
more than a range with two ends, that more than one with a single end. So a profile that says less never takes a
station from one that says more; two that could fit one station and say equally much are refused when they are loaded.
Capitals do not matter. `id` counts before the boot, and after it only where neither vendor nor model is asked for. A
profile that asks for nothing is found by its name only. What nobody knows gets the neutral values.

`csms firmware-profile match --vendor V --model M --firmware F` shows what is found and what else fits.

## Your own profiles

`*.toml` in the folder `firmware_profiles_dir` (by default `firmware_profiles` in `data_dir`). A file with the name of
a shipped one replaces it; where one of yours and a shipped one say equally much, yours is taken. A file is refused as
a whole, with file and field, for an unknown field, a wrong type, a value out of range, a fact without a source.

```toml
product = "Some Maker Box 22"
grade = "reported"                 # the default
sources = ["owner/repository#12"]  # for [match] and for the facts that name no source of their own
extends = "some-maker-box-11"      # take its facts and notes over; what stands here goes first
notes = [{ text = "What a technician should know.", source = "manual: Box 22" }]

[match]
vendor = "Some Maker"
model = "Box*"
version = ">=2.1,<3"
version_from = '::V([0-9.]+)'      # where the version is not the first number in the firmware text

[limits]
periods_max = 2                                           # vouched for by the sources above
stack_level = { value = 0, source = "owner/repository#34" }
```

## Fields

Units stand in the names. "csms" is the module in `csms/` in which the central system reckons with a field, or why it
need not ("nothing: all stations are treated so"); "simulator" is the module in `device_sim/` in which a simulated pile
does it. Each field acts in one place only; tests see to it. The neutral value holds when nothing is known.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_tables(), *_profiles()])


def _tables() -> Iterable[str]:
    for table, kind in TABLES.items():
        yield f"### `[{table}]`\n\n{kind.__doc__}\n"
        yield "| field | type | neutral | meaning | csms | simulator |\n| --- | --- | --- | --- | --- | --- |"
        yield from (_field_row(kind, entry) for entry in fields(kind))
        yield ""


def _field_row(kind: type, entry: Any) -> str:
    doc = doc_of(entry)
    choice = f": {', '.join(f'`{word}`' for word in doc.one_of if word)}" if doc.one_of else ""
    bounds = _bounds(doc.least, doc.most)
    text = doc.text.replace("|", "\\|")
    csms, sim = _module(doc.csms), _module(doc.sim)
    cells = (f"`{entry.name}`", type_words(kind, entry.name) + choice + bounds, shown(neutral_of(entry)), text)
    return f"| {' | '.join((*cells, csms, sim))} |"


def _module(text: str) -> str:
    return f"`{text}`" if text and " " not in text else text


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f", {least:g} or more" if most is None else f", {least:g} to {most:g}"


def shown(value: Any) -> str:
    """A value for people: `A, W`, `key = 1`, `true`, and nothing for nothing."""
    if value is None or (not isinstance(value, bool | int | float) and not value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} = {text}" for name, text in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _profiles() -> Iterable[str]:
    yield f"## The {len(shipped())} profiles\n"
    yield "| file | product | grade | matched by | facts | sources |\n| --- | --- | --- | --- | --- | --- |"
    yield from (_profile_row(profile) for profile in shipped())
    yield ""


def _profile_row(profile: FirmwareProfile) -> str:
    grade = f"{profile.grade}, unverified" if profile.unverified else profile.grade
    matched = "; ".join(f"{name} {text}".strip() for name, text in matched_by(profile)) or "its name only"
    cells = (
        f"[`{profile.name}`](../../firmware_profiles/{profile.name}.toml)",
        profile.product,
        grade,
        matched.replace("|", "\\|"),
        str(len(profile.facts)),
        ", ".join(_linked(source) for source in all_sources(profile)),
    )
    return f"| {' | '.join(cells)} |"


def matched_by(profile: FirmwareProfile) -> list[tuple[str, str]]:
    """The patterns of a profile, by field; an assumed name says so."""
    match = profile.match
    texts = [(entry.name, getattr(match, entry.name)) for entry in fields(match) if entry.name != "assumed"]
    told = [(name, _patterns(value)) for name, value in texts if value not in ((), "")]
    return [*told, ("", "(assumed)")] if match.assumed else told


def _patterns(value: Any) -> str:
    listed = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"`{text}`" if text else "`(empty)`" for text in listed)


def all_sources(profile: FirmwareProfile) -> list[str]:
    """Every source of a profile once, those of the file first."""
    texts = [*profile.sources]
    texts += [text for _, _, given in stated(profile) for text in given]
    texts += [text for note in profile.notes for text in note.sources]
    return list(dict.fromkeys(texts))


def _linked(source: str) -> str:
    found = THREAD.fullmatch(source)
    return f"[{source}](https://github.com/{found[1]}/issues/{found[2]})" if found else source


def main(file: Path = PAGE) -> None:
    """Write the page."""
    file.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:]))
