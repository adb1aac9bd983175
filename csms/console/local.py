"""Options and settings of commands that work on the data itself, without a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.console.work import FAILED, USAGE, Output, fail
from csms.texts import Text

if TYPE_CHECKING:
    from csms.app.settings import Settings


def local_option(text: Text, key: str) -> Any:
    """`--local`; `key`: the text that says what is worked on then."""
    return typer.Option(False, "--local", help=text(key))


def data_dir_option(text: Text) -> Any:
    """`--data-dir`."""
    return typer.Option(None, "--data-dir", help=text("db.option.data_dir"))


@contextmanager
def local_settings(text: Text, out: Output, data_dir: Path | None, failed: str) -> Iterator[Settings]:
    """The settings; what goes wrong with them or in the block becomes a sentence (text `failed`) and an exit code."""
    from csms.app.section import SettingsInvalid
    from csms.app.settings import load_settings
    from csms.model.errors import CsmsError
    from csms.security.files import private_files

    try:
        settings = load_settings(data_dir=data_dir)
        with private_files():
            yield settings
    except SettingsInvalid as fault:
        fail(out, text("serve.bad_settings", reason=str(fault)), USAGE, {"code": fault.code, "detail": str(fault)})
    except CsmsError as fault:
        fail(out, text(failed, reason=str(fault)), FAILED, {"code": fault.code, "detail": str(fault)})
    except OSError as fault:
        fail(out, text(failed, reason=str(fault)), FAILED, {"code": "os_error", "detail": str(fault)})
