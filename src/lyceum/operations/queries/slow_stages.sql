-- Completed stages since a time, the slowest on average first.
SELECT
    pipeline_name,
    stage,
    CAST(avg(duration_ms) AS BIGINT) AS avg_duration_ms,
    max(duration_ms) AS max_duration_ms,
    count(*) AS executions
FROM ops.pipeline_checkpoint
WHERE status = 'completed' AND updated_at >= :since
GROUP BY pipeline_name, stage
ORDER BY avg_duration_ms DESC, pipeline_name, stage
