"""What was said, kept in SQL: the same steps for a file and for the memory of one process.

Nothing here imports sqlite3: a store in memory does so when it is first told something to keep.
"""
