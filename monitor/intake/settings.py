"""Who may report to the platform: operators with their profile and the secrets of this direction, from a TOML file.

    [[partners]]
    operator_id = "123456789"
    profile = "shandong"
    operator_secret = "..."
    data_secret = "..."        # 16 bytes
    data_secret_iv = "..."     # 16 bytes
    sig_secret = "..."

`id`, `base_url` and `name` may stand beside them, so that an operator's own list of partners can be handed over.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csms.model.errors import CsmsError
from csms.province.crypto import Secrets, require_suite
from csms.province.envelope import Codec
from csms.province.profile import PlatformProfile, load_profile

_SECRETS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
_KNOWN = {"operator_id", "profile", *_SECRETS, "id", "base_url", "name", "email", "webhook"}


class PartnerFileInvalid(CsmsError):
    """The list of operators cannot be used."""

    code = "partner_file_invalid"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator that reports to us."""

    operator_id: str
    profile: PlatformProfile
    codec: Codec = field(repr=False)
    base_url: str = ""
    """Where its own interfaces are, for pulls; empty: it is not asked."""
    name: str = ""
    email: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """The operators by OperatorID."""

    operators: Mapping[str, Operator]


def flagged_profiles(settings: PlatformSettings) -> list[PlatformProfile]:
    """Profiles in use that do not come from the platform's own document and must be shown as such (section 2.1)."""
    profiles = {operator.profile.id: operator.profile for operator in settings.operators.values()}
    return [profile for profile in profiles.values() if profile.flagged]


def read_partner_file(path: Path) -> PlatformSettings:
    """Read the list; raises PartnerFileInvalid, ProfileInvalid, SuiteUnavailable or SecretInvalid."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise PartnerFileInvalid(f"{path}: {fault}") from None
    rows = table.get("partners")
    if not isinstance(rows, list) or not rows:
        raise PartnerFileInvalid(f"{path}: there is no [[partners]]")
    return settings_of(rows)


def settings_of(rows: Iterable[Mapping[str, Any]]) -> PlatformSettings:
    """Settings from the rows of `[[partners]]`; raises as `read_partner_file`."""
    operators: dict[str, Operator] = {}
    for row in rows:
        operator = _operator(row)
        if operator.operator_id in operators:
            raise PartnerFileInvalid(f"operator {operator.operator_id} stands twice")
        operators[operator.operator_id] = operator
    return PlatformSettings(operators)


def _operator(row: Mapping[str, Any]) -> Operator:
    wrong = sorted(row.keys() - _KNOWN) + [name for name, value in row.items() if not isinstance(value, str)]
    missing = [name for name in ("operator_id", *_SECRETS) if name not in row]
    if wrong or missing:
        raise PartnerFileInvalid(f"partner: missing {missing}, not usable {wrong}")
    if len(row["operator_id"]) != 9:
        raise PartnerFileInvalid("operator_id has 9 characters")
    profile = load_profile(row.get("profile", "tcec102-2016"))
    secrets = Secrets.of(*(row[name] for name in _SECRETS))
    more = {name: row[name] for name in ("base_url", "name", "email", "webhook") if name in row}
    return Operator(row["operator_id"], profile, Codec(require_suite(profile.crypto.suite), secrets), **more)
