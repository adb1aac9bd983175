"""Reports on scores: one page on all operators for a supervisor, one for every operator on itself. Pure.

Both languages on a page that fetches nothing. An operator's page names no other operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from csms.texts import Text
from monitor.quality.report import STYLE, Page
from monitor.scoring.judge import Verdict
from monitor.scoring.points import Standing

LIFTS_SHOWN = 3
SHARE = "1"
"""The unit of a share."""
ARROWS = {"rising": "↗", "falling": "↘", "steady": "→"}
MORE_STYLE = """
.span{position:relative;height:.7rem;background:#e3e8ee;min-width:8rem}.span i,.span b{position:absolute;height:100%}
.span i{background:#9db8d6}.span b{background:#1b4f8a;width:3px}
"""


def overview(verdict: Verdict, chinese: Text, english: Text) -> str:
    """All operators: ranks with their intervals, groups, weights."""
    page = Page(chinese, english)
    parts = [
        _heading(page, verdict),
        _flag(page, "scoring.report.reading"),
        _unknown(page, "nobody", verdict.unknown),
        _section(page, "operators", _operators(page, verdict)),
        _section(page, "groups", _groups(page, verdict)),
        _section(page, "weights", _weights(page, verdict)),
    ]
    return _html(page, "scoring.report.title", verdict.period, parts)


def own_report(verdict: Verdict, operator: str, chinese: Text, english: Text) -> str:
    """One operator on itself; raises KeyError for one who is not there."""
    found = {one.operator: one for one in verdict.standings}[operator]
    page = Page(chinese, english)
    parts = [_heading(page, verdict), f"<p>{page.words('scoring.report.operator')}: <b>{escape(operator)}</b></p>"]
    if found.score is None:
        words = {"coverage": _percent(found.coverage), "least": _percent(verdict.scheme.coverage_min)}
        parts.append(f'<p class="flag">{page.words("scoring.report.no_score", **words)}</p>')
    else:
        parts += [
            _standing(page, verdict, found),
            _unknown(page, "unknown", found.unknown),
            _section(page, "lifts", _lifts(page, verdict, found)),
            _section(page, "contributions", _contributions(page, verdict, found)),
            _section(page, "history", _history(page, verdict, operator)),
        ]
    parts.append(_flag(page, "scoring.report.reading"))
    return _html(page, "scoring.report.own", f"{operator} {verdict.period}", parts)


def _unknown(page: Page, key: str, names: Sequence[str]) -> str:
    """Which indicators are not counted for want of data; nothing where there are none."""
    if not names:
        return ""
    listed = ", ".join(_indicator(page, name) for name in names)
    return f'<p class="flag">{page.words(f"scoring.report.{key}")} {listed}</p>'


def _standing(page: Page, verdict: Verdict, one: Standing) -> str:
    marks = {"rank": one.rank, "of": verdict.scored, "low": one.rank_low, "high": one.rank_high}
    group = verdict.groups.get(one.operator)
    profile = (
        f"<p>{page.words('scoring.report.group', group=(group or 0) + 1)}</p>"
        if group is not None and verdict.group_means
        else ""
    )
    return (
        f'<p><span class="grade">{one.score:.1f}</span> &nbsp; {page.words("scoring.report.rank", **marks)}</p>'
        f"<p>{_trend(page, verdict, one.operator)}</p>{profile}"
    )


def _trend(page: Page, verdict: Verdict, operator: str) -> str:
    line = verdict.trends.get(operator)
    if line is None:
        return page.words("scoring.report.no_trend")
    figures = {"slope": f"{line.slope:+.1f}", "low": f"{line.low:+.1f}", "high": f"{line.high:+.1f}"}
    return page.words(f"scoring.trend.{line.word}", **figures)


def _arrow(verdict: Verdict, operator: str) -> str:
    """A trend in a cell: where it goes, if that is sure, and points a period."""
    line = verdict.trends.get(operator)
    return "" if line is None else f"{ARROWS[line.word]} {line.slope:+.1f}"


def _value(value: float, unit: str) -> str:
    """With its unit; shares in percent."""
    return f"{100 * value:.3g} %" if unit == SHARE else f"{value:.3g} {unit}"


def _lifts(page: Page, verdict: Verdict, one: Standing) -> str:
    rows = []
    for lift in one.lifts[:LIFTS_SHOWN]:
        target = _value(lift.target, verdict.scheme.indicators[lift.indicator].unit)
        words = page.words("scoring.report.lift", points=f"{lift.points:.1f}", target=target)
        rows.append([_indicator(page, lift.indicator), _cell(words), _number(f"{lift.percent:.0f}")])
    return _table(page, ("indicator", "lift_words", "percent"), rows) if rows else _words(page, "no_lift")


def _contributions(page: Page, verdict: Verdict, one: Standing) -> str:
    order = sorted(one.contributions, key=lambda name: one.contributions[name])
    rows = [
        [
            _indicator(page, name),
            _number(f"{100 * verdict.scheme.indicators[name].weight:g} %"),
            _number(f"{one.percents[name]:.0f}"),
            _number(f"{one.contributions[name]:+.1f}"),
        ]
        for name in order
    ]
    return _words(page, "sum") + _table(page, ("indicator", "weight", "percent", "contribution"), rows)


def _history(page: Page, verdict: Verdict, operator: str) -> str:
    rows = [[escape(period), _number(f"{score:.1f}")] for period, score in verdict.history[operator].items()]
    return _table(page, ("period", "score"), rows)


def _operators(page: Page, verdict: Verdict) -> str:
    rows = []
    for one in verdict.standings:
        if one.score is None:
            words = page.words("scoring.report.too_little", coverage=_percent(one.coverage))
            rows.append([escape(one.operator), _number("–"), _number("–"), _cell(words), *[_cell("")] * 4])
            continue
        group = verdict.groups.get(one.operator)
        lift = _indicator(page, one.lifts[0].indicator) if one.lifts else ""
        rows.append(
            [
                escape(one.operator),
                _number(f"{one.score:.1f}"),
                _number(str(one.rank)),
                _number(f"{one.rank_low}–{one.rank_high}"),
                _cell(_span(one, verdict.scored)),
                _number(str(group + 1) if group is not None and verdict.group_means else "–"),
                _number(_arrow(verdict, one.operator)),
                _cell(lift),
            ]
        )
    titles = ("operator", "score", "rank_title", "interval", "", "group_title", "arrow", "first_lift")
    return _table(page, titles, rows)


def _span(one: Standing, of: int) -> str:
    """The interval of the rank as a bar, the best rank on the left."""
    assert one.rank is not None
    assert one.rank_low is not None
    assert one.rank_high is not None
    left, own = (100.0 * (rank - 1) / of for rank in (one.rank_low, one.rank))
    width = 100.0 * (one.rank_high - one.rank_low + 1) / of
    return f'<div class="span"><i style="left:{left:.1f}%;width:{width:.1f}%"></i><b style="left:{own:.1f}%"></b></div>'


def _groups(page: Page, verdict: Verdict) -> str:
    grouping = verdict.grouping
    marks = [(name, value) for name, value in (("silhouette", grouping.silhouette), ("stability", grouping.stability))]
    told = " · ".join(
        f"{page.words(f'scoring.report.{name}')} {value:.2f}" for name, value in marks if value is not None
    )
    if not verdict.group_means:
        return f"<p>{page.words(f'scoring.structure.{grouping.why}')}</p><p>{told}</p>"
    sizes = [sum(label == number for label in verdict.groups.values()) for number in range(grouping.count)]
    rows = [
        [_indicator(page, name), *(_number(f"{means[name]:.0f}") for means in verdict.group_means)]
        for name in verdict.scheme.names
    ]
    rows.append([page.words("scoring.report.size"), *(_number(str(size)) for size in sizes)])
    head = f"<th>{page.words('scoring.report.indicator')}</th>" + "".join(
        f'<th class="n">{number + 1}</th>' for number in range(grouping.count)
    )
    return f"<p>{page.words('scoring.report.groups_words')}</p><p>{told}</p>{_rows(head, rows)}"


def _weights(page: Page, verdict: Verdict) -> str:
    rows = [
        [
            _indicator(page, name),
            _number(f"{100 * one.weight:g} %"),
            _cell(page.words(f"scoring.better.{one.better}")),
            _cell(escape(one.unit)),
            _number(f"{one.prior:g} {escape(one.samples)}"),
        ]
        for name, one in verdict.scheme.indicators.items()
    ]
    version = page.words("scoring.report.version", version=verdict.scheme.version)
    return f"<p>{version}</p>" + _table(page, ("indicator", "weight", "better", "unit", "prior"), rows)


def _indicator(page: Page, name: str) -> str:
    """Its words, or its bare name in a scheme of one's own."""
    try:
        return page.words(f"scoring.indicator.{name}")
    except KeyError:
        return f"<code>{escape(name)}</code>"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _words(page: Page, key: str) -> str:
    return f"<p>{page.words(f'scoring.report.{key}')}</p>"


def _flag(page: Page, key: str) -> str:
    return f'<p class="flag">{page.words(key)}</p>'


def _heading(page: Page, verdict: Verdict) -> str:
    told = f"<p>{page.words('scoring.report.period')}: <b>{escape(verdict.period)}</b></p>"
    return f"<h1>{page.words('scoring.report.title')}</h1>{told}"


def _section(page: Page, name: str, inside: str) -> str:
    return f'<h2>{page.words(f"scoring.report.{name}")}</h2><div class="wrap">{inside}</div>'


def _cell(shown: str) -> str:
    return f"<td>{shown}</td>"


def _number(shown: str) -> str:
    return f'<td class="n">{shown}</td>'


def _table(page: Page, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{page.words(f'scoring.report.{title}') if title else ''}</th>" for title in titles)
    return _rows(head, rows)


def _rows(head: str, rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells; the first cell of each is bare, the others bring their tags."""
    body = "".join(f"<tr><td>{first}</td>{''.join(rest)}</tr>" for first, *rest in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _html(page: Page, title: str, more: str, parts: Sequence[str]) -> str:
    head = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(page.title(title))} {escape(more)}</title><style>{STYLE}{MORE_STYLE}</style></head>"
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"
