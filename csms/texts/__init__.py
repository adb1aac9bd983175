"""User-visible words in English and Chinese.

Every room keeps its words in `parts/<area>.toml`: tables whose leaves are `en` and `zh`; the dotted path of the tables
is the key (`[sim.fleet]`, `help.en = "..."` gives "sim.fleet.help"). `{name}` stands for a value. A key that is not
there is a mistake of ours and raises KeyError at once; a test walks all sources for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Text = Callable[..., str]
"""`text(key, **values)`: the words behind a key with their values filled in."""

LANGUAGES = ("en", "zh")
LANGUAGE_VARIABLE = "CSMS_LANG"
PARTS = Path(__file__).parent / "parts"


def catalogue(lang: str) -> Text:
    """The words of one language (`en` or `zh`); ValueError for another."""
    if lang not in LANGUAGES:
        raise ValueError(f"no texts in {lang!r}; there are {', '.join(LANGUAGES)}")
    words = {key: by_language[lang] for key, by_language in entries().items()}

    def text(key: str, **values: object) -> str:
        return words[key].format(**values) if values else words[key]

    return text


def language_from(environ: Mapping[str, str]) -> str:
    """CSMS_LANG if set, else Chinese where the locale (LC_ALL, LC_MESSAGES, LANG) is Chinese, else English."""
    chosen = environ.get(LANGUAGE_VARIABLE, "")
    if chosen:
        return "zh" if chosen.lower().startswith("zh") else "en"
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def coded(text: Text, table: str, code: str) -> str:
    """A stable code in words: the text `<table>.<code>`, blanks as `_`; one without words as it is, `_` as blanks."""
    key = f"{table}.{code.replace(' ', '_')}"
    return text(key) if key in entries() else code.replace("_", " ")


@cache
def entries() -> Mapping[str, Mapping[str, str]]:
    """Key -> language -> words, merged over all parts; ValueError for a key given twice or without a language."""
    merged: dict[str, Mapping[str, str]] = {}
    for part in sorted(PARTS.glob("*.toml")):
        for key, words in read_part(part):
            if key in merged:
                raise ValueError(f"{part.name}: text {key!r} is given twice")
            merged[key] = words
    return merged


def read_part(path: Path) -> list[tuple[str, Mapping[str, str]]]:
    """The keys and words of one file; ValueError when it is not of the form described above."""
    try:
        return list(_leaves(tomllib.loads(path.read_text(encoding="utf-8")), ""))
    except (tomllib.TOMLDecodeError, ValueError) as fault:
        raise ValueError(f"{path.name}: {fault}") from fault


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, value in table.items():
        key = f"{prefix}.{name}" if prefix else name
        if not isinstance(value, dict):
            raise ValueError(f"text {key!r} is not a table with {' and '.join(LANGUAGES)}")
        if any(isinstance(words, str) for words in value.values()):
            yield key, _words(key, value)
        else:
            yield from _leaves(value, key)


def _words(key: str, value: Mapping[str, Any]) -> Mapping[str, str]:
    if sorted(value) != sorted(LANGUAGES) or not all(isinstance(words, str) and words for words in value.values()):
        raise ValueError(f"text {key!r} needs exactly {' and '.join(LANGUAGES)}, not {', '.join(sorted(value))}")
    return value
