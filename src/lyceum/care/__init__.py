"""Care: what an operator owes the data: retention, maintenance, erasure, restore."""
