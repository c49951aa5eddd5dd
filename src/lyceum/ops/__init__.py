"""Operations: run ledger, audit log, retries, circuit breaker, progress."""
