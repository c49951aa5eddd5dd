-- Attempts that failed and were retried since a time, and retries that were used up.
SELECT
    pipeline_name,
    count_if(message LIKE 'attempt % failed') AS failed_attempts,
    count_if(message LIKE 'retries of % are used up%') AS used_up,
    max(timestamp) AS last_seen
FROM ops.pipeline_logs
WHERE
    timestamp >= :since
    AND (message LIKE 'attempt % failed' OR message LIKE 'retries of % are used up%')
GROUP BY pipeline_name
ORDER BY failed_attempts DESC, pipeline_name
