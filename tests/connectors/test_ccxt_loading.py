"""One exchange's class is loaded without the others, and nobody who uses ccxt afterwards can tell."""

import subprocess
import sys

import pytest

from connectors.ccxt_loading import exchange_class, exchange_ids
from domain.errors import ConfigError
from tests.conftest import ROOT

LOAD = "import sys\nfrom connectors.ccxt_loading import exchange_class\nfound = exchange_class('kraken')\n"


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_only_the_wanted_exchange_is_imported() -> None:
    out = run(LOAD + "print(sorted(n for n in sys.modules if n.startswith('ccxt.') and n.count('.') == 1))")
    assert out == str(["ccxt.abstract", "ccxt.base", "ccxt.kraken"])


def test_a_real_import_afterwards_has_everything_and_the_same_classes() -> None:
    code = LOAD + (
        "made = found()\n"
        "from ccxt.base.errors import BadSymbol\n"
        "import ccxt\n"
        "assert ccxt.kraken is found and isinstance(found, type) and isinstance(made, ccxt.Exchange)\n"
        "assert ccxt.BadSymbol is BadSymbol and issubclass(ccxt.BadSymbol, ccxt.BaseError)\n"
        "assert len(ccxt.exchanges) > 90 and isinstance(ccxt.binance, type) and ccxt.__version__\n"
        "assert isinstance(ccxt.Precise, type) and ccxt.binance().id == 'binance'\n"
        "assert type(ccxt).__name__ == 'module' and ccxt.__file__ and ccxt.__path__\n"
        "print('ok')"
    )
    assert run(code) == "ok"


def test_names_can_be_imported_from_the_package() -> None:
    assert run(LOAD + "from ccxt import BaseError, kraken, okx\nassert kraken is found\nprint(okx().id)") == "okx"


@pytest.mark.parametrize("package", ["ccxt.async_support", "ccxt.pro"])
def test_the_other_flavours_import_and_share_the_errors(package: str) -> None:
    code = LOAD + (
        f"import {package} as flavour\n"
        "import ccxt\n"
        "assert isinstance(flavour.kraken, type) and flavour.kraken is not found\n"
        "assert flavour.BadSymbol is ccxt.BadSymbol\n"
        "print('ok')"
    )
    assert run(code) == "ok"


def test_a_real_import_before_is_used_as_it_is() -> None:
    assert run("import ccxt\n" + LOAD + "print(found is ccxt.kraken)") == "True"


def test_errors_and_exchanges_survive_pickling() -> None:
    code = LOAD + (
        "import pickle\n"
        "from ccxt.base.errors import BadSymbol\n"
        "assert isinstance(pickle.loads(pickle.dumps(BadSymbol('x'))), BadSymbol)\n"
        "assert pickle.loads(pickle.dumps(found)) is found\n"
        "print('ok')"
    )
    assert run(code) == "ok"


def test_threads_that_load_at_once_get_whole_classes() -> None:
    code = (
        "import threading\n"
        "from connectors.ccxt_loading import exchange_class\n"
        "names = ['kraken', 'okx', 'bybit', 'deribit'] * 3\n"
        "found = []\n"
        "def load(name):\n"
        "    found.append(exchange_class(name)().id == name)\n"
        "    import ccxt\n"
        "    found.append(len(ccxt.exchanges) > 90)\n"
        "threads = [threading.Thread(target=load, args=(name,)) for name in names]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join(40) for thread in threads]\n"
        "print(len(found), all(found))"
    )
    assert run(code) == "24 True"


def test_an_unknown_exchange_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no exchange 'krakn'") as caught:
        exchange_class("krakn")
    assert "kraken" in (caught.value.hint or "")


def test_the_ids_are_those_of_ccxt() -> None:
    assert {"binance", "kraken", "hyperliquid", "derive", "coinbase"} <= exchange_ids()
    assert not {"base", "bitmart"} & exchange_ids()
