"""What happened to our money, kept: own trades, funding, deliveries, transfers, and what is known to be missing."""
