-- Jobs whose last success is longer ago than their service level allows; NULL: there was none.
SELECT
    levels.job_name,
    max(runs.completed_at) AS last_success,
    levels.late_after_minutes
FROM service_levels AS levels
LEFT JOIN ops.etl_job_status AS runs
    ON runs.job_name = levels.job_name AND runs.status = 'SUCCESS'
GROUP BY levels.job_name, levels.late_after_minutes
HAVING
    max(runs.completed_at) IS NULL
    OR unix_timestamp(:now) - unix_timestamp(max(runs.completed_at))
    > levels.late_after_minutes * 60
ORDER BY levels.job_name
