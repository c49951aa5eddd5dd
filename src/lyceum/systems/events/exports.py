"""The outbound files of the event pipeline: the latest normalised events and participants."""

from lyceum.exports.declaration import Export, ExportedTable
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS

EVENTS_EXPORT = Export(
    name="events_export",
    tables=(
        ExportedTable(
            LM_EVENTS,
            (
                "event_id",
                "event_name",
                "event_date",
                "brand_id",
                "brand_name",
                "indication_id",
                "oasis_modified_date",
            ),
        ),
        ExportedTable(
            LM_PARTICIPANTS,
            (
                "participant_id",
                "event_id",
                "mdm_id",
                "final_mdm_id",
                "participant_type",
                "attended",
                "modified_date",
            ),
        ),
    ),
)
