"""What trades, fees, funding and deliveries have earned: pure, exact decimals, one book per venue and symbol."""
