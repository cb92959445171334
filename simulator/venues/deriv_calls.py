"""Deriv's request schemas: what each v3 call takes, and the words in which it refuses the rest.

The properties, patterns and enumerations are those of the `send.json` schemas of deriv-com/deriv-api-docs; whole
numbers may come as text ("1"), as the real server allows.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

Row = dict[str, object]
Check = Callable[[object], str]
"""Answer what is wrong with a value, empty when nothing is."""

GRANULARITIES = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
STREAMS = (
    "balance", "candles", "cashier_payments", "p2p_advert", "p2p_advertiser", "p2p_order", "proposal",
    "proposal_open_contract", "ticks", "transaction", "trading_platform_asset_listing", "website_status",
    "p2p_settings", "crypto_estimations",
)  # fmt: skip
SCOPES: Mapping[str, tuple[str, ...]] = {
    "balance": ("read",), "portfolio": ("read",), "proposal_open_contract": ("read",), "transaction": ("read",),
    "profit_table": ("read", "trading_information"), "statement": ("read", "trading_information"), "buy": ("trade",),
    "sell": ("trade",), "cancel": ("trade",), "logout": (),
}  # fmt: skip
"""Calls that need `authorize` first, with the scopes of which one is needed."""
NOT_SERVED = (
    "buy_contract_for_multiple_accounts", "sell_expired", "contract_update", "contract_update_history", "get_settings",
    "get_limits", "get_account_status", "account_list", "api_token", "topup_virtual", "reality_check",
    "login_history", "account_statistics", "copy_start", "copy_stop", "transfer_between_accounts", "cashier",
)  # fmt: skip
"""Private calls of the venue that this simulator knows, and does not carry out."""
TYPES = (
    "MULTUP", "MULTDOWN", "UPORDOWN", "EXPIRYRANGE", "ONETOUCH", "CALLE", "LBHIGHLOW", "ASIAND", "EXPIRYRANGEE",
    "DIGITDIFF", "DIGITMATCH", "DIGITOVER", "PUTE", "DIGITUNDER", "NOTOUCH", "CALL", "RANGE", "LBFLOATPUT", "DIGITODD",
    "PUT", "ASIANU", "LBFLOATCALL", "EXPIRYMISSE", "EXPIRYMISS", "DIGITEVEN", "TICKHIGH", "TICKLOW", "RESETCALL",
    "RESETPUT", "CALLSPREAD", "PUTSPREAD", "RUNHIGH", "RUNLOW", "ACCU", "VANILLALONGCALL", "VANILLALONGPUT",
    "TURBOSLONG", "TURBOSSHORT",
)  # fmt: skip


class CallError(Exception):
    """A refusal: Deriv's code, its message, `details` where it gives any, and the `msg_type` it comes under."""

    def __init__(self, code: str, message: str, msg_type: str, details: Row | None = None) -> None:
        super().__init__(message)
        self.error: Row = {"code": code, "message": message} | ({"details": details} if details is not None else {})
        self.msg_type = msg_type


def whole(value: object) -> str:
    """Take a whole number, as JSON or as text."""
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)) or isinstance(value, float):
        return f"Expected integer - got {'number' if isinstance(value, float) else 'string'}."
    return ""


def number(low: float | None = None, high: float | None = None) -> Check:
    """Take a number within limits, as JSON or as text."""

    def check(value: object) -> str:
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", str(value), re.ASCII):
            return f"Expected number - got {'boolean' if isinstance(value, bool) else 'string'}."
        if low is not None and float(str(value)) < low:
            return f"{value} < minimum({low:g})"
        if high is not None and float(str(value)) > high:
            return f"{value} > maximum({high:g})"
        return ""

    return check


def one_of(*choices: object) -> Check:
    """Take one of these; numbers may come as text."""
    listed = ", ".join(map(str, choices))
    return lambda value: "" if str(value) in map(str, choices) else f"Not in enum list: {listed}."


