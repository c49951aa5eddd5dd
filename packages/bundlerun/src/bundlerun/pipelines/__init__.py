"""The executor of declarative pipelines: their definitions, run in order on any session."""

from bundlerun.pipelines.errors import (
    DefinitionError,
    ExpectationError,
    GraphError,
    PipelineError,
)
from bundlerun.pipelines.outcome import FlowResult, Outcome, Update
from bundlerun.pipelines.settings import (
    PipelineSettings,
    PipelineSettingsError,
    pipeline_settings,
)
from bundlerun.pipelines.update import run_pipeline

__all__ = [
    "DefinitionError",
    "ExpectationError",
    "FlowResult",
    "GraphError",
    "Outcome",
    "PipelineError",
    "PipelineSettings",
    "PipelineSettingsError",
    "Update",
    "pipeline_settings",
    "run_pipeline",
]
