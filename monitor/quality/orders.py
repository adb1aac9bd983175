"""Checks of single orders and of orders among each other (sections 12.4 and 18.4). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from csms.province.envelope import parse_stamp
from monitor.quality.observed import Detail, Order
from monitor.quality.register import Register
from monitor.quality.rules import Rules
from monitor.quality.tally import Tally

ZERO = Decimal(0)
SECOND = timedelta(seconds=1)
"""Times on the wire have no fractions."""
PRICE_HALF = Decimal("0.00005")
"""Half the last digit of a price."""


def check_order(order: Order, operator_id: str, register: Register, rules: Rules, tally: Tally) -> None:
    """Everything that can be said of one order alone."""
    _check_form(order, operator_id, rules, tally)
    _check_money(order, rules, tally)
    _check_details(order, rules, tally)
    _check_energy(order, rules, tally)
    _check_connector(order, register, rules, tally)


def _check_form(order: Order, operator_id: str, rules: Rules, tally: Tally) -> None:
    def expect(check: str, right: bool, detail: str = "") -> None:
        tally.expect(check, right, order.id, order.received_at, detail)

    if order.id:
        expect("order.number_form", has_number_form(order.id, operator_id), order.id)
    if order.start and order.end:
        expect("order.times_reversed", order.start <= order.end, f"{order.start} > {order.end}")
    if order.end:
        expect("order.future", not is_future(order.end, order.received_at, rules), f"{order.end}")
    if order.end and (order.start is None or order.span):
        late_s = seconds(order.received_at - order.end)
        expect("order.late", late_s <= rules.order_limit_s, f"{late_s} s")
    amounts = (order.energy_kwh, order.elec_yuan, order.service_yuan, order.total_yuan)
    expect("order.negative", not any(a < 0 for a in amounts if a is not None), f"{amounts}")
    if order.span and order.duration_s is not None:
        true_s = seconds(order.span[1] - order.span[0])
        expect("order.duration", abs(true_s - order.duration_s) <= 1, f"{order.duration_s} s, {true_s} s")


def has_number_form(number: str, operator_id: str) -> bool:
    """OperatorID, `yyyyMMddHHmmss`, four characters (section 9); a supervision number may be longer."""
    return number.startswith(operator_id) and parse_stamp(number[9:23]) is not None and 27 <= len(number) <= 64


def is_future(moment: datetime, received_at: datetime, rules: Rules) -> bool:
    """Whether something ended later than a right clock could have told."""
    return seconds(moment - received_at) > rules.clock_slack_s


def seconds(span: timedelta) -> Decimal:
    """Exactly."""
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _check_money(order: Order, rules: Rules, tally: Tally) -> None:
    if order.total_yuan is None or order.elec_yuan is None or order.service_yuan is None:
        return
    tolerance = rules.money_step_yuan * ((order.period_count or len(order.details)) + 1)
    parts = order.elec_yuan + order.service_yuan
    right = abs(order.total_yuan - parts) <= tolerance
    tally.expect("order.money_sum", right, order.id, order.received_at, f"{order.total_yuan}, parts {parts}")


def _check_details(order: Order, rules: Rules, tally: Tally) -> None:
    details = order.details
    if order.period_count is not None and (details or order.period_count):
        right = order.period_count == len(details)
        tally.expect("order.period_count", right, order.id, order.received_at, f"{order.period_count}, {len(details)}")
    if not details:
        return
    _check_sums(order, rules, tally)
    _check_prices(order, rules, tally)
    _check_times(order, tally)


def _check_sums(order: Order, rules: Rules, tally: Tally) -> None:
    sums = {
        "order.details_energy": (order.energy_kwh, [d.energy_kwh for d in order.details], rules.energy_step_kwh),
        "order.details_elec": (order.elec_yuan, [d.elec_yuan for d in order.details], rules.money_step_yuan),
        "order.details_service": (order.service_yuan, [d.service_yuan for d in order.details], rules.money_step_yuan),
    }
    for check, (total, parts, step) in sums.items():
        known = [part for part in parts if part is not None]
        if total is not None and len(known) == len(parts):
            right = abs(total - sum(known, ZERO)) <= step * len(parts)
            tally.expect(check, right, order.id, order.received_at, f"{total}, parts {sum(known, ZERO)}")


def _check_prices(order: Order, rules: Rules, tally: Tally) -> None:
    """Each amount is energy times price, to the rounding of either."""
    for place, detail in enumerate(order.details):
        for check, price, yuan in _priced(detail):
            if price is not None and yuan is not None and detail.energy_kwh is not None:
                exact = price * detail.energy_kwh
                slack = rules.money_step_yuan + price * rules.energy_step_kwh / 2 + detail.energy_kwh * PRICE_HALF
                right = abs(exact - yuan) <= slack
                tally.expect(check, right, order.id, order.received_at, f"[{place}] {yuan}, by price {exact}")


def _priced(detail: Detail) -> Iterator[tuple[str, Decimal | None, Decimal | None]]:
    yield "order.detail_elec_price", detail.elec_price, detail.elec_yuan
    yield "order.detail_service_price", detail.service_price, detail.service_yuan


def _check_times(order: Order, tally: Tally) -> None:
    spans = [(d.start, d.end) for d in order.details if d.start and d.end]
    if order.span and len(spans) == len(order.details):
        start, end = order.span[0] - SECOND, order.span[1] + SECOND
        stray = [f"{a} - {b}" for a, b in spans if not (start <= a <= b <= end)]
        tally.expect("order.detail_outside", not stray, order.id, order.received_at, "; ".join(stray))
        if stray:
            return
    crossed = [f"{a[1]} > {b[0]}" for a, b in pairwise(sorted(spans)) if a[1] - b[0] > SECOND]
    tally.expect("order.details_overlap", not crossed, order.id, order.received_at, "; ".join(crossed))


def _check_energy(order: Order, rules: Rules, tally: Tally) -> None:
    energy = order.energy_kwh
    if energy is None:
        return
    if order.meter_start_kwh is not None and order.meter_end_kwh is not None:
        metered = order.meter_end_kwh - order.meter_start_kwh
        right = abs(metered - energy) <= max(rules.meter_kwh, rules.meter_share * energy)
        tally.expect("order.meter", right, order.id, order.received_at, f"{energy}, by meter {metered}")
    if order.split_kwh:
        parts = sum(order.split_kwh, ZERO)
        right = abs(parts - energy) <= rules.energy_step_kwh * len(order.split_kwh)
        tally.expect("order.tariff_split", right, order.id, order.received_at, f"{energy}, by tariff {parts}")


def _check_connector(order: Order, register: Register, rules: Rules, tally: Tally) -> None:
    if register.plugs and order.connector_id:
        known = order.connector_id in register.plugs
        tally.expect("order.unknown_connector", known, order.id, order.received_at, order.connector_id)
    rated_kw = register.rated_kw(order.connector_id)
    if rated_kw is None or order.energy_kwh is None or order.span is None:
        return
    tally.expect("order.over_rated", not is_over_rated(order, rated_kw, rules), order.id, order.received_at)


def is_over_rated(order: Order, rated_kw: Decimal, rules: Rules) -> bool:
    """Whether a connector could not have given so much in that time; a second of rounding is granted."""
    assert order.span is not None
    hours = (seconds(order.span[1] - order.span[0]) + 1) / 3600
    return order.energy_kwh is not None and order.energy_kwh > rated_kw * hours * rules.rated_share + Decimal("0.01")


def check_among(orders: Iterable[Order], judged_from: datetime, rules: Rules, tally: Tally) -> set[str]:
    """Orders told twice or overlapping on a connector, judged when the later one came; the ids of the repeated."""
    by_connector: dict[str, list[Order]] = defaultdict(list)
    for order in sorted(orders, key=lambda o: (o.received_at, o.id)):
        if not order.refused:
            by_connector[order.connector_id].append(order)
    repeated: set[str] = set()
    for group in by_connector.values():
        kept = _without_copies(group, judged_from, tally, repeated)
        _check_overlaps(
            [o for o in kept if o.span and not is_future(o.span[1], o.received_at, rules)], judged_from, tally
        )
    return repeated


def _without_copies(group: list[Order], judged_from: datetime, tally: Tally, repeated: set[str]) -> list[Order]:
    seen: dict[object, str] = {}
    kept: list[Order] = []
    for order in group:
        facts = (order.start, order.end, order.energy_kwh)
        first = seen.setdefault(facts, order.id)
        if order.received_at >= judged_from:
            tally.expect("order.duplicate", first == order.id, order.id, order.received_at, f"as {first}")
        if first == order.id:
            kept.append(order)
        else:
            repeated.add(order.id)
    return kept


def _check_overlaps(kept: list[Order], judged_from: datetime, tally: Tally) -> None:
    latest: Order | None = None
    for order in sorted(kept, key=lambda o: (o.span or (o.received_at,), o.id)):
        assert order.span is not None
        if latest is not None:
            assert latest.span is not None
            apart = order.span[0] >= latest.span[1] - SECOND
            newer = max(order, latest, key=lambda o: (o.received_at, o.id))
            if newer.received_at >= judged_from:
                other = latest if newer is order else order
                tally.expect("order.overlap", apart, newer.id, newer.received_at, f"with {other.id}")
        if latest is None or latest.span is None or order.span[1] > latest.span[1]:
            latest = order
