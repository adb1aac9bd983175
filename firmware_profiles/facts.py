"""One fact of a profile: its type, its neutral value, its documentation, and how it stands in a TOML file.

A field declared with `fact` carries everything that is to be said of it; the loader checks by it and the reference page
is made from it. In a file a fact is either bare, `stack_level = 0` (then the sources of the whole file vouch for it),
or has its own source: `stack_level = { value = 0, source = "lbbrhzn/ocpp#1737" }`, a list for several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

SOURCE_CHARS_MAX = 200
Sources = tuple[str, ...]
Table = TypeVar("Table")
Value = TypeVar("Value")


class FactInvalid(ValueError):
    """A value that cannot stand there; the text names the field."""


@dataclass(frozen=True, slots=True)
class Doc:
    """What is to be said of a field. `csms`, `sim`: where it acts; `least`, `most`: bounds of a number or of each."""

    text: str
    csms: str = ""
    sim: str = ""
    one_of: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


def fact(
    neutral: Value,
    text: str,
    *,
    csms: str = "",
    sim: str = "",
    one_of: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
) -> Value:
    """A field of a table with its neutral value, which holds when nothing is known."""
    metadata = {"doc": Doc(text, csms, sim, one_of, least, most)}
    made: Any = (
        field(default_factory=dict, metadata=metadata)
        if isinstance(neutral, Mapping)
        else field(default=neutral, metadata=metadata)
    )
    return made  # type: ignore[no-any-return]  # what a dataclass takes for a default value


def doc_of(entry: Field[Any]) -> Doc:
    """The documentation of a field."""
    found: Doc = entry.metadata["doc"]
    return found


def neutral_of(entry: Field[Any]) -> Any:
    """Its neutral value."""
    if entry.default is not MISSING:
        return entry.default
    return entry.default_factory() if entry.default_factory is not MISSING else None


def read_table(kind: type[Table], raw: Any, where: str, vouching: Sources) -> tuple[Table, dict[str, Sources]]:
    """One table of a file: its values checked, and the sources of each fact by `where.field`. Raises FactInvalid."""
    if not isinstance(raw, Mapping):
        raise FactInvalid(f"{where} is a table")
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(raw.keys() - known.keys())
    if unknown:
        raise FactInvalid(f"unknown field {', '.join(f'{where}.{name}' for name in unknown)}")
    hints: Mapping[str, Any] = types_of(kind)  # type: ignore[arg-type]  # a class is hashable
    values: dict[str, Any] = {}
    sources: dict[str, Sources] = {}
    for name, given in raw.items():
        value, own = _with_source(given, f"{where}.{name}")
        values[name] = checked(hints[name], doc_of(known[name]), value, f"{where}.{name}")
        sources[f"{where}.{name}"] = own or vouching
        if not sources[f"{where}.{name}"]:
            raise FactInvalid(f"{where}.{name} has no source")
    return kind(**values), sources


def _with_source(given: Any, where: str) -> tuple[Any, Sources]:
    if not (isinstance(given, Mapping) and "value" in given):
        return given, ()
    extra = sorted(given.keys() - {"value", "source"})
    if extra:
        raise FactInvalid(f"{where}: a fact has value and source, not {', '.join(extra)}")
    return given["value"], read_sources(given.get("source", ()), where)


def read_sources(given: Any, where: str) -> Sources:
    """One source or a list of them, none empty. Raises FactInvalid."""
    listed = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Sequence) else None
    if listed is None or not all(isinstance(text, str) and text.strip() for text in listed):
        raise FactInvalid(f"{where}: a source is a text or a list of texts")
    if any(len(text) > SOURCE_CHARS_MAX for text in listed):
        raise FactInvalid(f"{where}: a source has at most {SOURCE_CHARS_MAX} characters")
    return listed


@cache
def types_of(kind: Any) -> dict[str, Any]:
    """The types of a table's fields."""
    return get_type_hints(kind)


def checked(hint: Any, doc: Doc, value: Any, where: str) -> Any:
    """The value as the field wants it. Raises FactInvalid for another type, another word, a number out of range."""
    converted = _converted(hint, value, where)
    for item in converted if isinstance(converted, tuple) else (converted,):
        if doc.one_of and item not in doc.one_of:
            raise FactInvalid(f"{where} is one of {', '.join(doc.one_of)}, not {item!r}")
        if doc.least is not None and item < doc.least:
            raise FactInvalid(f"{where} is at least {doc.least:g}, not {item:g}")
        if doc.most is not None and item > doc.most:
            raise FactInvalid(f"{where} is at most {doc.most:g}, not {item:g}")
    return converted


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


TYPES: dict[Any, tuple[str, Callable[[Any], bool], Callable[[Any], Any]]] = {
    bool: ("true or false", _is(bool), bool),
    int: ("a whole number", _is(int), int),
    float: ("a number", _is(int, float), float),
    str: ("a text", _is(str), str),
}
"""Type -> what it is called, whether a TOML value is one, how it is made."""


def _converted(hint: Any, value: Any, where: str) -> Any:
    inner = [kind for kind in get_args(hint) if kind not in (type(None), Ellipsis)]
    if hint in TYPES or type(None) in get_args(hint):
        return _single(hint if hint in TYPES else inner[0], value, where)
    if getattr(hint, "__origin__", None) is tuple:
        listed = value if isinstance(value, list) else [value]
        return tuple(_single(inner[0], item, where) for item in listed)
    if not isinstance(value, Mapping):
        raise FactInvalid(f"{where} is a table of texts")
    return {name: _single(str, item, f"{where}.{name}") for name, item in value.items()}


def _single(kind: Any, value: Any, where: str) -> Any:
    called, fits, make = TYPES[kind]
    if not fits(value):
        raise FactInvalid(f"{where} is {called}, not {value!r}")
    return make(value)


def type_words(kind: type, name: str) -> str:
    """How the reference page calls the type of a field."""
    hint = types_of(kind)[name]
    inner = [item for item in get_args(hint) if item not in (type(None), Ellipsis)]
    if hint in TYPES or type(None) in get_args(hint):
        return TYPES[hint if hint in TYPES else inner[0]][0].removeprefix("a ")
    if getattr(hint, "__origin__", None) is tuple:
        return f"list of {TYPES[inner[0]][0].removeprefix('a ')}s"
    return "table of texts"
