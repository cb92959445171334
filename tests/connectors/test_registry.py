"""From the configuration to connectors: plug-ins, retired venues, environments, and instrument lists."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from connectors.base import Capabilities, Connector
from connectors.registry import Venues, load_class, open_venues
from domain.errors import ConfigError, NotSent, Refused, Retired, UsageError
from domain.exit_codes import ExitCode
from utils.config.load import load_config
from utils.config.settings import Config, ReferenceSettings, SimulatorSettings, VenueSettings
from utils.secrets.credentials import Credentials

PLUGIN = """
    from connectors.base import Capabilities, Connector
    from domain.errors import Unavailable
    from domain.instruments import Instrument

    ASKED = []
    BROKEN = []
    EMPTY = []

    class Good(Connector):
        capabilities = Capabilities(kinds=frozenset({"spot"}), testnet_hosts=TESTNET)

        def fetch_instruments(self):
            ASKED.append(self.venue)
            if self.venue in BROKEN:
                raise Unavailable("it is down")
            if self.venue in EMPTY:
                return []
            return [Instrument(self.venue, "BTC/USDT", "BTCUSDT", "spot", "BTC", "USDT", None, "BTC")]

        def fetch_clock_ms(self):
            return 0

    class Open(Good):
        capabilities = Capabilities(kinds=frozenset({"spot"}))

    class Unfinished(Connector):
        capabilities = Capabilities(kinds=frozenset())

    class Silent(Good):
        capabilities = None

    class Stranger:
        pass
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of connectors from outside the project."""
    folder = tmp_path / "outside"
    folder.mkdir()
    text = dedent(PLUGIN).replace("TESTNET", '{"api.good.test": "https://test.good.test"}')
    (folder / "my_venues.py").write_text(text)
    (folder / "broken_venue.py").write_text("raise RuntimeError('no licence file')\n")
    (folder / "needy_venue.py").write_text("import a_module_that_is_not_here\n")
    monkeypatch.syspath_prepend(folder)
    import my_venues

    yield my_venues
    for name in ("my_venues", "broken_venue", "needy_venue"):
        sys.modules.pop(name, None)


def config(environment: str = "paper", **venues: VenueSettings | str) -> Config:
    entries = {
        name: entry if isinstance(entry, VenueSettings) else VenueSettings(name=name, class_path=entry)
        for name, entry in venues.items()
    }
    return Config(
        environment=environment, timeout_s=5, stale_after_ms=1000, market_ttl_h=24, venues=entries,
        reference=ReferenceSettings(), simulator=SimulatorSettings(),
    )  # fmt: skip


def test_a_connector_from_outside_the_project_is_loaded_by_its_dotted_path(plugin: Any) -> None:
    assert load_class("my_venues:Good", "mine") is plugin.Good


@pytest.mark.parametrize(
    ("path", "said", "remedy"),
    [
        ("not_there:Good", "cannot be found", "Install the module not_there"),
        ("my_venues:Missing", "has no Missing", "package.module:Class"),
        ("my_venues:Stranger", "is no connector", "connectors.base.Connector"),
        ("my_venues:Silent", "declares no capabilities", "Capabilities"),
        ("my_venues:Unfinished", "not complete: fetch_clock_ms, fetch_instruments", "Implement"),
        ("broken_venue:Good", "RuntimeError: no licence file", "Repair broken_venue"),
        ("needy_venue:Good", "a_module_that_is_not_here", "Repair needy_venue"),
    ],
)
def test_a_broken_plugin_is_named_with_its_path_and_the_remedy(plugin: Any, path: str, said: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_venues(config(mine=path))
    assert "'mine'" in caught.value.message
    assert path in caught.value.message
    assert said in caught.value.message
    assert remedy in (caught.value.hint or "")
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_what_a_plugin_raised_is_kept_as_the_cause(plugin: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_class("broken_venue:Good", "mine")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_unknown_venue_names_the_nearest(plugin: Any) -> None:
    with pytest.raises(UsageError, match="'okex'") as caught:
        open_venues(config(okx="my_venues:Good", bybit="my_venues:Good"), ["okex"])
    assert "okx" in (caught.value.hint or "")


def test_disabled_venues_are_asked_only_when_they_are_named(plugin: Any) -> None:
    off = VenueSettings(name="off", class_path="my_venues:Good", enabled=False)
    settings = config(on="my_venues:Good", off=off)
    assert open_venues(settings).names == ("on",)
    assert open_venues(settings, ["off"]).names == ("off",)


def test_a_broken_plugin_that_is_not_asked_harms_nobody(plugin: Any) -> None:
    broken = VenueSettings(name="broken", class_path="broken_venue:Good", enabled=False)
    assert open_venues(config(on="my_venues:Good", broken=broken)).names == ("on",)


def test_a_retired_venue_that_is_named_is_listed_with_its_reason_and_never_loaded(plugin: Any) -> None:
    closed = VenueSettings(name="closed", class_path="long_gone:Closed", retired="2026-07-26, it has shut down")
    assert open_venues(config(on="my_venues:Good", closed=closed)).retired == {}
    venues = open_venues(config(on="my_venues:Good", closed=closed), ["closed", "on"])
    assert venues.names == ("on",)
    assert venues.retired == {"closed": "2026-07-26, it has shut down"}
    with pytest.raises(Retired, match="it has shut down"):
        venues.connector("closed")
    venues.ensure_markets(["closed", "on"])
    assert plugin.ASKED == ["on"]


def test_lists_are_downloaded_once_and_then_read_from_the_cache(plugin: Any) -> None:
    told: list[tuple[str, str]] = []
    venues = open_venues(config(one="my_venues:Good", two="my_venues:Good"))
    venues.ensure_markets(progress=lambda venue, state: told.append((venue, state)))
    assert sorted(plugin.ASKED) == ["one", "two"]
    assert ("one", "1 instruments") in told
    venues.close()
    again = open_venues(config(one="my_venues:Good", two="my_venues:Good"))
    again.ensure_markets()
    assert sorted(plugin.ASKED) == ["one", "two"]
    assert sorted(again.cache.find_everywhere(again.names, "BTC/USDT")) == ["one", "two"]
    again.ensure_markets(["one"], force=True)
    assert sorted(plugin.ASKED) == ["one", "one", "two"]
    again.close()


def test_a_venue_whose_list_fails_is_a_failure_and_the_others_go_on(plugin: Any) -> None:
    plugin.BROKEN.append("two")
    venues = open_venues(config(one="my_venues:Good", two="my_venues:Good"))
    venues.ensure_markets()
    assert list(venues.failures) == ["two"]
    assert venues.cache.symbols("one") == ["BTC/USDT"]
    plugin.BROKEN.clear()
    venues.ensure_markets()
    assert not venues.failures
    venues.close()


def test_an_old_list_is_used_with_a_note_when_a_new_one_cannot_be_had(plugin: Any) -> None:
    settings = replace(config(one="my_venues:Good"), market_ttl_h=0)
    venues = open_venues(settings)
    venues.ensure_markets()
    plugin.BROKEN.append("one")
    venues.ensure_markets()
    assert not venues.failures
    assert "it is down" in venues.notes[0]
    assert venues.cache.symbols("one") == ["BTC/USDT"]
    venues.close()


def test_a_venue_may_list_nothing_but_not_all_at_once(plugin: Any) -> None:
    plugin.EMPTY.append("one")
    venues = open_venues(config(one="my_venues:Good"))
    venues.ensure_markets()
    assert not venues.failures
    assert venues.cache.symbols("one") == []
    plugin.EMPTY.clear()
    venues.ensure_markets(force=True)
    plugin.EMPTY.append("one")
    venues.ensure_markets(force=True)
    assert venues.cache.symbols("one") == ["BTC/USDT"]
    assert "no instruments" in venues.notes[0]
    venues.close()


def test_before_the_start_a_download_has_its_own_time_and_afterwards_the_deadline_rules(plugin: Any) -> None:
    venues = open_venues(config(one="my_venues:Good"))
    assert venues.deadline() > time.monotonic() + 30
    venues.start(1234.5)
    assert venues.connector("one").context.deadline() == 1234.5


def test_a_venue_without_a_test_environment_is_a_clear_refusal_there(plugin: Any) -> None:
    venues = open_venues(config("testnet", one="my_venues:Good", two="my_venues:Open"))
    assert isinstance(venues.failures["two"], Refused)
    assert "has no test environment" in venues.failures["two"].message
    assert venues.place.endpoints.resolve("https://api.good.test/x") == "https://test.good.test/x"
    with pytest.raises(NotSent):
        venues.place.endpoints.resolve("https://api.live.test/x")
    assert venues.cache.environment_key == "testnet"


def test_paper_and_live_share_the_live_markets_and_reach_the_real_hosts(plugin: Any) -> None:
    for environment in ("paper", "live"):
        venues = open_venues(config(environment, one="my_venues:Good"))
        assert venues.cache.environment_key == "live"
        assert venues.place.endpoints.resolve("https://api.live.test/x") == "https://api.live.test/x"


def _state(home: Path, text: str) -> None:
    (home / "state").mkdir(exist_ok=True)
    (home / "state" / "simulator.json").write_text(text)


def test_sim_goes_to_the_simulator_only_and_keeps_lists_per_universe(plugin: Any, home: Path) -> None:
    state = {"universe": "synthetic-9", "hosts": {"api.good.test": "http://127.0.0.1:9"}, "ca_file": None}
    _state(home, json.dumps(state))
    venues = open_venues(config("sim", one="my_venues:Good"))
    assert venues.cache.environment_key == "sim/synthetic-9"
    assert venues.place.endpoints.resolve("https://api.good.test/x") == "http://127.0.0.1:9/x"
    with pytest.raises(NotSent, match="does not serve host"):
        venues.place.endpoints.resolve("https://api.live.test/x")


def test_sim_without_a_simulator_says_how_to_start_it(plugin: Any) -> None:
    with pytest.raises(NotSent, match="not running") as caught:
        open_venues(config("sim", one="my_venues:Good"))
    assert "simulator start" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hosts": 3, "universe": "x"}'])
def test_an_unreadable_simulator_state_is_a_configuration_error(plugin: Any, home: Path, text: str) -> None:
    _state(home, text)
    with pytest.raises(ConfigError):
        open_venues(config("sim", one="my_venues:Good"))


def test_keys_are_looked_up_only_when_they_are_asked_for(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = open_venues(config("live", one="my_venues:Good")).connector("one")
    assert connector.context.credentials() is None
    monkeypatch.setenv("ONE_API_KEY", "k-12345")
    monkeypatch.setenv("ONE_API_SECRET", "s-12345")
    assert isinstance(connector.context.credentials(), Credentials)


def test_paper_has_no_keys_even_where_there_are_some(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_API_KEY", "k-12345")
    monkeypatch.setenv("ONE_API_SECRET", "s-12345")
    connector = open_venues(config("paper", one="my_venues:Good")).connector("one")
    assert connector.context.credentials() is None


def test_every_venue_of_the_shipped_configuration_loads() -> None:
    settings = load_config()
    venues = open_venues(settings, list(settings.venues))
    assert isinstance(venues, Venues)
    assert "bitmart" in venues.retired
    for name in venues.names:
        found = venues.classes[name]
        assert issubclass(found, Connector)
        assert isinstance(found.capabilities, Capabilities)
        assert found.capabilities.requests_per_minute > 0
        assert Decimal(found.capabilities.max_depth) >= 0
