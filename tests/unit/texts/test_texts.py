"""The catalogue is complete: every key used in the sources exists in both languages with the same placeholders."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.texts import LANGUAGES, catalogue, entries, language_from, read_part

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    ROOT / "cli.py",
    *(p for room in ("csms", "device_sim", "optimizer", "monitor") for p in (ROOT / room).rglob("*.py")),
]


def used() -> Iterator[tuple[str, str]]:
    """(place, key or beginning of a key) of each `text("...")` and `self._text(f"...")` in the sources."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in ("text", "_text"):
                yield from _keys(f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0])


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _keys(place: str, argument: ast.expr) -> Iterator[tuple[str, str]]:
    match argument:
        case ast.Constant(value=str(key)) if "." in key:
            yield place, key
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if "." in start:
            yield place, start + "*"


def test_every_key_in_the_sources_exists() -> None:
    keys = set(entries())
    places = list(used())
    assert len(places) > 100
    missing = [f"{place} {key}" for place, key in places if not _known(key, keys)]
    assert missing == []


def _known(key: str, keys: set[str]) -> bool:
    if key.endswith("*"):
        return any(known.startswith(key[:-1]) for known in keys)
    return key in keys


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


@pytest.mark.parametrize("key", sorted(entries()))
def test_both_languages_have_the_same_placeholders(key) -> None:
    words = entries()[key]
    assert sorted(words) == sorted(LANGUAGES)
    assert placeholders(words["en"]) == placeholders(words["zh"])


def test_words_are_filled_in() -> None:
    assert catalogue("en")("live.head.sessions", open=3) == "3 sessions"
    assert catalogue("zh")("live.head.sessions", open=3) == "会话 3"


def test_a_missing_key_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        catalogue("en")("no.such.key")
    with pytest.raises(ValueError, match="no texts in 'fr'"):
        catalogue("fr")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_TW"}, "zh"),
        ({"CSMS_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ({"CSMS_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"CSMS_LANG": "fr", "LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_language_comes_from_the_environment(environ, expected) -> None:
    assert language_from(environ) == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('[a]\nb = "words"', "needs exactly en and zh"),
        ('a = "words"', "is not a table"),
        ('[a]\nb.en = "only"', "needs exactly en and zh, not en"),
        ('[a]\nb.en = ""\nb.zh = "x"', "needs exactly"),
        ("[a", "broken.toml"),
    ],
)
def test_a_broken_part_is_told_by_name(tmp_path, content, fault) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=fault):
        read_part(path)
