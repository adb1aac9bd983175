"""The route of the doctor: what is wrong with a station and what to do about it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Out
from csms.charging.ladder import State
from csms.station.doctor import Finding, LimitFact
from csms.texts import Text, catalogue


class FindingOut(Out):
    """One thing that is wrong; `code` is stable, `wrong` and `advice` are its words in the language asked for."""

    code: str
    severity: Literal["serious", "warning"]
    evse_id: int | None
    wrong: str
    advice: str
    evidence: dict[str, Any]


class DiagnosisOut(Out):
    """What is wrong with a station now, serious things first; nothing found: an empty list."""

    station_id: str
    clock_time: AwareDatetime
    serious: bool
    findings: list[FindingOut]


class WishOut(Out):
    """A setting by the station's own name. `words`: it is a list that must hold these; `fixed`: it never changes;
    `one_by_one`: the list must not grow by more than a word at a time.
    """

    name: str
    value: str
    of: Literal["house", "profile"]
    words: list[str]
    fixed: bool
    one_by_one: bool


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/stations", tags=["stations"])

    @routes.get("/{station_id}/diagnosis", summary="Find out what is wrong with a station")
    @viewers
    async def diagnose(station_id: str, lang: Literal["en", "zh"] = "en") -> DiagnosisOut:
        """Looks at what the station said and did; it is asked nothing."""
        found = await deps.stations.diagnose(station_id, _limits(deps, station_id))
        text = catalogue(lang)
        return DiagnosisOut(
            station_id=station_id,
            clock_time=deps.clock.now(),
            serious=any(finding.severity == "serious" for finding in found),
            findings=[_view(text, finding) for finding in found],
        )

    @routes.get("/{station_id}/wishes", summary="Show how a station should be configured")
    @viewers
    async def show_wishes(station_id: str) -> list[WishOut]:
        """What the house wishes and its firmware profile recommends; get_variables tells what it is configured to."""
        return [WishOut.model_validate(wish, from_attributes=True) for wish in deps.stations.wishes(station_id)]

    return routes


def _limits(deps: ApiDeps, station_id: str) -> LimitFact | None:
    if deps.ladders is None or station_id not in deps.stations.stations:
        return None
    status = deps.ladders.ladder(station_id)
    if status.state is State.UNTRIED and status.floor.state is State.UNCONTROLLABLE:
        return LimitFact(status.floor.state.value, status.floor.tried, status.floor.proof)  # nothing acts at rest
    return LimitFact(status.state.value, status.limit.tried, status.limit.proof)


def _view(text: Text, finding: Finding) -> FindingOut:
    return FindingOut(
        code=finding.code,
        severity=finding.severity.value,
        evse_id=finding.evse_id,
        wrong=text(f"doctor.is.{finding.code}.wrong", **finding.evidence),
        advice=text(f"doctor.is.{finding.code}.advice", **finding.evidence),
        evidence=dict(finding.evidence),
    )
