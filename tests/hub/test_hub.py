"""Model cards, uploading, revisions and life without a network; the Hub itself is a stand-in."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from secousti import SecoustiCodec
from secousti.config import from_dict
from secousti.errors import SecoustiError
from secousti.hub import catalog
from secousti.hub.card import model_card
from tests.toy import toy_codec, toy_speech

COMMITS = {"main": "b" * 40, "v1": "a" * 40}


def cached_repo(cache: Path) -> tuple[SecoustiCodec, SecoustiCodec]:
    """A Hub cache as huggingface_hub lays it out, with two revisions of org/toy."""
    repo = cache / "models--org--toy"
    codecs = []
    for seed, (name, commit) in enumerate(COMMITS.items()):
        codec = toy_codec(seed=seed)
        codec.save_pretrained(repo / "snapshots" / commit)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / name).write_text(commit)
        codecs.append(codec)
    return codecs[0], codecs[1]


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache, and a network that must not be touched."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(cache), raising=False)
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(cache))
    return cache


def test_revisions_are_pinned_offline(offline: Path) -> None:
    newest, first = cached_repo(offline)
    load = SecoustiCodec.from_pretrained
    assert load("org/toy").weight_hash == newest.weight_hash
    assert load("org/toy", revision="v1").weight_hash == first.weight_hash
    assert load("org/toy", revision=COMMITS["v1"]).weight_hash == first.weight_hash
    with pytest.raises(SecoustiError, match="not cached"):
        load("org/toy", revision="v2")


def test_offline_and_unknown_is_one_sentence(offline: Path) -> None:
    with pytest.raises(SecoustiError, match="could not fetch the model 'org/nothing'"):
        SecoustiCodec.from_pretrained("org/nothing")


def test_folders_need_no_network(offline: Path, tmp_path: Path) -> None:
    codec = toy_codec()
    codec.save_pretrained(tmp_path / "mine")
    wav = toy_speech(1.0)
    loaded = SecoustiCodec.from_pretrained(tmp_path / "mine")
    assert torch.equal(loaded.encode(wav, 22050).codes, codec.encode(wav, codec.sample_rate).codes)


def test_catalog_lists_cached_models(offline: Path) -> None:
    cached_repo(offline)
    (offline / "models--other--thing" / "snapshots" / ("c" * 40)).mkdir(parents=True)
    entries = [e for e in catalog.models() if e.where == "Hub cache"]
    assert [(entry.name, entry.kind) for entry in entries] == [("org/toy", "secousti")]
    assert entries[0].size > 1000


def test_card_says_what_the_model_is(tmp_path: Path) -> None:
    codec = toy_codec()
    codec.model_id = "toy"
    card = model_card(codec)
    front, body = card.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(front)["library_name"] == "secousti"
    for fact in ("22050 Hz", "6561", codec.weight_hash, "No results are recorded"):
        assert fact in body
    block = body.split("```yaml\n")[1].split("\n```")[0]
    assert from_dict(type(codec.config), yaml.safe_load(block)) == codec.config


def test_card_shows_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = {"valid": {"stoi": 0.81234, "wer": 12}, "noisy": {"wer": 30.5}}
    path.write_text(json.dumps({"command": "secousti eval x.yaml", "results": results}))
    card = model_card(toy_codec(), path)
    assert "| test set | stoi | wer |" in card
    assert "| valid | 0.8123 | 12 |" in card
    assert "| noisy | - | 30.5 |" in card
    assert "Made by `secousti eval x.yaml`." in card
    for broken in ("[]", '{"results": {"a": {"stoi": [1, 2]}}}', '{"results": {}, "probes": 3}'):
        path.write_text(broken)
        with pytest.raises(SecoustiError, match="is no results file"):
            model_card(toy_codec(), path)


def test_card_shows_intervals_and_what_the_tokens_tell(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    document = {
        "results": {"strangers": {"STOI": [0.71234, 0.7, 0.72]}},
        "probes": {
            "command": "secousti eval probes",
            "verdict": "Not disentangled: it tells.",
            "figures": {"speaker from digits": "93 %"},
        },
    }
    path.write_text(json.dumps(document))
    card = model_card(toy_codec(), path)
    assert "| strangers | 0.7123 [0.7, 0.72] |" in card
    found = card.split("## What the tokens tell")[1].split("## Configuration")[0]
    assert "Not disentangled: it tells." in found
    assert "| speaker from digits | 93 % |" in found
    assert "Made by `secousti eval probes`." in found


def test_push_uploads_weights_configuration_and_card(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    uploaded: dict[str, Any] = {}

    class Api:
        def create_repo(self, repo_id: str, **options: Any) -> None:
            uploaded["repo"] = (repo_id, options["private"])

        def upload_folder(self, repo_id: str, folder_path: str, revision: str | None) -> Any:
            uploaded["files"] = sorted(path.name for path in Path(folder_path).iterdir())
            uploaded["card"] = (Path(folder_path) / "README.md").read_text()
            uploaded["revision"] = revision
            return type("Commit", (), {"commit_url": "https://hub/commit"})()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    codec = toy_codec()
    assert codec.push_to_hub("org/toy", private=True, revision="dev") == "https://hub/commit"
    assert uploaded["repo"] == ("org/toy", True)
    assert uploaded["files"] == ["README.md", "config.json", "model.safetensors"]
    assert uploaded["revision"] == "dev"
    assert codec.weight_hash in uploaded["card"]


def test_config_says_the_token_hash_of_what_is_stored(tmp_path: Path) -> None:
    """Half precision changes the weights, and with them what makes tokens."""
    codec = toy_codec()
    for dtype in (None, torch.float16):
        folder = codec.save_pretrained(tmp_path / str(dtype), dtype)
        told = json.loads((folder / "config.json").read_text())["token_hash"]
        for parts in ("all", "encoder", "decoder"):
            loaded = SecoustiCodec.from_pretrained(folder, parts=parts)
            assert loaded.token_hash == told
            assert loaded.voice_hash == SecoustiCodec.from_pretrained(folder).voice_hash
    assert codec.token_hash != told
