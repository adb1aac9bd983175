"""The habits of the house: no clock, chance or print in pure code, no loose ends; sizes are reported, not judged."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("csms", "device_sim", "optimizer", "monitor", "firmware_profiles")
CLOCK_MODULES = {"csms/model/clock.py", "device_sim/clock.py"}
FORBIDDEN_CALLS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "monotonic"),
    ("time", "sleep"),
}
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX)\b(?!.*#\d+)")
PATHS_OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")


def sources() -> list[Path]:
    """Every Python file of the product, tests left out."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))] + [ROOT / "cli.py"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            yield node.func.value.id, node.func.attr, node.lineno


@pytest.mark.parametrize("path", sources(), ids=named)
def test_time_comes_from_the_clock(path: Path) -> None:
    if named(path) in CLOCK_MODULES:
        return
    found = [
        f"{named(path)}:{line} {owner}.{name}()"
        for owner, name, line in calls(ast.parse(path.read_text("utf-8")))
        if (owner, name) in FORBIDDEN_CALLS
    ]
    assert not found


@pytest.mark.parametrize("path", sources(), ids=named)
def test_no_unseeded_chance_and_no_print(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    loose = [
        f"{named(path)}:{line} {owner}.{name}"
        for owner, name, line in calls(tree)
        if owner == "random" and name not in ("Random", "SystemRandom")
    ]
    printed = [
        f"{named(path)}:{n.lineno} print"
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in ("print", "breakpoint")
    ]
    assert not loose + printed


@pytest.mark.parametrize("path", sources(), ids=named)
def test_no_loose_ends(path: Path) -> None:
    text = path.read_text("utf-8")
    found = [f"{named(path)}:{number}" for number, line in enumerate(text.splitlines(), 1) if LEFTOVERS.search(line)]
    assert not found, "a TODO names the issue that will do it, like TODO #12"


@pytest.mark.parametrize("path", sources(), ids=named)
def test_every_module_and_public_definition_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    if not tree.body:
        return
    silent = [] if ast.get_docstring(tree) else [f"{named(path)}: module"]
    for node in tree.body:
        public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
        if public and not ast.get_docstring(node):
            silent.append(f"{named(path)}:{node.lineno} {node.name}")
    assert not silent


def test_no_module_is_dead() -> None:
    """Every module is imported by another one, or is an entry that something else names."""
    everything = "\n".join(path.read_text("utf-8") for path in sources()) + (ROOT / "pyproject.toml").read_text("utf-8")
    named_somewhere = set(re.findall(r"[\w.]+", everything))
    named_somewhere |= {name[: at.start()] for name in named_somewhere for at in re.finditer(r"\.", name)}
    imported: dict[str, set[str]] = {}
    for package, names in re.findall(r"from ([\w.]+) import (\([^)]*|[^\n]*)", everything):
        imported.setdefault(package, set()).update(re.findall(r"\w+", names))
    dead = []
    for path in sources():
        name = path.stem
        if name in ("__init__", "__main__", "cli", "env") or "versions" in path.parts:
            continue
        module = named(path).removesuffix(".py").replace("/", ".")
        parent = module.rpartition(".")[0]
        if module not in named_somewhere and name not in imported.get(parent, ()):
            dead.append(module)
    assert not dead


def test_tracked_files_hold_no_path_of_a_machine_and_no_registry() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listing:
        pytest.skip("not a git checkout")
    found = []
    for name in listing:
        path = ROOT / name
        if not path.is_file() or path.suffix in (".png", ".gz", ".svg"):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
            if name != "tests/architecture/test_tidy.py" and (
                PATHS_OF_A_MACHINE.search(line)
                or re.search(r"pypi\.org/simple|files\.pythonhosted|deb\.debian\.org", line)
            ):
                found.append(f"{name}:{number}")
    assert not found


def test_every_setting_is_documented() -> None:
    from csms.app.settings import Settings

    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    missing = [name for name in Settings.model_fields if f"`{name}`" not in page]
    assert not missing


def test_versions_agree_and_the_changelog_knows_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_constraints_pin_every_dependency_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[\[><=;~ ]", item)[0].lower().replace("_", "-") for item in wanted}
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert not names - pinned
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_sizes_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the figures; a big function or file is a question for a review."""
    lengths, big = [], []
    for path in sources():
        text = path.read_text("utf-8")
        if text.count("\n") > 400:
            big.append(f"{named(path)} ({text.count(chr(10))})")
        lengths += [
            n.end_lineno - n.lineno + 1
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.end_lineno
        ]
    lengths.sort()
    tests = sum(path.read_text("utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py"))
    source = sum(path.read_text("utf-8").count("\n") for path in sources())
    with capsys.disabled():
        summary = (
            f"\nsizes: {source} lines of source, {tests} of tests (ratio {tests / source:.2f}); functions: median "
            f"{statistics.median(lengths):g}, p90 {lengths[int(len(lengths) * 0.9)]}, max {lengths[-1]}; "
            f"files over 400 lines: {', '.join(big) or 'none'}"
        )
        import sys

        sys.stdout.write(summary + "\n")
    assert lengths
