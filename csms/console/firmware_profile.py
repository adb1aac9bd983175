"""`csms firmware-profile`: list, show, match read the files and need no server; probe asks a station."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.console import firmware_probe, units
from csms.console.layout import Column
from csms.console.work import FAILED, USAGE, Output, example, fail, group, json_option, output
from csms.texts import Text

if TYPE_CHECKING:
    from firmware_profiles import Book, FirmwareProfile

FOUND = "→"


class Grade(StrEnum):
    """How far to trust a profile."""

    VERIFIED = "verified"
    REPORTED = "reported"
    GENERIC = "generic"


class Version(StrEnum):
    """Versions that a station may speak."""

    OCPP16 = "ocpp1.6"
    OCPP201 = "ocpp2.0.1"
    OCPP21 = "ocpp2.1"


class Kind(StrEnum):
    """AC or DC."""

    AC = "ac"
    DC = "dc"


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "profile")
    _add_list(app, text)
    _add_show(app, text)
    _add_match(app, text)
    firmware_probe.add(app, text)
    return app


def _folder_option(text: Text) -> Any:
    return typer.Option(None, "--folder", help=text("profile.option.folder"))


def _add_list(app: typer.Typer, text: Text) -> None:
    @app.command(
        "list", help=text("profile.list.help"), epilog=example(text, "csms firmware-profile list --grade verified")
    )
    def list_(
        grade: Grade | None = typer.Option(None, "--grade", help=text("profile.option.grade")),
        words: str = typer.Option("", "--find", help=text("profile.option.find")),
        folder: Path | None = _folder_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with _book(text, folder, as_json) as (book, out):
            profiles = [p for p in book.profiles if grade in (None, p.grade) and _mentions(p, words)]
            if as_json:
                out.document({"profiles": [_summary(book, profile) for profile in profiles]})
            else:
                out.table(*_listed(text, book, profiles))


def _add_show(app: typer.Typer, text: Text) -> None:
    @app.command(
        "show", help=text("profile.show.help"), epilog=example(text, "csms firmware-profile show abb-terra-ac")
    )
    def show(
        name: str = typer.Argument(help=text("profile.option.name"), metavar="NAME"),
        folder: Path | None = _folder_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with _book(text, folder, as_json) as (book, out):
            profile = book.named(name)
            if profile is None:
                near = ", ".join(get_close_matches(name, [one.name for one in book.profiles]))
                key = "profile.unknown_near" if near else "profile.unknown"
                fail(out, text(key, name=name, near=near), FAILED, {"code": "unknown_profile", "detail": name})
            if as_json:
                out.document(_whole(book, profile))
            else:
                _show(text, out, book, profile)


def _add_match(app: typer.Typer, text: Text) -> None:
    command = "csms firmware-profile match --vendor ABB --model CDT_TACW22 --firmware X::V1.8.21"

    @app.command("match", help=text("profile.match.help"), epilog=example(text, command))
    def match(
        vendor: str | None = typer.Option(None, "--vendor", help=text("profile.option.vendor")),
        model: str = typer.Option("", "--model", help=text("profile.option.model")),
        firmware: str = typer.Option("", "--firmware", help=text("profile.option.firmware")),
        station_id: str = typer.Option("", "--id", help=text("profile.option.id")),
        protocol: Version | None = typer.Option(None, "--protocol", help=text("profile.option.protocol")),
        kind: Kind | None = typer.Option(None, "--kind", help=text("profile.option.kind")),
        folder: Path | None = _folder_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from firmware_profiles import Seen

        out = output(text, as_json)
        if vendor is None and not station_id:
            fail(out, text("profile.match.nothing"), USAGE, {"code": "nothing_given", "detail": "--vendor or --id"})
        seen = Seen(vendor, model, firmware, station_id, protocol or "", kind or "")
        with _book(text, folder, as_json) as (book, out):
            _match(text, out, book, seen)


def _match(text: Text, out: Output, book: Book, seen: Any) -> None:
    found, fitting = book.find(seen), book.fitting(seen)
    if out.as_json:
        out.document({"found": _whole(book, found), "fitting": [profile.name for profile in fitting]})
        return
    columns, rows = _listed(text, book, fitting or [found])
    marks = [FOUND if number == 0 else "" for number in range(len(rows))]
    out.table([Column(""), *columns], [[mark, *row] for mark, row in zip(marks, rows, strict=True)])
    out.line(text("profile.match.found", name=found.name))


@contextmanager
def _book(text: Text, folder: Path | None, as_json: bool) -> Iterator[tuple[Book, Output]]:
    """The profiles in use and an output; what is wrong with the user's own becomes a sentence and exit code 2."""
    from csms.app.section import SettingsInvalid
    from csms.app.settings import load_settings
    from firmware_profiles import ProfileInvalid, book

    out = output(text, as_json)
    try:
        own = folder if folder is not None else load_settings().own_profiles
        yield book(own), out
    except ProfileInvalid as fault:
        document = {"code": "profile_invalid", "detail": str(fault)}
        fail(out, text("profile.invalid", folder=own, reason=str(fault)), USAGE, document)
    except SettingsInvalid as fault:
        fail(out, text("serve.bad_settings", reason=str(fault)), USAGE, {"code": fault.code, "detail": str(fault)})


