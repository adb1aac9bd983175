"""Payloads against the JSON schemas of the `ocpp` package: strict for what we send, lenient for what stations send.

Schemas are compiled on first use, as draft 4 in every version, as the `ocpp` package does: 1.0 is no integer there.
Formats are not checked: times are read leniently by `csms.wire.times`, and a format check would refuse forms that real
stations write. Error codes are those that the `ocpp` package answers with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import jsonschema_rs
import orjson

from csms.model.bounds import ERROR_DESCRIPTION_LENGTH_MAX
from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol
from csms.wire import leniency

_FOLDERS: Mapping[Protocol, str] = {Protocol.OCPP16: "v16", Protocol.OCPP201: "v201", Protocol.OCPP21: "v21"}

_CODES: Mapping[str, RpcErrorCode] = {
    "type": RpcErrorCode.TYPE_CONSTRAINT_VIOLATION,
    leniency.WHOLE_FLOAT: RpcErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "maxLength": RpcErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": RpcErrorCode.PROTOCOL_ERROR,
}
"""As `ocpp.messages` answers; every other keyword is a FormatViolation."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A fault that was let pass: schema keyword and place, with list positions as `*` so that it can be counted."""

    keyword: str
    path: str


class Validator:
    """The schemas of one version."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._compiled: dict[str, jsonschema_rs.Validator] = {}

    def knows(self, action: str) -> bool:
        """Whether this version has such an action."""
        return action in self._actions

    def check_call(self, action: str, payload: Mapping[str, Any], *, lenient: bool = False) -> tuple[Deviation, ...]:
        """Check a request; `lenient` is for what stations send and returns what was let pass (SR-02).

        Raises PeerError with the code for its first fault, NotImplemented for an action that the version does not have.
        """
        tolerated = leniency.in_call if lenient else leniency.nothing
        return self._check(self._request(action), action, payload, tolerated)

    def check_result(self, action: str, payload: Mapping[str, Any], *, lenient: bool = False) -> tuple[Deviation, ...]:
        """Check an answer to `action`, as `check_call` does."""
        tolerated = leniency.in_result if lenient else leniency.nothing
        return self._check(f"{action}Response", action, payload, tolerated)

    def check_send(self, action: str, payload: Mapping[str, Any], *, lenient: bool = False) -> tuple[Deviation, ...]:
        """Check a message that is not answered, as `check_call` does."""
        if action not in self._sends:
            raise PeerError(RpcErrorCode.NOT_IMPLEMENTED, f"{action} is not sent without an answer in {self.protocol}")
        return self._validated(action, action, payload, leniency.in_call if lenient else leniency.nothing)

    def request_schema(self, action: str) -> Mapping[str, Any]:
        """The JSON schema of a request; KeyError for an action that this version does not have."""
        if action not in self._actions:
            raise KeyError(action)
        return self._schema(self._request(action))

    def _request(self, action: str) -> str:
        return action if self.protocol is Protocol.OCPP16 else f"{action}Request"

    @property
    def _folder(self) -> Traversable:
        return resources.files("ocpp") / _FOLDERS[self.protocol] / "schemas"

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(entry.name.removesuffix(".json") for entry in self._folder.iterdir())

    @cached_property
    def _actions(self) -> frozenset[str]:
        return frozenset(n.removesuffix("Response") for n in self._names if n.endswith("Response"))

    @cached_property
    def _sends(self) -> frozenset[str]:
        """From 2.1 on: schemas that are neither a request's nor an answer's."""
        if self.protocol is Protocol.OCPP16:
            return frozenset()
        return frozenset(n for n in self._names if not n.endswith(("Request", "Response")))

    def _check(
        self, name: str, action: str, payload: Mapping[str, Any], tolerated: leniency.Rule
    ) -> tuple[Deviation, ...]:
        if action not in self._actions:
            raise PeerError(RpcErrorCode.NOT_IMPLEMENTED, f"{action} is not an action of {self.protocol}")
        return self._validated(name, action, payload, tolerated)

    def _validated(
        self, name: str, action: str, payload: Mapping[str, Any], tolerated: leniency.Rule
    ) -> tuple[Deviation, ...]:
        validator = self._compiled.get(name) or self._compile(name)
        if validator.is_valid(payload):
            return ()
        nulls: list[leniency.Path] = []
        if tolerated is not leniency.nothing:
            payload, nulls = leniency.without_nulls(payload)
        absent = (Deviation("null", _place(path)) for path in nulls)
        return (*absent, *_let_pass(action, validator.iter_errors(payload), tolerated))

    def _compile(self, name: str) -> jsonschema_rs.Validator:
        validator = jsonschema_rs.Draft4Validator(self._schema(name), validate_formats=False)
        self._compiled[name] = validator
        return validator

    def _schema(self, name: str) -> dict[str, Any]:
        text = (self._folder / f"{name}.json").read_bytes().removeprefix(b"\xef\xbb\xbf")
        schema: dict[str, Any] = orjson.loads(text)
        return schema


def _let_pass(
    action: str, faults: Iterable[jsonschema_rs.ValidationError], tolerated: leniency.Rule
) -> Iterable[Deviation]:
    for fault in faults:
        keyword, path = _keyword(fault), fault.instance_path
        if isinstance(fault.kind, jsonschema_rs.ValidationErrorKind.Required):
            path = [*path, fault.kind.property]
        if not tolerated(action, keyword, path, fault.instance):
            raise _refusal(action, keyword, path, fault.message)
        yield Deviation(keyword, _place(path))


def _place(path: leniency.Path) -> str:
    return "/".join(part if isinstance(part, str) else "*" for part in path)


def _keyword(fault: jsonschema_rs.ValidationError) -> str:
    """The schema keyword that a value breaks; a whole number written as 1.0 where an integer belongs has its own."""
    kind, value = fault.kind, fault.instance
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type) and isinstance(value, float):
        return leniency.WHOLE_FLOAT if "integer" in kind.types and value.is_integer() else "type"
    return str(fault.schema_path[-1])


def _refusal(action: str, keyword: str, path: leniency.Path, message: str) -> PeerError:
    """The error for one fault, naming the place; the peer's own values are cut short by the length of a description."""
    place = "/".join([action, *(str(part) for part in path)])
    text = f"{place}: {message}"
    return PeerError(_CODES.get(keyword, RpcErrorCode.FORMAT_VIOLATION), text[:ERROR_DESCRIPTION_LENGTH_MAX])
