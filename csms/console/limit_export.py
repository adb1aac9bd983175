"""`csms limit history --export FILE`: all that was stated about a feeder, as JSON lines or, named so, as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csms.console.client import ApiClient
from csms.console.csv_file import write_csv
from csms.console.work import FAILED, Output, fail
from csms.texts import Text

PAGE = 1000
COLUMNS = ("seq", "at", "who", "action", "feeder", "limit", "version", "power_w", "result", "raw_sha256", "hash")


def export(text: Text, api: ApiClient, out: Output, path: str, file: Path, force: bool) -> None:
    """Oldest first; the file is there only when it is whole."""
    if file.exists() and not force:
        fail(out, text("audit.export.exists", file=str(file)), FAILED)
    records = list(_all(api, path))[::-1]
    draft = file.with_name(file.name + ".partial")
    try:
        if file.suffix.lower() == ".csv":
            write_csv(draft, COLUMNS, [_row(record) for record in records])
        else:
            draft.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        draft.replace(file)
    except OSError as fault:
        fail(out, text("audit.export.failed", reason=str(fault)), FAILED)
    if out.as_json:
        out.document({"file": str(file), "records": len(records)})
    else:
        out.line(text("audit.export.done", file=str(file), count=len(records)))


def _all(api: ApiClient, path: str) -> Iterator[dict[str, Any]]:
    """Newest first."""
    before = None
    while True:
        answer = api.get(path, limit=PAGE, before_seq=before)
        yield from answer["records"]
        before = answer["next_before_seq"]
        if not before:
            return


def _row(record: dict[str, Any]) -> list[Any]:
    who, on, told, detail = (record[name] or {} for name in ("who", "on", "result", "detail"))
    result = told.get("code") or told.get("outcome") or "accepted"
    facts = [record["seq"], record["at"], who.get("name") or detail.get("source", ""), record["action"]]
    facts += [on.get("feeder", ""), on.get("limit", ""), told.get("version", ""), told.get("power_w", "")]
    return [*facts, result, detail.get("raw_sha256", ""), record["hash"]]
