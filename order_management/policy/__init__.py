"""The local policy: what may be sent at all, checked for every order at one place (`chain`)."""
