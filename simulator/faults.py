"""Faults on demand: which there are, how they are described, and which of them a request meets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from simulator.state import SimulatorError

Value = int | float | str | bool | None


@dataclass(frozen=True)
class Argument:
    """One argument of a fault; `default` None means that it must be given, unless it is `optional`."""

    type: type
    default: Value = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False


_HANDLED = {"handled": Argument(bool, False)}
_MILLISECONDS = {"ms": Argument(float, low=0, high=86_400_000)}

KINDS: Mapping[str, Mapping[str, Argument]] = {
    "delay": _MILLISECONDS,
    "timeout": _HANDLED,
    "reset": _HANDLED,
    "drop_request": _HANDLED,
    "late": _MILLISECONDS,
    "twice": {},
    "down": {},
    "rate_limited": {"retry_after_s": Argument(int, 1, 0, 86_400)},
    "banned": {"retry_after_s": Argument(int, 120, 0, 864_000)},
    "server_error": {"status": Argument(int, 503, 500, 599)} | _HANDLED,
    "geo_blocked": {},
    "maintenance": {},
    "malformed_json": {},
    "truncated_json": {},
    "html_error": {"status": Argument(int, 502, 400, 599)} | _HANDLED,
    "clock_skew": {"ms": Argument(int, low=-86_400_000, high=86_400_000)},
    "stale_book": _MILLISECONDS,
    "crossed_book": {},
    "empty_book": {"side": Argument(str, "both", choices=("both", "bids", "asks"))},
    "lagging_orders": _MILLISECONDS,
}
"""Every kind with its arguments. `handled` says whether the venue still carries the request out."""

VENUE_WORDED = frozenset({"rate_limited", "banned", "server_error", "geo_blocked", "maintenance"})
DISTORTIONS = frozenset({"clock_skew", "stale_book", "crossed_book", "empty_book", "lagging_orders"})
EDGE = frozenset({"geo_blocked", "banned", "server_error", "html_error", "down"})
"""What a WebSocket handshake already meets; everything else meets the frames."""


class FaultError(SimulatorError):
    """A fault is described wrongly; the text says what is wrong and what is allowed."""


@dataclass
class Fault:
    """One fault. `times` is what is left of it, None until cleared; `applied` counts the requests that met it."""

    venue: str
    kind: str
    path: str = "*"
    host: str = "*"
    times: int | None = None
    args: dict[str, Value] = field(default_factory=dict)
    number: int = 0
    applied: int = 0

    def meets(self, venue: str, hosts: Iterable[str]) -> bool:
        """Tell whether the fault is meant for this venue at one of these hosts."""
        if self.times == 0 or self.venue not in (venue, "*"):
            return False
        return self.host == "*" or any(fnmatchcase(host, self.host) for host in hosts)

    def covers(self, paths: Iterable[str]) -> bool:
        """Tell whether the pattern fits one of these ways to name the request."""
        return self.path == "*" or any(fnmatchcase(path, self.path) for path in paths)

    def record(self) -> dict[str, object]:
        """Describe the fault as JSON."""
        where = {"id": self.number, "venue": self.venue, "kind": self.kind, "path": self.path, "host": self.host}
        return where | {"times": self.times, "applied": self.applied} | self.args


@dataclass(frozen=True)
class Hit:
    """What one request meets: a delay, at most one fault that decides the answer, and distorted data."""

    delay_ms: float = 0
    answer: Fault | None = None
    distortions: tuple[Fault, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the fault that decides the answer; empty where there is none."""
        return self.answer.kind if self.answer else ""

    @property
    def late_ms(self) -> float:
        """Tell how much later a request reaches the venue whose connection is dropped at once."""
        return _number(self.answer.args.get("ms")) if self.answer else 0.0

    @property
    def handled(self) -> bool:
        """Tell whether the venue carries the request out although its answer is lost."""
        return bool(self.answer and self.answer.args.get("handled"))


NO_HIT = Hit()


