"""Where an LMS keeps its facts: dotted paths into the payloads."""

from pydantic import BaseModel, ConfigDict


class LmsFields(BaseModel):
    """Dotted paths; those of a session are relative to it, those of a product to the product."""

    model_config = ConfigDict(frozen=True)

    events: str = "data"
    event_id: str = "id"
    event_session_count: str = "session_count"

    sessions: str = "data.sessions"
    session_id: str = "id"
    eval_id: str = "eval_id"
    start_time: str = "start_time"
    end_time: str = "end_time"
    timezone: str = "timezone"
    session_title: str = "title"

    products: str = "products"
    product_id: str = "id"
    product_identification: str = "identification"
    product_name: str = "name"
    product_type: str = "type"
