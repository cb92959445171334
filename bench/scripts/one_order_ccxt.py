"""One order through a bare ccxt class: nothing imported that is not needed, its market from a file, real signatures.

Argument: JSON with the ccxt id, the keys, the market, the options, the simulator's hosts, the order's price and type.
"""

import json
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from urllib.parse import urlsplit

asked = json.loads(sys.argv[1])
spec = find_spec("ccxt")
assert spec is not None
sys.modules["ccxt"] = module_from_spec(spec)  # the package unexecuted: `import ccxt` would run all hundred exchanges
from requests.adapters import HTTPAdapter  # noqa: E402


class Redirected(HTTPAdapter):
    def send(self, request, *args, **kwargs):  # type: ignore[no-untyped-def]
        parts = urlsplit(request.url)
        request.url = asked["hosts"][parts.netloc] + request.url[len(f"{parts.scheme}://{parts.netloc}") :]
        return super().send(request, *args, **kwargs)


exchange = getattr(import_module(f"ccxt.{asked['id']}"), asked["id"])(
    {**asked["keys"], "enableRateLimit": False, "options": asked["options"]}
)
exchange.session.mount("https://", Redirected())
exchange.set_markets([asked["market"]])
print(exchange.create_order(asked["market"]["symbol"], "limit", "buy", 0.01, asked["price"])["id"])
