"""A damaged file of cached machine code is noticed and replaced."""

import pickle
import warnings

import pytest

from latentfit.em.primitives._compiled.cache_files import VerifiedCacheFile
from latentfit.errors import CacheWarning


@pytest.fixture
def saved(tmp_path):
    file = VerifiedCacheFile(str(tmp_path), "kernel", "stamp")
    file.save("key", {"code": bytes(range(256)) * 40})
    return tmp_path


def loaded(folder, stamp="stamp"):
    return VerifiedCacheFile(str(folder), "kernel", stamp).load("key")


def test_what_was_saved_is_loaded_without_a_warning(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loaded(saved) == {"code": bytes(range(256)) * 40}
        assert loaded(saved, "another stamp") is None


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:60] + bytes([content[60] ^ 255]) + content[61:],
        lambda content: b"garbage" * 100,
        lambda content: content + b"x",
    ],
)
def test_damage_is_noticed_and_repaired_by_the_next_save(saved, suffix, damage):
    (path,) = saved.glob(f"*.{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(CacheWarning, match="was damaged; the functions are compiled again"):
        assert loaded(saved) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        VerifiedCacheFile(str(saved), "kernel", "stamp").save("key", "new")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loaded(saved) == "new"


def test_an_index_of_another_version_of_numba_is_out_of_date_and_not_damaged(saved):
    (path,) = saved.glob("*.nbi")
    path.write_bytes(pickle.dumps("0.1", protocol=-1) + b"anything")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loaded(saved) is None
