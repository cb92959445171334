"""Ask a running simulator's control endpoint."""

import json
from collections.abc import Mapping
from typing import Any

from simulator.state import SimulatorError, State

LIMIT_S = 5.0


def call_control(state: State, method: str, path: str, payload: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Call the control endpoint and answer its JSON object.

    Raises:
        SimulatorError: it refused (in its words), or it is not reachable.
    """
    import http.client

    address = state["control"].removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
    try:
        connection.request(method, path, json.dumps(payload) if payload is not None else None)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        remedy = "start it anew with `simulator stop` and `simulator start`"
        raise SimulatorError(
            f"The simulator's control endpoint {state['control']} does not answer: {remedy}."
        ) from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise SimulatorError(f"The simulator answered {answer!r} to {path}: is something else at {state['control']}?")
    if "error" in answer:
        raise SimulatorError(str(answer["error"]))
    return answer
