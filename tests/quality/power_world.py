"""Real-time power as an operator whose data are right tells it."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any


def power_body(station: dict[str, Any], at: datetime, now: dict[str, float]) -> dict[str, Any]:
    """Real-time power of a station, summed up from the connectors after rounding."""
    piles = []
    for pile in station["EquipmentInfos"]:
        ids = [plug["ConnectorID"] for plug in pile["ConnectorInfos"]]
        kw = {name: Decimal(math.floor(now.get(name, 0.0) * 10)) / 10 for name in ids}
        rows = [{"ConnectorID": n, "DataTime": at, "ConnectorRealTimePower": value} for n, value in kw.items()]
        total = sum(kw.values(), Decimal(0))
        head = {"EquipmentID": pile["EquipmentID"], "DataTime": at, "EquipRealTimePower": total}
        piles.append({**head, "ConnectorPowerInfos": rows})
    total = sum((pile["EquipRealTimePower"] for pile in piles), Decimal(0))
    ids_of = {name: station[name] for name in ("OperatorID", "EquipmentOwnerID", "StationID")}
    told_of = {**ids_of, "DataTime": at, "StationRealTimePower": total, "EquipmentPowerInfos": piles}
    return {"SupStationPowerInfos": [told_of]}
