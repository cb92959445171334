"""One symbol language for every venue: reading what users type, and what multiplied codes stand for."""
