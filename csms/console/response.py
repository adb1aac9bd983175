"""`csms response`: demand-response events from invitation to settlement; `response_figures` has the tables."""

from __future__ import annotations

from typing import Any

import typer

from csms.console import response_area, response_drivers, response_season, response_settlement, units
from csms.console import response_figures as figures
from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.limit_values import server_time
from csms.console.work import FAILED, Output, example, group, json_option, url_option, work
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "response")
    for add in (
        _list,
        _show,
        _invite,
        _offer,
        _bid,
        _withdraw,
        _clear,
        _cancel,
        _baseline,
        _report,
        _evaluate,
        _appeal,
        _answer,
    ):
        add(app, text)
    response_settlement.mount(app, text)
    response_drivers.mount(app, text)
    response_area.mount(app, text)
    response_season.mount(app, text)
    return app


def _path(event: str, *more: str) -> str:
    return "/".join(("/response-events", path_segment(event), *more))


def _event(text: Text) -> Any:
    return typer.Argument(help=text("response.option.event"), metavar="EVENT")


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("response.list.help"), epilog=example(text, "csms response list"))
    def list_(
        last: int = typer.Option(50, "--last", min=1, max=1000, help=text("response.list.last")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/response-events", limit=last)
            if as_json:
                out.document(answer)
                return
            titles = ("event", "feeder", "type", "start", "end", "target", "price", "bid", "state")
            columns = [Column(text(f"response.column.{title}"), whole=title != "event") for title in titles]
            out.table(columns, [_row(text, one, answer["clock_time"]) for one in answer["events"]])


def _row(text: Text, event: dict[str, Any], now: str) -> list[Cell]:
    bid = event["bid"]
    return [
        event["id"],
        event["feeder_id"],
        text(f"response.type.{event['type']}"),
        units.local_time(event["start"], now),
        units.local_time(event["end"], now),
        figures.kw(event["target_kw"]),
        f"{event['price']:g}",
        figures.kw(bid["power_kw"]) if bid else units.NOTHING,
        figures.state(text, event),
    ]


def _show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("response.show.help"), epilog=example(text, "csms response show DR-0714"))
    def show(event: str = _event(text), url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(event))
            if as_json:
                out.document(answer)
            else:
                figures.show_event(text, out, answer)


def _invite(app: typer.Typer, text: Text) -> None:
    shown = "csms response invite DR-0714 T1 --kw 60 --from 2026-07-14T19:00 --to 2026-07-14T21:00 --price 1.5"

    @app.command("invite", help=text("response.invite.help"), epilog=example(text, shown))
    def invite(
        event: str = _event(text),
        feeder: str = typer.Argument(help=text("limit.option.feeder"), metavar="FEEDER"),
        kw: float = typer.Option(..., "--kw", min=0.001, help=text("response.option.kw")),
        start: str = typer.Option(..., "--from", help=text("response.option.from")),
        end: str = typer.Option(..., "--to", help=text("response.option.to")),
        price: float = typer.Option(..., "--price", min=0, help=text("response.option.price")),
        per_kw: bool = typer.Option(False, "--per-kw", help=text("response.option.per_kw")),
        fill: bool = typer.Option(False, "--fill", help=text("response.option.fill")),
        notice: str = typer.Option("day_ahead", "--notice", help=text("response.option.notice")),
        reply_by: str | None = typer.Option(None, "--reply-by", help=text("response.option.reply_by")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            now = server_time(api)
            times = {"start": figures.quarter(text, start, now), "end": figures.quarter(text, end, now)}
            times |= {"reply_by": figures.moment(text, reply_by, now)} if reply_by else {}
            body: dict[str, Any] = {name: at.isoformat() for name, at in times.items()}
            body |= {"feeder": feeder, "type": "fill" if fill else "shave", "notice": notice, "target_kw": kw}
            body |= {"price": price, "price_unit": "per_kw" if per_kw else "per_kwh"}
            _told(text, out, api.put(_path(event), body))


def _told(text: Text, out: Output, answer: dict[str, Any]) -> None:
    if out.as_json:
        out.document(answer)
    else:
        figures.show_event(text, out, answer)


def _offer(app: typer.Typer, text: Text) -> None:
    @app.command("offer", help=text("response.offer.help"), epilog=example(text, "csms response offer DR-0714"))
    def offer(event: str = _event(text), url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(event, "offer"))
            if as_json:
                out.document(answer)
            else:
                figures.show_offer(text, out, answer)


def _bid(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms response bid DR-0714 --kw 40 --price 1.2")

    @app.command("bid", help=text("response.bid.help"), epilog=shown)
    def bid(
        event: str = _event(text),
        kw: float | None = typer.Option(None, "--kw", min=0.001, help=text("response.bid.kw")),
        price: float | None = typer.Option(None, "--price", min=0, help=text("response.bid.price")),
        automatic: bool = typer.Option(False, "--auto", help=text("response.bid.auto")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if automatic == (kw is not None) or (kw is None) != (price is None):
            raise typer.BadParameter(text("response.bid.one"), param_hint="--kw --price / --auto")
        with work(text, url, as_json) as (api, out):
            body = {"automatic": True} if automatic else {"power_kw": kw, "price": price}
            _told(text, out, api.put(_path(event, "bid"), body))


def _withdraw(app: typer.Typer, text: Text) -> None:
    @app.command(
        "withdraw", help=text("response.withdraw.help"), epilog=example(text, "csms response withdraw DR-0714")
    )
    def withdraw(event: str = _event(text), url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            _told(text, out, api.delete(_path(event, "bid")))


def _clear(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms response clear DR-0714 --kw 40 --price 1.3")

    @app.command("clear", help=text("response.clear.help"), epilog=shown)
    def clear(
        event: str = _event(text),
        refuse: bool = typer.Option(False, "--refuse", help=text("response.clear.refuse")),
        kw: float | None = typer.Option(None, "--kw", min=0.001, help=text("response.clear.kw")),
        price: float | None = typer.Option(None, "--price", min=0, help=text("response.clear.price")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        given = {"power_kw": kw, "price": price}
        with work(text, url, as_json) as (api, out):
            body = {"accepted": not refuse} | {name: value for name, value in given.items() if value is not None}
            _told(text, out, api.put(_path(event, "clearing"), body))


def _cancel(app: typer.Typer, text: Text) -> None:
    @app.command("cancel", help=text("response.cancel.help"), epilog=example(text, "csms response cancel DR-0714"))
    def cancel(event: str = _event(text), url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            _told(text, out, api.delete(_path(event)))


def _baseline(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms response baseline DR-0714 --method high5of10")

    @app.command("baseline", help=text("response.baseline.help"), epilog=shown)
    def baseline(
        event: str = _event(text),
        method: str | None = typer.Option(None, "--method", help=text("response.option.method")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(event, "baseline"), method=method)
            if as_json:
                out.document(answer)
            else:
                figures.show_baseline(text, out, answer)
            if not answer["known"]:
                raise typer.Exit(FAILED)


def _report(app: typer.Typer, text: Text) -> None:
    @app.command("report", help=text("response.report.help"), epilog=example(text, "csms response report DR-0714"))
    def report(event: str = _event(text), url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(event, "report"))
            if as_json:
                out.document(answer)
            else:
                figures.show_rows(text, out, answer["rows"])


def _evaluate(app: typer.Typer, text: Text) -> None:
    @app.command(
        "evaluate", help=text("response.evaluate.help"), epilog=example(text, "csms response evaluate DR-0714")
    )
    def evaluate(
        event: str = _event(text),
        method: str | None = typer.Option(None, "--method", help=text("response.option.method")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            query = f"?method={path_segment(method)}" if method else ""
            answer = api.post(_path(event, "evaluations") + query, {})
            if as_json:
                out.document(answer)
            else:
                figures.show_evaluation(text, out, answer)
                figures.show_rows(text, out, answer["rows"])


def _appeal(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms response appeal DR-0714 --reason 2 --note '7 July was no usual day'")

    @app.command("appeal", help=text("response.appeal.help"), epilog=shown)
    def appeal(
        event: str = _event(text),
        reason: int = typer.Option(..., "--reason", min=1, max=3, help=text("response.appeal.reason")),
        note: str = typer.Option("", "--note", help=text("response.appeal.note")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.post(_path(event, "appeals"), {"reason": reason, "note": note})
            if as_json:
                out.document(answer)
            else:
                out.line(text("response.appeal.done", number=answer["number"]))


def _answer(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms response answer DR-0714 1 --upheld --method mean10trim")

    @app.command("answer", help=text("response.answer.help"), epilog=shown)
    def answer(
        event: str = _event(text),
        number: int = typer.Argument(min=1, help=text("response.answer.number"), metavar="APPEAL"),
        upheld: bool = typer.Option(..., "--upheld/--rejected", help=text("response.answer.upheld")),
        method: str | None = typer.Option(None, "--method", help=text("response.answer.method")),
        note: str = typer.Option("", "--note", help=text("response.appeal.note")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            body = {"upheld": upheld, "note": note} | ({"method": method} if method else {})
            told = api.put(_path(event, "appeals", str(number)), body)
            if as_json:
                out.document(told)
            else:
                out.line(text("response.answer.done", number=number))
