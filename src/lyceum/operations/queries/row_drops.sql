-- Jobs whose last success processed far fewer rows than the seven before it on average.
SELECT
    job_name,
    max(CASE WHEN place = 1 THEN rows_processed END) AS latest_rows,
    avg(CASE WHEN place > 1 THEN rows_processed END) AS usual_rows
FROM (
    SELECT
        runs.job_name,
        runs.rows_processed,
        levels.least_share_of_rows,
        row_number() OVER (
            PARTITION BY runs.job_name
            ORDER BY coalesce(runs.target_date, runs.run_date) DESC, runs.started_at DESC
        ) AS place
    FROM ops.etl_job_status AS runs
    JOIN service_levels AS levels ON levels.job_name = runs.job_name
    WHERE runs.status = 'SUCCESS' AND levels.least_share_of_rows IS NOT NULL
)
WHERE place <= 8
GROUP BY job_name, least_share_of_rows
HAVING
    max(CASE WHEN place = 1 THEN rows_processed END)
    < least_share_of_rows * avg(CASE WHEN place > 1 THEN rows_processed END)
ORDER BY job_name
