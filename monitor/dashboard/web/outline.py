"""The outline that maps are drawn over: a file of GeoJSON on this machine."""

from __future__ import annotations

import json
from pathlib import Path

BYTES_MAX = 8 * 1024 * 1024
KINDS = frozenset(
    {
        "FeatureCollection",
        "Feature",
        "GeometryCollection",
        "Polygon",
        "MultiPolygon",
        "LineString",
        "MultiLineString",
    }
)


class OutlineUnusable(ValueError):
    """A file is no outline; the text says why."""


def read_outline(path: Path) -> bytes:
    """The GeoJSON (RFC 7946, WGS-84 degrees) of a file. Raises OutlineUnusable."""
    try:
        raw = path.read_bytes()
        told = json.loads(raw)
    except (OSError, ValueError) as fault:
        raise OutlineUnusable(f"{path}: {fault}") from None
    if len(raw) > BYTES_MAX:
        raise OutlineUnusable(f"{path}: more than {BYTES_MAX // 1024**2} MB; a simpler outline looks the same")
    if not isinstance(told, dict) or told.get("type") not in KINDS:
        raise OutlineUnusable(f"{path}: no GeoJSON with areas or lines")
    return raw
