"""The device model (OCPP 2.0.1 use cases B05 to B10; 1.6 sections 5.4 and 5.8): settings under one name, and reports.

A name is written `Component@instance/evse/connector.Variable@instance#Attribute`; everything but component and variable
is optional, and the attribute Actual is not written. A key of 1.6 is a variable without a component and is written as
it is. Characters with a meaning here are written `%2E` inside a part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote

from msgspec import Meta, Struct

from csms.model.command import Command, Name, Whole
from csms.model.inbound import Inbound

ACTUAL = "Actual"
ATTRIBUTES = (ACTUAL, "Target", "MinSet", "MaxSet")

SECRET = "(secret)"
"""Stands for a value that is never kept."""

_SECRET_WORDS = (
    *("password", "authorizationkey", "passphrase", "secret", "privatekey", "simpin", "vpnkey", "wifikey"),
    *("passwd", "passcode", "psk", "pwd", "sharedkey", "apikey", "accesstoken", "credential"),
)
_MEANINGFUL = re.compile(r"[%/@.#]")


class VariableName(NamedTuple):
    """One attribute of one variable; `component` is empty for a key of 1.6."""

    component: str
    variable: str
    component_instance: str = ""
    evse_id: int | None = None
    connector_id: int | None = None
    variable_instance: str = ""
    attribute: str = ACTUAL

    def __str__(self) -> str:
        if not self.component:
            return self.variable
        place = "".join(f"/{number}" for number in (self.evse_id, self.connector_id) if number is not None)
        component = _part(self.component, self.component_instance) + place
        attribute = f"#{self.attribute}" if self.attribute != ACTUAL else ""
        return f"{component}.{_part(self.variable, self.variable_instance)}{attribute}" if self.variable else component


def parse_name(written: str) -> VariableName:
    """The parts of a name with a component; without a point it names the component alone. Raises ValueError."""
    component, _, rest = written.partition(".")
    variable, _, attribute = rest.partition("#")
    component, *places = component.split("/")
    evse_id, connector_id = ([int(place) for place in places] + [None, None])[:2]
    name, instance = _split(component)
    variable_name, variable_instance = _split(variable)
    known = next((kind for kind in ATTRIBUTES if kind.casefold() == (attribute or ACTUAL).casefold()), None)
    if not name or len(places) > 2 or known is None:
        raise ValueError(f"{written!r} is no name like Component/evse.Variable#Target")
    return VariableName(name, variable_name, instance, evse_id, connector_id, variable_instance, known)


def place(written: str) -> tuple[str, str]:
    """Component and variable that a name leads to, however it is written; of a key of 1.6 itself and nothing."""
    try:
        name = parse_name(written)
    except ValueError:
        return folded(written), ""
    return folded(name.component), folded(name.variable)


def folded(name: str) -> str:
    """What a name is compared by: names of settings do not depend on the case of their letters."""
    return name.casefold()


def is_secret(name: str) -> bool:
    """Whether the value behind a name must not be kept (AuthorizationKey, BasicAuthPassword, ...)."""
    plain = "".join(letter for letter in unquote(name).casefold() if letter.isalnum())
    return any(word in plain for word in _SECRET_WORDS)


def _part(name: str, instance: str) -> str:
    return f"{_quoted(name)}@{_quoted(instance)}" if instance else _quoted(name)


def _quoted(part: str) -> str:
    return _MEANINGFUL.sub(lambda found: f"%{ord(found[0]):02X}", part)


def _split(written: str) -> tuple[str, str]:
    name, _, instance = written.partition("@")
    return unquote(name), unquote(instance)


class Characteristics(Struct, frozen=True):
    """What a station tells of a variable as a whole; `values` lists what it may hold, separated by commas."""

    data_type: str = ""
    unit: str = ""
    min_limit: float | None = None
    max_limit: float | None = None
    values: str = ""
    monitored: bool = False


class Variable(Struct, frozen=True):
    """One attribute as a station reported it. `mutability` is ReadOnly, WriteOnly or ReadWrite, empty when not told."""

    name: VariableName
    value: str | None = None
    mutability: str = ""
    characteristics: Characteristics | None = None


class VariableAnswer(Struct, frozen=True):
    """What a station answered about one variable that was read or set; `asked` is the name as it was asked for."""

    asked: str
    name: VariableName
    status: str
    value: str | None = None
    mutability: str = ""

    @property
    def unknown(self) -> bool:
        """Whether the station has no such variable."""
        return self.status in ("UnknownComponent", "UnknownVariable", "NotSupportedAttributeType")


class DeviceReport(Inbound, frozen=True):
    """One part of a report (NotifyReport); `more` parts follow. A missing `tbc` means that none does (RB-71)."""

    request_id: int | None
    seq_no: int
    more: bool
    variables: tuple[Variable, ...] = ()


class GetBaseReport(Command, frozen=True):
    """Ask for all that a station can tell of itself (B07); a 1.6 station tells its configuration.

    The answer only promises; the parts of the report come later and belong to the operation.
    """

    base: Literal["FullInventory", "ConfigurationInventory", "SummaryInventory"] = "FullInventory"
    request_id: Whole = 0


Criterion = Literal["Active", "Available", "Enabled", "Problem"]


class GetReport(Command, frozen=True):
    """Ask for some components or variables, and those in a condition (B08). A name without a variable means all of
    its component; `Component/evse` one EVSE's.
    """

    names: Annotated[tuple[Name, ...], Meta(max_length=500)] = ()
    criteria: Annotated[tuple[Criterion, ...], Meta(max_length=4)] = ()
    request_id: Whole = 0


class Apn(Struct, frozen=True, forbid_unknown_fields=True):
    """How a modem gets on the mobile network (APNType)."""

    apn: Annotated[str, Meta(min_length=1, max_length=512)]
    authentication: Literal["CHAP", "NONE", "PAP", "AUTO"] = "AUTO"
    user: Annotated[str, Meta(max_length=20)] = ""
    password: Annotated[str, Meta(max_length=20)] = ""
    sim_pin: Whole | None = None
    preferred_network: Annotated[str, Meta(max_length=6)] = ""
    only_preferred_network: bool = False


class Vpn(Struct, frozen=True, forbid_unknown_fields=True):
    """A tunnel to the central system (VPNType)."""

    server: Annotated[str, Meta(min_length=1, max_length=512)]
    user: Annotated[str, Meta(max_length=20)]
    password: Annotated[str, Meta(max_length=20)]
    key: Annotated[str, Meta(max_length=255)]
    kind: Literal["IKEv2", "IPSec", "L2TP", "PPTP"]
    group: Annotated[str, Meta(max_length=20)] = ""


class SetNetworkProfile(Command, frozen=True):
    """Put connection data into a slot (B09); the station uses it when NetworkConfigurationPriority names the slot."""

    slot: Whole
    url: Annotated[str, Meta(min_length=1, max_length=512)]
    security_profile: Annotated[int, Meta(ge=0, le=3)]
    interface: Literal["Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"] = (
        "Wired0"
    )
    message_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    version: Literal["OCPP12", "OCPP15", "OCPP16", "OCPP20"] = "OCPP20"
    apn: Apn | None = None
    vpn: Vpn | None = None


class Difference(NamedTuple):
    """A setting that is not as wanted; `stored` None: the station has no such setting, or never told it."""

    name: str
    wanted: str
    stored: str | None


def differences(
    stored: Mapping[str, str | None], wanted: Mapping[str, str], unordered: Collection[str] = ()
) -> list[Difference]:
    """Wanted settings that are stored otherwise, in their order; `unordered` names lists whose order means nothing.

    Case of names, of booleans and blanks around commas do not count, `60` equals `60.0`, and a secret may be anything.
    """
    known = {folded(name): value for name, value in stored.items()}
    sets = {folded(name) for name in unordered}
    found = []
    for name, value in wanted.items():
        told = known.get(folded(name))
        if told == SECRET or (told is not None and _same(told, value, folded(name) in sets)):
            continue
        found.append(Difference(name, value, told))
    return found


def _same(told: str, wanted: str, unordered: bool) -> bool:
    one, other = [_plain(part) for part in told.split(",")], [_plain(part) for part in wanted.split(",")]
    return sorted(one) == sorted(other) if unordered else one == other


def _plain(value: str) -> str:
    text = value.strip()
    try:
        return repr(float(text))
    except ValueError:
        return text.casefold() if text.casefold() in ("true", "false") else text
