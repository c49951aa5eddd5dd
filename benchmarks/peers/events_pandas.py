"""The event pipeline as a pandas script: all files read again, tables written as Parquet."""

from pathlib import Path

import pandas as pd
from events_mdm import Figures, final_ids, run

TRUE = {"true", "y", "yes", "1"}


def rows(landing: Path, entity: str) -> pd.DataFrame:
    """All rows of an entity, the oldest file first."""
    files = sorted((landing / entity).glob("*.csv"), key=lambda file: file.stat().st_mtime)
    return pd.concat([pd.read_csv(f, dtype=str, keep_default_na=False) for f in files])


def standardised(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Identifiers trimmed and in upper case, empty as NULL."""
    for name in columns:
        text = frame[name].str.strip().str.upper()
        frame[name] = text.mask(text == "")
    return frame


def latest(frame: pd.DataFrame, key: str, modified: str | None = None) -> pd.DataFrame:
    """One row a key: the one modified last, of equal ones the last that came."""
    ordered = frame if modified is None else frame.sort_values(modified, kind="stable")
    return ordered.drop_duplicates(key, keep="last")


def silver(landing: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The latest events and participants."""
    brands = latest(standardised(rows(landing, "brands"), ["brand_id"]), "brand_id")
    events = standardised(rows(landing, "events"), ["event_id", "brand_id", "indication_id"])
    for name in ("event_date", "oasis_modified_date"):
        events[name] = pd.to_datetime(events[name])
    events = latest(events, "event_id", "oasis_modified_date")
    events = events.merge(brands, on="brand_id", how="left")
    people = standardised(rows(landing, "participants"), ["participant_id", "event_id", "mdm_id"])
    people["modified_date"] = pd.to_datetime(people["modified_date"])
    word = people["attended"].str.strip().str.lower()
    people["attended"] = word.isin(TRUE).astype("boolean").mask(word == "")
    people = latest(people, "participant_id", "modified_date")
    mdm = latest(standardised(rows(landing, "mdm"), ["mdm_id", "final_mdm_id"]), "mdm_id")
    final, circular = final_ids(mdm.itertuples(index=False, name=None))
    people = people[people["event_id"].isin(events["event_id"])]
    people = people[~people["mdm_id"].isin(circular)]
    people["final_mdm_id"] = people["mdm_id"].map(final).fillna(people["mdm_id"])
    return events, people


def kpis(counted: pd.DataFrame, keys: list[str], count: str) -> pd.DataFrame:
    """Events, registrations and attendees by the keys."""
    return counted.groupby(keys, dropna=False, as_index=False).agg(
        **{count: ("event_id", "count"), "total_registrations": ("registrations", "sum")},
        total_attendees=("attendees", "sum"),
    )


def process(landing: Path, home: Path) -> Figures:
    """Files to Parquet."""
    events, people = silver(landing)
    by_event = people.groupby("event_id").agg(
        registrations=("participant_id", "count"), attendees=("attended", "sum")
    )
    counted = events.merge(by_event, on="event_id", how="left").fillna(
        {"registrations": 0, "attendees": 0}
    )
    performance = kpis(counted, ["event_date"], "total_events")
    rate = performance["total_attendees"] / performance["total_registrations"]
    performance["attendance_rate"] = rate.mask(performance["total_registrations"] == 0)
    products = kpis(counted, ["brand_id", "brand_name"], "event_count")
    home.mkdir(parents=True, exist_ok=True)
    frames = {"lm_events": events, "lm_participants": people}
    frames |= {"event_performance_kpi": performance, "product_performance_kpi": products}
    for name, frame in frames.items():
        frame.to_parquet(home / f"{name}.parquet", compression="zstd")
    names = ("total_events", "total_registrations", "total_attendees")
    return {name: int(performance[name].sum()) for name in names}


if __name__ == "__main__":
    run(process)
