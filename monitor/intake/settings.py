"""Who may report to the platform: operators with their profile and the secrets of this direction, from a TOML file.

    [[partners]]
    operator_id = "123456789"
    profile = "shandong"
    pull_url = "https://..."   # where the operator answers; with [platform] operator_id it is asked regularly
    calls_per_s = 200.0        # more are told to come later; burst: so many at once
    calls_burst = 2000.0

    [retention]
    calls_days = 400           # how long things are kept, in days; see monitor.intake.retention

Secrets may stand here, too (operator_secret, data_secret, data_secret_iv, sig_secret: those of its calls to us, and of
ours to it unless a table `outbound` has others); `csms monitor intake keys` seals them in the database instead.

`id`, `base_url` and `name` may stand beside them, so that an operator's own list of partners can be handed over.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from csms.model.errors import CsmsError
from csms.province.crypto import Secrets, Suite, require_suite
from csms.province.profile import PlatformProfile, load_profile
from monitor.evidence.merkle import HASHES
from monitor.intake.retention import Retention, read_retention

_SECRETS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
_TEXTS = {"operator_id", "profile", *_SECRETS, "id", "base_url", "name", "email", "webhook", "pull_url"}
_NUMBERS = {"calls_per_s", "calls_burst"}


class PartnerFileInvalid(CsmsError):
    """The list of operators cannot be used."""

    code = "partner_file_invalid"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator that reports to us."""

    operator_id: str
    profile: PlatformProfile
    suite: Suite
    inbound: Secrets | None = field(default=None, repr=False)
    """Of its calls to us, as the file has them."""
    outbound: Secrets | None = field(default=None, repr=False)
    """Of our calls to it."""
    calls_per_s: float = 200.0
    calls_burst: float = 2000.0
    pull_url: str = ""
    """Where its own interfaces are; empty: it is not asked."""
    name: str = ""
    email: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """The operators by OperatorID."""

    operators: Mapping[str, Operator]
    platform_id: str = ""
    """Our OperatorID when we ask operators."""
    evidence_hash: str = "sha256"
    """What evidence logs are made with that begin from now on."""
    retention: Retention = field(default_factory=Retention)


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
    platform = table.get("platform", {})
    name = platform.get("operator_id", "") if isinstance(platform, dict) else None
    if not isinstance(name, str) or len(name) not in (0, 9):
        raise PartnerFileInvalid(f"{path}: [platform] operator_id has 9 characters")
    evidence = table.get("evidence", {})
    if not isinstance(evidence, dict) or evidence.keys() - {"hash"} or evidence.get("hash", "sha256") not in HASHES:
        raise PartnerFileInvalid(f"{path}: [evidence] hash is one of {', '.join(HASHES)}")
    try:
        retention = read_retention(table.get("retention", {}))
    except ValueError as fault:
        raise PartnerFileInvalid(f"{path}: {fault}") from None
    own_hash = evidence.get("hash", "sha256")
    return replace(settings_of(rows), platform_id=name, evidence_hash=own_hash, retention=retention)


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
    wrong = [name for name, value in row.items() if not _usable(name, value)]
    if wrong or "operator_id" not in row:
        raise PartnerFileInvalid(f"partner: not usable {sorted(wrong)}" if wrong else "partner: missing operator_id")
    if len(row["operator_id"]) != 9:
        raise PartnerFileInvalid("operator_id has 9 characters")
    profile = load_profile(row.get("profile", "tcec102-2016"))
    inbound = _secrets(row)
    outbound = _secrets(row["outbound"]) if "outbound" in row else inbound
    more = {name: row[name] for name in ("pull_url", "name", "email", "webhook", *_NUMBERS) if name in row}
    return Operator(row["operator_id"], profile, require_suite(profile.crypto.suite), inbound, outbound, **more)


def _usable(name: str, value: Any) -> bool:
    if name in _NUMBERS:
        return type(value) in (int, float) and value >= 1
    if name == "outbound":
        return isinstance(value, dict) and value.keys() == set(_SECRETS) and all(map(_is_text, value.values()))
    return name in _TEXTS and _is_text(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _secrets(row: Mapping[str, Any]) -> Secrets | None:
    given = [name for name in _SECRETS if name in row]
    if 0 < len(given) < len(_SECRETS):
        raise PartnerFileInvalid(f"partner: missing {sorted(set(_SECRETS) - set(given))}")
    return Secrets.of(*(row[name] for name in _SECRETS)) if given else None
