"""The page of a day of the demo: five sentences, its picture, every figure. Pure but for the templates."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from csms.texts import Text
from monitor.reports.page import page

NEEDED = ("day", "sessions", "stations", "energy", "samples", "load")


class NoDemo(Exception):
    """What was given is no report of a demo."""


def demo_page(document: Mapping[str, Any], drawing: str, chinese: Text, english: Text, first: str) -> str:
    """The page. `drawing`: SVG, shown as an image, so that nothing in it is run. Raises NoDemo."""
    missing = [name for name in NEEDED if name not in document]
    if missing:
        raise NoDemo(f"it has no {', '.join(missing)}")
    texts = {"zh": chinese, "en": english}
    facts = facts_of(document)
    said = [tuple(text(f"report.demo.{number}", **facts) for text in texts.values()) for number in range(1, 6)]
    image = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}" if drawing else ""
    name = " · ".join(text("report.demo.title") for text in texts.values())
    return page(
        "demo.html.j2", texts, first, name=name, day=str(document["day"])[:10], sentences=said, image=image,
        figures=list(flat(document)),
    )  # fmt: skip


def facts_of(document: Mapping[str, Any]) -> dict[str, str]:
    """What the sentences name. Raises NoDemo for a document of another shape."""
    try:
        sessions, energy, load = document["sessions"], document["energy"], document["load"]
        share = energy["delivered_of_possible"]
        return {
            "started": str(sessions["started"]),
            "ended": str(sessions["ended"]),
            "stations": str(sum(document["stations"].values())),
            "delivered": f"{energy['delivered_wh'] / 1000:,.1f}",
            "share": "–" if share is None else f"{share:.1%}",
            "peak": f"{load['peak_w'] / 1000:,.1f}",
            "cap": f"{(load['cap_w'] or 0) / 1000:,.1f}",
            "unmanaged": f"{load['unmanaged_peak_w'] / 1000:,.1f}",
            "over_s": f"{load['over_cap_after_first_minute_s']:g}",
            "unmanaged_s": f"{load['unmanaged_over_cap_s']:g}",
            "acknowledged": f"{document['samples']['acknowledged']:,}",
            "stored": f"{document['samples']['stored']:,}",
        }
    except (KeyError, TypeError, AttributeError) as fault:
        raise NoDemo(f"{type(fault).__name__}: {fault}") from None


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every figure by its path, as in the JSON."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{path}.{number}")
    else:
        yield path, "–" if value is None else str(value)
