-- The latest runs of all jobs.
SELECT
    job_name,
    target_date,
    status,
    rows_processed,
    duration_ms,
    error_message
FROM ops.etl_job_status
ORDER BY started_at DESC, job_name
LIMIT 50
