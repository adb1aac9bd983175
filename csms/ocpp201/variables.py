"""Names of variables (csms.model.device) as 2.0.1 writes them: components, variables, attribute types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.model.device import ACTUAL, ATTRIBUTES, VariableName, parse_name
from csms.model.errors import NotInThisVersion
from csms.wire.block import present
from csms.wire.reading import optional_number, section, text
from csms.wire.translator import Payload


def parse(name: str) -> Payload:
    """One attribute of one variable; raises NotInThisVersion for a name of 1.6, which has no component."""
    parts = _parts(name)
    if not parts.variable:
        raise NotInThisVersion(f"settings of OCPP 2.0.1 are named Component.Variable, not {name!r}")
    attribute = parts.attribute if parts.attribute != ACTUAL else None
    return {**_component_variable(parts), **present({"attributeType": attribute})}


def parse_selection(name: str) -> Payload:
    """A component with or without one of its variables, to ask for in a report."""
    return _component_variable(_parts(name))


def _parts(name: str) -> VariableName:
    try:
        return parse_name(name)
    except ValueError as fault:
        raise NotInThisVersion(str(fault)) from None


def _component_variable(name: VariableName) -> Payload:
    component = {"name": name.component, "instance": name.component_instance or None}
    evse = {"id": name.evse_id, "connectorId": name.connector_id}
    if name.evse_id is not None:
        component["evse"] = present(evse)  # type: ignore[assignment]
    variable = {"name": name.variable, "instance": name.variable_instance or None}
    return {"component": present(component), **present({"variable": present(variable) if name.variable else None})}


def read(entry: Mapping[str, Any], attribute: object = ACTUAL) -> VariableName:
    """What an entry of a report or an answer is about; an attribute that is not known counts as Actual."""
    component, variable = section(entry, "component"), section(entry, "variable")
    evse = section(component, "evse")
    return VariableName(
        text(component, "name"),
        text(variable, "name"),
        text(component, "instance"),
        optional_number(evse, "id"),
        optional_number(evse, "connectorId"),
        text(variable, "instance"),
        str(attribute) if attribute in ATTRIBUTES else ACTUAL,
    )
