"""Suites refuse what they cannot do and never show their keys."""

from __future__ import annotations

import pytest

from csms.province import crypto
from csms.province.crypto import AES_MD5, SM4_SM3, DecryptFailed, SecretInvalid, Secrets, SuiteUnavailable

KEY = "1234567890abcdef"
SECRETS = Secrets.of(KEY, KEY, KEY, KEY)


@pytest.mark.parametrize("name", ["aes128cbc-hmacmd5", "sm4cbc-hmacsm3"])
def test_a_suite_is_proved_before_use(name: str) -> None:
    assert crypto.require_suite(name).name == name


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(SuiteUnavailable, match="rot13"):
        crypto.require_suite("rot13")


def test_a_library_that_computes_something_else_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = crypto.CbcSuite(SM4_SM3.name, AES_MD5.cipher, crypto.hmac_md5)
    monkeypatch.setitem(crypto.SUITES, SM4_SM3.name, wrong)
    with pytest.raises(SuiteUnavailable, match="sm4cbc-hmacsm3 cannot run"):
        crypto.require_suite(SM4_SM3.name)


@pytest.mark.parametrize("data", ["", "!!!!", "AAAA", "字", "cmljobIKHDAcF9uf3mgs/g=="])
def test_what_is_no_ciphertext_fails_cleanly(data: str) -> None:
    with pytest.raises(DecryptFailed):
        AES_MD5.decrypt(data, SECRETS)


def test_keys_have_16_bytes_and_stay_hidden() -> None:
    with pytest.raises(SecretInvalid, match="data_secret_iv"):
        Secrets.of(KEY, KEY, "short", KEY)
    with pytest.raises(SecretInvalid, match="empty"):
        Secrets.of(KEY, KEY, KEY, "")
    assert KEY not in repr(SECRETS)
