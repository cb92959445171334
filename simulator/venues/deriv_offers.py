"""What Deriv sells here: multipliers (MULTUP, MULTDOWN) and rise/fall options (CALL, PUT), and what they cost.

Profit of a multiplier, its commission of at least 0.02 and where it stops out are those of the real server's published
sources (BOM-Product, Role::Multiplier); ranges and words of refusals are from its tests and Deriv's own apps.
Commission rates and prices of CALL and PUT away from the money are not published: those here are our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import erf, log, sqrt

from simulator.market.catalogue import ASSETS, UnknownAsset, resolve
from simulator.market.model import Listing
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv_calls import CallError

MULTIPLIERS = ("MULTUP", "MULTDOWN")
OPTIONS = ("CALL", "PUT")
MIN_STAKE, MAX_STAKE = Decimal("1.00"), Decimal("2000.00")
MIN_OPTION_STAKE, MAX_PAYOUT = Decimal("0.35"), Decimal("50000.00")
MOST_PROFIT = 100
"""How many times the stake a take profit may be."""
_MIN_COMMISSION = Decimal("0.02")
_CENT = Decimal("0.01")
_YEAR_S = 365 * 86_400
_RANGES: Mapping[int, tuple[int, ...]] = {
    10: (400, 1000, 2000, 3000, 4000), 25: (160, 400, 800, 1200, 1600), 50: (80, 200, 400, 600, 800),
    75: (50, 100, 200, 300, 500), 100: (40, 100, 200, 300, 400), 150: (20, 50, 100, 150, 200),
    250: (20, 40, 60, 80, 100), 15: (250, 600, 1200, 2000, 2500), 30: (125, 300, 600, 1000, 1250),
    90: (45, 110, 220, 330, 450),
}  # fmt: skip
"""Multipliers by a volatility index's number."""
_OTHERS: Mapping[str, tuple[tuple[int, ...], str]] = {
    "crash_index": ((100, 200, 300, 400, 500), "0.00035"),
    "jump_index": ((20, 40, 60, 80, 100), "0.00045"),
    "step_index": ((750, 2000, 3500, 5500, 7500), "0.00001"),
    "major_pairs": ((30, 50, 100, 150, 300), "0.00005"),
    "non_stable_coin": ((100, 200, 300, 500, 800), "0.0003"),
}
_ASK = {"synthetic_index": Decimal("0.5149"), "forex": Decimal("0.57")}
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Terms:
    """What is agreed on in a contract. Money in `currency`; `payout` 0 and `duration` "" on multipliers.

    `duration` is as asked for (`5t`, `15m`); `expiry_s` an absolute expiry instead. `take_profit` and `stop_loss` are
    positive amounts.
    """

    type: str
    symbol: str
    currency: str
    stake: Decimal
    payout: Decimal = Decimal(0)
    multiplier: int = 0
    commission: Decimal = Decimal(0)
    duration: str = ""
    expiry_s: int = 0
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None

    @property
    def sign(self) -> int:
        """Tell which way wins: 1 up, -1 down."""
        return 1 if self.type in ("MULTUP", "CALL") else -1

    @property
    def is_multiplier(self) -> bool:
        """Tell whether it is a multiplier."""
        return self.type in MULTIPLIERS

    @property
    def ticks(self) -> int:
        """Count the ticks of a tick option; 0 of any other."""
        return int(self.duration[:-1]) if self.duration.endswith("t") else 0

    def barrier(self, basis: Decimal, profit: Decimal) -> Decimal:
        """Return the spot at which a multiplier that began at `basis` has this profit."""
        share = (profit + self.commission) / (self.stake * self.multiplier)
        return basis * (1 + self.sign * share)


