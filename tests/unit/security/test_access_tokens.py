"""Tokens of the API: their form, their entropy, what is kept of them; where commands find them; buckets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from csms.security.access_tokens import FORM, digest_of, id_of, matches, new_token
from csms.security.buckets import Buckets, Failures
from csms.security.credentials import TokenFileUnusable, api_token, read_token, usual_file, write_token


def test_a_token_is_recognised_by_its_form_and_its_checksum() -> None:
    made = new_token()
    assert FORM.fullmatch(made.text)
    assert id_of(made.text) == made.token_id
    last = "A" if made.text[-1] != "A" else "B"
    for wrong in (made.text[:-1] + last, made.text[:-1], made.text + "A", made.text.upper(), "", "csms_", "ü" * 70):
        assert id_of(wrong) is None


def test_a_token_is_kept_as_a_digest_only() -> None:
    made = new_token()
    assert made.digest == digest_of(made.text)
    assert made.text not in repr(made)
    assert made.text.split("_")[2] not in repr(made)
    assert matches(made.text, made.digest)
    assert not matches(made.text, new_token().digest)
    assert not matches(made.text, None)
    assert not matches("\ud800", made.digest)


def test_tokens_are_256_random_bits() -> None:
    secrets = [new_token().text.split("_")[2][:43] for _ in range(2000)]
    assert len(set(secrets)) == 2000
    assert 62**43 >= 2**256
    assert all(len({secret[place] for secret in secrets}) > 40 for place in range(1, 43))


def test_where_a_command_finds_its_token(tmp_path: Path) -> None:
    file = tmp_path / "a.token"
    write_token(file, "csms_file")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    usual = usual_file({"HOME": str(tmp_path)})
    assert usual == tmp_path / ".config" / "csms" / "token"
    assert api_token({"HOME": str(tmp_path)}) is None
    write_token(usual, "csms_usual")
    assert api_token({"HOME": str(tmp_path)}) == "csms_usual"
    assert api_token({"HOME": str(tmp_path), "CSMS_TOKEN_FILE": str(file)}) == "csms_file"
    assert api_token({"CSMS_TOKEN": " csms_told ", "CSMS_TOKEN_FILE": str(file)}) == "csms_told"
    assert api_token({}) is None


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.token"
    write_token(file, "csms_x")
    file.chmod(0o640)
    with pytest.raises(TokenFileUnusable, match="chmod 600"):
        read_token(file)
    with pytest.raises(TokenFileUnusable):
        read_token(tmp_path / "nowhere")
    binary = tmp_path / "b.token"
    binary.write_bytes(b"\xff\xfe")
    binary.chmod(0o600)
    with pytest.raises(TokenFileUnusable, match="no token"):
        read_token(binary)


def test_writing_a_token_again_replaces_it_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.token"
    write_token(file, "csms_first_and_long")
    write_token(file, "csms_2")
    assert read_token(file) == "csms_2"
    assert [path.name for path in file.parent.iterdir()] == ["a.token"]


def test_a_bucket_is_empty_and_fills_again() -> None:
    buckets = Buckets(per_s=2.0, burst=3)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a", 0.0) == pytest.approx(0.5)
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.5) == 0.0
    assert buckets.take("a", 100.0) == 0.0
    assert [buckets.take("a", 100.0) for _ in range(2)] == [0.0, 0.0]
    assert buckets.take("a", 99.0) > 0, "a clock that goes back fills nothing"


def test_buckets_forget_the_oldest_name() -> None:
    buckets = Buckets(per_s=0.001, burst=1, names_max=100)
    for number in range(10_000):
        buckets.take(f"attacker-{number}", 0.0)
    assert len(buckets._levels) == 100
    with pytest.raises(ValueError, match="rate"):
        Buckets(0.0, 1)


def test_failures_wait_ever_longer() -> None:
    failures = Failures(free=3, wait_s=1.0, wait_s_max=60.0)
    waits = []
    now_s = 0.0
    for _ in range(12):
        failures.failed("a", now_s)
        waits.append(failures.wait_s("a", now_s))
        now_s += failures.wait_s("a", now_s)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert failures.wait_s("b", now_s) == 0
    failures.failed("a", now_s)
    failures.succeeded("a")
    assert failures.wait_s("a", now_s) == 0
    for _ in range(5):
        failures.failed("a", now_s)
    failures.failed("a", now_s + 10_000)
    assert failures.wait_s("a", now_s + 10_000) == 0, "a quiet hour is forgotten"


def test_failures_of_many_names_fill_no_memory() -> None:
    failures = Failures(names_max=50)
    for number in range(5000):
        failures.failed(f"attacker-{number}", 0.0)
    assert len(failures._known) == 50
