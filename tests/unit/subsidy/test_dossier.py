"""A dossier is judged by its files alone: what is right passes, what was changed is named; the steps explain."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from csms.province.subsidy import DayScore, Inputs, Pile, Sold, claim_of
from csms.province.subsidy_document import document_of
from csms.province.subsidy_rules import build_rule, shipped_rule
from csms.texts import catalogue
from monitor.evidence.documents import Head, inclusion_document, key_id, public_pem, record_bytes, sign
from monitor.evidence.merkle import hash_named, inclusion_proof, leaf_hash, root_of
from monitor.subsidy.archive import read_archive, write_archive
from monitor.subsidy.dossier import DossierUnreadable, Material, content, judged, sealed
from monitor.subsidy.explain import construction, steps
from monitor.subsidy.papers import PaperUnusable, nameless, read_bills, read_ledger, write_bills, write_ledger
from monitor.subsidy.report import render
from monitor.subsidy.states import MOVES, Mark, MoveImpossible, State, check_move, read_journal
from tests.unit.subsidy.world import NOW, World, world

KEY, PLATFORM = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def made() -> World:
    return world(4)


def proofs_of(of: World, count: int, times: str = "1") -> list[dict[str, Any]]:
    """Inclusion proofs of the first orders, from a log of these orders that the platform signed."""
    records = [
        record_bytes(
            "123456789",
            "charge_order",
            e.order,
            e.end,
            {"StartChargeSeq": e.order, "TotalPower": e.energy_kwh * Decimal(times), "ConnectorID": e.connector},
        )
        for e in of.entries[:count]
    ]
    digest = hash_named("sha256")
    leaves = [leaf_hash(record, digest) for record in records]
    root = root_of(leaves, digest).hex()
    head = Head("123456789", "2018-03-31", "sha256", 0, len(records), root, root, "00" * 32, "", NOW.isoformat(),
                key_id(PLATFORM.public_key()))  # fmt: skip
    signed, pem = sign(head, PLATFORM), public_pem(PLATFORM.public_key())
    return [
        inclusion_document(record, n, signed, inclusion_proof(n, leaves, digest), pem)
        for n, record in enumerate(records)
    ]


def material(of: World, **more: Any) -> Material:
    claim = document_of(of.given, "city", NOW)
    facts: dict[str, Any] = {"entries": nameless(of.entries), "bills": of.bills} | more
    return Material(claim, **facts)


def packed(of: Material) -> dict[str, bytes]:
    return sealed(content(of), of, KEY, NOW)


def names(files: dict[str, bytes]) -> set[str]:
    return {one.check for one in judged(files).faults}


def test_a_clean_dossier_passes_with_nothing_but_its_file(made: World, tmp_path: Path) -> None:
    write_archive(tmp_path / "a.zip", packed(material(made, proofs=proofs_of(made, 20))))
    found = judged(read_archive(tmp_path / "a.zip"), KEY.public_key(), PLATFORM.public_key())
    assert (found.faults, found.right, found.signer_known) == ((), True, True)
    assert (found.proved, found.used) == (20, len(made.entries))
    assert [one.check for one in found.notes] == ["rule_along", "no_vehicles", "unproved"]
    assert found.claim.yuan == claim_of(made.given).yuan > 0


@pytest.mark.parametrize("seed", range(20, 30))
def test_no_clean_dossier_is_refused(seed: int) -> None:
    assert judged(packed(material(world(seed)))).right


def test_the_file_is_the_same_every_time(made: World, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_archive(tmp_path / name, packed(material(made)))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_no_car_is_named(made: World) -> None:
    ledger = packed(material(made))["ledger.csv"].decode()
    assert "LSVNV" not in ledger
    assert "v1" in ledger


@pytest.mark.parametrize("name", ["ledger.csv", "bills.csv", "manifest.json", "manifest.sig"])
def test_a_letter_that_was_changed_is_found(made: World, name: str) -> None:
    files = packed(material(made))
    raw = files[name]
    place = raw.rindex(b"8") if b"8" in raw else len(raw) // 2
    files[name] = raw[:place] + (b"9" if raw[place : place + 1] != b"9" else b"7") + raw[place + 1 :]
    assert names(files) & {"file_changed", "signature"}


def test_files_added_and_taken_away_are_found(made: World) -> None:
    files = packed(material(made))
    assert "file_added" in names(files | {"papers/x": b"1"})
    assert "file_missing" in names({name: raw for name, raw in files.items() if name != "bills.csv"})


def test_a_rule_that_everybody_knows_cannot_be_changed(made: World) -> None:
    shipped = shipped_rule("beijing-2018")
    honest = replace(made, given=replace(made.given, rule=shipped))
    assert "rule_differs" not in names(packed(material(honest)))
    table = shipped.model_dump(mode="json")
    dearer = build_rule(table | {"operate": table["operate"] | {"rate_yuan_per_kwh": "0.4"}})
    changed = replace(made, given=replace(made.given, rule=dearer))
    assert "rule_differs" in names(packed(material(changed)))
    form = build_rule(table | {"id": "rizhao"})
    filled = judged(packed(material(replace(made, given=replace(made.given, rule=form)))))
    assert "rule_differs" not in {one.check for one in filled.faults}
    assert "rule_along" in {one.check for one in filled.notes}


def test_another_signer_is_found(made: World) -> None:
    files = packed(material(made))
    assert names(files) == set()
    assert {one.check for one in judged(files, PLATFORM.public_key()).faults} == {"signature"}


def resealed(of: World, change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    """A claim that was changed before it was packed and signed."""
    claim = json.loads(json.dumps(document_of(of.given, "city", NOW)))
    change(claim)
    return packed(Material(claim, nameless(of.entries), of.bills))


def test_an_amount_that_does_not_follow_is_found(made: World) -> None:
    assert "claim_differs" in names(resealed(made, lambda claim: claim["result"].update(yuan="99999.00")))


def test_orders_that_the_ledger_does_not_have_are_found(made: World) -> None:
    assert "not_in_ledger" in names(packed(material(made, entries=nameless(made.entries[1:]))))
    more = replace(made.entries[0], energy_kwh=made.entries[0].energy_kwh - 1, meter_start_kwh=None)
    assert "ledger_differs" in names(packed(material(made, entries=nameless([more, *made.entries[1:]]))))


def test_a_proof_of_less_energy_or_of_another_order_is_found(made: World) -> None:
    assert "proof_differs" in names(packed(material(made, proofs=proofs_of(made, 3, times="0.5"))))
    other = proofs_of(world(99), 1)
    other[0]["record"] = other[0]["record"].replace("C1-00000", "C9-00000")
    assert {"proof_wrong"} <= names(packed(material(made, proofs=other)))
    unknown = World(made.given, [replace(made.entries[0], order="Z")], [])
    assert "proof_of_nothing" in names(packed(material(made, proofs=proofs_of(unknown, 1))))


def test_a_fraud_in_the_ledger_is_found_again_when_it_is_verified(made: World) -> None:
    less = [replace(bill, energy_kwh=bill.energy_kwh / 2) for bill in made.bills]
    assert "energy_balance" in names(packed(material(made, bills=less)))


def test_what_the_rule_requires_has_to_be_there(made: World) -> None:
    rule = made.given.rule.model_copy(update={"requires": ("licence",)})
    of = World(replace(made.given, rule=rule), made.entries, made.bills)
    assert "paper_missing" in names(packed(material(of)))
    assert names(packed(material(of, papers={"licence": ("licence.pdf", b"%PDF")}))) == set()


def test_scores_have_to_be_those_that_were_published(made: World) -> None:
    scores = (DayScore(date(2018, 1, 1), Decimal("95.00"), {}),)
    of = World(replace(made.given, grade="", scores=scores), made.entries, made.bills)
    published = {"day": "2018-01-01", "score": {"total": "95.00", "dimensions": {}}}
    assert "scores_unshown" in names(packed(material(of)))
    assert names(packed(material(of, quality=[published]))) == set()
    published["score"] = {"total": "80.00", "dimensions": {}}
    assert "scores_differ" in names(packed(material(of, quality=[published])))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: files.pop("manifest.json"),
        lambda files: files.pop("claim.json"),
        lambda files: files.update({"claim.json": b"{}"}),
        lambda files: files.update({"ledger.csv": b"a,b\n"}),
        lambda files: files.update({"ledger.csv": b"\xff"}),
        lambda files: files.update({"proofs/1.json": b"{}"}),
    ],
)
def test_what_is_no_dossier_is_said_to_be_none(made: World, spoil: Callable[[dict[str, bytes]], object]) -> None:
    files = packed(material(made))
    spoil(files)
    with pytest.raises(DossierUnreadable):
        judged(files)


def test_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(DossierUnreadable):
        read_archive(tmp_path / "a.zip")


def test_papers_come_back_as_they_were(made: World) -> None:
    assert read_ledger(write_ledger(made.entries)) == tuple(made.entries)
    assert read_bills("\ufeff" + write_bills(made.bills)) == tuple(made.bills)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,c,2018-01-01T00:00,2018-01-01T01:00+00:00,1,,,", "line 2: 2018-01-01T00:00 has no zone"),
        ("a,c,2018-01-01T00:00+00:00,2018-01-01T01:00+00:00,x,,,", "line 2"),
        ("a,c,2018-01-01T00:00+00:00,2018-01-01T01:00+00:00,,,,", "an order has an energy"),
        (",c,2018-01-01T00:00+00:00,2018-01-01T01:00+00:00,1,,,", "an order has a number"),
        ("a,c,2018-01-01T00:00+00:00,2018-01-01T01:00+00:00,NaN,,,", "NaN is no number"),
    ],
)
def test_a_ledger_that_cannot_be_read(line: str, said: str) -> None:
    head = "order,connector,start,end,energy_kwh,meter_start_kwh,meter_stop_kwh,vehicle\n"
    with pytest.raises(PaperUnusable, match=said):
        read_ledger(head + line + "\n")


def pile_year(energy_kwh: int, in_service: date = date(2017, 1, 1), grade: str = "A") -> Inputs:
    begin = datetime(2018, 1, 1, tzinfo=UTC)
    pile = Pile("C1", "E1", "S1", Decimal(60), 1, 1, "110101", in_service)
    orders = tuple(
        Sold(
            f"{n}", "C1", begin + timedelta(hours=3 * n), begin + timedelta(hours=3 * n + 2), Decimal(energy_kwh) / 2000
        )
        for n in range(2000)
    )
    return Inputs(shipped_rule("beijing-2018"), date(2018, 1, 1), date(2018, 12, 31), (pile,), orders, grade=grade)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            pile_year(100_000),
            {"energy_cap": "90000.00", "operating": "18000.00", "annual": "6360.00", "total": "24360.00"},
        ),
        (pile_year(20_000, date(2018, 10, 20)), {"energy_cap": "18000.00", "operating": "3600.00"}),
        (pile_year(100_000, grade="D"), {"operating": "0.00", "annual": "0.00", "total": "0.00"}),
    ],
)
def test_the_steps_say_the_worked_examples(given: Inputs, said: dict[str, str]) -> None:
    found = {step.key: step.values for step in steps(given)}
    assert {key: found[key]["counted" if key == "energy_cap" else "yuan"] for key in said} == said


@pytest.mark.parametrize("seed", range(6))
def test_the_steps_add_up_to_the_claim(seed: int) -> None:
    of = world(seed)
    claim, made = claim_of(of.given), steps(of.given)
    parts = sum(Decimal(step.values["yuan"]) for step in made if step.key in ("operating", "annual"))
    assert parts == claim.yuan
    text = catalogue("en")
    assert all(text(f"subsidy.step.{step.key}", **step.values) for step in made)


def test_the_cap_of_a_station_is_said() -> None:
    rule = shipped_rule("beijing-2018").model_dump(mode="json")
    rule["annual"]["cap_yuan_per_station_year"] = "5000"
    capped = replace(pile_year(100_000), rule=build_rule(rule))
    found = {step.key: step.values for step in steps(capped)}
    assert found["cap_annual"] == {"before": "6360.00", "after": "5000.00"}
    assert found["total"]["yuan"] == "23000.00"


def test_an_empty_rule_says_why_there_is_no_amount() -> None:
    made = steps(replace(pile_year(100), rule=shipped_rule("rizhao")))
    keys = [step.key for step in made]
    assert "refused" in keys
    assert "operating" not in keys
    assert made[-1].values == {"yuan": "0"}


@pytest.mark.parametrize(
    ("kw", "invoice", "yuan"),
    [("60", "90000", "27000.00"), ("60", "150000", "36000.00"), ("7", "20000", "4200.00"), ("60", None, None)],
)
def test_building_by_the_shanghai_rule(kw: str, invoice: str | None, yuan: str | None) -> None:
    """30 % of the equipment, at most 600 yuan per kW."""
    made = construction(shipped_rule("shanghai-2016-public"), Decimal(kw), Decimal(invoice) if invoice else None)
    assert made[-1].key == ("build_total" if yuan else "build_unknown")
    assert made[-1].values.get("yuan") == yuan


def test_a_rule_that_gives_nothing_for_building() -> None:
    assert [step.key for step in construction(shipped_rule("beijing-2018"), Decimal(60), None)] == ["build_none"]


def test_the_page_is_bilingual_and_fetches_nothing(made: World) -> None:
    found = judged(packed(material(made, bills=[])))
    page = render(made.given, found.claim, found.faults, found.notes, catalogue("zh"), catalogue("en"))
    assert all(
        word in page for word in ("奖补申报说明", "Subsidy declaration", str(found.claim.yuan), "no bill covers")
    )
    assert not any(word in page for word in ("http", "<script", "src="))


def test_every_move_of_a_declaration() -> None:
    for state, ways in MOVES.items():
        for to in State:
            journal = [Mark(state, NOW, "")]
            if to in ways:
                check_move(journal, to)
            else:
                with pytest.raises(MoveImpossible):
                    check_move(journal, to)
    with pytest.raises(MoveImpossible):
        check_move([], State.PAID)


def test_a_journal_comes_back_and_one_that_jumps_is_refused() -> None:
    marks = [Mark(state, NOW, "ab", "x") for state in (State.PREPARED, State.SUBMITTED, State.ACCEPTED, State.PAID)]
    assert read_journal("\n".join(mark.line() for mark in marks)) == marks
    with pytest.raises(MoveImpossible):
        read_journal("\n".join(mark.line() for mark in (marks[0], marks[3])))
    with pytest.raises(MoveImpossible):
        read_journal("{}")
