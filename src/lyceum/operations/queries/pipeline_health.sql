-- Runs of every pipeline since a time: how many, how they ended, how long they took.
SELECT
    pipeline_name,
    count(*) AS total_runs,
    count_if(status = 'completed') AS successful_runs,
    count_if(status = 'failed') AS failed_runs,
    count_if(status NOT IN ('completed', 'failed')) AS unfinished_runs,
    CAST(avg(duration_ms) AS BIGINT) AS avg_duration_ms,
    max(updated_at) AS last_seen
FROM ops.pipeline_stage_status
WHERE stage = 'run' AND updated_at >= :since
GROUP BY pipeline_name
ORDER BY pipeline_name
