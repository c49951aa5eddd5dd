"""The learner stream: events from a broker, typed, and added up by minute, session and skill."""
