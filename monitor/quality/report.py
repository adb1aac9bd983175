"""The daily quality report of an operator: one HTML page in both languages that fetches nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from monitor.quality.score import METRICS, WEIGHTS

Text = Any
FINDINGS_SHOWN = 200
STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2rem auto;
max-width:70rem;padding:0 1rem;color:#1b2733;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}small{color:#5c6b7a;font-weight:400}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;border-bottom:1px solid #e3e8ee;text-align:left;
vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.wrap{overflow-x:auto}
.grade{font-size:3rem;font-weight:700}.A{color:#14804a}.B{color:#4b7a10}.C{color:#b26a00}.D{color:#b3261e}
.bar{height:.7rem;background:#e3e8ee;min-width:8rem}.bar i{display:block;height:100%;background:#2b6cb0}
.flag{background:#fff4e0;border-left:4px solid #b26a00;padding:.5rem 1rem}code{word-break:break-all}
@media print{body{margin:0}}
"""


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """What a report shows. `document`: the kept judgement; `flagged`: state of a profile that must be shown."""

    day: str
    document: Mapping[str, Any]
    digest: str
    hours: Sequence[Mapping[str, Any]] = ()
    alarms: Sequence[Mapping[str, Any]] = ()
    root: str = ""
    flagged: str = ""


class Page:
    """Puts words of both languages together."""

    def __init__(self, chinese: Text, english: Text) -> None:
        self._texts = (chinese, english)

    def words(self, key: str, **values: object) -> str:
        """Chinese, and English smaller beside it; safe as HTML."""
        chinese, english = (escape(text(key, **values)) for text in self._texts)
        return f"{chinese} <small>{english}</small>"

    def title(self, key: str) -> str:
        """Both, without markup."""
        chinese, english = (text(key) for text in self._texts)
        return f"{chinese} {english}"


def render_report(inputs: ReportInputs, chinese: Text, english: Text) -> str:
    """The page."""
    page, document = Page(chinese, english), inputs.document
    parts = [
        f"<h1>{page.words('quality.report.title')}</h1>",
        f"<p>{page.words('quality.report.operator')}: <b>{escape(document['operator_id'])}</b> · "
        f"{page.words('quality.report.day')}: <b>{escape(inputs.day)}</b></p>",
        _flag(page, inputs),
        _score(page, document),
        _dimensions(page, document),
        _metrics(page, document),
        _checks(page, document),
        _findings(page, document),
        _hours(page, inputs.hours),
        _alarms(page, inputs.alarms),
        _footer(page, inputs),
    ]
    title = " ".join((page.title("quality.report.title"), document["operator_id"], inputs.day))
    head = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f"<style>{STYLE}</style></head>"
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"


def _flag(page: Page, inputs: ReportInputs) -> str:
    if not inputs.flagged:
        return ""
    words = page.words("quality.report.flagged", profile=inputs.document["profile"], state=inputs.flagged)
    return f'<p class="flag">{words}</p>'


def _score(page: Page, document: Mapping[str, Any]) -> str:
    score = document["score"]
    if score["total"] is None:
        return f"<p>{page.words('quality.report.no_data')}</p>"
    grade, words = escape(score["grade"]), page.words("quality.report.score")
    return f'<p><span class="grade {grade}">{grade}</span> &nbsp; {words}: <b>{escape(score["total"])}</b></p>'


def _dimensions(page: Page, document: Mapping[str, Any]) -> str:
    rows = []
    for dimension, weight in WEIGHTS.items():
        value = document["score"]["dimensions"][dimension]
        bar = f'<div class="bar"><i style="width:{escape(value)}%"></i></div>' if value is not None else ""
        shown = page.words("quality.report.no_data") if value is None else escape(value)
        rows.append(
            [page.words(f"quality.dimension.{dimension}"), _number(f"{weight} %"), _number(shown), f"<td>{bar}</td>"]
        )
    titles = ("dimensions", "weight", "score")
    return _section(page, "dimensions", _table(page, titles, rows, blank=1))


