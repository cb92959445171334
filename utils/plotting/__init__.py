"""Pictures as PNG files. matplotlib is imported when one is drawn, never before."""
