"""Reports by e-mail: one letter with all that is new attached. What is set comes as JSON from `[reports]`."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from csms.texts import Text

VARIABLE = "CSMS_REPORTS_MAIL"
TIMEOUT_S = 20.0


class MailInvalid(ValueError):
    """What was set for mail cannot be used."""


@dataclass(frozen=True, slots=True)
class Post:
    """An SMTP server and who gets the letters. `tls`: starttls, tls (from the first byte) or none."""

    host: str
    sender: str
    to: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["starttls", "tls", "none"] = "starttls"

    def send(self, letter: EmailMessage) -> None:
        """Hand it over; raises OSError, smtplib.SMTPException."""
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


def post_from(said: str) -> Post | None:
    """What the variable says; None while it is empty. Raises MailInvalid."""
    if not said:
        return None
    try:
        facts = json.loads(said)
        if not isinstance(facts, dict):
            raise MailInvalid("it is no object")
        return Post(**facts)
    except (ValueError, TypeError) as fault:
        raise MailInvalid(str(fault)) from None


def letter(post: Post, files: Sequence[Path], chinese: Text, english: Text) -> EmailMessage:
    """All files as attachments, with words in both languages; raises OSError."""
    made = EmailMessage()
    words = [
        text(
            "report.letter.subject", title=text("report.title.span"), days=", ".join(sorted({_days(f) for f in files}))
        )
        for text in (chinese, english)
    ]
    made["Subject"], made["From"], made["To"] = " / ".join(words), post.sender, post.to
    body = "\n".join(text("report.letter.body", count=len(files)) for text in (chinese, english))
    made.set_content(f"{body}\n\n" + "\n".join(file.name for file in files) + "\n")
    for file in files:
        made.add_attachment(file.read_bytes(), "text", "html", filename=file.name)
    return made


def _days(file: Path) -> str:
    """`daily-grid-2026-03-01.html` is about 2026-03-01."""
    return file.stem.split("-", 2)[-1]