def _metrics(page: Page, document: Mapping[str, Any]) -> str:
    rows = []
    for name in METRICS:
        part, whole = document["metrics"][name]
        share = f"{100 * part / whole:.2f} %" if whole else page.words("quality.report.no_data")
        rows.append([page.words(f"quality.metric.{name}"), _number(f"{part} / {whole}"), _number(share)])
    return _section(page, "metrics", _table(page, ("metrics", "made", "share"), rows))


def _checks(page: Page, document: Mapping[str, Any]) -> str:
    failed = sorted(
        ((counts[0], name, counts[1]) for name, counts in document["checks"].items() if counts[0]),
        key=lambda row: (-row[0], row[1]),
    )
    rows = [
        [
            page.words(f"quality.check.{name}"),
            f"<td><code>{escape(name)}</code></td>",
            _number(str(bad)),
            _number(str(made)),
        ]
        for bad, name, made in failed
    ]
    return _section(page, "checks", _table(page, ("checks", "", "failed", "made"), rows) if rows else "")


def _findings(page: Page, document: Mapping[str, Any]) -> str:
    rows = [
        [f"<code>{escape(check)}</code>", *(f"<td>{escape(str(value))}</td>" for value in (subject, at, detail))]
        for check, subject, at, detail in document["findings"][:FINDINGS_SHOWN]
    ]
    more = document["finding_count"] - len(rows)
    words = f"<p>{page.words('quality.report.more', count=more)}</p>" if more > 0 else ""
    return _section(page, "findings", _table(page, ("checks", "subject", "at", "detail"), rows) + words if rows else "")


def _hours(page: Page, hours: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        [
            escape(hour["hour"][:16]),
            f"<td>{escape(hour['interface'])}</td>",
            *(_number(str(hour[name])) for name in ("calls", "ok")),
            f"<td>{escape(', '.join(f'{ret}: {count}' for ret, count in hour['rets'].items()))}</td>",
            _number(" / ".join(f"{hour[name] / 1000:.1f}" for name in ("p50_us", "p95_us", "p99_us"))),
            *(_number(str(hour[name])) for name in ("size_bytes", "retries", "dead_letters")),
        ]
        for hour in hours
    ]
    titles = ("at", "interface", "calls", "ok", "rets", "latency", "bytes", "retries", "dead")
    return _section(page, "hours", _table(page, titles, rows) if rows else "")


def _alarms(page: Page, alarms: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        [
            page.words(f"quality.alarm.{alarm['name']}"),
            *(f"<td>{escape(str(alarm[name]))}</td>" for name in ("subject", "detail", "raised_at")),
            f"<td>{page.words('quality.state.' + alarm['state'])}</td>",
        ]
        for alarm in alarms
    ]
    return _section(page, "alarms", _table(page, ("alarms", "subject", "detail", "at"), rows, blank=1) if rows else "")


def _footer(page: Page, inputs: ReportInputs) -> str:
    root = f"<p>{page.words('quality.report.evidence')}: <code>{escape(inputs.root)}</code></p>" if inputs.root else ""
    return f"<hr>{root}<p>{page.words('quality.report.appeal')} <code>{escape(inputs.digest)}</code></p>"


def _section(page: Page, name: str, inside: str) -> str:
    body = f'<div class="wrap">{inside}</div>' if inside else f"<p>{page.words('quality.report.none')}</p>"
    return f"<h2>{page.words(f'quality.report.{name}')}</h2>{body}"


def _number(shown: str) -> str:
    return f'<td class="n">{shown}</td>'


def _table(page: Page, titles: Sequence[str], rows: Iterable[Sequence[str]], blank: int = 0) -> str:
    """Rows of cells; the first cell of each is bare, the others bring their tags. `blank`: columns without a title."""
    head = "".join(f"<th>{page.words(f'quality.report.{title}') if title else ''}</th>" for title in titles)
    body = "".join(f"<tr><td>{first}</td>{''.join(rest)}</tr>" for first, *rest in rows)
    return f"<table><tr>{head}{'<th></th>' * blank}</tr>{body}</table>"
