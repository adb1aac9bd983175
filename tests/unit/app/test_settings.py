"""Settings: where they come from, which ones cannot be, and how that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csms.app.section import SettingsInvalid
from csms.app.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CSMS_CONFIG", "CSMS_OCPP_PORT", "CSMS_CHARGING__LEASE_S"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CSMS_CONFIG", str(tmp_path / "csms.toml"))


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert (settings.ocpp_port, settings.http_host, settings.accept_unknown) == (9000, "127.0.0.1", False)
    assert settings.store_url == "sqlite+aiosqlite:///data/csms.db"


def test_the_command_line_beats_variables_beat_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "csms.toml").write_text("ocpp_port = 1\nhttp_port = 1\nheartbeat_s = 11\n[charging]\nlease_s = 111\n")
    monkeypatch.setenv("CSMS_OCPP_PORT", "2")
    monkeypatch.setenv("CSMS_HTTP_PORT", "2")
    monkeypatch.setenv("CSMS_CHARGING__LEASE_S", "222")
    settings = load_settings(ocpp_port=3, http_port=None)
    assert (settings.ocpp_port, settings.http_port, settings.heartbeat_s) == (3, 2, 11)
    assert settings.charging.lease_s == 222


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ocpp_prot = 1", "ocpp_prot"),
        ("ocpp_port = 99999", "ocpp_port"),
        ("ocpp_port = [", "TOML"),
        ('time_zone = "Mars"', "Mars"),
        ("[charging]\nlease = 5", "charging.lease"),
        ("[charging]\nlease_s = 5", "lease_s"),
        ('[[feeders]]\nid = "a"\nrating_kw = 0', "rating_kw"),
        ('[[feeders]]\nid = "a"\nrating_kw = 1\nbase_load_kw = [1, 2]', "96"),
        ('[[feeders]]\nid = "a"\nrating_kw = 1\nparent = "b"', "feeder"),
        ('[[stations]]\nid = "s"\nfeeder = "nowhere"', "feeder"),
        ('[[stations]]\nid = "s"\n[[stations]]\nid = "s"', "same id"),
        ('[[partners]]\nid = "p"\nbase_url = "http://x"\noperator_id = "short"\noperator_secret = "a"\n'
         'data_secret = "a"\ndata_secret_iv = "b"\nsig_secret = "c"', "operator_id"),
        ('[[partners]]\nid = "p"\nbase_url = "http://x"\noperator_id = "ma3kabcd1"', "operator_id: 9 capital letters"),
        ('[[partners]]\nid = "p"\nbase_url = "http://x"\noperator_id = "MA3KABCD1"\nplatform_id = "short"',
         "platform_id: 9 capital letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "csms.toml").write_text(text)
    with pytest.raises(SettingsInvalid, match=says):
        load_settings()


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no such file"):
        load_settings(tmp_path / "missing.toml")


@pytest.mark.req("A00.FR.006", "1.6S:A00.FR.006")
def test_every_security_profile_has_a_port_of_its_own() -> None:
    assert load_settings().station_ports == {2: 9002, 3: 9003}
    assert load_settings(ocpp_port=0, security_profiles=[0, 3]).station_ports == {0: 0, 3: 0}
    assert load_settings(profile_ports={"2": 443}).station_ports == {2: 443, 3: 9003}
    shared = load_settings(security_profiles=[0, 1], profile_ports={"0": 9000, "1": 9000})
    assert shared.station_ports == {0: 9000, 1: 9000}, "a 1.6 station that is raised comes back to the same address"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"security_profiles": []}, "security_profiles"),
        ({"security_profiles": [4]}, "security_profiles"),
        ({"profile_ports": {"2": 9000, "3": 9000}}, "port of its own"),
        ({"security_profiles": [1, 2], "profile_ports": {"1": 9000, "2": 9000}}, "port of its own"),
        ({"ocpp_port": 65534}, "too high"),
        ({"tls_certificate": ["a.pem", "b.pem"], "tls_key": ["a.key"]}, "tls_key"),
        ({"certificates": {"client_roots": ["root.pem"]}}, "organization"),
    ],
)
def test_what_cannot_be_served_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsInvalid, match=named):
        load_settings(**given)


def test_certificates_may_be_one_or_several(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "csms.toml").write_text('tls_certificate = "a.pem"\ntls_key = "a.key"\n')
    monkeypatch.setenv("CSMS_CONFIG", str(tmp_path / "csms.toml"))
    assert load_settings().tls_certificate == [Path("a.pem")]
    monkeypatch.setenv("CSMS_TLS_CERTIFICATE", "rsa.pem, ecdsa.pem")
    monkeypatch.setenv("CSMS_TLS_KEY", '["rsa.key", "ecdsa.key"]')
    settings = load_settings()
    assert settings.tls_certificate == [Path("rsa.pem"), Path("ecdsa.pem")]
    assert settings.tls_key == [Path("rsa.key"), Path("ecdsa.key")]
