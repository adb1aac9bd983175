"""What the commands of `csms data` share: options, and the set of facts opened and closed around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE

if TYPE_CHECKING:
    from monitor.store.governance import GovernanceStore


def data_dir_option(text: Text) -> Any:
    """Where the facts are."""
    return typer.Option(..., "--data-dir", help=text("data.option.data_dir"))


def limit_option(text: Text) -> Any:
    """How many rows."""
    return typer.Option(100, "--limit", min=1, max=100_000, help=text("data.option.limit"))


def note_option(text: Text) -> Any:
    """Why, for the record."""
    return typer.Option("", "--note", help=text("data.option.note"))


def on_store(
    text: Text, data_dir: Path, as_json: bool, act: Callable[[GovernanceStore], work.Found], *, make: bool = False
) -> work.Found:
    """What `act` finds; ends the command where there are no facts (unless `make`) or they cannot be used."""
    from monitor.store.faults import StoreUnusable
    from monitor.store.governance import FILE_NAME, open_governance

    if not make and not (data_dir / FILE_NAME).is_file():
        work.fail(text("data.no_database", folder=data_dir), USAGE, as_json, "no_database")
    try:
        store = open_governance(data_dir)
        try:
            return act(store)
        finally:
            store.close()
    except StoreUnusable as fault:
        work.cannot(text, fault, as_json)
    except (OSError, ValueError) as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")
