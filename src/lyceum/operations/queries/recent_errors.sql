-- The latest errors since a time; where retries were used up, the message says so.
SELECT
    timestamp,
    pipeline_name,
    run_id,
    message,
    metadata
FROM ops.pipeline_logs
WHERE level IN ('ERROR', 'CRITICAL') AND timestamp >= :since
ORDER BY timestamp DESC, id
LIMIT 20
