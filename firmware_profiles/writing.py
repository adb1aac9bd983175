"""Writes a profile as a TOML file that `loader` accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def exactly(text: str) -> str:
    """A pattern that fits this text alone."""
    if text.endswith("*") or (len(text) > 1 and text[0] == text[-1] == "/"):
        return f"/{re.escape(text)}/"
    return text


def written(
    product: str,
    source: str,
    tables: Mapping[str, Mapping[str, Any]],
    notes: Sequence[str] = (),
    grade: str = "verified",
) -> str:
    """The file; empty tables and empty texts in [match] are left out."""
    lines = [f"product = {_value(product)}", f"grade = {_value(grade)}", f"sources = [{_value(source)}]"]
    if notes:
        entries = [f"    {{ text = {_value(note)}, source = {_value(source)} }}," for note in notes]
        lines += ["notes = [", *entries, "]"]
    for name, values in tables.items():
        if values:
            lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """JSON writes texts, numbers, booleans and lists as TOML does."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