class FaultPlan:
    """The faults that are set now. Of several that decide the answer, the one set last counts; delays add up."""

    def __init__(self, venues: Iterable[str]) -> None:
        self.venues = frozenset(venues)
        self.on_add: Callable[[Fault], None] = lambda _: None
        self._faults: list[Fault] = []
        self._numbers = count(1)

    def add(self, fault: Fault) -> Fault:
        """Set a fault.

        Raises:
            FaultError: no such venue is served.
        """
        if fault.venue != "*" and fault.venue not in self.venues:
            raise FaultError(
                f"No venue {fault.venue!r} is simulated: use one of {', '.join(sorted(self.venues))} or *."
            )
        fault.number = next(self._numbers)
        self._faults.append(fault)
        self.on_add(fault)
        return fault

    def clear(self, *, venue: str | None = None, number: int | None = None) -> int:
        """Remove all faults, or those of a venue, or one by its number; answer how many were removed."""
        before = len(self._faults)
        kept = [f for f in self._faults if venue not in (None, f.venue) or number not in (None, f.number)]
        self._faults = kept
        return before - len(kept)

    def all(self) -> list[Fault]:
        """List the faults in the order they were set."""
        return list(self._faults)

    def take(self, venue: str, hosts: Iterable[str], paths: Iterable[str], *, edge_only: bool = False) -> Hit:
        """Collect what a request meets and count it; `edge_only` leaves out what waits for a WebSocket's frames."""
        if not self._faults:
            return NO_HIT
        met = [f for f in self._faults if f.meets(venue, hosts) and f.covers(paths)]
        delays = [f for f in met if f.kind == "delay"]
        distortions = () if edge_only else tuple(f for f in met if f.kind in DISTORTIONS)
        deciding = [f for f in met if f.kind not in DISTORTIONS and f.kind != "delay"]
        if edge_only:
            deciding = [f for f in deciding if f.kind in EDGE]
        answer = deciding[-1] if deciding else None
        for fault in (*delays, *distortions, *([answer] if answer else ())):
            self._count(fault)
        return Hit(sum(_number(f.args["ms"]) for f in delays), answer, distortions)

    def take_down(self, venue: str, hosts: Iterable[str]) -> bool:
        """Tell whether a new connection to these hosts is to be reset, and count it."""
        for fault in self._faults:
            if fault.kind == "down" and fault.meets(venue, hosts):
                self._count(fault)
                return True
        return False

    def distortions(self, venue: str, hosts: Iterable[str], paths: Iterable[str]) -> tuple[Fault, ...]:
        """List what distorts data that no request asked for (pushes), without counting."""
        if not self._faults:
            return ()
        return tuple(f for f in self._faults if f.kind in DISTORTIONS and f.meets(venue, hosts) and f.covers(paths))

    def _count(self, fault: Fault) -> None:
        fault.applied += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults = [f for f in self._faults if f is not fault]


def parse_fault(record: object) -> Fault:
    """Read a fault from a mapping with `venue` and `kind`, and optionally `path`, `host`, `times` and arguments.

    Raises:
        FaultError: a key or a value is wrong.
    """
    if not isinstance(record, Mapping):
        raise FaultError("A fault is a mapping with at least `venue` and `kind`.")
    rest = {str(key): value for key, value in record.items()}
    kind = _text(rest.pop("kind", None), "kind")
    if kind not in KINDS:
        raise FaultError(f"No fault is called {kind!r}: use one of {', '.join(KINDS)}.")
    venue = _text(rest.pop("venue", None), "venue")
    path = _text(rest.pop("path", None) or "*", "path")
    host = _text(rest.pop("host", None) or "*", "host")
    times = rest.pop("times", None)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise FaultError(f"`times` of a fault is a whole number from 1, or absent until cleared; got {times!r}.")
    return Fault(venue, kind, path, host, times, _arguments(kind, rest))


def load_faults(file: Path) -> list[Fault]:
    """Read a faults file: YAML with one key, `faults`, a list of mappings as `parse_fault` takes.

    Raises:
        FaultError: the file cannot be read, or something in it is wrong.
    """
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise FaultError(f"The faults file {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = str(error).replace("\n", " ")
        raise FaultError(f"The faults file {file} is not valid YAML: {where}.") from None
    if not isinstance(content, Mapping) or set(content) != {"faults"} or not isinstance(content["faults"], list):
        raise FaultError(f"The faults file {file} has to hold one key, `faults`, with a list: see docs/simulator.md.")
    faults = []
    for position, record in enumerate(content["faults"], 1):
        try:
            faults.append(parse_fault(record))
        except FaultError as error:
            raise FaultError(f"Fault {position} of {file}: {error}") from None
    return faults


def _arguments(kind: str, given: Mapping[str, object]) -> dict[str, Value]:
    allowed = KINDS[kind]
    for name in given:
        if name not in allowed:
            known = f"it takes {', '.join(allowed)}" if allowed else "it takes no arguments"
            raise FaultError(f"The fault {kind} has no argument {name!r}: {known} (and path, host, times).")
    return {name: _value(kind, name, argument, given.get(name)) for name, argument in allowed.items()}


def _value(kind: str, name: str, argument: Argument, given: object) -> Value:
    if given is None:
        if argument.default is None:
            raise FaultError(f"The fault {kind} needs the argument {name!r}.")
        return argument.default
    wanted = (int, float) if argument.type is float else (argument.type,)
    if not isinstance(given, wanted) or (argument.type is not bool and isinstance(given, bool)):
        raise FaultError(f"The argument {name!r} of the fault {kind} has to be {_name(argument)}; got {given!r}.")
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        low, high = argument.low, argument.high
        if not (low is None or given >= low) or not (high is None or given <= high):
            raise FaultError(
                f"The argument {name!r} of the fault {kind} has to lie in {low:g}…{high:g}; got {given!r}."
            )
    if argument.choices and given not in argument.choices:
        raise FaultError(f"The argument {name!r} of the fault {kind} is one of {', '.join(argument.choices)}.")
    assert isinstance(given, (int, float, str, bool))
    return given


def _name(argument: Argument) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[argument.type]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise FaultError(f"A fault needs `{name}` as text; got {value!r}.")
    return value


def _number(value: Value) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
