"""The figures of this server in the text form that Prometheus reads: `GET /api/v1/metrics`, with a viewer's token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from fastapi import Response

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.model.exposition import MEDIA_TYPE, metric


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["server"])

    @routes.get("/metrics", summary="Figures for Prometheus")
    @viewers
    async def metrics() -> Response:
        """Ends of certificates, open alerts, stations, feeders and limits, counters of the gateway and of the API."""
        return Response("".join([line async for line in _lines(deps)]), media_type=MEDIA_TYPE)

    return routes


async def _lines(deps: ApiDeps) -> AsyncIterator[str]:
    ends = "When a certificate ends, in seconds since 1970"
    if deps.pki is not None:
        kept = [
            ({"role": one.role.value, "name": one.name}, _seconds(one.expires_at))
            for one in await deps.pki.kept()
            if one.expires_at is not None
        ]
        yield metric("csms_certificate_not_after_seconds", "gauge", ends, kept)
    held = [
        ({"station": station_id}, _seconds(row.expires_at))
        for station_id in sorted(deps.stations.own_certificates.stations)
        if (row := deps.stations.own_certificates.in_use(station_id)) is not None and row.expires_at is not None
    ]
    yield metric("csms_station_certificate_not_after_seconds", "gauge", ends, held)
    alerts = [({"kind": kind}, float(count)) for kind, count in sorted((await deps.reader.open_alerts()).items())]
    yield metric("csms_alerts_open", "gauge", "Alerts that nobody has acknowledged", alerts)
    states = list(deps.stations.stations.values())
    figures = [({"state": "known"}, len(states)), ({"state": "online"}, sum(state.online for state in states))]
    yield metric("csms_stations", "gauge", "Stations", figures)
    counters = {**(deps.gateway.counters() if deps.gateway else {}), **deps.guard.counters()}
    counted = [({"name": name}, float(count)) for name, count in sorted(counters.items())]
    yield metric("csms_counter", "untyped", "What GET /api/v1/overview shows under gateway", counted)
    for lines in deps.figures():
        yield lines


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
