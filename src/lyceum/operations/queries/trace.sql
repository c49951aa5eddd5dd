-- Everything that one run did, in the order of time: ledger, stages, log lines.
SELECT
    at,
    source,
    what,
    state,
    duration_ms,
    detail
FROM (
    SELECT
        recorded_at AS at,
        'ledger' AS source,
        job_name AS what,
        status AS state,
        duration_ms,
        coalesce(error_message, parameters) AS detail
    FROM ops.etl_job_runs
    WHERE id = :run_id
    UNION ALL
    SELECT
        updated_at,
        'stage',
        concat_ws(' ', stage, nullif(checkpoint_key, 'stage')),
        status,
        duration_ms,
        coalesce(metadata, checkpoint_value)
    FROM ops.pipeline_checkpoint
    WHERE run_id = :run_id
    UNION ALL
    SELECT
        timestamp,
        'log',
        message,
        level,
        CAST(NULL AS BIGINT),
        concat(module, '.', function, ':', line, ' ', coalesce(nullif(metadata, '{}'), ''))
    FROM ops.pipeline_logs
    WHERE run_id = :run_id
)
ORDER BY at, source DESC
