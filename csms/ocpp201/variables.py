"""Names of variables as one text: `Component.Variable`, each with `@instance` where it has one.

Examples: `OCPPCommCtrlr.HeartbeatInterval`, `OCPPCommCtrlr.MessageTimeout@Default`, `Connector@left.Available`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.model.errors import NotInThisVersion
from csms.wire.reading import section, text
from csms.wire.translator import Payload


def parse(name: str) -> Payload:
    """The component and the variable of a name; raises NotInThisVersion for a name of 1.6, which has no component."""
    component, _, variable = name.partition(".")
    if not component or not variable:
        raise NotInThisVersion(f"settings of OCPP 2.0.1 are named Component.Variable, not {name!r}")
    return {"component": _with_instance(component), "variable": _with_instance(variable)}


def _with_instance(written: str) -> Payload:
    name, _, instance = written.partition("@")
    return {"name": name, "instance": instance} if instance else {"name": name}


def written(entry: Mapping[str, Any]) -> str:
    """The name that an answer is about."""
    return f"{_one(section(entry, 'component'))}.{_one(section(entry, 'variable'))}"


def _one(part: Mapping[str, Any]) -> str:
    instance = text(part, "instance")
    return f"{text(part, 'name')}@{instance}" if instance else text(part, "name")
