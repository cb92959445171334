"""What an account has bought at Deriv, and which of it is an order whose answer was lost.

The statement has every purchase, open or closed, newest first; the portfolio has what is open, the profit table what
is closed. Only when none of them has it, an order was never accepted.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.trading import OrderRef
from connectors.venues.deriv_contracts import Bought, Contract, Terms, read_bought, read_contract
from connectors.venues.deriv_session import CallRefused, PrivateCalls
from domain.errors import BadAnswer, OutcomeUnknown
from domain.money import to_decimal
from domain.time import read_ms

Row = Mapping[str, Any]

CLAIMED = "claimed"
"""A fact that whoever looks an order up may add: ids, with commas, of contracts that are other orders of ours."""
TRADES = frozenset({"buy", "sell"})
"""What the statement calls purchases and sales."""
NEARBY_MS = 15_000
"""A purchase this long after ours was prepared cannot be ours, if only just: it is left to a human."""
_PAGE, _MAX_PAGES = 999, 50
_NOT_FOUND = frozenset({"ContractNotFound", "InvalidContractProposal", "GetProposalFailure"})


class History:
    """Reads of one account's contracts; `claims` are those that orders of this process are known to be."""

    def __init__(self, calls: PrivateCalls, app_id: str) -> None:
        self.claims: dict[int, str] = {}
        self._calls = calls
        self._venue = calls.venue
        self._app_id = app_id
        self._closed: dict[int, Contract] = {}

    def last_transaction(self) -> int:
        """Tell the id of the account's newest transaction; 0 where it has none."""
        rows = self._calls.read({"statement": 1, "limit": 1}, lambda answer: answer["statement"]["transactions"])
        return max((int(row["transaction_id"]) for row in rows), default=0)

    def contract(self, number: int) -> Contract | None:
        """Look one multiplier contract up, open or closed; None where the account has none of this id."""
        if number in self._closed:
            return self._closed[number]
        try:
            found = self._calls.read({"proposal_open_contract": 1, "contract_id": number}, read_contract)
        except CallRefused as error:
            if error.code in _NOT_FOUND:
                return None
            raise
        if found is not None and found.id != number:
            raise BadAnswer(f"{self._venue} told of another contract.", venue=self._venue)
        if found is not None and found.sold_ms is not None:
            self._closed[number] = found
        return found

    def open(self, symbol: str | None = None) -> list[Contract]:
        """List open multipliers, of one symbol or of all, oldest first."""
        held = sorted(self._held(), key=lambda bought: bought.transaction_id)
        mine = [bought for bought in held if symbol is None or bought.terms.symbol == symbol.upper()]
        found = [self.contract(bought.contract_id) for bought in mine]
        return [contract for contract in found if contract is not None and contract.sold_ms is None]

    def stated(self, since_ms: int) -> list[Row]:
        """List all transactions since (epoch ms; the venue counts whole seconds), oldest first.

        Raises:
            OutcomeUnknown: there are more than are read at once.
        """
        rows = self._statement(**({"date_from": since_ms // 1000} if since_ms > 0 else {}))
        return sorted(rows, key=lambda row: (int(row["transaction_time"]), int(row["transaction_id"])))

    def traded(self, symbol: str, since_ms: int) -> list[Contract]:
        """List multipliers of a symbol that were bought or sold since, oldest first."""
        numbers: dict[int, None] = {}
        for row in self._statement(date_from=since_ms // 1000):
            if row["action_type"] in TRADES:
                bought = read_bought(row)
                if bought is not None and bought.terms.symbol == symbol.upper():
                    numbers[bought.contract_id] = None
        found = [self.contract(number) for number in reversed(numbers)]
        return [contract for contract in found if contract is not None]

    def purchase_of(self, ref: OrderRef) -> int | None:
        """Find the contract that an order without an answer became; None where the venue says that it has none.

        Raises:
            OutcomeUnknown: there are no facts, or several purchases that it could be.
        """
        facts = ref.facts
        if "last_transaction_id" not in facts or "stake" not in facts:
            raise self._unclear("Nothing was written down that this order could be found by.")
        kind, symbol = facts["contract_type"], facts["symbol"].upper()
        terms = Terms(kind, symbol, Decimal(facts["stake"]), int(facts["multiplier"]))
        others = {int(number) for number in facts.get(CLAIMED, "").split(",") if number}
        others |= {number for number, client_id in self.claims.items() if client_id != ref.client_id}
        after, at_ms = int(facts["last_transaction_id"]), int(facts["at_ms"])

        def fits(bought: Bought) -> bool:
            mine = bought.app_id in (self._app_id, "None")
            return mine and bought.terms == terms and bought.contract_id not in others

        alike = [bought for bought in self._stated(after) if fits(bought)]
        if not alike:
            alike = [bought for bought in self._elsewhere(after, at_ms) if fits(bought)]
        if not alike:
            return None
        if len(alike) > 1 or alike[0].time_ms > at_ms + NEARBY_MS:
            named = ", ".join(str(bought.contract_id) for bought in alike)
            raise self._unclear(f"It cannot be told apart which contract this order became, or whether any: {named}.")
        return alike[0].contract_id

    def _stated(self, after: int) -> list[Bought]:
        """List the purchases of the statement that are newer than a transaction."""
        rows = map(read_bought, self._statement(until_id=after, action_type="buy"))
        return [bought for bought in rows if bought is not None]

    def _elsewhere(self, after: int, at_ms: int) -> list[Bought]:
        """List newer purchases of the portfolio and the profit table, should the statement lag behind them."""
        found = {bought.contract_id: bought for bought in (*self._held(), *self._sold(at_ms))}
        told = [(bought, self.contract(number)) for number, bought in found.items() if bought.time_ms >= at_ms - 5_000]
        return [bought for bought, contract in told if contract is not None and contract.buy_id > after]

    def _held(self) -> list[Bought]:
        rows = self._calls.read({"portfolio": 1}, lambda answer: [*map(read_bought, answer["portfolio"]["contracts"])])
        return [bought for bought in rows if bought is not None]

    def _sold(self, since_ms: int) -> list[Bought]:
        request = {"profit_table": 1, "description": 1, "limit": 500, "date_from": str(since_ms // 1000 - 5)}
        rows = self._calls.read(request, lambda answer: [*map(read_bought, answer["profit_table"]["transactions"])])
        return [bought for bought in rows if bought is not None]

    def _statement(self, until_id: int = 0, **chosen: object) -> list[Row]:
        """List transactions newer than an id, newest first, all pages; rows that came twice are left out."""
        found: dict[int, Row] = {}
        for page in range(_MAX_PAGES):
            request = {"statement": 1, "description": 1, "limit": _PAGE, "offset": page * _PAGE, **chosen}
            rows = self._calls.read(request, lambda answer: [*map(_identified, answer["statement"]["transactions"])])
            fresh = [(number, row) for number, row in rows if number > until_id]
            found |= dict(fresh)
            if len(fresh) < len(rows) or len(rows) < _PAGE:
                return list(found.values())
        raise OutcomeUnknown(f"{self._venue} has more transactions than are read at once.", venue=self._venue)

    def _unclear(self, text: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._venue}: {text}", venue=self._venue, hint="Compare with the statement at the venue."
        )


def _identified(row: Row) -> tuple[int, Row]:
    """Check that a transaction has what it is read for. Raises KeyError, TypeError or ValueError."""
    read_ms(row["transaction_time"])
    to_decimal(row["amount"])
    if row["action_type"] in TRADES:
        int(row["contract_id"])
        if not row["shortcode"]:  # without one nobody can tell what it was
            raise ValueError("a trade without a short code")
    return int(row["transaction_id"]), row