def matching(pattern: str) -> Check:
    """Take text that fits a pattern."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            return f"Expected string - got {'array' if isinstance(value, list) else 'number'}."
        return "" if re.fullmatch(pattern, value, re.ASCII) else f"String does not match ^{pattern}$."

    return check


def one_or_many(check: Check) -> Check:
    """Take one value or a list of them."""
    return lambda value: next(filter(None, map(check, value)), "") if isinstance(value, list) else check(value)


def _end(value: object) -> str:
    return matching(r"(latest|[0-9]{1,10})")(str(value) if isinstance(value, int) else value)


def _object(value: object) -> str:
    return "" if isinstance(value, Mapping) else "Expected object - got string."


SYMBOL = matching(r"\w{2,30}")
_SHARED: Mapping[str, Check] = {"req_id": whole, "passthrough": _object}


class Schema(NamedTuple):
    """One call, or an object within one: its own properties and which of them have to be there."""

    properties: "Mapping[str, Check | Schema]"
    required: tuple[str, ...]


def _schema(call: str, check: Check, required: tuple[str, ...] = (), **others: Check | Schema) -> Schema:
    return Schema({call: check, **others}, (call, *required))


_ONCE = one_of(1)
_LOGINID = matching("[A-Za-z]+[0-9]+")
_CURRENCY = matching("[a-zA-Z0-9]{2,20}")
_EPOCH = number(0, 9_999_999_999)
_BARRIER = matching(r"(?=.{1,20}$)[+-]?[0-9]+\.?[0-9]*")
_TERMS: "Mapping[str, Check | Schema]" = {
    "amount": number(0), "barrier": _BARRIER, "barrier2": _BARRIER, "basis": one_of("payout", "stake"),
    "barrier_range": one_of("tight", "middle", "wide"), "cancellation": matching(r"\w+"),
    "contract_type": one_of(*TYPES), "currency": _CURRENCY, "date_expiry": _EPOCH, "date_start": _EPOCH,
    "duration": number(0, 99_999_999), "duration_unit": one_of("d", "m", "s", "h", "t"), "growth_rate": number(),
    "limit_order": Schema({"stop_loss": number(), "take_profit": number()}, ()), "multiplier": number(0),
    "product_type": one_of("basic"), "selected_tick": whole, "symbol": SYMBOL, "trading_period_start": whole,
}  # fmt: skip
_DATE = matching(r"([0-9]{4}-(0?[1-9]|1[012])-(0?[1-9]|[12][0-9]|3[01])|[0-9]{1,10})")
_ACTIONS = ("buy", "sell", "deposit", "withdrawal", "escrow", "adjustment", "virtual_credit", "transfer")


def _text_of(check: Check) -> Check:
    return lambda value: check(str(value) if isinstance(value, int) else value)


_COMPANY = one_of("iom", "malta", "maltainvest", "svg", "virtual", "vanuatu", "champion", "champion-virtual")

SCHEMAS: Mapping[str, Schema] = {
    "ping": _schema("ping", one_of(1)),
    "time": _schema("time", one_of(1)),
    "website_status": _schema("website_status", one_of(1), subscribe=_ONCE),
    "active_symbols": _schema(
        "active_symbols",
        one_of("brief", "full"),
        landing_company=_COMPANY,
        landing_company_short=_COMPANY,
        product_type=one_of("basic"),
        loginid=matching("[A-Za-z]+[0-9]+"),
    ),
    "ticks": _schema("ticks", one_or_many(SYMBOL), subscribe=_ONCE),
    "ticks_history": _schema(
        "ticks_history",
        SYMBOL,
        ("end",),
        end=_end,
        adjust_start_time=one_of(1),
        count=whole,
        granularity=one_of(*GRANULARITIES),
        start=whole,
        style=one_of("candles", "ticks"),
        subscribe=_ONCE,
    ),
    "contracts_for": _schema(
        "contracts_for",
        SYMBOL,
        currency=matching("[a-zA-Z0-9]{2,20}"),
        landing_company=_COMPANY,
        landing_company_short=_COMPANY,
        product_type=one_of("basic"),
        loginid=matching("[A-Za-z]+[0-9]+"),
    ),
    "forget": _schema("forget", matching(r"[\w-]{32,128}")),
    "forget_all": _schema("forget_all", one_or_many(one_of(*STREAMS))),
    "authorize": _schema("authorize", matching(r"[\w\-]{1,128}"), add_to_login_history=one_of(0, 1)),
    "logout": _schema("logout", _ONCE),
    "balance": _schema("balance", _ONCE, account=_text_of(matching(r"(all|current|[A-Z]{2,5}\d+)")), subscribe=_ONCE),
    "proposal": _schema(
        "proposal", _ONCE, ("contract_type", "currency", "symbol"), subscribe=_ONCE, loginid=_LOGINID, **_TERMS
    ),
    "buy": _schema(
        "buy",
        _text_of(matching(r"([\w-]{32,128}|1)")),
        ("price",),
        price=number(0),
        parameters=Schema({**_TERMS, "app_markup_percentage": number()}, ("contract_type", "currency", "symbol")),
        subscribe=_ONCE,
        loginid=_LOGINID,
    ),
    "sell": _schema("sell", whole, ("price",), price=number(), loginid=_LOGINID),
    "cancel": _schema("cancel", whole, loginid=_LOGINID),
    "portfolio": _schema(
        "portfolio",
        _ONCE,
        contract_type=one_or_many(one_of(*TYPES)),
        loginid=_LOGINID,
        sort=one_of("ASC", "DESC"),
    ),
    "proposal_open_contract": _schema(
        "proposal_open_contract", _ONCE, contract_id=whole, subscribe=_ONCE, loginid=_LOGINID
    ),
    "profit_table": _schema(
        "profit_table",
        _ONCE,
        contract_type=one_or_many(one_of(*TYPES)),
        date_from=_DATE,
        date_to=_DATE,
        description=one_of(0, 1),
        limit=number(0, 500),
        offset=number(),
        sort=one_of("ASC", "DESC"),
        loginid=_LOGINID,
    ),
    "statement": _schema(
        "statement",
        _ONCE,
        action_type=one_of(*_ACTIONS),
        date_from=_EPOCH,
        date_to=_EPOCH,
        description=one_of(0, 1),
        limit=number(0, 999),
        offset=number(0),
        loginid=_LOGINID,
    ),
    "transaction": _schema("transaction", _ONCE, ("subscribe",), subscribe=_ONCE, loginid=_LOGINID),
}


def call_of(frame: Mapping[str, object]) -> str:
    """Name the call a frame makes. Raises CallError where it makes none that is known."""
    for name in frame:
        if name in SCHEMAS or name in NOT_SERVED:
            return name
    raise CallError("UnrecognisedRequest", "Unrecognised request.", "error")


def validate(call: str, frame: Mapping[str, object]) -> None:
    """Hold a frame to the schema of its call. Raises CallError with the venue's code and words."""
    schema = SCHEMAS[call]
    wrong, unknown = _faults(Schema({**_SHARED, **schema.properties}, schema.required), frame, "")
    if wrong:
        raise CallError("InputValidationFailed", f"Input validation failed: {', '.join(wrong)}", call, wrong)
    if unknown:
        text = f"Input validation failed: Properties not allowed: {', '.join(unknown)}."
        raise CallError("InputValidationFailed", text, call, {})


