"""The list of operators is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.model.errors import CsmsError
from monitor.intake.settings import PartnerFileInvalid, read_partner_file

ROW = """
[[partners]]
id = "province"
base_url = "http://127.0.0.1:1"
operator_id = "123456789"
profile = "shandong"
operator_secret = "1234567890abcdef"
data_secret = "1234567890abcdef"
data_secret_iv = "1234567890abcdef"
sig_secret = "1234567890abcdef"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "partners.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_operators_own_list_can_be_used_as_it_is(tmp_path: Path) -> None:
    settings = read_partner_file(written(tmp_path, ROW))
    operator = settings.operators["123456789"]
    assert (operator.profile.id, operator.profile.flagged) == ("shandong", True)
    assert "1234567890abcdef" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no \\[\\[partners\\]\\]"),
        ("[[", "partners.toml"),
        (ROW + ROW, "twice"),
        (ROW + 'colour = "red"', "colour"),
        (ROW.replace('operator_id = "123456789"', 'operator_id = "1"'), "9 characters"),
        (ROW.replace('sig_secret = "1234567890abcdef"', ""), "sig_secret"),
        (ROW.replace('data_secret = "1234567890abcdef"', 'data_secret = "short"'), "data_secret"),
        (ROW.replace("shandong", "atlantis"), "atlantis"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CsmsError, match=words):
        read_partner_file(written(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PartnerFileInvalid):
        read_partner_file(tmp_path / "nothing.toml")
