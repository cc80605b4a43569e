"""Publications on disk: numbers, pointer, lock, withdrawal, pruning, and death at any moment."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from geodata.errors import NotFoundError, StoreError, WithdrawnError
from geodata.store import publication as module
from geodata.store.publication import Draft, Publication, PublicationStore

#: Writes publications without geometry: what is tested here is the directory, not what is in it.
FILES = ("layers.gpkg", "serve.sqlite", "manifest.json")


def fill(draft: Draft, *editions: str) -> None:
    for edition in editions or ("public", "internal"):
        directory = draft.edition_dir(edition)
        for name in FILES:
            (directory / name).write_text(json.dumps({"publication": draft.id, "edition": edition}))


def publish(store: PublicationStore) -> Publication:
    with store.begin() as draft:
        fill(draft)
        return draft.commit()


def names(store: PublicationStore) -> list[str]:
    return sorted(path.name for path in store.publications.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> PublicationStore:
    return PublicationStore(tmp_path / "state", "musterkreis")


def test_layout_is_the_one_of_the_plan(store: PublicationStore, tmp_path: Path) -> None:
    published = publish(store)
    root = tmp_path / "state" / "musterkreis"
    assert published == Publication("0001", root / "publications" / "0001") == store.current() == store.open("0001")
    assert (root / "current").read_text() == "0001\n"
    for edition in ("public", "internal"):
        found = sorted(path.name for path in published.edition_dir(edition).iterdir())
        assert found == ["inputs", "layers.gpkg", "manifest.json", "maps", "serve.sqlite"]
        assert published.manifest(edition) == {"publication": "0001", "edition": edition}
    assert names(store) == ["0001"]
    assert published.editions == ("public", "internal")


def test_the_internal_edition_is_for_its_owner_only(store: PublicationStore) -> None:
    draft = store.begin()
    fill(draft)
    assert stat.S_IMODE(draft.path.stat().st_mode) == 0o700  # nobody reads an unfinished one
    published = draft.commit()
    assert stat.S_IMODE(published.edition_dir("internal").stat().st_mode) == 0o700
    assert stat.S_IMODE(published.path.stat().st_mode) == 0o755


def test_numbers_run_on(store: PublicationStore) -> None:
    assert [publish(store).id for _ in range(3)] == ["0001", "0002", "0003"]
    assert [p.id for p in store.history()] == ["0001", "0002", "0003"]
    (store.publications / "0003").rename(store.publications / "9999")
    (store.root / "current").write_text("9999\n")
    assert publish(store).id == "10000"
    assert [p.id for p in store.history()] == ["0001", "0002", "9999", "10000"]
    assert store.current().id == "10000"


def test_nothing_published_yet(store: PublicationStore) -> None:
    with pytest.raises(NotFoundError, match="run"):
        store.current()
    assert store.history() == ()


def test_a_draft_that_is_left_leaves_nothing(store: PublicationStore) -> None:
    publish(store)
    with store.begin() as draft:
        fill(draft)
    assert names(store) == ["0001"]
    assert store.current().id == "0001"
    draft = store.begin()
    fill(draft)
    with pytest.raises(RuntimeError), draft:
        raise RuntimeError
    assert names(store) == ["0001"]
    assert publish(store).id == "0002"


@pytest.mark.parametrize("lacking", FILES)
def test_an_incomplete_draft_is_not_published(store: PublicationStore, lacking: str) -> None:
    publish(store)
    draft = store.begin()
    fill(draft)
    (draft.edition_dir("internal") / lacking).unlink()
    with pytest.raises(StoreError, match=f"internal/{lacking}"):
        draft.commit()
    assert (names(store), store.current().id) == (["0001"], "0001")
    with pytest.raises(StoreError, match="closed"):
        draft.commit()
    with pytest.raises(StoreError, match="closed"):
        draft.edition_dir("public")
    with store.begin() as empty, pytest.raises(StoreError, match="no edition"):
        empty.commit()


def test_a_second_run_is_told_what_to_do(store: PublicationStore, tmp_path: Path) -> None:
    """Within the process, from another process, and not for another county."""
    with store.begin():
        other = PublicationStore(tmp_path / "state", "musterkreis")
        with pytest.raises(StoreError, match=rf"process {os.getpid()}.*wait until"):
            other.begin()
        with pytest.raises(StoreError, match="another run"):
            store.begin()
        script = f"""
from pathlib import Path
from geodata.errors import StoreError
from geodata.store.publication import PublicationStore
try:
    PublicationStore(Path({str(tmp_path / "state")!r}), "musterkreis").begin()
except StoreError as error:
    print("refused:", error)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("refused:")
        PublicationStore(tmp_path / "state", "peine").begin().abort()
    publish(store)


