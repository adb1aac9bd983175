"""Every command explains itself with an example and answers `--json`; only what is used is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli import COMMANDS, build, installed_version, lazy_group
from csms.texts import catalogue

ROOT = Path(__file__).resolve().parents[3]
OWN = {name: target for name, target in COMMANDS.items() if str(target).startswith("csms.")} | {
    "monitor live": "monitor.console.live",
    "monitor intake": "monitor.intake.console",
    "monitor quality": "monitor.quality.console",
    "evidence": "monitor.evidence.console",
    "data": "monitor.governance.console",
    "forecast": "monitor.forecast.console",
    "warehouse": "monitor.warehouse.console",
}


def commands(name: str, module: str) -> Iterator[tuple[str, Any]]:
    from importlib import import_module

    yield from _leaves(name, get_command(import_module(module).build(catalogue("en"))))


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
    for name, sub in (below or {}).items():
        yield from _leaves(f"{path} {name}", sub)


LEAVES = [leaf for name, module in OWN.items() for leaf in commands(name, module)]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_help_example_and_json(path, command) -> None:
    assert command.help
    assert f"csms {path}" in command.epilog
    options = [option for parameter in command.params for option in parameter.opts]
    assert "--json" in options
    assert all(parameter.help for parameter in command.params), "every parameter is explained"


def test_the_issue_s_commands_are_there() -> None:
    paths = {path for path, _ in LEAVES}
    wanted = "station list,station show,station watch,station log,"
    wanted += "session list,limit set,limit show,plan show,province status"
    assert set(wanted.split(",")) | {"db migrate", "serve"} <= paths


def test_serve_takes_its_settings() -> None:
    (command,) = (command for path, command in LEAVES if path == "serve")
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--data-dir", "--ocpp-port", "--http-port", "--accept-unknown"} <= options


def test_help_imports_no_room() -> None:
    script = (
        "import sys, cli; from csms.texts import catalogue; "
        "cli.build(catalogue('en'))(['--help'], standalone_mode=False); "
        "heavy = {'fastapi', 'sqlalchemy', 'numpy', 'httpx', 'uvicorn', 'pydantic'} & set(sys.modules); "
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout


def test_a_group_that_cannot_be_imported_says_so(capsys) -> None:
    import typer

    app = typer.Typer(cls=lazy_group(catalogue("en"), {"sim": "no_such_module"}))
    app.callback()(lambda: None)
    with pytest.raises(SystemExit) as left:
        app(["sim", "fleet"])
    assert left.value.code == 1
    assert "The command sim cannot be loaded" in capsys.readouterr().err


def test_version(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        build(catalogue("en"))(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"csms {installed_version()}\n"
