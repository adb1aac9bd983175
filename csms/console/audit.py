"""`csms audit list|verify|export`: what operators did, and whether the record of it is whole.

The chain is checked here and not by the server: what a server says of itself proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer

from csms.console import units
from csms.console.client import ApiClient
from csms.console.csv_file import write_csv
from csms.console.layout import Cell, Column
from csms.console.local import local_settings
from csms.console.work import FAILED, Output, example, fail, group, json_option, output, url_option, work
from csms.model.audit import AuditRecord, ChainCheck
from csms.texts import Text

PAGE = 500
WORDS_MAX = 160


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "audit")
    for mount in (_list, _verify, _export):
        mount(app, text)
    return app


def _list(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms audit list --by administrator --on CP-7")

    @app.command("list", help=text("audit.list.help"), epilog=shown)
    def list_(
        last: int = typer.Option(50, "--last", min=1, max=1000, help=text("audit.list.last")),
        by: str | None = typer.Option(None, "--by", help=text("audit.list.by")),
        action: str | None = typer.Option(None, "--action", help=text("audit.list.action")),
        on: str | None = typer.Option(None, "--on", help=text("audit.list.on")),
        before: int | None = typer.Option(None, "--before", min=1, help=text("audit.list.before")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/audit", limit=last, actor=by, action=action, target=on, before_seq=before)
            if as_json:
                out.document(answer)
                return
            out.table(_columns(text), _rows(text, answer["records"]))
            if answer["next_before_seq"]:
                out.line(text("audit.list.more", before=answer["next_before_seq"]))


def _columns(text: Text) -> list[Column]:
    titles = ("seq", "at", "who", "address", "action", "on", "result")
    return [Column(text(f"audit.column.{title}"), whole=title in ("seq", "at")) for title in titles]


def _rows(text: Text, records: list[dict[str, Any]]) -> list[list[Cell]]:
    """One line for what was asked and what became of it; what has no end says so."""
    ended = {row["request"]: row for row in records if row["kind"] == "done" and row["request"]}
    begun = {row["request"] for row in records if row["kind"] == "asked"}
    shown = [row for row in records if not (row["kind"] == "done" and row["request"] in begun)]
    return [_row(text, row, ended.get(row["request"])) for row in shown]


def _row(text: Text, row: dict[str, Any], end: dict[str, Any] | None) -> list[Cell]:
    told = (end or row)["result"]
    words = " ".join(str(value) for value in told.values()) if told else text("audit.no_end")
    detail = json.dumps(row["detail"], ensure_ascii=False) if row["detail"] else ""
    on = " ".join([*row["on"].values(), detail])[:WORDS_MAX]
    who = row["who"].get("name", "")
    address = row["who"].get("address", "")
    return [str(row["seq"]), units.local_time(row["at"]), who, address, row["action"], on, words]


def _verify(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms audit verify --head 1204:9f3a…")

    @app.command("verify", help=text("audit.verify.help"), epilog=shown)
    def verify(
        file: Path | None = typer.Argument(None, help=text("audit.verify.file"), metavar="FILE"),
        head: str | None = typer.Option(None, "--head", help=text("audit.verify.head")),
        local: bool = typer.Option(False, "--local", help=text("audit.verify.local")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=text("db.option.data_dir")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        noted = [_head(text, head)] if head else []
        if file is not None:
            out = output(text, as_json)
            try:
                _judge(text, out, read_export(file), noted, partial=True)
            except (OSError, msgspec.MsgspecError) as fault:
                fail(out, text("audit.verify.unreadable", reason=str(fault)), FAILED)
        elif local:
            out = output(text, as_json)
            with local_settings(text, out, data_dir, "audit.verify.unreadable") as settings:
                records, kept = _from_database(settings.store_url, settings.data_dir)
            _judge(text, out, iter(records), noted + kept)
        else:
            with work(text, url, as_json) as (api, out):
                _judge(text, out, from_server(api, noted), noted)


def _head(text: Text, written: str) -> tuple[int, str]:
    seq, _, last_hash = written.partition(":")
    if not seq.isdecimal() or len(last_hash) != 64:
        raise typer.BadParameter(text("audit.verify.bad_head"), param_hint="--head")
    return int(seq), last_hash.lower()


Heads = list[tuple[int, str]]
"""Places of the chain that were noted elsewhere."""


def _judge(text: Text, out: Output, records: Iterator[AuditRecord], noted: Heads, partial: bool = False) -> None:
    document = walk(records, noted, partial)
    if out.as_json:
        out.document(document)
    else:
        tell(text, out, document)
    if not document["ok"]:
        raise typer.Exit(FAILED)


def walk(records: Iterator[AuditRecord], noted: Heads, partial: bool = False) -> dict[str, Any]:
    """Walk the chain; the heads that were noted elsewhere must lie on it. `noted` may grow while records come."""
    check, notes, begins = ChainCheck(), 0, 0
    found: set[tuple[int, str]] = set()
    for record in records:
        if not begins:
            begins = record.seq
            check = ChainCheck(record.seq - 1, record.prev_hash) if partial else check
        if not check.take(record):
            break
        notes += record.kind == "note"
        found |= {head for head in noted if head == (record.seq, record.hash)}
    lost = [seq for seq, last_hash in noted if seq >= max(begins, 1) and (seq, last_hash) not in found]
    broken_seq = check.broken_seq or (min(lost) if lost else None)
    return {
        "ok": broken_seq is None,
        "begins": begins,
        "checked": check.checked,
        "head": {"seq": check.seq, "hash": check.hash},
        "broken_seq": broken_seq,
        "fault": check.fault or ("cut" if lost else ""),
        "notes": notes,
    }


def tell(text: Text, out: Output, document: dict[str, Any]) -> None:
    """What was found on the way."""
    if document["fault"]:
        words = text(f"audit.fault.{document['fault']}")
        out.line(text("audit.verify.bad", seq=document["broken_seq"], fault=words, checked=document["checked"]))
        return
    out.line(text("audit.verify.good", checked=document["checked"]))
    if document["notes"]:
        out.line(text("audit.verify.notes", count=document["notes"]))
    if document["head"]["seq"]:
        out.line(text("audit.verify.keep", head=f"{document['head']['seq']}:{document['head']['hash']}"))


def from_server(api: ApiClient, noted: Heads, after: int = 0) -> Iterator[AuditRecord]:
    """All links, page by page; what the server noted outside of the database at the beginning goes into `noted`."""
    first = True
    while True:
        answer = api.get("/audit/chain", after=after, limit=PAGE)
        if first and answer["kept_head"]:
            noted.append((answer["kept_head"]["seq"], answer["kept_head"]["hash"]))
        first = False
        links = answer["links"]
        yield from (msgspec.convert(link, AuditRecord) for link in links)
        if len(links) < PAGE:
            return
        after = links[-1]["seq"]


def _from_database(url: str, folder: Path) -> tuple[list[AuditRecord], Heads]:
    import asyncio

    from csms.access.audit import AuditLog, record_of
    from csms.model.clock import system_clock
    from csms.store.engine import open_store

    async def read() -> tuple[list[AuditRecord], Heads]:
        store = await open_store(url, system_clock())
        try:
            kept = AuditLog(system_clock(), store, folder).kept()
            records: list[AuditRecord] = []
            while rows := await store.reader.audit_after(records[-1].seq if records else 0, PAGE):
                records += [record_of(row) for row in rows]
            return records, [(kept.seq, kept.hash)] if kept else []
        finally:
            await store.close()

    return asyncio.run(read())


def read_export(file: Path) -> Iterator[AuditRecord]:
    """The links of an export. Raises OSError, msgspec.MsgspecError."""
    decoder = msgspec.json.Decoder(AuditRecord)
    with file.open("rb") as lines:
        yield from (decoder.decode(line) for line in lines if line.strip())


def _export(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms audit export audit-2026.jsonl")

    @app.command("export", help=text("audit.export.help"), epilog=shown)
    def export(
        file: Path = typer.Argument(help=text("audit.export.file"), metavar="FILE"),
        after: int = typer.Option(0, "--after", min=0, help=text("audit.export.after")),
        as_csv: bool = typer.Option(False, "--csv", help=text("audit.export.csv")),
        force: bool = typer.Option(False, "--force", help=text("db.option.force")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            if file.exists() and not force:
                fail(out, text("audit.export.exists", file=str(file)), FAILED)
            records = list(from_server(api, [], after))
            try:
                _write(file, records, as_csv)
            except OSError as fault:
                fail(out, text("audit.export.failed", reason=str(fault)), FAILED)
            if as_json:
                out.document({"file": str(file), "records": len(records)})
            else:
                out.line(text("audit.export.done", file=str(file), count=len(records)))


def _write(file: Path, records: list[AuditRecord], as_csv: bool) -> None:
    draft = file.with_name(file.name + ".partial")
    if as_csv:
        write_csv(draft, AuditRecord.__struct_fields__, [msgspec.structs.astuple(record) for record in records])
    else:
        encoder = msgspec.json.Encoder()
        draft.write_bytes(b"".join(encoder.encode(record) + b"\n" for record in records))
    draft.replace(file)
