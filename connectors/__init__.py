"""Everything that speaks to a venue. Nobody outside this package knows a venue's wire."""
