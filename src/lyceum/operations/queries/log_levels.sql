-- Log lines of every level since a time, and the runs that they are of.
SELECT
    level,
    count(*) AS log_count,
    count(DISTINCT run_id) AS affected_runs
FROM ops.pipeline_logs
WHERE timestamp >= :since
GROUP BY level
ORDER BY log_count DESC, level
