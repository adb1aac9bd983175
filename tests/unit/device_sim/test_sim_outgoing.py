"""The queue of a station."""

from __future__ import annotations

from device_sim.outgoing import RETRY_S, Message, Outgoing


def message(action: str, durable: bool = False, boots: bool = False) -> Message:
    return Message(action, dict, durable, boots)


def filled(*messages: Message, accepted: bool = True) -> Outgoing:
    queue = Outgoing(accepted=accepted)
    for one in messages:
        queue.put(one)
    return queue


def test_order_is_kept_between_both_kinds() -> None:
    status, start, heartbeat = message("Status"), message("Start", True), message("Heartbeat")
    queue = filled(status, start, heartbeat)
    said = []
    while (one := queue.next(0.0)) is not None:
        said.append(one.action)
        queue.done(one)
    assert said == ["Status", "Start", "Heartbeat"]
    assert len(queue) == 0


def test_only_a_boot_before_it_is_accepted() -> None:
    queue = filled(message("Start", True), accepted=False)
    assert queue.next(0.0) is None
    boot = message("Boot", boots=True)
    queue.put(boot)
    assert queue.next(0.0) is boot


def test_a_refused_durable_one_waits_longer_each_time_and_blocks_only_its_kind() -> None:
    start, value, heartbeat = message("Start", True), message("Value", True), message("Heartbeat")
    queue = filled(start, value, heartbeat)
    queue.failed(start, 100.0)
    assert queue.next(100.0) is heartbeat
    queue.done(heartbeat)
    assert queue.next(100.0 + RETRY_S - 1) is None
    assert queue.next(100.0 + RETRY_S) is start
    queue.failed(start, 200.0)
    assert queue.next(200.0 + RETRY_S) is None
    assert queue.next(200.0 + 2 * RETRY_S) is start


def test_a_lost_connection_forgets_the_transient_and_tells_them() -> None:
    told: list[str] = []
    asked = message("Authorize")
    asked.on_failure = lambda: told.append("offline")
    start = message("Start", True)
    queue = filled(asked, start)
    queue.failed(start, 1_000.0)
    queue.forget_transient()
    assert told == ["offline"]
    assert queue.next(0.0) is start  # a new connection is worth a new attempt
    assert queue.durable_count == 1


def test_a_refused_transient_one_is_over() -> None:
    queue = filled(message("Heartbeat"))
    one = queue.next(0.0)
    assert one is not None
    queue.failed(one, 0.0)
    assert queue.next(0.0) is None
