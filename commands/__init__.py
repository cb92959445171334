"""Command files: one per subcommand; each parses, makes one call, and renders. No decisions here."""
