"""Odd meters: phases without a total, noise, blanks, words that do not exist, times that cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta

from device_sim.misbehaving.pile import OCPP16, Payload, Pile, event201, meter16, sample, start16, stop16, values

POWER, ENERGY = "Power.Active.Import", "Energy.Active.Import.Register"
REPLAYED = 200


async def energy_per_phase(pile: Pile) -> None:
    """RB-40, RB-41: kWh of L1 to L3 with the noise of floats, and no total."""
    transaction_id = await start16(pile)
    for kwh in ("0.05000000000000001", "0.15002000000000001"):
        phases = [sample(kwh, unit="kWh", phase=phase, format="Raw") for phase in ("L1", "L2", "L3")]
        await meter16(pile, values(pile.stamp(), *phases), transaction_id=transaction_id)
    await stop16(pile, transaction_id, 450)


async def empty_values(pile: Pile) -> None:
    """RB-42, RB-43: blanks where numbers should be; one bad sample does not spoil the others."""
    await meter16(pile, values(pile.stamp(), sample(""), sample("7200", POWER, "W"), sample("n/a", "Voltage", "V")))
    await meter16(pile, values(pile.stamp()))
    await meter16(pile)


async def strange_units(pile: Pile) -> None:
    """RB-44, RB-45: kW, Hz, no unit, contexts and measurands that the standard does not have."""
    odd = [
        sample("5.7", POWER, "kW", context="CurrentMax"),
        sample("50.02", "Frequency", "Hz"),
        sample("16.1", "Current.Import.L1", "A", context="Trigger"),
        sample("41", "Temperature", "Celcius"),
        sample("12", "Coffee.Level", "cups"),
    ]
    await meter16(pile, values(pile.stamp(), *odd))


async def outside_transactions(pile: Pile) -> None:
    """RB-46, SR-01: connector 0, no transaction, transactions that nobody ever gave out."""
    reading = values(pile.stamp(), sample("7"))
    await meter16(pile, reading, connectorId=0)
    for transaction_id in (None, 0, -1, 2**31 - 1, 2**63 - 1, 987_654_321):
        await meter16(pile, reading, transaction_id=transaction_id)


async def huge_registers(pile: Pile) -> None:
    """RB-49: a start at 2^31-1 and a register above 32 bits."""
    transaction_id = await start16(pile, meterStart=2**31 - 1)
    await meter16(pile, values(pile.stamp(), sample("4296944685")), transaction_id=transaction_id)
    await stop16(pile, transaction_id, 4_296_944_685)


async def clock_of_1970(pile: Pile) -> None:
    """RB-35: a clock that was never set."""
    time = "1970-01-01T00:26:17Z"
    if pile.protocol != OCPP16:
        await event201(pile, "Started", "from-1970", 0, 100, timestamp=time)
        await event201(pile, "Ended", "from-1970", 1, 900, timestamp="1970-01-01T01:26:17Z")
        return
    transaction_id = await start16(pile, timestamp=time)
    await meter16(pile, values(time, sample("500")), transaction_id=transaction_id)
    await stop16(pile, transaction_id, 900, timestamp="1970-01-01T01:26:17Z")


async def strange_times(pile: Pile) -> None:
    """RB-38, HP-D7: no zone, a blank for the T, `+0800`, words."""
    here = pile.stamp().removesuffix("Z")
    for time in (here, here.replace("T", " "), f"{here}+0800", "yesterday", "", here[:10].replace("-", "/")):
        await meter16(pile, values(time, sample("7")))


async def local_time_as_utc(pile: Pile) -> None:
    """RB-39: a pile in Shanghai that writes its own time and a Z behind it."""
    ahead = datetime.fromisoformat(pile.stamp()) + timedelta(hours=8)
    time = ahead.isoformat().replace("+00:00", "Z")
    transaction_id = await start16(pile, timestamp=time)
    await meter16(pile, values(time, sample("500")), transaction_id=transaction_id)
    await stop16(pile, transaction_id, 900, timestamp=time)


async def offline_replay(pile: Pile) -> None:
    """RB-36, RB-60: years of stored samples on the first connection, newest and oldest mixed."""
    day_s = 86_400.0
    for number in range(REPLAYED):
        ago_s = day_s * (3 + (number * 37) % 1000)
        powers: list[Payload] = [sample(str(number)), sample("11000", POWER, "W")]
        await meter16(pile, values(pile.stamp(ago_s), *powers))
