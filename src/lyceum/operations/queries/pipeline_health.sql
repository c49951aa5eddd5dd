-- Runs of every job since a time: how many, how they ended, how long they took.
SELECT
    job_name AS pipeline_name,
    count(*) AS total_runs,
    count_if(status = 'SUCCESS') AS successful_runs,
    count_if(status IN ('FAILED', 'DIED')) AS failed_runs,
    count_if(status = 'RUNNING') AS unfinished_runs,
    CAST(avg(duration_ms) AS BIGINT) AS avg_duration_ms,
    max(recorded_at) AS last_seen
FROM ops.etl_job_status
WHERE recorded_at >= :since
GROUP BY job_name
ORDER BY job_name
