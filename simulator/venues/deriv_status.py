"""Deriv's `website_status`: call limits, currencies and languages, in the shape of its receive.json schema."""

Row = dict[str, object]

_CURRENCIES = {"AUD": 2, "BTC": 8, "ETH": 8, "EUR": 2, "GBP": 2, "LTC": 8, "USD": 2, "USDC": 2, "UST": 2, "eUSDT": 2}
_NAMES = {
    "AUD": "Australian Dollar", "BTC": "Bitcoin", "ETH": "Ethereum", "EUR": "Euro", "GBP": "Pound Sterling",
    "LTC": "Litecoin", "USD": "US Dollar", "USDC": "USD Coin", "UST": "Tether Omni", "eUSDT": "Tether ERC20",
}  # fmt: skip
_FIAT = ("AUD", "EUR", "GBP", "USD")
_LANGUAGES = ["EN", "ID", "RU", "ES", "FR", "IT", "PT", "PL", "DE", "ZH_CN", "VI", "ZH_TW", "TH", "KO", "BN", "TR"]


def _limit(applies_to: str, minutely: int, hourly: int) -> Row:
    return {"applies_to": applies_to, "hourly": hourly, "minutely": minutely}


def website_status() -> Row:
    """Describe a site that is up."""
    return {
        "api_call_limits": {
            "max_proposal_subscription": {"applies_to": "subscribing to proposal concurrently", "max": 5},
            "max_requestes_general": _limit("rest of calls", 180, 14_400),
            "max_requests_outcome": _limit("portfolio, statement and proposal", 25, 1_500),
            "max_requests_pricing": _limit("proposal and proposal_open_contract", 360, 10_800),
        },
        "clients_country": "id",
        "currencies_config": {
            code: {
                "fractional_digits": digits,
                "is_deposit_suspended": 0,
                "is_suspended": 0,
                "is_withdrawal_suspended": 0,
                "name": _NAMES[code],
                "stake_default": 10 if code in _FIAT else 0.0005,
                "transfer_between_accounts": {"fees": {}, "limits": {"min": 1 if code in _FIAT else 0.0001}},
                "type": "fiat" if code in _FIAT else "crypto",
            }
            for code, digits in _CURRENCIES.items()
        },
        "site_status": "up",
        "supported_languages": _LANGUAGES,
        "terms_conditions_version": "Version 42 2019-05-10",
    }
