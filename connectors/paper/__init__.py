"""Orders on paper: filled on this machine against the market as it is observed; nothing of them reaches a venue."""
