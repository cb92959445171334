"""What each venue still lets us ask, as every process of this machine shares it."""

from typing import TYPE_CHECKING, Any

from connectors.guard import key_of
from domain.time import rfc3339
from utils.resilience.breaker import CLOSED, HALF_OPEN, Breaker, BreakerState
from utils.resilience.budget import Budget, BudgetState
from utils.resilience.clock import ClockOffsets
from utils.resilience.store import open_store

if TYPE_CHECKING:
    from connectors.registry import Venues


def ratelimit_rows(venues: "Venues") -> list[dict[str, Any]]:
    """Describe budget, circuit breaker and clock of every open venue, and of what else was asked in this environment.

    Nothing is asked of the venues. `used` and `remaining` are units of request cost that are taken from the burst and
    left of it; `venue_used` and `venue_limit` are the venue's own count, as it last told it.
    """
    store = open_store()
    scope = venues.cache.environment_key
    budgets = {state.key: state for state in Budget(store).snapshot()}
    breakers = Breaker(store).snapshot()
    offsets = ClockOffsets(store).snapshot()
    store.close()
    names = list(venues.names)
    for key in sorted(budgets.keys() | breakers.keys()):
        where, _, name = key.rpartition("/")
        if where == scope and name not in venues.config.venues and name not in names:
            names.append(name)  # a source of reference prices
    rows = []
    for name in names:
        key = key_of(scope, name)
        offset = offsets.get(key)
        rows.append(
            {"venue": name}
            | _budget(budgets.get(key), _declared(venues, name))
            | _breaker(*breakers.get(key, (CLOSED, BreakerState())))
            | {
                "clock_offset_ms": round(offset.offset_ms) if offset else None,
                "clock_measured_at": rfc3339(offset.measured_at_ms) if offset else None,
            }
        )
    return rows


def _declared(venues: "Venues", name: str) -> float | None:
    """Tell the budget per minute of a venue that may never have been asked."""
    if name not in venues.classes:
        return None
    return venues.config.venues[name].requests_per_minute or venues.classes[name].capabilities.requests_per_minute


def _budget(state: BudgetState | None, declared: float | None) -> dict[str, Any]:
    charged = state is not None and state.rate_per_min > 0
    per_minute = state.rate_per_min + state.burst if state is not None and charged else declared
    return {
        "requests_per_minute": _whole(per_minute),
        "burst": _whole(state.burst) if state is not None and charged else None,
        "used": _whole(state.used) if state is not None and charged else 0,
        "remaining": _whole(state.remaining) if state is not None and charged else None,
        "venue_used": _whole(state.told_used) if state is not None else None,
        "venue_limit": _whole(state.told_limit) if state is not None else None,
        "blocked_until": _moment(state.blocked_until) if state is not None else None,
    }


def _breaker(condition: str, state: BreakerState) -> dict[str, Any]:
    waiting = condition not in (CLOSED, HALF_OPEN)
    return {
        "breaker": condition,
        "failures": state.failures,
        "asked_again_at": _moment(state.opened_at + state.cooldown_s) if waiting else None,
        "last_failure": state.reason or None,
    }


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _moment(epoch_s: float | None) -> str | None:
    return None if epoch_s is None else rfc3339(round(epoch_s * 1000))
