"""The sites of this operator: where they are, and which stations stand there."""

from __future__ import annotations

from collections import defaultdict

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Out


class SiteOut(Out):
    """One site. Degrees are WGS-84, None where nobody has said where it is."""

    site_id: str
    name: str
    address: str
    area_code: str
    longitude: float | None
    latitude: float | None
    stations: list[str]


class SitesOut(Out):
    """All sites, in the order of the settings."""

    sites: list[SiteOut]


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["stations"])

    @routes.get("/sites", summary="List sites")
    @viewers
    async def list_sites() -> SitesOut:
        """Sites of the settings with the stations there; a station that names no site stands at the first."""
        return SitesOut(sites=_sites(deps))

    return routes


def _sites(deps: ApiDeps) -> list[SiteOut]:
    standing: defaultdict[str, list[str]] = defaultdict(list)
    named = {site.id for site in deps.sites}
    for station_id, state in sorted(deps.stations.stations.items()):
        if deps.sites:
            standing[state.site_id if state.site_id in named else deps.sites[0].id].append(station_id)
    return [
        SiteOut(
            site_id=site.id,
            name=site.name,
            address=site.address,
            area_code=site.area_code,
            longitude=site.longitude if site.placed else None,
            latitude=site.latitude if site.placed else None,
            stations=standing[site.id],
        )
        for site in deps.sites
    ]
