"""What CoinGecko prices. It trades nothing: each entry only ties one of its coin ids to an asset of the catalogue.

Ids, symbols and names are CoinGecko's own (GET /coins/list); `native_id` is the id, `product` tells coins from the
currencies prices can be asked in.
"""

from math import floor, log10

from simulator.market.catalogue import ASSETS
from simulator.market.model import SPOT, Listing

_COINS = {  # asset: (id, name)
    "BTC": ("bitcoin", "Bitcoin"), "ETH": ("ethereum", "Ethereum"), "USDT": ("tether", "Tether"),
    "XRP": ("ripple", "XRP"), "BNB": ("binancecoin", "BNB"), "SOL": ("solana", "Solana"),
    "USDC": ("usd-coin", "USDC"), "DOGE": ("dogecoin", "Dogecoin"), "TRX": ("tron", "TRON"),
    "ADA": ("cardano", "Cardano"), "BCH": ("bitcoin-cash", "Bitcoin Cash"), "LINK": ("chainlink", "Chainlink"),
    "LTC": ("litecoin", "Litecoin"), "AVAX": ("avalanche-2", "Avalanche"), "SHIB": ("shiba-inu", "Shiba Inu"),
    "DOT": ("polkadot", "Polkadot"), "UNI": ("uniswap", "Uniswap"), "AAVE": ("aave", "Aave"),
    "PEPE": ("pepe", "Pepe"), "KCS": ("kucoin-shares", "KuCoin"), "OKB": ("okb", "OKB"),
    "XLM": ("stellar", "Stellar"), "SUI": ("sui", "Sui"), "TON": ("the-open-network", "Toncoin"),
    "NEAR": ("near", "NEAR Protocol"), "HYPE": ("hyperliquid", "Hyperliquid"), "ETC": ("ethereum-classic",
    "Ethereum Classic"), "ATOM": ("cosmos", "Cosmos Hub"), "FIL": ("filecoin", "Filecoin"), "APT": ("aptos", "Aptos"),
    "ARB": ("arbitrum", "Arbitrum"), "OP": ("optimism", "Optimism"), "BONK": ("bonk", "Bonk"),
    "SATS": ("sats-ordinals", "SATS (Ordinals)"), "SUSHI": ("sushi", "Sushi"), "DAI": ("dai", "Dai"),
    "MNT": ("mantle", "Mantle"), "FLOKI": ("floki", "FLOKI"), "CRV": ("curve-dao-token", "Curve DAO"),
    "WBTC": ("wrapped-bitcoin", "Wrapped Bitcoin"), "BSV": ("bitcoin-cash-sv", "Bitcoin SV"),
    "XMR": ("monero", "Monero"), "ZEC": ("zcash", "Zcash"), "ICP": ("internet-computer", "Internet Computer"),
    "PAXG": ("pax-gold", "PAX Gold"), "POL": ("polygon-ecosystem-token", "POL (ex-MATIC)"),
    "MATIC": ("matic-network", "Polygon"), "INJ": ("injective-protocol", "Injective"), "LDO": ("lido-dao", "Lido DAO"),
    "USDE": ("ethena-usde", "Ethena USDe"), "FDUSD": ("first-digital-usd", "First Digital USD"),
}  # fmt: skip
_CURRENCIES = (
    "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "SGD", "JPY", "SEK", "NOK", "PLN", "MXN", "HKD", "BRL", "TRY",
    "ZAR", "CZK", "IDR", "AED", "INR", "KRW",
)  # fmt: skip


def _listing(product: str, native_id: str, asset: str, name: str) -> Listing:
    """Tie an id to an asset; the tick gives prices twelve significant digits."""
    decimals = 11 - floor(log10(ASSETS[asset].usd))
    tick = f"{10**-decimals:.{decimals}f}"
    return Listing(
        "coingecko", product, native_id, SPOT, asset, "USD", "", tick, "0.0001", "0.0001",
        extra=(("name", name), ("symbol", asset.lower())),
    )  # fmt: skip


def listings(now_ms: int) -> list[Listing]:  # noqa: ARG001 - nothing here expires
    """List the coins in the order of CoinGecko's ranking, then the currencies."""
    coins = [_listing("coin", identity, asset, name) for asset, (identity, name) in _COINS.items()]
    return coins + [_listing("currency", code.lower(), code, code) for code in _CURRENCIES]
