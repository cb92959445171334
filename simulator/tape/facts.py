"""The facts of a recorded series as the instrument that its venue lists.

Files say what a reader needs of a series, not in which section its venue lists it nor by which code. That is what the
simulator's own list of the venue is asked for: of the very instrument, or else of the one most like it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

from simulator.market.calendar import DAY_MS
from simulator.market.model import FUTURE, OPTION, Listing

WIDE = Context(prec=80)
"""Sizes and units multiply and divide in it without loss."""
_DATED = re.compile(r"-(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:-(?P<strike>[\d.]+)-(?P<side>[CP]))?$")
_MULTIPLIED = re.compile(r"(?:(?P<before>10{3,})(?P<asset>[A-Z]\w*)|[A-Z]+(?P<after>10{3,}))")


class Unlisted(LookupError):
    """The simulator has no venue that lists such an instrument; the message says which."""


def to_listing(facts: Mapping[str, Any], known: Sequence[Listing]) -> Listing:
    """Describe the instrument of `facts`; `known` is what its venue lists in the simulator.

    Ticks, lots and units are the recorded ones. Fees, intervals of funding and the least value of an order are those
    of the simulator's list. Raises Unlisted.
    """
    same = [item for item in known if (item.native_id, item.kind) == (facts["native_id"], facts["kind"])]
    alike = [item for item in known if item.kind == facts["kind"]]
    if not alike:
        raise Unlisted(f"the simulator's {facts['venue']} lists nothing like it")
    model = same[0] if same else max(alike, key=lambda item: _likeness(item, facts))
    unit = Decimal(facts["unit_size"])
    tick = facts["tick_size"] or model.tick_size
    lot = model.lot_size if facts["lot_size"] is None else f"{WIDE.divide(Decimal(facts['lot_size']), unit):f}"
    found = replace(model, contract_size=facts["unit_size"])
    if not same:
        found = _named(found, facts, known)
    if same and (Decimal(tick), Decimal(lot)) == (Decimal(model.tick_size), Decimal(model.lot_size)):
        return found
    # What a list says of increments in its own words would contradict what was recorded.
    return replace(found, tick_size=tick, lot_size=lot, min_size=lot, extra=())


def _likeness(item: Listing, facts: Mapping[str, Any]) -> tuple[bool, ...]:
    settle = facts["settle"]
    return (
        item.inverse == facts["inverse"],
        settle is None or item.settle == settle,
        (item.settle == item.quote) == (settle == facts["quote"]),
        item.quote == facts["quote"],
        item.multiplier == 1,
    )


def _named(model: Listing, facts: Mapping[str, Any], known: Sequence[Listing]) -> Listing:
    """Give the model the names, dates and strike of another instrument."""
    base, multiplier = str(facts["base"]), 1
    if match := _MULTIPLIED.fullmatch(base):
        multiplier = int(match["before"] or match["after"])
        # Some lists have `1000PEPE` as base, others the coin and the multiplier apart.
        if match["asset"] and any(item.multiplier > 1 and item.base.isalpha() for item in known):
            base = match["asset"]
    settle = facts["settle"] or (facts["quote"] if model.settle else "")
    found = replace(
        model, native_id=facts["native_id"], base=base, quote=facts["quote"], settle=settle,
        inverse=facts["inverse"], multiplier=multiplier, extra=(),
    )  # fmt: skip
    dated = _DATED.search(facts["symbol"])
    if facts["kind"] not in (FUTURE, OPTION) or dated is None:
        return found
    day = datetime(2000 + int(dated["year"]), int(dated["month"]), int(dated["day"]), tzinfo=UTC)
    hour_ms = (model.expiry_ms or 0) % DAY_MS
    found = replace(found, expiry_ms=int(day.timestamp()) * 1000 + hour_ms)
    if dated["strike"] is None:
        return found
    return replace(found, strike=dated["strike"], option_type="call" if dated["side"] == "C" else "put")
