"""Names of the files in a bundle."""

from collections.abc import Collection

from recdiff.blend.names import EASE, WALKS
from recdiff.storage.manifest import MANIFEST

USERS_FILE, ITEMS_FILE = "users.arrow", "items.arrow"

DENOISER_FILE = "denoiser.onnx"
SCORER_FILE = "scorer.onnx"
# scorer.onnx without the kinds: what the runtime runs on a processor.
FAKE_SCORE_FILE = "fake_score.onnx"
SCORER_BY_ID_FILE = "scorer_by_id.onnx"
RECOMMENDER_FILE = "recommender.onnx"

TABLE_FILE = "user_table.bin"
RECOMMEND_USERS_FILE, RECOMMEND_ITEMS_FILE = "recommend_users.bin", "recommend_items.bin"
SEEN_INDPTR_FILE, SEEN_ITEMS_FILE = SEEN_FILES = "seen_indptr.bin", "seen_items.bin"
# What members of a blend score by: each user's items, and a table of items by items of each such member.
HISTORY_INDPTR_FILE, HISTORY_ITEMS_FILE = HISTORY_FILES = "history_indptr.bin", "history_items.bin"
MEMBERS = (EASE, WALKS)
POPULARITY_FILE = "blend_popularity.bin"
# What an item and a friend hand over to a user who is new.
MEMORY_USERS_FILE, MEMORY_ITEMS_FILE = MEMORY_FILES = "memory_users.bin", "memory_items.bin"

FITTED_STARTS_FILE, FITTED_KEYS_FILE, FITTED_SCORES_FILE = "fitted_starts.npy", "fitted_keys.npy", "fitted_scores.npy"
# Beside a served scorer_by_id graph that knows the fitted edges; no part of a bundle.
STORED_KEYS_FILE, STORED_SCORES_FILE = "stored_keys.bin", "stored_scores.bin"

FITTED_FILES = (FITTED_STARTS_FILE, FITTED_KEYS_FILE, FITTED_SCORES_FILE)
RECOMMENDER_TABLES = (RECOMMEND_USERS_FILE, RECOMMEND_ITEMS_FILE, *SEEN_FILES)


def member_files(member: str) -> tuple[str, str]:
    """Return where a member's table lies: the items that follow from each item, and their weights."""
    return f"blend_{member}_items.bin", f"blend_{member}_weights.bin"


def blend_files(members: Collection[str]) -> tuple[str, ...]:
    """Return all that a blend with these ``members`` reads; nothing without any."""
    tables = [file for member in members for file in member_files(member)]
    return (*HISTORY_FILES, *tables) if tables else ()


def files_of(
    *, denoises: bool, recommends: bool, members: Collection[str] = (), remembers: bool = False, counts: bool = False
) -> frozenset[str]:
    """Return what a bundle holds beside its manifest.

    Args:
        members: of the blend, those with a table; counts: whether popularity is one, for somebody new.
    """
    names = [USERS_FILE, ITEMS_FILE, SCORER_FILE, FAKE_SCORE_FILE, SCORER_BY_ID_FILE, TABLE_FILE, *FITTED_FILES]
    names += [DENOISER_FILE] if denoises else []
    names += [RECOMMENDER_FILE, *RECOMMENDER_TABLES, *blend_files(members)] if recommends else []
    names += MEMORY_FILES if remembers else []
    names += [POPULARITY_FILE] if counts else []
    return frozenset(names)


BUNDLE_FILES = {
    MANIFEST,
    *files_of(denoises=True, recommends=True, members=MEMBERS, remembers=True, counts=True),
}
"""Everything that an export may write."""