def test_leftovers_of_a_dead_run_are_removed(store: PublicationStore) -> None:
    publish(store)
    for name in (".draft-999999-0002", ".trash-999999-0001"):
        (store.publications / name / "public").mkdir(parents=True)
        (store.publications / name / "public" / "serve.sqlite").write_text("half")
    (store.root / ".current.new").write_text("00")
    assert store.current().id == "0001"
    assert publish(store).id == "0002"
    assert names(store) == ["0001", "0002"]


def test_a_publication_with_a_name_but_no_pointer_confuses_nobody(store: PublicationStore) -> None:
    publish(store)
    publish(store)
    (store.root / "current").write_text("0001\n")  # as if 0002 had died between the two renames
    assert store.current().id == "0001"
    assert [p.id for p in store.history()] == ["0001"]
    with pytest.raises(NotFoundError):
        store.open("0002")
    assert publish(store).id == "0003"  # its number is not given again
    assert names(store) == ["0001", "0003"]


def test_a_lost_pointer_removes_nothing(store: PublicationStore) -> None:
    publish(store)
    publish(store)
    (store.root / "current").unlink()
    with pytest.raises(NotFoundError):
        store.current()
    assert publish(store).id == "0003"
    assert names(store) == ["0001", "0002", "0003"]


@pytest.mark.parametrize("content", ["", "../../etc", "1", "0001\n0002", "\xff"])
def test_a_damaged_pointer_is_reported(store: PublicationStore, content: str) -> None:
    publish(store)
    (store.root / "current").write_text(content, encoding="latin-1")
    for ask in (store.current, store.begin, store.history):
        with pytest.raises(StoreError):
            ask()
    (store.root / "current").write_text("0001\n")
    assert publish(store).id == "0002"  # and the lock was let go


@pytest.mark.parametrize("name", ["", "1", "0002", "../0001", "0001/public", ".draft-1-0001", "\x00", "٠٠٠١"])
def test_unknown_publications(store: PublicationStore, name: str) -> None:
    publish(store)
    with pytest.raises(NotFoundError):
        store.open(name)
    with pytest.raises(NotFoundError):
        store.open_edition(name, "public")
    with pytest.raises(NotFoundError):
        store.withdraw(name, "x")


@pytest.mark.parametrize("edition", ["secret", "", "..", "public/../internal"])
def test_unknown_editions(store: PublicationStore, edition: str) -> None:
    published = publish(store)
    with pytest.raises(NotFoundError):
        published.edition_dir(edition)
    with store.begin() as draft, pytest.raises(StoreError):
        draft.edition_dir(edition)


@pytest.mark.parametrize("county", ["", "..", "a/b", "/etc", "Muster", ".x", "a" * 99, "ä"])
def test_counties_that_are_no_directory(tmp_path: Path, county: str) -> None:
    with pytest.raises(StoreError):
        PublicationStore(tmp_path, county)


def test_old_publications_are_pruned_and_the_current_never(tmp_path: Path) -> None:
    store = PublicationStore(tmp_path, "k", keep=2)
    assert [publish(store).id for _ in range(4)] == ["0001", "0002", "0003", "0004"]
    assert names(store) == ["0003", "0004"]
    single = PublicationStore(tmp_path, "k", keep=1)
    assert publish(single).id == "0005"
    assert names(single) == ["0005"]
    with pytest.raises(StoreError):
        PublicationStore(tmp_path, "k", keep=0)


def test_withdrawing_the_current_one_serves_the_one_before(store: PublicationStore) -> None:
    for _ in range(3):
        publish(store)
    store.withdraw("0003", "Fehler in den Quoten")
    assert store.current().id == "0002"
    assert (store.root / "current").read_text() == "0002\n"
    with pytest.raises(WithdrawnError, match="Fehler in den Quoten"):
        store.open("0003")
    with pytest.raises(WithdrawnError):
        store.open_edition("0003", "public")
    with pytest.raises(WithdrawnError):
        store.withdraw("0003", "again")
    store.withdraw("0001", "older")
    assert [p.id for p in store.history()] == ["0002"]
    assert publish(store).id == "0004"  # the number of a withdrawn publication is not given again
    assert names(store) == ["0001", "0002", "0003", "0004"]
    store.withdraw("0004", "x")
    assert store.current().id == "0002"
    store.withdraw("0002", "x")
    with pytest.raises(NotFoundError):
        store.current()
    with pytest.raises(WithdrawnError):
        store.open("0002")
    assert publish(store).id == "0005"
    assert store.current().id == "0005"


def test_withdrawing_works_while_a_run_is_writing(store: PublicationStore) -> None:
    publish(store)
    publish(store)
    with store.begin() as draft:
        store.withdraw("0002", "now")
        assert store.current().id == "0001"  # although the pointer could not be moved
        fill(draft)
        draft.commit()
    assert store.current().id == "0003"


