"""What is kept: the append-only ledger."""