def _faults(schema: Schema, given: Mapping[str, object], path: str) -> tuple[Row, list[str]]:
    """Find what is wrong, by path (`parameters/amount`), and the properties of the frame itself that are unknown."""
    wrong: Row = {f"{path}{name}": "Missing property." for name in schema.required if name not in given}
    for name, value in given.items():
        check = schema.properties.get(name)
        if isinstance(check, Schema):
            if not isinstance(value, Mapping):
                wrong[f"{path}{name}"] = "Expected object - got string."
                continue
            inner, strangers = _faults(check, value, f"{path}{name}/")
            wrong |= inner
            if strangers:
                wrong[f"{path}{name}"] = f"Properties not allowed: {', '.join(strangers)}."
        elif check is not None and (reason := check(value)):
            wrong[f"{path}{name}"] = reason
    return wrong, [name for name in given if name not in schema.properties]


def parsed(text: str) -> Row | None:
    """Read a frame; None where it is no JSON object."""
    try:
        frame = json.loads(text)
    except ValueError:
        return None
    return frame if isinstance(frame, dict) else None


def answer(frame: Row, msg_type: str, content: Row, subscription: str = "") -> Row:
    """Wrap an answer: the request echoed, `req_id` and `passthrough` given back with their JSON types."""
    whole: Row = {"echo_req": frame} | content | {"msg_type": msg_type}
    whole |= {name: frame[name] for name in ("passthrough", "req_id") if name in frame}
    return whole | ({"subscription": {"id": subscription}} if subscription else {})
