"""The `symbols` commands: list, map, explain, refresh."""

import click

from commands.options import common_options
from commands.session import finish, open_session, progress
from utils.rendering import Report, Table


@click.group()
def symbols() -> None:
    """List, map and explain symbols across venues."""


@symbols.command("list", epilog="Example: python main.py symbols list --asset BTC --venue deribit --env sim")
@click.option("--asset", metavar="CODE", help="Only this asset, multiples of it (1000PEPE) included.")
@click.option("--kind", type=click.Choice(("spot", "perpetual", "future", "option")), help="Only this kind.")
@common_options
def list_symbols(
    asset: str | None, kind: str | None, env: str | None, venues: tuple[str, ...], output: str, timeout: float | None
) -> None:
    """List every instrument with its id at each venue."""
    from market_data.symbols import listing_rows

    session = open_session(env, venues, timeout)
    rows = listing_rows(session.venues, asset, kind)
    headers = ("venue", "symbol", "native id", "kind", "contract size", "tick", "lot", "expiry")
    table = Table(headers, [[row[h.replace(" ", "_")] for h in headers] for row in rows], f"{session.environment}")
    finish(Report({"environment": session.environment, "symbols": rows}, [table]), output)


@symbols.command("map", epilog="Example: python main.py symbols map BTC/USDT:USDT --to okx --env sim")
@click.argument("text", metavar="SYMBOL")
@click.option("--to", "to", multiple=True, metavar="VENUE", help="Show the native id at this venue only; repeatable.")
@common_options
def map_symbol(
    text: str, to: tuple[str, ...], env: str | None, venues: tuple[str, ...], output: str, timeout: float | None
) -> None:
    """Give the canonical symbol of a native id, and the native ids of a canonical symbol."""
    from market_data.symbols import mapping

    session = open_session(env, (), timeout)
    answer = mapping(session.venues, text, venues, to)
    rows = [(row["venue"], row["native_id"], row["symbol"], row["product"]) for row in answer["ids"]]
    notes = [f"The same id also names {', '.join(answer['also'])}."] if answer["also"] else []
    table = Table(("venue", "native id", "symbol", "product"), rows, f"{answer['symbol']}  ({session.environment})")
    finish(Report({"environment": session.environment, **answer}, [table], notes=notes), output)


@symbols.command(epilog="Example: python main.py symbols explain 1000PEPE --env sim")
@click.argument("text", metavar="ASSET_OR_SYMBOL")
@common_options
def explain(text: str, env: str | None, venues: tuple[str, ...], output: str, timeout: float | None) -> None:
    """Show what each venue calls an asset, in which units, and the price evidence that it is the same asset."""
    from market_data.symbols import explanation

    session = open_session(env, venues, timeout)
    answer = explanation(session.venues, text, session.deadline())
    headers = ("venue", "native id", "symbol", "multiplier", "contract size", "settle", "expiry", "price", "off by bps")
    keys = ("venue", "native_id", "symbol", "multiplier", "contract_size", "settle", "expiry", "unit_price", "off_bps")
    rows = [[row[key] for key in keys] + [row["evidence"]] for row in answer["instruments"]]
    title = f"{answer['asset']}  ({session.environment}; prices are for one {answer['asset']})"
    record = {"environment": session.environment, **answer}
    finish(Report(record, [Table((*headers, "evidence"), rows, title)], answer["summary"]), output)


@symbols.command(epilog="Example: python main.py symbols refresh --venue okx")
@common_options
def refresh(env: str | None, venues: tuple[str, ...], output: str, timeout: float | None) -> None:
    """Download the instrument lists again, side by side."""
    from market_data.symbols import refreshed

    session = open_session(env, venues, timeout, markets=False)
    answer, code = refreshed(session.venues, progress)
    headers = ("venue", "instruments", "fetched", "status", "reason")
    table = Table(headers, [[row[key] for key in headers] for row in answer], session.environment)
    record = {"environment": session.environment, "venues": answer}
    finish(Report(record, [table], notes=session.venues.notes, exit_code=code), output)
