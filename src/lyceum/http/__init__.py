"""Calls of foreign servers: retries, rate limit, circuit breaker."""
