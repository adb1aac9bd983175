"""The figures of an equivalence run as a file: JSON, or a table for readers when its name ends in .md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
COLUMNS = ("valid", "messages", "distinct", "accepted_by_both", "refused_by_both", "tolerated", "other_code")


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows in order, their sums, and how often each deliberate difference and each tolerated fault was met."""
    deliberate, deviations = Counter[str](), Counter[str]()
    for row in rows:
        deliberate.update(row["deliberate"])
        deviations.update(row["deviations"])
    return {
        "requests": len(rows),
        "fewest_messages": min((row["messages"] for row in rows), default=0),
        "sums": {name: sum(row[name] for row in rows) for name in COLUMNS} | {"deliberate": deliberate.total()},
        "constraints": sum(row["constraints"] for row in rows),
        "constraints_never_broken": [f"{row['action']}/{place}" for row in rows for place in row["missed"]],
        "deliberate": dict(deliberate.most_common()),
        "deviations": dict(deviations.most_common()),
        "rows": sorted(rows, key=lambda row: (row["version"], row["action"])),
    }


def write(path: Path, rows: Sequence[Row]) -> None:
    """One file; an existing one is replaced."""
    facts = summary(rows)
    text = markdown(facts) if path.suffix == ".md" else json.dumps(facts, indent=1)
    path.write_text(text + "\n", "utf-8")


def markdown(facts: dict[str, Any]) -> str:
    """Sums first, then the named differences, then every request."""
    sums, columns = facts["sums"], (*COLUMNS, "deliberate")
    head = ("version", "request", *columns)
    missed = facts["constraints_never_broken"]
    lines = [
        f"{facts['requests']} requests, at least {facts['fewest_messages']} damaged messages each; "
        f"{facts['constraints'] - len(missed)} of {facts['constraints']} constraints broken at least once.",
        "",
        *(f"- never broken: {place}" for place in missed),
    ]
    lines += [f"- {name}: {count}" for name, count in sums.items()]
    for title in ("deliberate", "deviations"):
        lines += ["", f"| {title} | messages |", "|---|---|"]
        lines += [f"| {name} | {count} |" for name, count in facts[title].items()]
    lines += ["", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in facts["rows"]:
        cells = [row["version"], row["action"], *(row[name] for name in COLUMNS), sum(row["deliberate"].values())]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
