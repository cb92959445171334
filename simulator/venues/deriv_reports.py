"""Deriv's rows about contracts and money: proposals, open contracts, portfolio, profit table, statement.

Fields and their types are those of the receive.json schemas of deriv-com/deriv-api-docs; money is JSON numbers.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from simulator.market.model import Listing
from simulator.venues import deriv_offers as offers
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv_calls import Row
from simulator.venues.deriv_contracts import OPEN, SOLD, Contract, Desk, Transaction
from simulator.venues.deriv_offers import Terms


def offered(listing: Listing, now_s: int, spot: str | None) -> Row:
    """List the contracts that can be bought on a symbol, as `contracts_for` does."""
    shared: Row = {"barriers": 0, "exchange_name": quotes.fact(listing, "exchange_name"), "market": listing.product}
    shared |= {"start_type": "spot", "underlying_symbol": listing.native_id}
    shared |= {"submarket": quotes.fact(listing, "submarket")}
    available: list[Row] = []
    for expiry, (shortest, longest) in offers.durations_of(listing).items() if offers.has_options(listing) else ():
        span: Row = {"expiry_type": expiry, "min_contract_duration": shortest, "max_contract_duration": longest}
        span |= {"barrier_category": "euro_atm", "contract_category": "callput", "contract_category_display": "Up/Down"}
        for kind, shown, way in (("CALL", "Higher", "up"), ("PUT", "Lower", "down")):
            available.append(shared | span | {"contract_type": kind, "contract_display": shown, "sentiment": way})
    multipliers, _ = offers.multipliers_of(listing)
    if multipliers:
        span = {"expiry_type": "no_expiry", "min_contract_duration": "", "max_contract_duration": ""}
        span |= {"barrier_category": "american", "contract_category": "multiplier"}
        span |= {"contract_category_display": "Multipliers", "multiplier_range": list(multipliers)}
        span |= {"cancellation_range": []}
        for kind, shown, way in (("MULTUP", "Up", "up"), ("MULTDOWN", "Down", "down")):
            available.append(shared | span | {"contract_type": kind, "contract_display": shown, "sentiment": way})
    content: Row = {"available": available, "hit_count": len(available), "feed_license": "realtime"}
    content |= {"open": now_s if quotes.is_open(listing, now_s) else quotes.next_change(listing, now_s, opening=True)}
    content |= {"close": quotes.next_change(listing, now_s, opening=False)}
    return content | {"spot": float(spot) if spot else None}


def proposal(identity: str, listing: Listing, terms: Terms, tick: quotes.Tick, now_s: int) -> Row:
    """Describe an offer."""
    name = str(quotes.fact(listing, "display_name"))
    row: Row = {"id": identity, "ask_price": float(terms.stake), "display_value": f"{terms.stake:.2f}"}
    row |= {"payout": float(terms.payout), "spot": float(tick.quote), "spot_time": tick.epoch, "date_start": now_s}
    row |= {"longcode": offers.longcode(terms, name), "contract_details": {}}
    if not terms.is_multiplier:
        limits = {"min": str(offers.MIN_OPTION_STAKE)}
        return row | {"validation_params": {"payout": {"max": str(offers.MAX_PAYOUT)}, "stake": limits}}
    spot = Decimal(tick.quote)
    row |= {"multiplier": terms.multiplier, "commission": float(terms.commission)}
    row |= {"limit_order": limit_orders(listing, terms, spot, now_s)}
    stakes = {"min": str(offers.MIN_STAKE), "max": str(offers.MAX_STAKE)}
    return row | {"validation_params": {"stake": stakes}}


def limit_orders(listing: Listing, terms: Terms, basis: Decimal, since_s: int) -> Row:
    """Describe where a multiplier closes by itself."""
    wanted: list[tuple[str, str, Decimal | None]] = [("stop_out", "Stop out", -terms.stake)]
    wanted += [("take_profit", "Take profit", terms.take_profit)]
    wanted += [("stop_loss", "Stop loss", None if terms.stop_loss is None else -terms.stop_loss)]
    found: Row = {}
    for key, name, amount in wanted:
        if amount is not None:
            value = f"{terms.barrier(basis, amount):.{quotes.pip_size(listing)}f}"
            found[key] = {
                "display_name": name,
                "order_amount": float(amount),
                "order_date": since_s,
                "value": value,
            }
    return found


def bought(contract: Contract, balance: Decimal) -> Row:
    """Confirm a purchase."""
    return {
        "balance_after": float(balance),
        "buy_price": float(contract.terms.stake),
        "contract_id": contract.id,
        "longcode": contract.longcode,
        "payout": float(contract.terms.payout),
        "purchase_time": contract.purchase_s,
        "shortcode": contract.shortcode,
        "start_time": contract.purchase_s,
        "transaction_id": contract.buy_id,
    }


def sold(contract: Contract, balance: Decimal) -> Row:
    """Confirm a sale."""
    return {
        "balance_after": float(balance),
        "contract_id": contract.id,
        "reference_id": contract.buy_id,
        "sold_for": float(contract.sell_price),
        "transaction_id": contract.sell_id,
    }


def held(contract: Contract) -> Row:
    """Describe an open contract as `portfolio` does."""
    return {
        "app_id": contract.app_id,
        "buy_price": float(contract.terms.stake),
        "contract_id": contract.id,
        "contract_type": contract.terms.type,
        "currency": contract.terms.currency,
        "date_start": contract.purchase_s,
        "expiry_time": contract.expiry_s,
        "longcode": contract.longcode,
        "payout": float(contract.terms.payout),
        "purchase_time": contract.purchase_s,
        "shortcode": contract.shortcode,
        "symbol": contract.terms.symbol,
        "transaction_id": contract.buy_id,
    }


def state(desk: Desk, contract: Contract, listing: Listing, now_s: int) -> Row:
    """Describe a contract as `proposal_open_contract` does, open or closed."""
    terms, bid = contract.terms, desk.bid(contract, now_s)
    gain, is_sold = bid - terms.stake, contract.status != OPEN
    expired = is_sold and contract.status != SOLD
    row: Row = held(contract) | {"bid_price": float(bid), "display_value": f"{bid:.2f}", "profit": float(gain)}
    del row["app_id"], row["symbol"], row["transaction_id"]
    share = (gain / terms.stake * 100).quantize(Decimal("0.01"))
    row |= {"profit_percentage": float(share), "status": contract.status, "barrier_count": 1}
    row |= {"display_name": quotes.fact(listing, "display_name"), "underlying": terms.symbol, "barrier": None}
    row |= {"date_expiry": contract.expiry_s, "date_settlement": contract.expiry_s, "is_forward_starting": 0}
    row |= {"is_expired": int(expired), "is_sold": int(is_sold), "is_settleable": int(expired), "is_intraday": 1}
    row |= {"is_path_dependent": int(terms.is_multiplier), "is_valid_to_cancel": 0}
    row["is_valid_to_sell"] = int(not is_sold and bool(contract.entry_spot) and quotes.is_open(listing, now_s))
    row["transaction_ids"] = {"buy": contract.buy_id} | ({"sell": contract.sell_id} if is_sold else {})
    if contract.entry_spot:
        row |= _spot("entry_spot", contract.entry_spot) | _spot("entry_tick", contract.entry_spot)
        row |= {"entry_tick_time": contract.entry_s}
    tick = quotes.tick_at(desk.market, listing, contract.exit_s or now_s)
    if tick is not None:
        row |= _spot("current_spot", tick.quote) | {"current_spot_time": tick.epoch}
    if terms.is_multiplier:
        row |= {"multiplier": terms.multiplier, "commission": float(terms.commission)}
        row["limit_order"] = limit_orders(listing, terms, Decimal(contract.entry_spot), contract.purchase_s)
    if is_sold:
        row |= _spot("exit_tick", contract.exit_spot) | {"exit_tick_time": contract.exit_s}
        row |= _spot("sell_spot", contract.exit_spot) | {"sell_spot_time": contract.exit_s}
        row |= {"sell_price": float(contract.sell_price), "sell_time": contract.sell_s}
        row |= {"validation_error": "This contract has been sold.", "validation_error_code": "ContractAlreadySold"}
    return row


def profit_row(contract: Contract, *, described: bool) -> Row:
    """Describe a closed contract as `profit_table` does."""
    row: Row = {
        "app_id": contract.app_id,
        "buy_price": float(contract.terms.stake),
        "contract_id": contract.id,
        "duration_type": None,
        "payout": float(contract.terms.payout),
        "purchase_time": contract.purchase_s,
        "sell_price": float(contract.sell_price),
        "sell_time": contract.sell_s,
        "transaction_id": contract.buy_id,
    }
    return row | ({"longcode": contract.longcode, "shortcode": contract.shortcode} if described else {})


def statement_row(line: Transaction, contracts: Mapping[int, Contract], *, described: bool) -> Row:
    """Describe a transaction; that of a contract has its payout, and where asked for its description."""
    row: Row = {"action_type": line.action, "amount": float(line.amount), "balance_after": float(line.balance_after)}
    row |= {"transaction_id": line.id, "transaction_time": line.time_s}
    contract = contracts.get(line.contract_id)
    if contract is None:
        return row
    row |= {"app_id": contract.app_id, "contract_id": contract.id, "payout": float(contract.terms.payout)}
    row["reference_id"] = contract.buy_id if line.action == "sell" else None
    if line.action == "sell":
        row["purchase_time"] = contract.purchase_s
    return row | ({"longcode": contract.longcode, "shortcode": contract.shortcode} if described else {})


def page(rows: Sequence[Row], frame: Row, default: int) -> list[Row]:
    """Cut the page that `limit` and `offset` ask for."""
    start = int(float(str(frame.get("offset", 0))))
    return list(rows[start : start + int(float(str(frame.get("limit", default))))])


def transaction_row(line: Transaction, contracts: Mapping[int, Contract], currency: str) -> Row:
    """Describe a transaction as the stream `transaction` does."""
    row: Row = {"action": line.action, "amount": float(line.amount), "balance": float(line.balance_after)}
    row |= {"currency": currency, "transaction_id": line.id, "transaction_time": line.time_s}
    contract = contracts.get(line.contract_id)
    if contract is None:
        return row
    terms = contract.terms
    row |= {"contract_id": contract.id, "longcode": contract.longcode, "symbol": terms.symbol}
    row |= {"date_expiry": contract.expiry_s, "purchase_time": contract.purchase_s}
    return row


def login(loginid: str, currency: str, cash: Decimal, scopes: list[str]) -> Row:
    """Describe whom a token belongs to, as `authorize` does."""
    shared: Row = {"currency": currency, "is_virtual": 0, "landing_company_name": "svg", "loginid": loginid}
    listed = shared | {"account_type": "trading", "created_at": 1_600_000_000, "is_disabled": 0, "trading": {}}
    row = shared | {"account_list": [listed], "balance": float(cash), "country": "id", "email": "trader@example.com"}
    row |= {"fullname": "Mr Sim Trader", "landing_company_fullname": "Deriv (SVG) LLC", "scopes": scopes}
    row |= {"local_currencies": {"IDR": {"fractional_digits": 2}}, "preferred_language": "EN", "trading": {}}
    return row | {"upgradeable_landing_companies": [], "user_id": int(loginid[2:])}


def epoch(value: object, default: int) -> int:
    """Read `date_from` and its like: epoch seconds, or a day."""
    if value is None:
        return default
    text = str(value)
    if "-" not in text:
        return int(text)
    year, month, day = map(int, text.split("-"))
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def _spot(name: str, text: str) -> Row:
    return {name: float(text), f"{name}_display_value": text}
