"""What every test shares: quiet surroundings and one way to search for counterexamples."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A green build stays green: in CI the searches are the same ones every time. Elsewhere they differ,
# and so find more. No deadline: a slow machine is not a failing test.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("development", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "development")


@pytest.fixture(scope="session", autouse=True)
def no_ambient_settings() -> Iterator[None]:
    """Hide the developer's own Driftline settings and colours from all tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DRIFTLINE_TARGET", "DRIFTLINE_FAIL_ON", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_COLOR", "1")
        yield
