"""The shipped profiles, as YAML and as the trackers that they make."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import Design
from tracker.core.profile.answers import sample_answers
from tracker.core.profile.compose import compose, numbered
from tracker.core.profile.read import Ground, read_profile
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry

HOME = Path(__file__).parent.parent
PROFILES = HOME / "profiles"
NAMES = ("nonprofit_membership", "esfri_outreach")
SAMPLES = os.environ.get("TRACKER_SAMPLES", "")  # the folder of real files; empty where there is none
TYPES = TypeRegistry(BUILTIN)


@cache
def raw(name: str) -> dict[str, Any]:
    """Return a profile as plain YAML."""
    return YAML(typ="safe").load(PROFILES / f"{name}.yaml")


@cache
def trackers(name: str) -> Trackers:
    """Return the trackers that a profile makes in an empty workspace."""
    ground = Ground(TYPES)
    profile = read_profile(PROFILES / f"{name}.yaml", ground)
    content = profile.content(sample_answers(profile.questions), ground)
    return Trackers.bind(numbered(compose(Design(), content.pieces, {})), TYPES)
