"""What orders on paper may be: a venue's own rules."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from connectors.trading import EVERY_TYPE, UNIQUE_EVER, OrderRate, TradingRules
from domain.instruments import KINDS, SPOT
from domain.orders import TIFS

if TYPE_CHECKING:
    from connectors.base import Connector


def rules_of(connector: "Connector") -> TradingRules:
    """Take a venue's own rules, as far as they make sense where nothing is sent: nothing is late or lost here."""
    rules = TradingRules(
        types=dict.fromkeys(KINDS, EVERY_TYPE),
        tifs=dict.fromkeys(KINDS, frozenset(TIFS)),
        post_only=frozenset(KINDS),
        reduce_only=frozenset(KINDS) - {SPOT},
        amend=frozenset(KINDS),
    )
    if connector.trading_class is not None:
        module, _, name = connector.trading_class.partition(":")
        rules = getattr(import_module(module), name).rules
    return replace(
        rules,
        client_id_unique=UNIQUE_EVER,
        client_id_note="On paper an id is taken for ever.",
        acceptance_ms=0,
        settling_ms=0,
        order_rate=OrderRate(1000, 1000),
        cancel_all=True,
        cancel_after_s=None,
        asynchronous=False,
    )