def cents(amount: Decimal) -> Decimal:
    """Round money to cents."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def multipliers_of(listing: Listing) -> tuple[tuple[int, ...], Decimal]:
    """Return the multipliers offered on a symbol (none: not offered) and the commission as a share of the exposure."""
    submarket = str(quotes.fact(listing, "submarket"))
    if submarket == "random_index":
        number = int("".join(c for c in listing.native_id.removeprefix("1HZ") if c.isdigit()))
        return _RANGES.get(number, ()), Decimal(number) * Decimal("0.0000035")
    found, rate = _OTHERS.get(submarket, ((), "0"))
    return found, Decimal(rate)


def has_options(listing: Listing) -> bool:
    """Tell whether CALL and PUT are offered on a symbol."""
    return str(quotes.fact(listing, "submarket")) not in ("crash_index", "jump_index")


def durations_of(listing: Listing) -> dict[str, tuple[str, str]]:
    """Return shortest and longest duration per type of expiry."""
    if listing.product == "synthetic_index" and quotes.fact(listing, "hours") == "always":
        return {"tick": ("1t", "10t"), "intraday": ("15s", "1d"), "daily": ("1d", "365d")}
    return {"intraday": ("15m", "1d"), "daily": ("1d", "365d")}


def agreed(listing: Listing, asked: Mapping[str, object], currency: str, now_s: int, call: str) -> Terms:
    """Check what is asked for (fields of `proposal`) and price it. Raises CallError in the venue's words."""
    kind = str(asked["contract_type"])
    if str(asked["currency"]) != currency:
        text = f"The provided currency {asked['currency']} is not the default currency."
        raise CallError("NotDefaultCurrency", text, call)
    amount = _money(asked.get("amount"), call)
    if kind in MULTIPLIERS:
        return _multiplier(listing, asked, amount, call)
    offered = kind in OPTIONS and has_options(listing)
    if not offered or any(name in asked for name in ("barrier", "barrier2", "multiplier", "limit_order")):
        raise CallError("OfferingsValidationError", "Trading is not offered for this asset.", call)
    return _option(listing, asked, amount, now_s, call)


def profit(terms: Terms, basis: Decimal, spot: Decimal) -> Decimal:
    """Return a multiplier's profit at `spot`; it cannot lose more than the stake."""
    moved = terms.stake * terms.multiplier * terms.sign * (spot - basis) / basis
    return max(cents(moved - terms.commission), -terms.stake)


def option_bid(listing: Listing, terms: Terms, entry: Decimal, spot: Decimal, left_s: int) -> Decimal:
    """Price an open CALL or PUT: the discounted chance of winning, less 3 % for selling early."""
    try:
        volatility = max(ASSETS[resolve(listing.base)[0]].volatility, 0.05)
    except UnknownAsset:
        volatility = 0.2
    width = volatility * sqrt(max(left_s, 1) / _YEAR_S)
    score = terms.sign * log(float(spot) / float(entry)) / width
    chance = 0.5 * (1 + erf(max(-8.0, min(8.0, score)) / sqrt(2)))
    return cents(terms.payout * Decimal(f"{0.97 * chance:.6f}"))


def shortcode(terms: Terms, start_s: int, expiry_s: int) -> str:
    """Write the venue's short code: `MULTUP_R_100_10.00_30_1717184563_4870799999_0_33.00_N1`, `CALL_R_100_19.42_…`."""
    if terms.is_multiplier:
        take = terms.take_profit or Decimal(0)
        tail = f"{terms.stake:.2f}_{terms.multiplier}_{start_s}_{expiry_s}_0_{take:.2f}_N1"
    else:
        end = f"{terms.ticks}T" if terms.ticks else str(expiry_s)
        tail = f"{terms.payout:.2f}_{start_s}_{end}_S0P_0"
    return f"{terms.type}_{terms.symbol.upper()}_{tail}"


def longcode(terms: Terms, name: str) -> str:
    """Describe a contract in the venue's words."""
    if terms.is_multiplier:
        way, moved = ("Up", "increase") if terms.sign > 0 else ("Down", "decrease")
        text = f"If you select '{way}', your total profit/loss will be the percentage {moved} in {name}, multiplied by "
        return f"{text}{terms.multiplier}, minus commissions."
    way = "higher" if terms.sign > 0 else "lower"
    length = f"after {terms.ticks} ticks" if terms.ticks else f"at {terms.duration} after contract start time"
    return f"Win payout if {name} is strictly {way} than entry spot {length}."


def _money(value: object, call: str) -> Decimal:
    if value is None:
        raise CallError("ContractCreationFailure", "Missing required contract parameters (amount).", call)
    return Decimal(str(value))


def _invalid(message: str, call: str, field: str) -> CallError:
    return CallError("ContractBuyValidationError", message, call, {"field": field})


