"""Odd transactions: started twice, stopped by strangers, told in the wrong order or long after."""

from __future__ import annotations

import uuid

from device_sim.misbehaving.pile import Pile, event201, sample, start16, stop16, values, want

NAMELESS = (0, -1, 2**31 - 1, 2**63 - 1, -987_654_321)


async def duplicate_start(pile: Pile) -> None:
    """PAIN-10: the answer was lost, so the start is said again, each time with a new message id."""
    begun = {"timestamp": pile.stamp(2), "meterStart": 1200}
    ids = {await start16(pile, **begun) for _ in range(3)}
    want(len(ids) == 1, "two_transactions", ids=sorted(ids))
    await stop16(pile, ids.pop(), 2200)


async def duplicate_stop(pile: Pile) -> None:
    """PAIN-11: said again, and once with another register."""
    transaction_id = await start16(pile)
    ended = pile.stamp()
    for wh in (1000, 1000, 1000, 4000):
        await stop16(pile, transaction_id, wh, timestamp=ended)


async def orphan_stops(pile: Pile) -> None:
    """RB-52, PAIN-12: stops of transactions that nobody gave out; an error would be repeated for ever."""
    for transaction_id in NAMELESS:
        await stop16(pile, transaction_id, 500)


async def bare_stops(pile: Pile) -> None:
    """RB-51, PAIN-17: no card, an empty one, one with control characters."""
    for token in ({}, {"idTag": ""}, {"idTag": "TAG-12345678901234567\x02\x03"}):
        await stop16(pile, await start16(pile), 700, **token)


async def offline_session(pile: Pile) -> None:
    """PAIN-14: the start was lost with the power, the stop tells the whole session."""
    told = [
        values(pile.stamp(3600), sample("1000", context="Transaction.Begin")),
        values(pile.stamp(60), sample("9000", context="Transaction.End")),
    ]
    await stop16(pile, -1, 9000, transactionData=told, idTag="TAG-1", timestamp=pile.stamp(60))


async def register_below_start(pile: Pile) -> None:
    """RB-48: the register went back, by one and by all."""
    for meter_stop in (4999, 0):
        await stop16(pile, await start16(pile, meterStart=5000), meter_stop)


async def reading_in_kwh(pile: Pile) -> None:
    """RB-47: samples in kWh, the stop register in something else."""
    transaction_id = await start16(pile)
    values_kwh = values(pile.stamp(), sample("8.5", unit="kWh"))
    await pile.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [values_kwh]})
    await stop16(pile, transaction_id, 8)


async def late_values(pile: Pile) -> None:
    """RB-53: readings for a transaction that was stopped."""
    transaction_id = await start16(pile)
    await stop16(pile, transaction_id, 900)
    late = values(pile.stamp(), sample("900", context="Transaction.End"))
    await pile.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [late]})


async def seq_no_gaps(pile: Pile) -> None:
    """PAIN-18: events are missing, and come later."""
    name = _name()
    for kind, number in (("Started", 0), ("Updated", 4), ("Updated", 2), ("Ended", 7), ("Updated", 5)):
        await event201(pile, kind, name, number, 100.0 * number)


async def events_reversed(pile: Pile) -> None:
    """PAIN-18: the queue was emptied from its end; nothing comes back to life."""
    name = _name()
    for kind, number in (("Ended", 2), ("Updated", 1), ("Started", 0)):
        await event201(pile, kind, name, number, 100.0 * number, timestamp=pile.stamp(60 - 10 * number))


async def seq_no_zero(pile: Pile) -> None:
    """RB-55: every event is number 0."""
    name = _name()
    for kind, wh in (("Started", 0), ("Updated", 300), ("Ended", 700)):
        await event201(pile, kind, name, 0, wh)


async def offline_events(pile: Pile) -> None:
    """PAIN-18: a whole session of yesterday, told as such."""
    name, begun_s = _name(), 86_400.0
    for number, kind in enumerate(("Started", "Updated", "Ended")):
        when = pile.stamp(begun_s - 600 * number)
        await event201(pile, kind, name, number, 1000.0 * number, timestamp=when, offline=True)


async def bare_events(pile: Pile) -> None:
    """RB-56 to RB-58, PAIN-19: no EVSE, no state, no reading, and a name of 34 hex characters."""
    name = uuid.uuid4().hex + "ab"
    await event201(pile, "Started", name, 0, 0)
    await event201(pile, "Updated", name, 1, 400, evse=None)
    await event201(pile, "Ended", name, 2, None, evse=None)


def _name() -> str:
    return str(uuid.uuid4())
