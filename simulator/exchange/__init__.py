"""What a simulated venue does with orders: accounts, matching, fills, balances and positions. No wire formats here."""
