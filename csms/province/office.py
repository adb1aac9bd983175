"""What a person does with the provincial interface: see what waits, replay, change secrets, try a link, check names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csms.model.errors import CsmsError
from csms.province.claims import Claims, Wish
from csms.province.client import Partner, Probe
from csms.province.keys import Direction, KeyRecord, Keys, new_secrets, secrets_of, texts_of
from csms.province.messages import render_body
from csms.province.picture import Picture
from csms.province.ports import DEAD, OPEN_STATES, OutboxEntry, OutboxStore
from csms.province.profile import Kind
from csms.province.renewal import Renewal, Replayed
from csms.province.service import ProvinceService, defects_of
from csms.province.subsidy_document import scores_of
from csms.province.subsidy_rules import build_rule, shipped_rule
from csms.province.values import connector_values, station_values

LISTED_MAX = 1000


class UnknownPartner(CsmsError):
    """No partner has this id; the settings list them."""

    code = "unknown_partner"


@dataclass(frozen=True, slots=True)
class NameCheck:
    """One thing of ours and its identifier at a partner; `defects` are what the partner would find wrong."""

    partner: str
    kind: str
    local: str
    external: str
    defects: tuple[str, ...] = ()


class ProvinceOffice:
    """All of it. Methods with a partner's id raise UnknownPartner."""

    def __init__(
        self,
        service: ProvinceService,
        outbox: OutboxStore,
        keys: Keys | None,
        picture: Picture,
        claims: Claims,
        renewal: Renewal,
    ) -> None:
        self._renewal = renewal
        self._service = service
        self._outbox = outbox
        self._keys = keys
        self._picture = picture
        self._claims = claims

    async def status(self) -> Mapping[str, Mapping[str, Any]]:
        """Delivery by partner."""
        return await self._service.status()

    async def waiting(self, partner_id: str, *, dead: bool, limit: int) -> Sequence[OutboxEntry]:
        """What is to be sent, or what was given up; oldest first."""
        self._partner(partner_id)
        states = (DEAD,) if dead else OPEN_STATES
        return await self._outbox.listed(partner_id, states, min(limit, LISTED_MAX))

    async def replay(self, partner_id: str, ids: Sequence[int] = (), *, as_sent: bool = False) -> Replayed:
        """Send given-up messages again, all of them or these (these also when they were accepted), made anew where what
        they tell of is still there unless `as_sent`; ends a pause."""
        return await self._renewal.replay(self._partner(partner_id), ids, as_sent=as_sent)

    def key_sets(self) -> Sequence[KeyRecord]:
        """Every set of secrets, without the secrets."""
        return self._keys.records() if self._keys is not None else ()

    async def renew_keys(
        self, partner_id: str, direction: str, given: Mapping[str, str], *, end_older: bool = False
    ) -> tuple[KeyRecord, dict[str, str]]:
        """New secrets: those `given`, or without any of our own making, which are told to be handed to the partner.
        `end_older`: the others count no more from now on, also in what is under way.

        Raises SecretInvalid.
        """
        self._partner(partner_id)
        assert self._keys is not None
        secrets = secrets_of(given) if given else new_secrets()
        record = await self._keys.add(partner_id, Direction(direction), secrets, end_older=end_older)
        self._service.forwarder.partners[partner_id].resume()
        return record, {} if given else texts_of(secrets)

    async def claim(self, partner_id: str, wish: Mapping[str, Any], *, send: bool) -> tuple[dict[str, Any], int]:
        """A subsidy claimed of a partner, with all that it was computed from, and how many messages it became.

        `wish`: rule (id or table), first_day, last_day, scores, grade. Raises RuleInvalid, ClaimUnreadable and
        ClaimImpossible.
        """
        given = wish["rule"]
        rule = shipped_rule(given) if isinstance(given, str) else build_rule(given)
        scores = scores_of(wish["scores"])
        wanted = Wish(rule, wish["first_day"], wish["last_day"], scores, wish["grade"])
        return await self._claims.claim(self._partner(partner_id), wanted, send=send)

    async def test(self, partner_id: str) -> Probe:
        """Ask the partner for a token now."""
        self._partner(partner_id)
        return await self._service.forwarder.partners[partner_id].probe()

    def check_names(self, partner_id: str) -> list[NameCheck]:
        """Sites and connectors as the partner knows them, with what its profile finds wrong."""
        partner = self._partner(partner_id)
        return [*self._sites(partner), *self._connectors(partner)]

    def _sites(self, partner: Partner) -> list[NameCheck]:
        names, found = self._service.names[partner.id], []
        for site_id in self._picture.sites:
            info = self._picture.site_info(site_id, partner.access)
            values = station_values(info, names)
            defects = self._defects(partner, Kind.STATION_INFO, values)
            empty = () if info.equipment else ("no stations",)
            found.append(NameCheck(partner.id, "site", site_id, values["StationID"], (*empty, *defects)))
        return found

    def _connectors(self, partner: Partner) -> list[NameCheck]:
        names = self._service.names[partner.id]
        found = []
        for site_id in self._picture.sites:
            for station in self._picture.at(site_id, partner.access):
                for evse in station.evses.values():
                    for state in self._picture.connector_states(evse):
                        values = connector_values(state, names)
                        defects = self._defects(partner, Kind.STATION_STATUS, values)
                        local = f"{station.station_id}/{evse.ref.evse_id}/{state.connector.connector_id}"
                        found.append(NameCheck(partner.id, "connector", local, values["ConnectorID"], defects))
        return found

    def _defects(self, partner: Partner, kind: Kind, values: Mapping[str, Any]) -> tuple[str, ...]:
        body = render_body(partner.profile, kind, values)
        return tuple(map(str, defects_of(partner.profile, kind, body)))

    def _partner(self, partner_id: str) -> Partner:
        partner = self._service.partners.get(partner_id)
        if partner is None:
            raise UnknownPartner(f"no partner {partner_id!r}; there are {', '.join(self._service.partners) or 'none'}")
        return partner
