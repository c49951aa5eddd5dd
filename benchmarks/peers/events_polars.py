"""The event pipeline in polars with delta-rs: new files are merged, what derives is overwritten."""

import json
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from events_mdm import Figures, final_ids, run

TRUE = ["true", "y", "yes", "1"]
KEYS = {"events": "event_id", "participants": "participant_id"}
KEYS |= {"brands": "brand_id", "mdm": "mdm_id"}
MODIFIED = {"events": "oasis_modified_date", "participants": "modified_date"}


def new_rows(landing: Path, entity: str, known: set[str]) -> pl.DataFrame | None:
    """The rows of the files that are new, standardised, one a key."""
    files = sorted((landing / entity).glob("*.csv"), key=lambda file: file.stat().st_mtime)
    new = [file for file in files if str(file) not in known]
    known.update(map(str, new))
    if not new:
        return None
    frame = pl.concat([pl.read_csv(f, infer_schema=False) for f in new])
    ids = pl.col(name for name in frame.columns if name.endswith("_id"))
    text = ids.str.strip_chars().str.to_uppercase()
    frame = frame.with_columns(pl.when(text != "").then(text)).with_columns(typed(frame.columns))
    modified = MODIFIED.get(entity)
    ordered = frame if modified is None else frame.sort(modified, maintain_order=True)
    return ordered.unique(KEYS[entity], keep="last", maintain_order=True)


def typed(columns: list[str]) -> list[pl.Expr]:
    """Days, times and booleans of an entity."""
    word = pl.col("attended").str.strip_chars().str.to_lowercase()
    known = {
        "event_date": pl.col("event_date").str.to_date(),
        "oasis_modified_date": pl.col("oasis_modified_date").str.to_datetime(),
        "modified_date": pl.col("modified_date").str.to_datetime(),
        "attended": pl.when(word != "").then(word.is_in(TRUE)).alias("attended"),
    }
    return [known[name] for name in columns if name in known]


def merged(home: Path, landing: Path, entity: str, known: set[str]) -> pl.DataFrame:
    """The latest versions so far, after the new files."""
    place, rows = str(home / "latest" / entity), new_rows(landing, entity, known)
    if rows is not None and not DeltaTable.is_deltatable(place):
        rows.write_delta(place)
    elif rows is not None:
        key, modified = KEYS[entity], MODIFIED.get(entity)
        newer = None if modified is None else f"s.{modified} >= t.{modified}"
        merging = DeltaTable(place).merge(
            rows.to_arrow(), f"t.{key} = s.{key}", source_alias="s", target_alias="t"
        )
        merging = merging.when_matched_update_all(predicate=newer)
        merging.when_not_matched_insert_all().execute()
    return pl.read_delta(place)


def process(landing: Path, home: Path) -> Figures:
    """Files to Delta."""
    home.mkdir(parents=True, exist_ok=True)
    state = home / "known.json"
    known = set(json.loads(state.read_text())) if state.exists() else set()
    found = {entity: merged(home, landing, entity, known) for entity in KEYS}
    events = found["events"].join(found["brands"], on="brand_id", how="left")
    final, circular = final_ids(found["mdm"].iter_rows())
    people = found["participants"].join(events.select("event_id"), on="event_id", how="semi")
    people = people.filter(~pl.col("mdm_id").is_in(list(circular)).fill_null(value=False))
    people = people.with_columns(pl.col("mdm_id").replace(final).alias("final_mdm_id"))
    by_event = people.group_by("event_id").agg(
        pl.len().alias("registrations"), pl.col("attended").sum().alias("attendees")
    )
    counted = events.join(by_event, on="event_id", how="left")
    sums = (
        pl.col("registrations").sum().alias("total_registrations"),
        pl.col("attendees").sum().alias("total_attendees"),
    )
    performance = counted.group_by("event_date").agg(pl.len().alias("total_events"), *sums)
    rate = pl.col("total_attendees") / pl.col("total_registrations")
    has_any = pl.col("total_registrations") > 0
    performance = performance.with_columns(pl.when(has_any).then(rate).alias("attendance_rate"))
    products = counted.group_by("brand_id", "brand_name").agg(pl.len().alias("event_count"), *sums)
    frames = {"lm_events": events, "lm_participants": people}
    frames |= {"event_performance_kpi": performance, "product_performance_kpi": products}
    for name, frame in frames.items():
        frame.write_delta(str(home / name), mode="overwrite")
    state.write_text(json.dumps(sorted(known)))
    names = ("total_events", "total_registrations", "total_attendees")
    return {name: int(performance[name].sum()) for name in names}


if __name__ == "__main__":
    run(process)
