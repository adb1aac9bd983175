"""What was judged stays as it was: a day's inputs are named by number, and nothing that comes later changes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.province.profile import Kind, PlatformProfile
from monitor.quality.appeal import InputsGone, NotJudged, profile_text, text_digest
from monitor.quality.service import QualityWatch, Watched
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing
from tests.quality.world import DAY, END, OPERATOR, World
from tests.unit.quality.conftest import receive

LOCAL_DAY = "2026-03-02"
SEQ = f"{OPERATOR}202603020100000001"


@pytest.fixture
async def store(tmp_path: Path, filled: Path) -> AsyncIterator[IntakeStore]:
    shutil.copytree(filled, tmp_path / "data")
    found = await open_intake(tmp_path / "data")
    yield found
    await found.close()


def watch_of(store: IntakeStore, world: World, profile: PlatformProfile | None = None) -> QualityWatch:
    watched = {OPERATOR: Watched(OPERATOR, profile or world.profile, world.rules)}
    return QualityWatch(store.quality, store.evidence, ManualClock(END + timedelta(minutes=5)), watched)


async def reconcile(store: IntakeStore, at: Any, listed: int, *disputes: list[Any], digest: str = "list") -> Standing:
    """The operator sends a list; so many orders of it are disputed."""
    call = Call(at, "check_charge_orders", 200, 0, OPERATOR, SEQ)
    result = {"listed": listed, "disputes": [list(dispute) for dispute in disputes], "unlisted": []}
    message = Message(Kind.CHECK_ORDERS, {}, digest, f'{{"body":{{}},"x":"{at}"}}'.encode(), result)
    return await store.accept(dict.fromkeys(Standing, call), message)


async def appeal(watch: QualityWatch) -> bytes:
    """The judgement as it comes out of an appeal, which must be as it was published."""
    same, kept, again = await watch.recompute(OPERATOR, LOCAL_DAY)
    assert same
    assert kept == again
    return again


async def test_a_partner_that_repeats_corrects_and_disputes_again_changes_no_judged_day(
    store: IntakeStore, world: World
) -> None:
    watch, noon = watch_of(store, world), DAY + timedelta(hours=4)
    await reconcile(store, noon, 40, ["A", 1], ["B", 2])
    judged = await watch.judge(OPERATOR, LOCAL_DAY)
    assert judged.checks["order.disputed"] == (2, 40)
    before = await appeal(watch)

    await reconcile(store, END + timedelta(minutes=1), 40, ["A", 1], ["B", 2])
    assert await appeal(watch) == before, "repeated on the next day"
    await reconcile(store, END + timedelta(minutes=2), 40, ["B", 2])
    assert await appeal(watch) == before, "one order was sent meanwhile"
    await reconcile(store, END + timedelta(minutes=3), 38, ["B", 3], ["C", 1], digest="another list")
    assert await appeal(watch) == before, "another list under the same number, other disputes"
    await reconcile(store, noon, 1, ["D", 1], digest="by a clock that was set back")
    late = Call(
        noon, "notification_charge_order_info", 200, 4004, OPERATOR, "late", defects=("DQ_TYPE x",), body={"x": 1}
    )
    await store.log(late)
    await receive(store, World(12, stations=1, piles=1))
    assert await appeal(watch) == before, "what is stored later does not count, whatever its time says"

    again = await watch.judge(OPERATOR, LOCAL_DAY)
    assert again.checks["order.disputed"] == (1, 1), "judged anew on purpose it counts"
    assert await appeal(watch) != before
    assert json.loads(await appeal(watch))["inputs"]["records"] > json.loads(before)["inputs"]["records"]


async def test_judging_again_with_nothing_new_gives_the_same_bytes(store: IntakeStore, world: World) -> None:
    watch = watch_of(store, world)
    await reconcile(store, DAY + timedelta(hours=4), 40, ["A", 1])
    await watch.judge(OPERATOR, LOCAL_DAY)
    first = await store.quality.day(OPERATOR, LOCAL_DAY)
    await store.log(Call(END + timedelta(hours=1), "query_token", 200, 0, OPERATOR))
    await reconcile(store, END + timedelta(hours=1), 40, ["A", 2])
    await watch.judge(OPERATOR, LOCAL_DAY)
    second = await store.quality.day(OPERATOR, LOCAL_DAY)
    assert first is not None
    assert second is not None
    assert second.digest == first.digest, "so its report is not sent again"


async def test_an_appeal_is_judged_by_the_profile_of_then(store: IntakeStore, world: World) -> None:
    await watch_of(store, world).judge(OPERATOR, LOCAL_DAY)
    before = await appeal(watch_of(store, world))
    newer = world.profile.model_copy(
        update={"note": "a later edition", "enums": world.profile.enums | {"x": frozenset((1,))}}
    )
    assert await appeal(watch_of(store, world, newer)) == before
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql("update quality_profile set document = replace(document, 'note', 'toen')")
    with pytest.raises(NotJudged, match="was not kept"):
        await watch_of(store, world, newer).recompute(OPERATOR, LOCAL_DAY)


@pytest.mark.parametrize("name", ["tcec102-2016", "shandong", "city-2019", "gbt44130"])
def test_a_profile_is_read_again_as_it_was(name: str) -> None:
    from csms.province.profile import load_profile

    profile = load_profile(name)
    kept = profile_text(profile)
    assert PlatformProfile.model_validate_json(kept) == profile
    assert text_digest(profile_text(PlatformProfile.model_validate_json(kept))) == text_digest(kept)


async def test_a_judgement_from_before_inputs_were_named_is_still_recomputed(store: IntakeStore, world: World) -> None:
    watch = watch_of(store, world)
    await watch.judge(OPERATOR, LOCAL_DAY)
    row = await store.quality.day(OPERATOR, LOCAL_DAY)
    assert row is not None
    document = json.loads(row.document)
    del document["inputs"]
    old = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql("update quality_day set document = ?", (old,))
    assert "inputs" not in json.loads(await appeal(watch))


async def test_an_appeal_says_what_retention_has_taken(store: IntakeStore, world: World) -> None:
    watch = watch_of(store, world)
    await watch.judge(OPERATOR, LOCAL_DAY)
    await store.retention.rows("calls", DAY - timedelta(days=2), 10_000)
    await appeal(watch)
    while await store.retention.messages(OPERATOR, statuses=True, before=DAY, count=500) == 500:
        pass
    with pytest.raises(
        InputsGone, match=r"the content of \d+ of \d+ accepted messages; the published judgement stands"
    ):
        await watch.recompute(OPERATOR, LOCAL_DAY)
    await store.retention.rows("calls", DAY + timedelta(hours=1), 10_000)
    with pytest.raises(InputsGone, match="calls before 2026-03-0"):
        await watch.recompute(OPERATOR, LOCAL_DAY)
    assert (await store.quality.day(OPERATOR, LOCAL_DAY)) is not None
