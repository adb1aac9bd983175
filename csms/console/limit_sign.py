"""Limits that are signed: an option of the commands that state them, and `csms limit sign` for other channels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typer

from csms.console.work import example, json_option
from csms.security.jws import read_private_key, sign
from csms.texts import Text
from csms.wire.canonical_json import canonical
from csms.wire.strict_json import Bounds, JsonRefused, read_object

BOUNDS = Bounds(256 * 1024, depth_max=8, integer_digits_max=18, nul=False)


def key_option(text: Text) -> Any:
    """`--sign KEY`."""
    return typer.Option(None, "--sign", help=text("limit.sign.option"), metavar="KEY", dir_okay=False)


def signed(text: Text, document: dict[str, Any], feeder: str, key: Path | None) -> dict[str, Any]:
    """The statement as it is without a key; else with its feeder and a signature. Usage error for a bad key."""
    if key is None:
        return document
    whole = {name: value for name, value in document.items() if name != "signature"} | {"feeder": feeder}
    try:
        return whole | {"signature": sign(canonical(whole), read_private_key(key))}
    except (OSError, ValueError) as fault:
        words = text("limit.sign.unreadable", file=str(key), reason=str(fault))
        raise typer.BadParameter(words, param_hint="--sign") from None


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = example(text, "csms limit sign evening.json --key-file north-grid.key | mosquitto_pub -s -q 1 -r -t …")

    @app.command("sign", help=text("limit.sign.help"), epilog=shown)
    def sign_(
        file: str = typer.Argument(help=text("limit.sign.file"), metavar="FILE"),
        key: Path = typer.Option(..., "--key-file", help=text("limit.sign.option"), dir_okay=False),
        as_json: bool = json_option(text),
    ) -> None:
        del as_json  # a statement is JSON in any case
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            document = read_object(raw, BOUNDS)
        except (OSError, JsonRefused) as fault:
            raise typer.BadParameter(f"{file}: {fault}", param_hint="FILE") from None
        if not all(isinstance(document.get(name), str) for name in ("id", "feeder")):
            raise typer.BadParameter(text("limit.sign.names"), param_hint="FILE")
        typer.echo(json.dumps(signed(text, document, document["feeder"], key), ensure_ascii=False))
