"""Settings of the watch, in the platform's file of operators:

    [quality]                      # thresholds that differ from the profile's
    order_limit_s = 60
    area = [[114.8, 34.4], [122.7, 34.4], [122.7, 38.4], [114.8, 38.4]]
    area_codes = ["37"]

    [alerts]
    webhook = "https://platform.example.cn/alarms"
    mail = { host = "mail.example.cn", port = 587, sender = "watch@example.cn", to = "duty@example.cn" }
    mqtt = { url = "mqtts://broker.example.cn", topic = "quality" }

An operator's own `email` and `webhook` stand with it in `[[partners]]`. The log is always told.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from csms.texts import catalogue
from monitor.intake.settings import PartnerFileInvalid, PlatformSettings
from monitor.quality.channels import LogChannel, MailChannel, MqttChannel, WebhookChannel
from monitor.quality.rules import rules_of
from monitor.quality.service import Teller, Watched


def read_watch(path: Path, settings: PlatformSettings) -> tuple[dict[str, Watched], list[Teller]]:
    """The operators with their rules, and the channels; raises PartnerFileInvalid."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        changes = _mapping(table, "quality")
        watched = {
            name: Watched(name, operator.profile, rules_of(operator.profile, changes))
            for name, operator in settings.operators.items()
        }
        return watched, _channels(_mapping(table, "alerts"), settings)
    except (ValueError, TypeError) as fault:
        raise PartnerFileInvalid(f"{path}: {fault}") from None


def _mapping(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"[{name}] is no table")
    return found


def _channels(table: Mapping[str, Any], settings: PlatformSettings) -> list[Teller]:
    unknown = table.keys() - {"webhook", "mail", "mqtt"}
    if unknown:
        raise ValueError(f"[alerts] has no {', '.join(sorted(unknown))}")
    found: list[Teller] = [LogChannel()]
    hooks = {name: operator.webhook for name, operator in settings.operators.items() if operator.webhook}
    letters = {name: operator.email for name, operator in settings.operators.items() if operator.email}
    if table.get("webhook") or hooks:
        found.append(WebhookChannel(str(table.get("webhook", "")), hooks))
    if "mail" in table:
        words = (catalogue("zh"), catalogue("en"))
        found.append(MailChannel(**{"port": 587, "to": "", **table["mail"]}, words=words, by_operator=letters))
    if "mqtt" in table:
        found.append(MqttChannel(**table["mqtt"]))
    return found
