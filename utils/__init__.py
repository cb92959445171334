"""A kernel of named packages; no loose helpers live here."""