def _multiplier(listing: Listing, asked: Mapping[str, object], stake: Decimal, call: str) -> Terms:
    kind = str(asked["contract_type"])
    if asked.get("basis", "stake") != "stake":
        raise CallError("ContractCreationFailure", "Basis must be stake for this contract.", call, {"field": "basis"})
    if "multiplier" not in asked:
        text = "Missing required contract parameters (multiplier)."
        raise CallError("ContractCreationFailure", text, call, {"field": "basis"})
    if "duration" in asked or "date_expiry" in asked:
        text = f"Invalid input (duration or date_expiry) for this contract type ({kind})."
        raise CallError("ContractCreationFailure", text, call, {"field": "duration"})
    if "cancellation" in asked:
        raise _invalid("Deal cancellation is not available for this asset.", call, "cancellation")
    offered, rate = multipliers_of(listing)
    if not offered:
        raise CallError("OfferingsValidationError", "Trading is not offered for this asset.", call)
    _decimals("Stake", stake, call)
    if stake < MIN_STAKE:
        raise _invalid(f"Please enter a stake amount that's at least {MIN_STAKE}.", call, "amount")
    if stake > MAX_STAKE:
        raise _invalid(f"Maximum stake allowed is {MAX_STAKE}.", call, "amount")
    multiplier = Decimal(str(asked["multiplier"]))
    if multiplier not in offered:
        text = f"Multiplier is not in acceptable range. Accepts {','.join(map(str, offered))}."
        raise _invalid(text, call, "multiplier")
    commission = cents(max(stake * multiplier * rate, _MIN_COMMISSION))
    limits = asked.get("limit_order")
    limits = limits if isinstance(limits, Mapping) else {}
    take = _limit("Take profit", limits.get("take_profit"), Decimal("0.10"), stake * MOST_PROFIT, call)
    stop = _limit("Stop loss", limits.get("stop_loss"), commission + _CENT, stake, call)
    terms = Terms(kind, listing.native_id, str(asked["currency"]), stake, multiplier=int(multiplier))
    return Terms(**(vars(terms) | {"commission": commission, "take_profit": take, "stop_loss": stop}))


def _limit(name: str, value: object, low: Decimal, high: Decimal, call: str) -> Decimal | None:
    if value is None:
        return None
    amount, field = Decimal(str(value)), name.lower().replace(" ", "_")
    _decimals(name, amount, call)
    if amount < low:
        raise _invalid(f"Enter an amount equal to or higher than {cents(low)}.", call, field)
    if amount > high:
        raise _invalid(f"Enter an amount equal to or lower than {cents(high)}.", call, field)
    return amount


def _decimals(name: str, amount: Decimal, call: str) -> None:
    if amount != cents(amount):
        text = f"{name} can not have more than 2 decimal places."
        raise CallError("ContractCreationFailure", text, call, {"field": "amount"})


def _option(listing: Listing, asked: Mapping[str, object], amount: Decimal, now_s: int, call: str) -> Terms:
    basis = str(asked.get("basis", "payout"))
    _decimals("Stake" if basis == "stake" else "Payout", amount, call)
    duration, expiry_s = _duration(listing, asked, now_s, call)
    price = _ASK.get(listing.product, Decimal("0.55"))
    stake, payout = (amount, cents(amount / price)) if basis == "stake" else (cents(amount * price), amount)
    if stake < MIN_OPTION_STAKE or payout > MAX_PAYOUT:
        text = f"Minimum stake of {MIN_OPTION_STAKE} and maximum payout of {MAX_PAYOUT}."
        raise _invalid(f"{text} Current {basis} is {amount:.2f}.", call, "amount")
    kind, currency = str(asked["contract_type"]), str(asked["currency"])
    return Terms(kind, listing.native_id, currency, stake, payout, duration=duration, expiry_s=expiry_s)


def _duration(listing: Listing, asked: Mapping[str, object], now_s: int, call: str) -> tuple[str, int]:
    if "date_expiry" in asked:
        expiry_s = int(str(asked["date_expiry"]))
        if expiry_s <= now_s:
            raise CallError("ContractBuyValidationError", "Expiry time cannot be in the past.", call)
        length, unit = expiry_s - now_s, "s"
    elif "duration" in asked:
        length, unit, expiry_s = int(Decimal(str(asked["duration"]))), str(asked.get("duration_unit", "s")), 0
    else:
        raise CallError("ContractCreationFailure", "Please specify either duration or date_expiry.", call)
    kind = "tick" if unit == "t" else "daily" if unit == "d" else "intraday"
    limits = durations_of(listing).get(kind)
    scale = 1 if unit == "t" else _UNITS_S[unit]
    if limits is None or not _length(limits[0]) <= length * scale <= _length(limits[1]):
        raise CallError("OfferingsValidationError", "Trading is not offered for this duration.", call)
    return f"{length}{unit}", expiry_s


def _length(text: str) -> int:
    return int(text[:-1]) * (1 if text.endswith("t") else _UNITS_S[text[-1]])
