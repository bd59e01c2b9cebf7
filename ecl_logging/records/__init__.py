"""What was said: deduplicated records, recent and common messages."""
