"""S3 behind a network that loses, repeats, cuts and delays: one winner, whole reads, and no retry without sense."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import write_bytes
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipt
from pairloom.pipeline.store.remote import faults as remote_faults
from pairloom.pipeline.store.remote import files as remote_files
from tests.support.servers import FAULTS, S3, Proxy, fresh_connections

MIB = 1 << 20


@pytest.mark.parametrize("fault", FAULTS)
def test_a_put_that_meets_a_fault_is_still_ours(s3_root: str, faulty: Proxy, fault: str) -> None:
    objects = open_objects(s3_root)
    faulty.once("PUT", fault)
    assert objects.put_if_absent("a", b"ours")
    assert faulty.seen == {fault: 1}
    faulty.once("PUT", fault)
    assert not objects.put_if_absent("a", b"theirs")
    faulty.once("GET", fault)
    assert objects.read("a") == b"ours"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_question_whose_it_is_may_meet_a_fault_too(s3_root: str, faulty: Proxy, fault: str) -> None:
    objects = open_objects(s3_root)
    left = {"PUT": 1, "HEAD": 2}

    def choose(method: str, _path: str) -> str | None:
        if left.get(method, 0) == 0:
            return None
        left[method] -= 1
        return "lost_500" if method == "PUT" else fault

    faulty.choose = choose
    assert objects.put_if_absent("a", b"ours")
    assert left == {"PUT": 0, "HEAD": 0 if fault not in {"duplicated", "truncated"} else 1}


def test_a_storm_has_one_winner_for_each_name(s3_root: str, faulty: Proxy) -> None:
    objects = open_objects(s3_root)
    faulty.at_random(0.3, seed=1)
    names = [f"receipts/{i}" for i in range(12)]

    def write(job: tuple[int, str]) -> tuple[str, bytes] | None:
        writer, name = job
        data = b"%d of %s" % (writer, name.encode())
        return (name, data) if objects.put_if_absent(name, data) else None

    jobs = [(writer, name) for name in names for writer in range(4)]
    with ThreadPoolExecutor(8) as pool:
        won = [found for found in pool.map(write, jobs) if found is not None]
    assert sorted(name for name, _ in won) == sorted(names)
    assert all(objects.read(name) == data for name, data in won)
    assert set(faulty.seen) == set(FAULTS)
    faulty.well()
    assert objects.list("receipts") == sorted(names)


def test_files_are_whole_whatever_the_network(
    s3_root: str, faulty: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "PART", 5 * MIB)
    monkeypatch.setattr(remote_files, "REQUEST", 1 * MIB)
    objects = open_objects(s3_root)
    faulty.at_random(0.3, seed=3)
    for k in range(3):
        data = random.Random(k).randbytes(12 * MIB + k)
        write_bytes(objects, f"data/{k}", data, role="data")
        with objects.open(f"data/{k}") as file:
            assert file.read() == data
    assert set(faulty.seen) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_last_request_of_an_upload_may_be_lost(
    s3_root: str, faulty: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "PART", 5 * MIB)
    objects = open_objects(s3_root)
    left = [1]

    def choose(method: str, path: str) -> str | None:
        if method == "POST" and "uploadId" in path and left[0]:
            left[0] -= 1
            return fault
        return None

    faulty.choose = choose
    with objects.create("data/x") as file:
        file.write(bytes(11 * MIB))
    assert left == [0]
    assert len(objects.read("data/x")) == 11 * MIB


def test_a_failed_upload_is_aborted(
    s3: S3, s3_root: str, faulty: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "PART", 5 * MIB)
    objects = open_objects(s3_root)
    faulty.choose = lambda method, path: "error_500" if "partNumber=2" in path else None
    with (
        pytest.raises(StorageError, match=r"data/x failed 10 times.*error"),
        objects.create("data/x") as file,
    ):
        file.write(bytes(11 * MIB))
    assert faulty.seen == {"error_500": 10}
    assert s3.uploads(s3_root) == []
    assert objects.list("") == []


@pytest.mark.parametrize("fault", ["reset_before", "error_500", "slow_down_503", "truncated"])
def test_patience_ends(s3_root: str, faulty: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = open_objects(s3_root)
    objects.put("a", b"long enough to be cut")
    pauses: list[float] = []
    monkeypatch.setattr(remote_faults, "time", SimpleNamespace(sleep=pauses.append))
    monkeypatch.setattr(remote_faults, "FIRST_PAUSE", 0.1)
    faulty.choose = lambda _method, _path: fault
    with pytest.raises(StorageError, match=rf"^reading {s3_root}/a failed 10 times; the last time: \w+: \S"):
        objects.read("a")
    # Beside our retries there is one: aiohttp sends again what a kept connection was lost under.
    assert faulty.seen == {fault: 20 if fault == "reset_before" else 10}
    assert len(pauses) == 9
    assert all(pause <= min(20, 0.1 * 2**k) for k, pause in enumerate(pauses))
    assert sum(pauses) > 1


def use_of(name: str) -> Callable[[str], object]:
    def use(root: str) -> object:
        objects = open_objects(root)
        return {
            "read": lambda: objects.read("a"),
            "put_if_absent": lambda: objects.put_if_absent("a", b"1"),
            "list": lambda: objects.list(""),
            "check": lambda: check_writable(objects),
        }[name]()

    return use


@pytest.mark.parametrize("name", ["read", "put_if_absent", "list", "check"])
def test_a_refusal_is_final(s3_root: str, faulty: Proxy, name: str) -> None:
    faulty.choose = lambda _method, _path: "denied_403"
    with pytest.raises(
        RecipeError, match=r"was refused: PermissionError: Access Denied.*credentials"
    ) as caught:
        use_of(name)(s3_root)
    assert len(faulty.requests) == (2 if name == "check" else 1)  # the second removes the probe
    assert "TEST" not in str(caught.value)  # neither the key nor the secret


def test_no_credentials_are_a_refusal(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with (
        fresh_connections(),
        pytest.raises(RecipeError, match=r"NoCredentialsError.*credentials of this machine"),
    ):
        open_objects(s3_root).read("a")


def test_a_store_that_ignores_the_condition_is_refused(s3_root: str, faulty: Proxy) -> None:
    faulty.forget_header = "if-none-match"
    with pytest.raises(RecipeError, match=r"s3://corpora/\w+ cannot create a file only if it is absent"):
        check_writable(open_objects(s3_root))


def test_a_store_that_forgets_metadata_is_asked_for_the_bytes(s3_root: str, faulty: Proxy) -> None:
    faulty.forget_header = "x-amz-meta-pairloomwrite"
    objects = open_objects(s3_root)
    faulty.once("PUT", "lost_500")
    assert objects.put_if_absent("a", b"ours")
    assert not objects.put_if_absent("a", b"theirs")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_receipt_is_claimed_once(s3_root: str, faulty: Proxy, fault: str) -> None:
    objects = open_objects(s3_root)
    unit = unit_id("count", {"a": 1})
    receipts = [
        Receipt(stage="count", unit=unit, files=(write_bytes(objects, f"data/{i}", b"same", role="data"),))
        for i in range(2)
    ]
    faulty.once("PUT", fault)
    assert claim(objects, receipts[0]) == receipts[0]
    faulty.once("PUT", fault)
    assert claim(objects, receipts[1]) == receipts[0]
    faulty.once("GET", fault)
    assert find_receipt(objects, "count", unit) == receipts[0]
    assert objects.list("data") == ["data/0"]
