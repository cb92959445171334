"""Order books recorded second by second: taken, spooled, written as Parquet, published, verified and read again."""
