"""Names of settings, and stored settings against wanted ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.model.device import ATTRIBUTES, SECRET, Difference, VariableName, differences, is_secret, parse_name

PART = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
INSTANCE = PART | st.just("")
NUMBER = st.integers(0, 2**31 - 1)
PLACE = st.tuples(st.none(), st.none()) | st.tuples(NUMBER, st.none()) | st.tuples(NUMBER, NUMBER)


@given(PART, PART, INSTANCE, PLACE, INSTANCE, st.sampled_from(ATTRIBUTES))
def test_names_go_both_ways(
    component: str, variable: str, instance: str, place: tuple[int | None, int | None], other: str, attribute: str
) -> None:
    name = VariableName(component, variable, instance, *place, other, attribute)
    assert parse_name(str(name)) == name


def test_a_key_of_16_is_written_as_it_is() -> None:
    assert str(VariableName("", "Vendor.Key@x#1")) == "Vendor.Key@x#1"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AuthorizationKey", True),
        ("SecurityCtrlr.BasicAuthPassword", True),
        ("NetworkConfiguration.ApnPassword", True),
        ("SecurityCtrlr.BasicAuth%50assword", True),
        ("WiFi_Key", True),
        ("NetworkConfiguration@1.VpnKey", True),
        ("HeartbeatInterval", False),
        ("AuthorizeRemoteTxRequests", False),
        ("AuthCtrlr.MasterPassGroupId", False),
    ],
)
def test_what_is_a_secret(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_what_differs_from_what_is_wanted() -> None:
    stored = {
        "HeartbeatInterval": "60.0",
        "localPreAuthorize": "TRUE",
        "MeterValuesSampledData": "Voltage, Power.Active.Import",
        "NetworkConfigurationPriority": "2,1",
        "AuthorizationKey": SECRET,
        "Unset": None,
    }
    wanted = {
        "HeartbeatInterval": "60",
        "LocalPreAuthorize": "true",
        "MeterValuesSampledData": "Power.Active.Import,Voltage",
        "NetworkConfigurationPriority": "1,2",
        "AuthorizationKey": "abc",
        "Unset": "1",
        "Missing": "x",
    }
    assert differences(stored, wanted, unordered=("metervaluessampleddata",)) == [
        Difference("NetworkConfigurationPriority", "1,2", "2,1"),
        Difference("Unset", "1", None),
        Difference("Missing", "x", None),
    ]
