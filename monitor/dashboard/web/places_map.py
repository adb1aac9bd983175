"""The map of places: Leaflet from NiceGUI's own wheel over an outline of the machine, no tile and no other host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nicegui
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from nicegui import ui
from nicegui.element import Element
from starlette.staticfiles import StaticFiles

from csms.texts import Text

FOLDER = Path(__file__).parent
LEAFLET = Path(nicegui.__file__).parent / "elements" / "leaflet" / "dist"
LEAFLET_PATH = "/assets/leaflet"
LEAFLET_STYLE = f"{LEAFLET_PATH}/leaflet/leaflet.css"
SCRIPT = (FOLDER / "map.js").read_text(encoding="utf-8")
SCRIPT_PATH = f"/assets/map-{hashlib.sha256(SCRIPT.encode()).hexdigest()[:16]}.js"
OUTLINE_PATH = "/assets/outline.json"
FOR_A_YEAR = {"cache-control": "public, max-age=31536000, immutable"}
FOR_AN_HOUR = {"cache-control": "public, max-age=3600"}


def mount(app: FastAPI, outline: bytes) -> None:
    """What maps are made of, for everybody; an empty outline is none."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(SCRIPT_PATH)
    async def script() -> Response:
        return Response(SCRIPT, media_type="text/javascript", headers=FOR_A_YEAR)

    @routes.get(OUTLINE_PATH)
    async def drawn() -> Response:
        if not outline:
            return Response(status_code=404)
        return Response(outline, media_type="application/geo+json", headers=FOR_AN_HOUR)

    app.include_router(routes)
    app.mount(LEAFLET_PATH, StaticFiles(directory=LEAFLET))


def words(text: Text) -> dict[str, str]:
    """Those that stand on a map."""
    return {name: text(f"web.map.{name}") for name in ("north", "places", "map")}


class PlacesMap(Element, component="places_map.js"):
    """A map on a page; `show` what it shows from now on (see `places.map_place`)."""

    def __init__(self, text: Text, outline: bool, classes: str = "site-map") -> None:
        super().__init__()
        ui.add_head_html(f'<link rel="stylesheet" href="{LEAFLET_STYLE}">')
        self.classes(classes)
        self._shown: Sequence[Mapping[str, Any]] = ()
        self._props["places"] = []
        self._props["module"] = SCRIPT_PATH
        self._props["outline"] = OUTLINE_PATH if outline else ""
        self._props["words"] = words(text)

    def show(self, places: Sequence[Mapping[str, Any]]) -> None:
        """Only what changed is sent."""
        if places is not self._shown and places != self._shown:
            self._shown = places
            self._props["places"] = list(places)
            self.update()
