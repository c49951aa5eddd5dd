"""The entities that are delivered as files, and the columns that each should have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entity:
    """One kind of file: the folder it is delivered in and what stands in it."""

    name: str
    """Folder under the landing folder, such as `participants`."""
    columns: tuple[str, ...]
    """Columns as the specification names them, all kept as text; the first is the key."""
    personal: tuple[str, ...] = ()
    """Those that hold the identifier of a person."""

    @property
    def key(self) -> str:
        """The column without which a file makes no sense."""
        return self.columns[0]


EVENTS = Entity(
    "events",
    ("event_id", "event_name", "event_date", "brand_id", "indication_id", "oasis_modified_date"),
)
PARTICIPANTS = Entity(
    "participants",
    ("participant_id", "event_id", "mdm_id", "participant_type", "attended", "modified_date"),
    personal=("participant_id", "mdm_id"),
)
BRANDS = Entity("brands", ("brand_id", "brand_name"))
INDICATIONS = Entity("indications", ("indication_id", "indication_name"))
MDM = Entity("mdm", ("mdm_id", "final_mdm_id"), personal=("mdm_id", "final_mdm_id"))

ENTITIES = (EVENTS, PARTICIPANTS, BRANDS, INDICATIONS, MDM)
