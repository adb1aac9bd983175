"""Who and where: what the settings file of the central system says of its operator, sites, feeders and prices.

The database knows stations by their sites and feeders only; names, regions and ratings stand in `csms.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from csms.model.errors import CsmsError
from csms.store.supply_tables import FeederRow
from monitor.warehouse.schema import OWN


class SettingsUnreadable(CsmsError):
    """The settings file cannot be read."""

    code = "settings_unreadable"


@dataclass(frozen=True, slots=True)
class Places:
    """The file's words, as far as the warehouse needs them."""

    operator: str = ""
    sites: tuple[Mapping[str, Any], ...] = ()
    feeders: tuple[Mapping[str, Any], ...] = ()
    tariff: str = ""
    service_yuan: float = 0.0

    def site_rows(self) -> list[dict[str, Any]]:
        """dim_site."""
        return [
            {
                "site_id": one.get("id", "site-1"),
                "name": one.get("name", ""),
                "operator_id": OWN,
                "region_code": str(one.get("area_code", "")),
                "longitude": _number(one.get("longitude")),
                "latitude": _number(one.get("latitude")),
                "station_type": str(one.get("station_type", 1)),
            }
            for one in self.sites
        ]

    def feeder_rows(self, changed: Iterable[FeederRow]) -> list[dict[str, Any]]:
        """dim_feeder; what an administrator changed wins over the file."""
        rows = {
            one["id"]: {"parent": one.get("parent", ""), "rating_w": 1000.0 * float(one.get("rating_kw", 0.0))}
            for one in self.feeders
        }
        for row in changed:
            rows[row.id] = {"parent": row.parent, "rating_w": float(row.rating_w)}
            if row.removed:
                del rows[row.id]
        return [{"feeder_id": name} | rows[name] for name in sorted(rows)]


def read_places(path: Path | None) -> Places:
    """From `csms.toml`; without a file nothing is known. Raises SettingsUnreadable."""
    if path is None:
        return Places()
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise SettingsUnreadable(f"{path}: {fault}") from fault
    price = given.get("price", {})
    sites = [*([given["site"]] if "site" in given else []), *given.get("sites", [])]
    return Places(
        operator=given.get("operator", {}).get("name", ""),
        sites=tuple(sites),
        feeders=tuple(given.get("feeders", [])),
        tariff=price.get("tariff", ""),
        service_yuan=float(price.get("service", 0.0)),
    )


@cache
def region_names() -> Mapping[str, str]:
    """Names of administrative regions (GB/T 2260) that come with this release."""
    text = resources.files(__package__).joinpath("parameters/regions.toml").read_text("utf-8")
    return dict(tomllib.loads(text)["names"])


def region_rows(codes: Iterable[str]) -> list[dict[str, Any]]:
    """dim_region: these regions, and those they lie in. A code has two digits for each level."""
    found = {code[:length] for code in codes for length in (2, 4, 6) if len(code) >= length and code.isdigit()}
    return [{"region_code": one, "name": region_names().get(one, ""), "parent": one[:-2]} for one in sorted(found)]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
