"""The description of routing's administration says what there is. Whether it is true is tried by schemathesis."""

from myna.app.routes_api import PLACE
from tests.app.test_routes_api import Desk


def test_answers_are_those_that_come() -> None:
    description = Desk().claims.description
    assert description is not None
    rule = description["paths"][f"{PLACE}/rules/{{name}}"]
    assert set(rule["put"]["responses"]) == {"200", "201", "400", "401", "404", "409", "413", "414", "429", "431"}
    assert {"204", "404", "409"} <= set(rule["delete"]["responses"])
    dead = description["paths"][f"{PLACE}/destinations/{{name}}/dead-letters"]
    assert [one["name"] for one in dead["get"]["parameters"]] == ["name", "after"]
    assert [one["name"] for one in dead["delete"]["parameters"]] == ["name"]
