"""Consolidated market data across venues: best prices, books, price impact, funding."""