def test_the_note_of_a_withdrawal_outlives_pruning(tmp_path: Path) -> None:
    store = PublicationStore(tmp_path, "k", keep=1)
    publish(store)
    publish(store)
    store.withdraw("0002", "x")
    with pytest.raises(NotFoundError):
        store.current()  # 0001 had been pruned
    publish(store)
    assert names(store) == ["0002", "0003"]
    assert [path.name for path in (store.publications / "0002").iterdir()] == ["withdrawn.json"]
    (store.publications / "0002" / "withdrawn.json").write_text("damaged")
    with pytest.raises(WithdrawnError):
        store.open("0002")


def test_everything_is_synced_before_it_is_named(store: PublicationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, then their directories, then the name, then the directory of names, then the pointer."""
    events: list[str] = []
    sync, rename, replace = module._sync, Path.rename, Path.replace

    def note(kind: str, path: Path) -> None:
        parts = path.relative_to(store.root).parts
        events.append(f"{kind} " + "/".join("DRAFT" if p.startswith(".draft") else p for p in parts))

    monkeypatch.setattr(module, "_sync", lambda path: (note("sync", path), sync(path))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (note("name", to), rename(self, to))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (note("point", to), replace(self, to))[1])
    publish(store)
    tail = ["sync publications/DRAFT", "name publications/0001", "sync publications", "point current", "sync "]
    assert events[-5:] == tail
    before = events[: events.index("name publications/0001")]
    for edition in ("public", "internal"):
        files = [before.index(f"sync publications/DRAFT/{edition}/{name}") for name in FILES]
        assert max(files) < before.index(f"sync publications/DRAFT/{edition}") < before.index("sync publications/DRAFT")


HARNESS = r"""
import json, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest as make
from geodata.store import publication as module
from geodata.store.publication import PublicationStore
from geodata.store.query import ItemQuery
from geodata.store.writer import write_edition

layer = make.ortsteile()
collections = [make.collection(layer, "ortsteil_x")]
store = PublicationStore(Path(sys.argv[2]), "musterkreis", keep=3)

def run():
    with store.begin() as draft:
        for edition in ("public", "internal"):
            manifest = make.manifest(draft.id, edition)
            write_edition(draft.edition_dir(edition), collections, [layer], manifest)
        draft.commit()

def check(at_least):
    current = store.current()
    assert int(current.id) >= at_least, (current, at_least)
    assert len(store.history()) >= 1 and store.history()[-1] == current
    for edition in ("public", "internal"):
        manifest = current.manifest(edition)
        assert (manifest["publication"], manifest["edition"]) == (current.id, edition)
        reader = store.open_edition(current, edition)
        assert (reader.publication, reader.edition) == (current.id, edition)
        page = reader.items("ortsteil_x", ItemQuery(limit=100))
        assert page.returned == page.matched == 15
        assert reader.collection("ortsteil_x").content_hash == manifest["content"]["collections"]["ortsteil_x"]
        reader.close()
        assert (current.edition_dir(edition) / "layers.gpkg").stat().st_size > 50_000
    return int(current.id)

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid

run()  # the first one imports; the length of the second is what a child needs
start = time.monotonic()
run()
duration = time.monotonic() - start
newest = check(2)
chance = random.Random(int(sys.argv[3]))
killed = tried = 0
for _ in range(int(sys.argv[4])):  # at random moments
    tried += 1
    pid = child(run)
    time.sleep(chance.uniform(0, 1.1 * duration))
    os.kill(pid, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    newest = check(newest)

def dying(step):  # at every step of a commit: before the n-th sync, name or pointer
    count = 0
    def counted(original):
        def wrapper(*args):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args)
        return wrapper
    module._sync = counted(module._sync)
    Path.rename, Path.replace = counted(Path.rename), counted(Path.replace)
    module.shutil.rmtree = counted(module.shutil.rmtree)
    run()

step, status = 0, 1
while status:
    step += 1
    pid = child(lambda: dying(step))
    status = os.waitpid(pid, 0)[1]
    newest = check(newest)
    assert step < 100
run()
assert check(newest) > newest
left = sorted(p.name for p in store.publications.iterdir())
assert all(name.isdigit() for name in left) and len(left) <= 3, left
print(json.dumps({"killed": killed, "tried": tried, "steps": step}))
"""


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_death_at_any_moment_leaves_the_last_publication_served(tmp_path: Path, kills: int) -> None:
    """Real publications in a child that is killed: at random moments, then before every single step of the commit."""
    arguments = [str(Path(__file__).parent), str(tmp_path / "state"), "7", str(kills)]
    command = [sys.executable, "-W", "ignore", "-c", HARNESS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tried"] == kills
    assert found["killed"] >= kills / 2  # the others had ended before they were hit
    assert found["steps"] > 15  # two editions of three files and two folders, name, pointer, pruning
