"""Passes a car's certificate requests on to a contract certificate provider and its answers back (M01, M02).

The provider takes `POST <url>` with the JSON members `action`, `iso15118SchemaVersion` and `exiRequest`, as OCPP names
them, and answers 200 with `exiResponse`. What is inside is between the car and the provider.
"""

from __future__ import annotations

import httpx

from csms.model.certificates import ContractRequest
from csms.model.errors import CsmsError

TIMEOUT_S = 20.0
"""ISO 15118 gives a car's request 5 to 60 s in all; the station waits meanwhile."""
RESPONSE_LENGTH_MAX = 7500
"""OCPP 2.0.1, exiResponse."""


class ProviderUnavailable(CsmsError):
    """The contract certificate provider gave no answer for the car; the text says why."""

    code = "contract_provider_unavailable"


class ContractProvider:
    """Fits `csms.station.ports.ContractProvider`; `url` empty: there is none."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def forward(self, request: ContractRequest) -> str:
        """The provider's EXI answer, Base64. Raises ProviderUnavailable."""
        if not self._url:
            raise ProviderUnavailable("no contract certificate provider is configured")
        body = {
            "action": request.action,
            "iso15118SchemaVersion": request.schema_version,
            "exiRequest": request.exi,
        }
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.post(self._url, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise ProviderUnavailable(f"the provider cannot be reached: {type(fault).__name__}") from fault
        if answer.status_code != httpx.codes.OK:
            raise ProviderUnavailable(f"the provider answered HTTP {answer.status_code}")
        return _exi(answer)


def _exi(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError as fault:
        raise ProviderUnavailable("the provider's answer is no JSON") from fault
    exi = document.get("exiResponse") if isinstance(document, dict) else None
    if not isinstance(exi, str) or not 0 < len(exi) <= RESPONSE_LENGTH_MAX:
        raise ProviderUnavailable("the provider's answer has no exiResponse that OCPP can carry")
    return exi
