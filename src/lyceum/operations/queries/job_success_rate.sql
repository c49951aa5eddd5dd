-- Of each day since a time: how many runs succeeded, failed, and were there at all.
SELECT
    run_date,
    count_if(status = 'SUCCESS') AS success_count,
    count_if(status IN ('FAILED', 'DIED')) AS failed_count,
    count(*) AS total
FROM ops.etl_job_status
WHERE started_at >= :since
GROUP BY run_date
ORDER BY run_date DESC
