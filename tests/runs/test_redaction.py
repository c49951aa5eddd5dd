"""Secrets are hidden wherever they turn up."""

from pocketlake.redaction import redacted, remember_secret


def test_a_secret_that_is_a_part_of_another_does_not_show_the_rest_of_it():
    remember_secret("tulip-bulb")
    remember_secret("tulip-bulb-and-spade")
    assert redacted("it is tulip-bulb-and-spade, not tulip-bulb") == "it is ***, not ***"
