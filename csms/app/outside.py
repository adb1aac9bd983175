"""What the station room needs of the world outside: files, authorities, responders, roots. From the settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cryptography.x509 import Certificate

from csms.app.section import SettingsInvalid
from csms.app.settings import Settings
from csms.model.clock import Clock
from csms.security.authority import LocalAuthority
from csms.security.authority_command import CommandAuthority
from csms.security.contract_check import ContractVerifier, read_roots
from csms.security.contracts import ContractProvider
from csms.security.inventory import fingerprints
from csms.security.numbers import Scrambler, kept_key
from csms.security.ocsp import OcspClient
from csms.security.server_certificate import ROOT_FILE
from csms.station.context import Outside
from csms.station.files import FileDesk

TRANSACTION_KEY_FILE = "transactions.key"


def makers(settings: Settings) -> Sequence[Certificate]:
    """The roots below which firmware is signed. Raises SettingsInvalid."""
    try:
        return read_roots(settings.firmware.maker_roots)
    except (OSError, ValueError) as fault:
        raise SettingsInvalid(f"firmware.maker_roots: {fault}") from None


def outside(
    settings: Settings, clock: Clock, files: FileDesk, own: LocalAuthority, roots: Sequence[Certificate]
) -> Outside:
    """`roots`: those below which firmware is signed. Raises SettingsInvalid."""
    section = settings.certificates
    responders = OcspClient(section.ocsp_responders)
    command = section.authority_command
    return Outside(
        files=files,
        authority=CommandAuthority(command, clock, section.authority_timeout_s) if command else own,
        signs_stations=bool(command) or _takes_own(settings),
        revocations=own.revocations,
        known_roots=partial(fingerprints, [settings.data_dir / "pki" / ROOT_FILE, *section.allowed_roots]),
        makers=roots,
        status_source=responders,
        contracts=ContractProvider(section.contract_url),
        contract_check=_contracts(section.contract_roots, responders, clock),
        client_check=_client_check(settings, responders, clock),
        organization=section.organization,
        numbers=Scrambler(kept_key(settings.data_dir / TRANSACTION_KEY_FILE)),
    )


def _takes_own(settings: Settings) -> bool:
    """Whether stations are let in with certificates of the built-in authority."""
    roots = settings.certificates.client_roots
    return not roots or bool(fingerprints(roots) & fingerprints([settings.data_dir / "pki" / "station-ca.pem"]))


def _contracts(roots: Sequence[Path], responders: OcspClient, clock: Clock) -> ContractVerifier | None:
    """Nobody, if no contract is accepted here. Raises SettingsInvalid."""
    try:
        return ContractVerifier(responders.status, read_roots(roots), clock) if roots else None
    except (OSError, ValueError) as fault:
        raise SettingsInvalid(f"certificates.contract_roots: {fault}") from None


def _client_check(settings: Settings, responders: OcspClient, clock: Clock) -> ContractVerifier | None:
    """Nobody is asked about certificates of stations unless the settings say so. Raises SettingsInvalid."""
    section = settings.certificates
    if not section.check_status:
        return None
    if not section.client_roots:
        raise SettingsInvalid(
            "certificates.check_status needs client_roots: this server's own authority has no responder"
        )
    return _contracts(section.client_roots, responders, clock)
