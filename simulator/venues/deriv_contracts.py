"""Deriv's contracts and accounts: what is bought, what becomes of it by time and price, and every transaction.

A contract is settled when somebody looks: prices are a function of time, so that what happened meanwhile, a restart of
the simulator included, is found out then, in the order in which it happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from simulator.exchange.store import Store
from simulator.market.model import Listing, Market
from simulator.venues import deriv_offers as offers
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv_calls import CallError, Row
from simulator.venues.deriv_offers import Terms

OPEN, SOLD, WON, LOST = "open", "sold", "won", "lost"
DEPOSIT = Decimal("100000.00")
MOST_OPEN = 100
_CENTURY_S = 100 * 365 * 86_400
_STEP = 20
_CONTRACTS_PER_S, _TRANSACTIONS_PER_S = 150, 300
"""Ids grow with time as the venue's do, so that none is repeated after a restart."""
_VENUE, _CONTRACT, _TRANSACTION = "deriv", "contract", "transaction"
_SCANNED_TICKS = 900
"""Longer gaps are searched by candles first."""


@dataclass
class Contract:
    """One contract. Times are epoch seconds, 0 where they are not known yet; spots are text in pips, as ticks are."""

    id: int
    loginid: str
    app_id: int
    terms: Terms
    purchase_s: int
    expiry_s: int
    shortcode: str
    longcode: str
    buy_id: int
    entry_spot: str = ""
    entry_s: int = 0
    looked_s: int = 0
    status: str = OPEN
    sell_id: int = 0
    sell_price: Decimal = Decimal(0)
    sell_s: int = 0
    exit_spot: str = ""
    exit_s: int = 0

    def to_row(self) -> Row:
        """Write as JSON; the store writes money as text."""
        return asdict(self)

    @staticmethod
    def from_row(row: Mapping[str, object]) -> "Contract":
        """Read what `to_row` wrote."""
        terms = dict(row["terms"])  # type: ignore[call-overload]
        for name in ("stake", "payout", "commission", "take_profit", "stop_loss"):
            terms[name] = None if terms[name] is None else Decimal(terms[name])
        fields = dict(row) | {"terms": Terms(**terms), "sell_price": Decimal(str(row["sell_price"]))}
        return Contract(**fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Transaction:
    """One line of the statement; `amount` is signed."""

    id: int
    loginid: str
    action: str
    amount: Decimal
    balance_after: Decimal
    time_s: int
    contract_id: int = 0


class Desk:
    """Contracts, balances and transactions of every account; `listing` finds a symbol's listing."""

    def __init__(self, market: Market, listing: Callable[[str], Listing]) -> None:
        self.market = market
        self.contracts: dict[int, Contract] = {}
        self.transactions: list[Transaction] = []
        self._listing = listing
        self._store: Store | None = None
        self._unsaved: list[tuple[str, int, Row]] = []
        self._balances: dict[str, Decimal] = {}
        self._last_id = 0

    def open(self, store: Store) -> None:
        """Go on with what is stored, and store what happens from now on."""
        self._store = store
        self.contracts = {row["id"]: Contract.from_row(row) for row in store.entries(_VENUE, _CONTRACT)}
        for row in store.entries(_VENUE, _TRANSACTION):
            money = {name: Decimal(row[name]) for name in ("amount", "balance_after")}
            self.transactions.append(Transaction(**(row | money)))
        self._balances = {line.loginid: line.balance_after for line in self.transactions}
        self._last_id = max((line.id for line in self.transactions), default=0)

    def reset(self) -> None:
        """Forget all contracts and give everybody the deposit again."""
        for kept in (self.contracts, self.transactions, self._balances):
            kept.clear()
        if self._store is not None:
            self._store.clear(_VENUE, "")

    def balance(self, loginid: str, now_s: int) -> Decimal:
        """Return an account's cash; a new account gets the deposit."""
        self.settle(loginid, now_s)
        if loginid not in self._balances:
            self._book(loginid, "deposit", DEPOSIT, now_s)
            self._save()
        return self._balances[loginid]

    def of(self, loginid: str, now_s: int) -> list[Contract]:
        """List an account's contracts, oldest first."""
        self.settle(loginid, now_s)
        return [contract for contract in self.contracts.values() if contract.loginid == loginid]

    def find(self, loginid: str, contract_id: int, now_s: int) -> Contract | None:
        """Find an account's contract."""
        self.settle(loginid, now_s)
        found = self.contracts.get(contract_id)
        return found if found is not None and found.loginid == loginid else None

    def lines(self, loginid: str, now_s: int) -> list[Transaction]:
        """List an account's transactions, newest first."""
        self.balance(loginid, now_s)
        return [line for line in reversed(self.transactions) if line.loginid == loginid]

    def buy(self, loginid: str, listing: Listing, terms: Terms, app_id: int, now_s: int) -> Contract:
        """Open a contract. Raises CallError: too poor, too many, or no price."""
        balance = self.balance(loginid, now_s)
        if terms.stake > balance:
            text = f"Your account balance ({balance:.2f} {terms.currency}) is insufficient to buy this contract "
            raise CallError("InsufficientBalance", f"{text}({terms.stake:.2f} {terms.currency}).", "buy")
        if sum(contract.status == OPEN for contract in self.of(loginid, now_s)) >= MOST_OPEN:
            text = f"Sorry, you cannot hold more than {MOST_OPEN} contracts at a given time."
            text += " Please wait until some contracts have closed and try again."
            raise CallError("OpenPositionLimit", text, "buy")
        tick = quotes.tick_at(self.market, listing, now_s)
        if tick is None:
            raise CallError("MarketIsClosed", "This market is presently closed.", "buy")
        expiry_s = self._expiry(listing, terms, now_s)
        line = self._book(loginid, "buy", -terms.stake, now_s, contract_id=self._next_contract(now_s))
        contract = Contract(
            line.contract_id, loginid, app_id, terms, now_s, expiry_s, offers.shortcode(terms, now_s, expiry_s),
            offers.longcode(terms, str(quotes.fact(listing, "display_name"))), line.id, looked_s=now_s,
        )  # fmt: skip
        if terms.is_multiplier:
            contract.entry_spot, contract.entry_s = tick.quote, tick.epoch
        self._note(contract)
        self._save()
        return contract

    def sell(self, loginid: str, contract_id: int, price: Decimal, now_s: int) -> Contract:
        """Close a contract at its bid, at `price` or better. Raises CallError."""
        contract = self.find(loginid, contract_id, now_s)
        if contract is None or contract.status != OPEN:
            raise CallError("InvalidSellContractProposal", "Unknown contract sell proposal", "sell")
        listing = self._listing(contract.terms.symbol)
        tick = quotes.tick_at(self.market, listing, now_s) if quotes.is_open(listing, now_s) else None
        if tick is None:
            raise CallError("MarketIsClosed", "This market is presently closed.", "sell")
        if not contract.entry_spot:
            raise CallError("InvalidtoSell", "Waiting for entry tick.", "sell")
        bid = self.bid(contract, now_s)
        if price > bid:
            text = "The underlying market has moved too much since you priced the contract. The contract sell price has"
            raise CallError("PriceMoved", f"{text} changed from USD{price:.2f} to USD{bid:.2f}.", "sell")
        self._close(contract, SOLD, bid, now_s, tick)
        self._save()
        return contract

    def bid(self, contract: Contract, now_s: int) -> Decimal:
        """Return what the contract could be sold for now, or was sold for."""
        if contract.status != OPEN:
            return contract.sell_price
        listing, terms = self._listing(contract.terms.symbol), contract.terms
        tick = quotes.tick_at(self.market, listing, now_s)
        if tick is None or not contract.entry_spot:
            return terms.stake
        entry, spot = Decimal(contract.entry_spot), Decimal(tick.quote)
        if terms.is_multiplier:
            return terms.stake + offers.profit(terms, entry, spot)
        return offers.option_bid(listing, terms, entry, spot, contract.expiry_s - now_s)

    def settle(self, loginid: str, now_s: int) -> None:
        """Close what has expired or was stopped out by now, in the order in which it happened."""
        due: list[tuple[int, int, str, Decimal, quotes.Tick]] = []
        for contract in self.contracts.values():
            if contract.loginid == loginid and contract.status == OPEN:
                end = self._end(contract, now_s)
                if end is not None:
                    status, worth, at_s, tick = end
                    due.append((at_s, contract.id, status, worth, tick))
        for at_s, contract_id, status, worth, tick in sorted(due):
            self._close(self.contracts[contract_id], status, worth, at_s, tick)
        self._save()

    def _end(self, contract: Contract, now_s: int) -> tuple[str, Decimal, int, quotes.Tick] | None:
        listing, terms = self._listing(contract.terms.symbol), contract.terms
        if not terms.is_multiplier:
            return self._option_end(contract, listing, now_s)
        for epoch in self._epochs(contract, listing, now_s):
            tick = quotes.tick_at(self.market, listing, epoch)
            if tick is None:
                return None
            contract.looked_s = epoch
            gain = offers.profit(terms, Decimal(contract.entry_spot), Decimal(tick.quote))
            floor = -terms.stake if terms.stop_loss is None else -terms.stop_loss
            if gain <= floor or (terms.take_profit is not None and gain >= terms.take_profit):
                return (WON if gain > 0 else LOST), terms.stake + gain, epoch, tick
        return None

    def _epochs(self, contract: Contract, listing: Listing, now_s: int) -> list[int]:
        """List the ticks that may have ended a multiplier since it was last looked at."""
        start = contract.looked_s + 1
        if now_s - start <= _SCANNED_TICKS:
            return quotes.epochs(listing, start, now_s, _SCANNED_TICKS + 1)
        found: list[int] = []
        for opened, four in quotes.candles(self.market, listing, 60, start // 60 * 60, now_s):
            entry = Decimal(contract.entry_spot)
            # Ticks are the middle of the book and candles are trades: look where they come near.
            ends = [Decimal(four[2]) * Decimal("0.999"), Decimal(four[1]) * Decimal("1.001")]
            gains = [offers.profit(contract.terms, entry, spot) for spot in ends]
            terms = contract.terms
            floor = -terms.stake if terms.stop_loss is None else -terms.stop_loss
            if min(gains) <= floor or (terms.take_profit is not None and max(gains) >= terms.take_profit):
                found += quotes.epochs(listing, max(start, opened), min(now_s, opened + 59), 60)
        contract.looked_s = now_s if not found else contract.looked_s
        return found

    def _option_end(
        self, contract: Contract, listing: Listing, now_s: int
    ) -> tuple[str, Decimal, int, quotes.Tick] | None:
        step = quotes.period_s(listing)
        entry_s = (contract.purchase_s // step + 1) * step
        entry = quotes.tick_at(self.market, listing, entry_s) if entry_s <= now_s else None
        if entry is not None and not contract.entry_spot:
            contract.entry_spot, contract.entry_s = entry.quote, entry.epoch
            self._note(contract)
        expiry_s = contract.expiry_s
        exit_tick = quotes.tick_at(self.market, listing, expiry_s) if expiry_s <= now_s else None
        if exit_tick is None or not contract.entry_spot:
            return None
        moved = (Decimal(exit_tick.quote) - Decimal(contract.entry_spot)) * contract.terms.sign
        won = moved > 0
        return (WON if won else LOST), (contract.terms.payout if won else Decimal(0)), expiry_s, exit_tick

    def _expiry(self, listing: Listing, terms: Terms, now_s: int) -> int:
        if terms.is_multiplier:
            return (now_s + _CENTURY_S) // 86_400 * 86_400 + 86_399
        if terms.ticks:
            step = quotes.period_s(listing)
            return (now_s // step + 1 + terms.ticks) * step
        length, unit = int(terms.duration[:-1]), terms.duration[-1]
        expiry_s = terms.expiry_s or now_s + length * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
        if unit == "d":
            expiry_s = expiry_s // 86_400 * 86_400 + 86_399
        elif not quotes.is_open(listing, expiry_s):
            raise CallError("ContractBuyValidationError", "Contract must expire during trading hours.", "buy")
        return expiry_s

    def _close(self, contract: Contract, status: str, worth: Decimal, at_s: int, tick: quotes.Tick) -> None:
        line = self._book(contract.loginid, "sell", worth, at_s, contract_id=contract.id)
        contract.status, contract.sell_price, contract.sell_s, contract.sell_id = status, worth, at_s, line.id
        contract.exit_spot, contract.exit_s = tick.quote, tick.epoch
        self._note(contract)

    def _book(self, loginid: str, action: str, amount: Decimal, at_s: int, contract_id: int = 0) -> Transaction:
        after = self._balances.get(loginid, Decimal(0)) + amount
        number = self._last_id = max(self._last_id + _STEP, at_s * _TRANSACTIONS_PER_S + 8)
        line = Transaction(number, loginid, action, amount, after, at_s, contract_id)
        self._balances[loginid] = after
        self.transactions.append(line)
        self._unsaved.append((_TRANSACTION, line.id, asdict(line)))
        return line

    def _next_contract(self, now_s: int) -> int:
        return max(max(self.contracts, default=0) + _STEP, now_s * _CONTRACTS_PER_S + 8)

    def _note(self, contract: Contract) -> None:
        self.contracts[contract.id] = contract
        self._unsaved.append((_CONTRACT, contract.id, contract.to_row()))

    def _save(self) -> None:
        """Write what has changed, all of it or nothing: a purchase is never without its contract."""
        unsaved, self._unsaved = self._unsaved, []
        if self._store is not None and unsaved:
            self._store.save(_VENUE, unsaved, ())
