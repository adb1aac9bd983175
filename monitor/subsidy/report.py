"""The page of a declaration: amount, every step, findings. In both languages, fetches nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from csms.province.subsidy import Claim, Inputs
from csms.texts import Text
from monitor.quality.report import STYLE, Page
from monitor.subsidy.explain import Step, steps
from monitor.subsidy.fraud import Finding


def render(
    given: Inputs, claim: Claim, faults: Sequence[Finding], notes: Sequence[Finding], chinese: Text, english: Text
) -> str:
    """The page."""
    page = Page(chinese, english)
    parts = [
        f"<h1>{page.words('subsidy.report.title')}</h1>",
        f"<p>{escape(given.rule.authority)} · <code>{escape(given.rule.id)}</code></p>",
        f"<p>{given.first_day} … {given.last_day}</p>",
        f'<p><span class="grade">{claim.yuan}</span> {page.words("subsidy.report.yuan")}</p>',
        _section(page, "faults", _list(page, faults)),
        _section(page, "notes", _list(page, notes)),
        _section(page, "steps", _steps(page, steps(given))),
    ]
    head = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(page.title('subsidy.report.title'))} {escape(given.rule.id)}</title>"
        f"<style>{STYLE}</style></head>"
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"


def words_of(finding: Finding, text: Text) -> str:
    """A finding in a line."""
    return text(f"subsidy.finding.{finding.check}", subject=finding.subject, detail=finding.detail)


def _section(page: Page, name: str, inside: str) -> str:
    return f"<h2>{page.words(f'subsidy.report.{name}')}</h2>{inside}"


def _list(page: Page, found: Iterable[Finding]) -> str:
    rows = [
        f"<li>{page.words(f'subsidy.finding.{one.check}', subject=one.subject, detail=one.detail)}</li>"
        for one in found
    ]
    return f"<ul>{''.join(rows)}</ul>" if rows else f"<p>{page.words('subsidy.report.none')}</p>"


def _steps(page: Page, made: Iterable[Step]) -> str:
    rows = [
        f"<tr><td><code>{escape(step.subject)}</code></td>"
        f"<td>{page.words(f'subsidy.step.{step.key}', **step.values)}</td></tr>"
        for step in made
    ]
    return f'<div class="wrap"><table>{"".join(rows)}</table></div>'
