"""`csms limit verify`: whether the record of limits is whole, and whether what is in force is what it says.

The chain is walked and hashed here; so is the text of every statement. Then the limits that the server holds, and the
caps of its feeders, are compared with what follows from the record alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer

from csms.console import units
from csms.console.audit import Heads, from_server, tell, walk
from csms.console.client import ApiClient, path_segment
from csms.console.layout import Cell, Column
from csms.console.work import FAILED, Output, example, json_option, url_option, work
from csms.model.audit import AuditRecord
from csms.texts import Text

ATTEMPTS = 3
"""Limits may change between two looks; then both are taken anew."""

Key = tuple[str, str, str]
"""Source, feeder, limit."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A limit by its newest accepted record. `said`: the statement as it came."""

    seq: int
    version: int
    power_w: int
    cancelled: bool
    said: Mapping[str, Any]

    def over(self, now: datetime) -> bool:
        """Whether it no longer counts."""
        end = self.said.get("valid_to")
        return self.cancelled or (end is not None and units.moment(end) <= now)

    def cap_w(self, now: datetime) -> int | None:
        """What it allows at a moment, if it says anything about it."""
        start = self.said.get("valid_from")
        if self.said.get("direction", "import") != "import" or self.over(now):
            return None
        if start is not None and units.moment(start) > now:
            return None
        blocks = self.said.get("blocks") or []
        begun = [int(block["value_w"]) for block in blocks if units.moment(block["start"]) <= now]
        return (begun[-1] if begun else None) if blocks else self.power_w


class Ledger:
    """What follows from the records."""

    def __init__(self) -> None:
        self.limits: dict[Key, Recorded] = {}
        self.faults: list[dict[str, Any]] = []
        self.statements = 0

    def reading(self, records: Iterator[AuditRecord]) -> Iterator[AuditRecord]:
        """The same records, read on their way."""
        for record in records:
            yield record
            if record.kind == "limit":
                self._take(record)

    def _take(self, record: AuditRecord) -> None:
        facts = json.loads(record.text)
        told, detail, on = facts["result"], facts["detail"] or {}, facts["on"]
        if facts["action"] not in ("set limit", "cancel limit"):
            return
        self.statements += 1
        raw, key = detail.get("raw", ""), (detail.get("source", ""), on.get("feeder", ""), on.get("limit", ""))
        if not told.get("accepted"):
            return
        if hashlib.sha256(raw.encode()).hexdigest() != detail.get("raw_sha256"):
            self.faults.append(_fault(key, "raw", record.seq))
        said = json.loads(raw) if raw else {}
        before = self.limits.get(key)
        if before is None or told["version"] >= before.version:
            cancelled = facts["action"] == "cancel limit" or bool(said.get("cancel"))
            kept = said if raw or before is None else before.said
            self.limits[key] = Recorded(record.seq, told["version"], told["power_w"], cancelled, kept)


def mount(app: typer.Typer, text: Text) -> None:
    """Add the command."""

    @app.command("verify", help=text("limit.verify.help"), epilog=example(text, "csms limit verify"))
    def verify(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            for _ in range(ATTEMPTS):
                document = _looked(api)
                if document["ok"]:
                    break
            if as_json:
                out.document(document)
            else:
                _show(text, out, document)
            if not document["ok"]:
                raise typer.Exit(FAILED)


def _looked(api: ApiClient) -> dict[str, Any]:
    held, states = _held(api)
    ledger, noted = Ledger(), Heads()
    chain = walk(ledger.reading(from_server(api, noted)), noted)
    faults = ledger.faults + list(_compared(ledger, held, states))
    return {
        "ok": chain["ok"] and not faults,
        "chain": chain,
        "statements": ledger.statements,
        "limits": len(held),
        "feeders": len(states),
        "faults": faults,
    }


def _held(api: ApiClient) -> tuple[dict[Key, dict[str, Any]], list[dict[str, Any]]]:
    """What the server holds: limits in force or to come, and the states of feeders."""
    states = [api.get(f"/feeders/{path_segment(one['feeder_id'])}/state") for one in api.get("/feeders")["feeders"]]
    held = {(one["source"], one["feeder_id"], one["id"]): one for state in states for one in state["limits"]}
    return held, states


def _compared(
    ledger: Ledger, held: Mapping[Key, dict[str, Any]], states: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for key, one in held.items():
        known = ledger.limits.get(key)
        if known is None:
            yield _fault(key, "not_recorded")
        elif (known.version, known.power_w, known.cancelled) != (one["version"], one["value_w"], False):
            yield _fault(key, "differs", known.seq)
    for state in states:
        now, feeder_id = units.moment(state["clock_time"]), state["feeder_id"]
        mine = {key: one for key, one in ledger.limits.items() if key[1] == feeder_id}
        yield from (
            _fault(key, "missing", one.seq) for key, one in mine.items() if key not in held and not one.over(now)
        )
        caps = [state["rating_w"], state["failsafe_w"], *(one.cap_w(now) for one in mine.values())]
        if state["cap_w"] != min(cap for cap in caps if cap is not None):
            yield _fault(("", feeder_id, ""), "cap")


def _fault(key: Key, fault: str, seq: int | None = None) -> dict[str, Any]:
    return {"source": key[0], "feeder_id": key[1], "id": key[2], "fault": fault, "seq": seq}


def _show(text: Text, out: Output, document: dict[str, Any]) -> None:
    tell(text, out, document["chain"])
    counts = {name: document[name] for name in ("statements", "limits", "feeders")}
    if not document["faults"]:
        out.line(text("limit.verify.good", **counts))
        return
    out.line(text("limit.verify.bad", count=len(document["faults"])))
    titles = ("source", "feeder", "id")
    columns = [Column(text(f"limit.column.{title}")) for title in titles] + [Column(text("limit.verify.fault"))]
    out.table(columns, [_row(text, one) for one in document["faults"]])


def _row(text: Text, one: dict[str, Any]) -> list[Cell]:
    return [one["source"], one["feeder_id"], one["id"], text(f"limit.verify.{one['fault']}")]
