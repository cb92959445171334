"""What each venue is, can do, costs and needs, as rows for showing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.errors import CrossbookError
from domain.instruments import KINDS, Instrument

if TYPE_CHECKING:
    from connectors.base import Capabilities
    from connectors.registry import Venues
    from utils.config.settings import Config


def venue_rows(config: "Config", venues: "Venues", names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Describe the named venues, or every one of the configuration: those that are open in full."""
    rows = []
    for name in venues.names:
        settings, connector = config.venues[name], venues.connector(name)
        listed = venues.cache.all(name)
        rows.append(
            {
                "venue": name,
                "class": settings.class_path,
                "enabled": settings.enabled,
                "retired": None,
                "urls": connector.base_urls(),
                "instruments": len(listed),
                "kinds": [kind for kind in KINDS if kind in connector.capabilities.kinds],
                "can": _abilities(connector.capabilities),
                "max_depth": connector.capabilities.max_depth or None,
                "taker_fee_bps": _fee_range([i.taker_fee for i in listed], settings.taker_fee_bps),
                "maker_fee_bps": _fee_range([i.maker_fee for i in listed], settings.maker_fee_bps),
                "fee_source": _fee_source(listed, connector.capabilities, settings.taker_fee_bps),
                "requests_per_minute": settings.requests_per_minute or connector.capabilities.requests_per_minute,
                "credentials": _credentials(name, venues),
                "needs_passphrase": connector.capabilities.needs_passphrase,
                "notes": connector.capabilities.notes or None,
            }
        )
    for name, settings in config.venues.items():
        if name not in venues.names and (not names or name in names):
            rows.append({"venue": name, "class": settings.class_path, "enabled": False, "retired": settings.retired})
    return rows


def _abilities(capabilities: "Capabilities") -> list[str]:
    offered = (
        ("quotes", capabilities.quotes),
        ("books", capabilities.books),
        ("funding", capabilities.funding and not capabilities.continuous_funding),
        ("continuous funding", capabilities.continuous_funding),
        ("predicted funding", capabilities.predicted_funding),
        ("funding history", capabilities.funding_history),
        ("testnet", bool(capabilities.testnet_hosts)),
    )
    return [name for name, there in offered if there]


def _fee_range(fees: Sequence[Decimal | None], own: Decimal | None) -> list[Decimal] | None:
    if own is not None:
        return [own]
    known = sorted({fee * 10_000 for fee in fees if fee is not None})
    return None if not known else known if len(known) == 1 else [known[0], known[-1]]


def _fee_source(listed: Sequence[Instrument], capabilities: "Capabilities", own: Decimal | None) -> str | None:
    if own is not None:
        return "your configuration"
    return capabilities.fee_source if any(i.taker_fee is not None for i in listed) else None


def _credentials(name: str, venues: "Venues") -> str | None:
    """Say where the keys of this environment come from; never what they are."""
    try:
        found = venues.place.keys(name)
    except CrossbookError as error:
        return error.message
    return None if found is None else found.source
