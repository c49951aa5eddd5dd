-- Failures of every stage since a time, those that a later attempt made good among them.
SELECT
    pipeline_name,
    stage,
    count(*) AS failure_count,
    max(updated_at) AS last_failure,
    max_by(metadata, updated_at) AS last_error
FROM ops.pipeline_checkpoint
WHERE status = 'failed' AND updated_at >= :since
GROUP BY pipeline_name, stage
ORDER BY failure_count DESC, pipeline_name, stage
