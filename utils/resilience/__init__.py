"""What keeps reads gentle and honest: shared budgets, circuit breakers, clock offsets and retries."""
