"""Where alarms go: log, webhook, e-mail, MQTT. A channel that fails is logged and tried again with the next round."""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import httpx

from monitor.store.quality import AlarmRow

log = logging.getLogger(__name__)
Text = Callable[..., str]
TIMEOUT_S = 10.0


def state_of(alarm: AlarmRow) -> str:
    """raised, acknowledged or over."""
    if alarm.over_at is not None:
        return "over"
    return "raised" if alarm.acknowledged_at is None else "acknowledged"


def document_of(alarm: AlarmRow) -> dict[str, Any]:
    """An alarm as JSON."""
    values = {name: value for name, value in asdict(alarm).items() if name not in ("told_at", "told_level")}
    times = {name: value.isoformat() for name, value in values.items() if hasattr(value, "isoformat")}
    return values | times | {"state": state_of(alarm)}


async def posted(url: str, document: Mapping[str, Any]) -> bool:
    """Whether somebody took a document at an address (2xx). Never raises."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            answer = await client.post(url, json=dict(document))
        return answer.is_success or _failed("webhook", f"HTTP {answer.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        return _failed("webhook", f"{type(fault).__name__}: {fault}")


class LogChannel:
    """The server's own log."""

    async def tell(self, alarm: AlarmRow) -> bool:
        """Always succeeds."""
        log.warning("quality_alarm", extra={"alarm": document_of(alarm)})
        return True


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A POST of the alarm as JSON. `by_operator`: an operator's own address instead of the platform's."""

    url: str
    by_operator: Mapping[str, str] = field(default_factory=dict)

    async def tell(self, alarm: AlarmRow) -> bool:
        """Whether somebody took it (2xx), or there is no address for it."""
        url = self.by_operator.get(alarm.operator_id) or self.url
        if not url:
            return True
        return await posted(url, document_of(alarm))


@dataclass(frozen=True, slots=True)
class MailChannel:
    """E-mail through an SMTP server, in both languages. `tls`: "starttls" (default), "tls" or "none"."""

    host: str
    port: int
    sender: str
    to: str
    words: tuple[Text, Text]
    by_operator: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "starttls"

    async def tell(self, alarm: AlarmRow) -> bool:
        """Whether the server took it, or there is no address for it."""
        to = self.by_operator.get(alarm.operator_id) or self.to
        return not to or await self._sent(self.letter(alarm, to))

    async def report(self, document: Mapping[str, Any], day: str, page: str, *, again: bool) -> bool:
        """Send the page of a judged day to its operator (`again`: it was judged anew); whether the server took it, or
        the operator has no address."""
        to = self.by_operator.get(document["operator_id"], "")
        return not to or await self._sent(self._report(document, day, page, to, again))

    async def head(self, operator_id: str, day: str, document: bytes) -> bool:
        """Send the signed head of a day to its operator; as `report`."""
        to = self.by_operator.get(operator_id, "")
        return not to or await self._sent(self._head(operator_id, day, document, to))

    async def _sent(self, letter: EmailMessage) -> bool:
        try:
            await asyncio.to_thread(self._send, letter)
        except (OSError, smtplib.SMTPException) as fault:
            return _failed("mail", f"{type(fault).__name__}: {fault}")
        return True

    def _report(self, document: Mapping[str, Any], day: str, page: str, to: str, again: bool) -> EmailMessage:
        score, name = document["score"], document["operator_id"]
        facts = {"operator": name, "day": day, "grade": score["grade"], "total": score["total"]}
        key = "quality.report_again" if again else "quality.report_subject"
        chinese, english = (text(key, **facts) for text in self.words)
        lines = [text("quality.report_letter", count=document["finding_count"], **facts) for text in self.words]
        letter = EmailMessage()
        letter["Subject"] = f"{chinese} / {english}"
        letter["From"], letter["To"] = self.sender, to
        letter.set_content("\n\n".join(lines) + "\n")
        letter.add_attachment(page.encode(), "text", "html", filename=f"quality-{name}-{day}.html")
        return letter

    def _head(self, operator_id: str, day: str, document: bytes, to: str) -> EmailMessage:
        letter, facts = EmailMessage(), {"operator": operator_id, "day": day}
        letter["Subject"] = " / ".join(text("evidence.head.subject", **facts) for text in self.words)
        letter["From"], letter["To"] = self.sender, to
        letter.set_content("\n\n".join(text("evidence.head.letter", **facts) for text in self.words) + "\n")
        letter.add_attachment(document, "application", "json", filename=f"{day}.json")
        return letter

    def letter(self, alarm: AlarmRow, to: str) -> EmailMessage:
        """The letter."""
        letter = EmailMessage()
        chinese, english = (self._subject(text, alarm) for text in self.words)
        letter["Subject"] = f"{chinese} / {english}"
        letter["From"], letter["To"] = self.sender, to
        figures = json.dumps(document_of(alarm), ensure_ascii=False, indent=2)
        letter.set_content(f"{chinese}\n{english}\n\n{figures}\n")
        return letter

    @staticmethod
    def _subject(text: Text, alarm: AlarmRow) -> str:
        words = " ".join(filter(None, (text(f"quality.alarm.{alarm.name}"), alarm.subject)))
        state = text(f"quality.state.{state_of(alarm)}")
        return text("quality.mail_subject", state=state, operator=alarm.operator_id, words=words)

    def _send(self, letter: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        with server:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            server.send_message(letter)


@dataclass(frozen=True, slots=True)
class MqttChannel:
    """A retained message for each alarm on `<topic>/<operator>/<name>`; an alarm that is over is told and let go."""

    url: str
    topic: str = "csms/quality"
    user: str = ""
    password: str = field(default="", repr=False)

    async def tell(self, alarm: AlarmRow) -> bool:
        """Whether the broker took it (QoS 1)."""
        parts = urlsplit(self.url)
        tls = ssl.create_default_context() if parts.scheme == "mqtts" else None
        topic = "/".join(filter(None, (self.topic, alarm.operator_id, alarm.name, alarm.subject)))
        try:
            async with aiomqtt.Client(
                parts.hostname or "",
                parts.port or (8883 if tls else 1883),
                username=self.user or None,
                password=self.password or None,
                tls_context=tls,
                timeout=TIMEOUT_S,
            ) as client:
                retain = alarm.over_at is None
                await client.publish(topic, json.dumps(document_of(alarm)), qos=1, retain=retain)
                if not retain:
                    await client.publish(topic, b"", qos=1, retain=True)
        except (aiomqtt.MqttError, OSError) as fault:
            return _failed("mqtt", str(fault))
        return True


def _failed(channel: str, why: str) -> bool:
    log.error("quality_alarm_not_told", extra={"channel": channel, "why": why})
    return False
