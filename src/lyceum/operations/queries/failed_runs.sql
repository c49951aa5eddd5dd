-- The latest runs since a time that failed, or whose process died, and why.
SELECT
    job_name AS pipeline_name,
    left(id, 8) AS run,
    status,
    started_at,
    error_message
FROM ops.etl_job_status
WHERE status IN ('FAILED', 'DIED') AND recorded_at >= :since
ORDER BY recorded_at DESC, id
LIMIT 20
