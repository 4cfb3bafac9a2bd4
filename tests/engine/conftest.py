"""What tests of the engine share."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["small", "grid"])
def path_(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Value by value, and on grids so coarse that bins hold several values."""
    if request.param == "grid":
        monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
        monkeypatch.setattr("driftline.engine.grid.FEWEST_BINS", 16)
    return str(request.param)
