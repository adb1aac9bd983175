"""Texts of stations, drivers and operators on the way to a terminal or a log: nothing in them may move the cursor,
colour, rename or reorder what a person looks at. Pure.
"""

from __future__ import annotations

import json

_SEEN = {chr(code): chr(0x2400 + code) for code in range(32)} | {"\x7f": "\N{SYMBOL FOR DELETE}"}


def visible(words: str) -> str:
    """One sign that can be seen for each that cannot."""
    if words.isprintable():
        return words
    return "".join(sign if sign.isprintable() else _SEEN.get(sign, "\N{REPLACEMENT CHARACTER}") for sign in words)


def visible_lines(words: str) -> str:
    """Visible, with its line ends."""
    return "\n".join(visible(line) for line in words.split("\n"))


def escaped(document: str) -> str:
    """JSON that says the same with what cannot be seen written in digits; its own line ends stay."""
    if all(line.isprintable() for line in document.split("\n")):
        return document
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in document)
