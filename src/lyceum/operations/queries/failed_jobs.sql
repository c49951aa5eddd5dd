-- Jobs of a service level whose last run failed, or whose process died.
SELECT
    job_name,
    started_at,
    error_message
FROM (
    SELECT
        runs.*,
        row_number() OVER (PARTITION BY runs.job_name ORDER BY runs.started_at DESC) AS place
    FROM ops.etl_job_status AS runs
    JOIN service_levels AS levels ON levels.job_name = runs.job_name
    WHERE runs.status != 'SKIPPED'
)
WHERE place = 1 AND status IN ('FAILED', 'DIED')
ORDER BY job_name