def _mentions(profile: FirmwareProfile, words: str) -> bool:
    told = " ".join((profile.name, profile.product, *profile.match.vendor, *profile.match.model)).casefold()
    return all(word in told for word in words.casefold().split())


def _listed(text: Text, book: Book, profiles: Sequence[FirmwareProfile]) -> tuple[list[Column], list[list[Any]]]:
    columns = [
        Column(text("profile.column.name"), whole=True),
        Column(text("profile.column.product")),
        Column(text("profile.column.grade"), whole=True),
        Column(text("profile.column.facts"), right=True, whole=True),
        Column(text("profile.column.whose"), whole=True),
    ]
    return columns, [
        [profile.name, profile.product, _grade(text, profile), str(len(profile.facts)), _whose(text, book, profile)]
        for profile in profiles
    ]


def _grade(text: Text, profile: FirmwareProfile) -> str:
    return text("profile.grade.unverified" if profile.unverified else f"profile.grade.{profile.grade}")


def _whose(text: Text, book: Book, profile: FirmwareProfile) -> str:
    return text("profile.own" if profile in book.own else "profile.shipped")


def _show(text: Text, out: Output, book: Book, profile: FirmwareProfile) -> None:
    from firmware_profiles.loader import stated
    from firmware_profiles.reference import matched_by, shown

    matched = "; ".join(f"{name} {patterns}".strip().replace("`", "") for name, patterns in matched_by(profile))
    out.record(
        {
            text("profile.column.name"): profile.name,
            text("profile.column.product"): profile.product,
            text("profile.column.grade"): _grade(text, profile),
            text("profile.column.whose"): _whose(text, book, profile),
            text("profile.matched_by"): matched or units.NOTHING,
            text("profile.column.sources"): ", ".join(profile.sources) or units.NOTHING,
        }
    )
    if profile.facts:
        names = ("field", "value", "sources")
        columns = [Column(text(f"profile.column.{name}"), whole=name == "field") for name in names]
        out.line("")
        out.table(columns, [[name, shown(value) or "–", ", ".join(given)] for name, value, given in stated(profile)])
    for number, note in enumerate(profile.notes):
        out.line("" if number else "\n" + text("profile.notes"))
        out.line(f"{note.text} ({', '.join(note.sources)})")


def _summary(book: Book, profile: FirmwareProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "product": profile.product,
        "grade": profile.grade,
        "unverified": profile.unverified,
        "own": profile in book.own,
        "facts": len(profile.facts),
    }


def _whole(book: Book, profile: FirmwareProfile) -> dict[str, Any]:
    from dataclasses import asdict

    from firmware_profiles.loader import stated

    facts = [{"field": name, "value": value, "sources": given} for name, value, given in stated(profile)]
    return {
        **_summary(book, profile),
        "sources": profile.sources,
        "match": asdict(profile.match),
        "facts": facts,
        "notes": [asdict(note) for note in profile.notes],
    }
