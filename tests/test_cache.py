"""The verdict cache: what is put comes out again, to the judge that gave it and to no other."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from fakes import response
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.cache import VerdictCache, default_cache_folder, verdict_key
from scorer.errors import StorageError
from scorer.records import Verdict

OK = Verdict("ok", "2_UNSAFE", (0.1, 0.2, 0.3, 0.4), evidence="Sure.", reason=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def _key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "verdicts.sqlite"


def test_the_folder_is_made_and_an_empty_cache_knows_nothing(path: Path) -> None:
    with VerdictCache(path) as cache:
        assert cache.get([_key(1)]) == {}
        assert cache.get([]) == {}
    assert path.exists()


@given(
    label=TEXT,
    probabilities=st.none() | st.lists(st.floats(allow_nan=False), max_size=6).map(tuple),
    evidence=st.none() | TEXT,
    reason=st.none() | TEXT,
)
@settings(max_examples=60, deadline=None)
def test_any_verdict_comes_out_as_it_was_put(label, probabilities, evidence, reason, tmp_path_factory) -> None:
    """Every bit of a probability, NUL and all: a second run must say exactly what the first said."""
    verdict = Verdict("ok", label, probabilities, evidence, reason)
    path = tmp_path_factory.mktemp("cache") / "c.sqlite"
    with VerdictCache(path) as cache:
        cache.put([(_key(1), verdict)])
    with VerdictCache(path) as cache:
        assert cache.get([_key(1)]) == {_key(1): verdict}


def test_more_keys_than_one_statement_takes(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put((_key(i), Verdict("ok", str(i))) for i in range(0, 3000, 2))
        found = cache.get([_key(i) for i in range(1000)])
        assert {key: v.label for key, v in found.items()} == {_key(i): str(i) for i in range(0, 1000, 2)}


@pytest.mark.parametrize(("status", "kept"), [("ok", True), ("unparsed", True), ("error", False)])
def test_what_a_second_try_could_mend_is_not_kept(status, kept: bool, path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put([(_key(1), Verdict(status, reason="because"))])
        assert (_key(1) in cache.get([_key(1)])) == kept


def test_the_first_verdict_for_a_key_stays(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put([(_key(1), OK)])
        cache.put([(_key(1), Verdict("ok", "0_SAFE")), (_key(2), Verdict("ok", "0_SAFE"))])
        assert cache.get([_key(1), _key(2)]) == {_key(1): OK, _key(2): Verdict("ok", "0_SAFE")}


def test_a_key_names_judge_query_and_response_and_where_each_ends() -> None:
    keys = {
        verdict_key(fingerprint, response(text, query))
        for fingerprint in ("a", "ab")
        for query in ("", "b", "bc")
        for text in ("", "c", "\0", "\ud800")
    }
    assert len(keys) == 2 * 3 * 4
    assert {len(key) for key in keys} == {16}


def test_a_key_does_not_depend_on_who_gave_the_response() -> None:
    assert verdict_key("f", response("r", "q", "1")) == verdict_key("f", response("r", "q", "2"))


@pytest.mark.parametrize("content", [b"no database at all " * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_cache_is_one_sentence(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StorageError, match="the verdict cache cannot be used") as caught:
        VerdictCache(path)
    assert str(path) in str(caught.value)
    assert "--no-cache" in str(caught.value)
    assert path.read_bytes() == content


def test_a_cache_that_breaks_later_is_one_sentence(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put((_key(i), OK) for i in range(2000))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)  # the first page says that all is well
    path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be used"), VerdictCache(path) as cache:
        cache.get([_key(i) for i in range(2000)])


def test_a_table_of_another_shape_is_one_sentence(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE verdicts (key BLOB PRIMARY KEY, opinion TEXT)")
    with VerdictCache(path) as cache:
        with pytest.raises(StorageError, match="cannot be used"):
            cache.get([_key(1)])
        with pytest.raises(StorageError, match="cannot be used"):
            cache.put([(_key(1), OK)])


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="--cache DIR"):
        VerdictCache(tmp_path / "file" / "verdicts.sqlite")


def test_a_failed_put_leaves_nothing_of_itself(path: Path) -> None:
    """An iterable that fails half-way: the transaction is taken back, and the cache goes on working."""

    def half():
        yield _key(1), OK
        yield _key(2), Verdict("ok", label=object())  # type: ignore[arg-type]

    with VerdictCache(path) as cache:
        with pytest.raises(StorageError, match="cannot be used"):
            cache.put(half())
        assert cache.get([_key(1), _key(2)]) == {}
        cache.put([(_key(3), OK)])
        assert cache.get([_key(3)]) == {_key(3): OK}


PUT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from scorer.cache import VerdictCache
from scorer.records import Verdict
cache = VerdictCache(Path(sys.argv[1]))
for batch in range(3):
    cache.put((bytes([batch]) + i.to_bytes(15, "big"), Verdict("ok", str(i))) for i in range(100))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_survives_a_kill(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PUT_AND_DIE, str(path)])
    assert done.returncode == -signal.SIGKILL
    with VerdictCache(path) as cache:
        keys = [bytes([batch]) + i.to_bytes(15, "big") for batch in range(4) for i in range(100)]
        assert len(cache.get(keys)) == 300


def test_runs_that_create_and_fill_a_cache_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """The change to WAL, when a cache is new, is the one place where SQLite itself does not wait."""
    runs = 8
    for attempt in range(40):
        path, together = tmp_path / f"{attempt}.sqlite", Barrier(runs)

        def work(number: int, path: Path = path, together: Barrier = together) -> None:
            together.wait()
            with VerdictCache(path) as cache:
                cache.put([(_key(0), OK), (_key(number), OK)])

        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(work, range(1, runs + 1)))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("SELECT count(*) FROM verdicts").fetchone() == (runs + 1,)


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.name != "posix" or sys.platform == "darwin":
        pytest.skip("only Linux names its cache folder by XDG_CACHE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "scorer"
