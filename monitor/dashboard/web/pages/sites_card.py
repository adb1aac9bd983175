"""The map of sites as a card: where they are and how they are."""

from __future__ import annotations

from nicegui import ui

from monitor.dashboard.history import Snapshot
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.parts import card
from monitor.dashboard.web.places import neighbour_places, site_places
from monitor.dashboard.web.places_map import PlacesMap


class SitesCard:
    """On the page that is being built; `placed`: whether there is anything to show."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.placed = False
        self._card = card(view.text("web.map.title"))
        with self._card:
            self._map = PlacesMap(view.text, view.desk.outline)
            self._note = ui.label("").classes("quiet")

    def show(self, snapshot: Snapshot) -> None:
        """The sites as they are; one of which nobody said where it is is only counted."""
        sites, text = self._view.hub.sites, self._view.text
        own = self._view.shared("sites", lambda: site_places(text, sites, snapshot.stations))
        others = self._view.shared("neighbours", lambda: neighbour_places(text, self._view.hub.neighbours))
        places = self._view.shared("places", lambda: [*own, *others])
        away = len(sites) - len(own)
        self.placed = bool(places)
        self._map.set_visibility(self.placed)
        self._map.show(places)
        self._note.set_text(
            text("web.map.none") if not places else text("web.map.unplaced", count=away) if away else ""
        )
        self._note.set_visibility(bool(away) or not places)
