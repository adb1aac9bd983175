"""What a secret looks like: by its name, by its form, inside an address. Pure.

Names catch what standards and makers call a secret. Forms catch what nobody named: in messages about configuration a
text that reads like no word is taken for a key. Both err on the side of hiding.
"""

from __future__ import annotations

import re

HIDDEN = "***"
KEY_CODE = "keycode"
"""The type of an id token that a driver types in, in lower case."""
PLAIN_LENGTH, LONG = 12, 20
"""Texts shorter than the one are not judged by their form, those longer than the other more strictly."""

WORD_LENGTH_MAX = 20
CHANGES_MAX = 0.27
"""Share of signs before which letters become digits, or small ones capitals: a tenth in names and versions, a quarter
in `V2XChargingCtrlr`, a half in random texts."""

_SURE = (
    r"pass(?:word|phrase|code|wd)|secret|credential|authorization_?key|basic_?auth|private[ _]?key|shared_?key|sim_?pin"
    r"|api_?key"
)
SURE = re.compile(_SURE, re.IGNORECASE)
"""Names a secret wherever it stands, also in the middle of a sentence."""

NAME = re.compile(rf"(?i:{_SURE}|pass(?!i|e)|pwd|psk|token|key(?!s(?:$|[^a-z])))|Pin(?![a-z])|PIN(?![A-Z])")
"""Names a secret when it is the name of a setting."""

KEY = re.compile(rf"(?i:{_SURE}|^pass$|pwd|psk$|^pin$|(?<!id)token$)|Pin$")
"""Names a secret when it is a key of a JSON object."""

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_PARTS = re.compile(r"[^\W_]+")
_ODD = re.compile(r"[^\w/:.+ -]")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_HEX = re.compile(
    r"(?i:\b[\da-f]{8}-[\da-f]{4}-)|\b(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{16,}|\b(?=[A-F]*\d)(?=\d*[A-F])[\dA-F]{16,}"
)
_PLAIN_PART = re.compile(
    r"\d{0,24}|(?=.{1,7}$)[A-Za-z]{1,4}\d{0,5}[A-Za-z]?|[A-Z]?[a-z]{1,20}|[A-Z]{1,12}|[A-Z]{0,4}(?:[A-Z][a-z]{2,15}){1,8}"
)
_RUN = re.compile(r"[^\s,;\"'{}()\[\]]+")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,9}://)(?P<rest>[^\s\"'<>]*)")
_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*(?:\"|$)|'[^']*(?:'|$)")


def wordy(text: str) -> bool:
    """Whether a text reads like words, numbers and versions rather than like a key."""
    if len(text) < PLAIN_LENGTH:
        return True
    if _TIME.fullmatch(text):
        return True
    if _ODD.search(text) or _HEX.search(text):
        return False
    pieces = [_PIECES.findall(part) for part in _PARTS.findall(text)]
    signs = sum(len(piece) for part in pieces for piece in part)
    longest = max((len(piece) for part in pieces for piece in part), default=0)
    changes = sum(len(part) - 1 for part in pieces)
    return 0 < longest <= WORD_LENGTH_MAX and changes <= CHANGES_MAX * signs


def plain_text(text: str) -> str:
    """A text from a message about configuration or files: addresses cleaned, what reads like a key hidden."""
    if SURE.search(text):
        return HIDDEN
    kept, place = [], 0
    for url in _URL.finditer(text):
        kept += [_plain_runs(text[place : url.start()]), clean_urls(url[0])]
        place = url.end()
    return "".join([*kept, _plain_runs(text[place:])])


def _plain_runs(text: str) -> str:
    return _RUN.sub(lambda run: "/".join(map(_plain_run, run[0].split("/"))), text)


def _plain_run(run: str) -> str:
    known = _TIME.fullmatch(run) or (wordy(run) and (len(run) < LONG or not _token(run)))
    return run if known else HIDDEN


def plain_name(name: str) -> str:
    """The name of a setting: nothing of what stands behind a word that names a secret, and no key in its place."""
    ends = [found.end() for found in SURE.finditer(name)]
    if ends and ends[-1] < len(name):
        name = name[: ends[-1]] + HIDDEN
    return name if wordy(name.removesuffix(HIDDEN)) else HIDDEN


def clean_urls(text: str) -> str:
    """Addresses without user, password, query and the parts of a path that read like a token."""
    return _URL.sub(lambda found: found["scheme"] + _clean_rest(found["rest"]), text)


def clean_path(path: str) -> str:
    """A path without what reads like a one-time token, and without its query."""
    path, mark, _ = re.sub("[?#]", "?", path).partition("?")
    return "/".join(HIDDEN if _token(part) else part for part in path.split("/")) + (mark and mark + HIDDEN)


def without_quotations(text: str) -> str:
    """A sentence without the values that it quotes: an error likes to repeat what it complains about."""
    return _QUOTED.sub(f'"{HIDDEN}"', text)


def _token(segment: str) -> bool:
    """In a path, where one-time tokens are at home, only plain words, numbers and versions are none."""
    return len(segment) >= PLAIN_LENGTH and not all(map(_PLAIN_PART.fullmatch, re.split(r"[-_.+: ]", segment)))


def _plain_host(place: str) -> bool:
    return wordy(place) and not any(len(label) >= LONG and _token(label) for label in place.split("."))


def _clean_rest(rest: str) -> str:
    before, at, after = rest.rpartition("@")
    place, slash, path = (after if at else rest).partition("/")
    place, mark, _ = re.sub("[?#]", "?", place).partition("?")
    host = place if _HOST.fullmatch(place) and (place.startswith("[") or _plain_host(place)) else HIDDEN
    user = f"{HIDDEN}@" if at and before else ""
    return user + host + (mark and mark + HIDDEN) + slash + clean_path(path)
