"""Hub data sets, offline: `load_dataset` also takes a local folder."""

import json
import sys
from types import SimpleNamespace

import pytest

from spantune.data import read_examples
from spantune.errors import MissingDataError


def fake_datasets(rows, features):
    """What `datasets` looks like from here."""

    class ClassLabel(SimpleNamespace):
        pass

    class Data(list):
        pass

    def load_dataset(name, split):
        if (name, split) != ("owner/name", "test"):
            raise ValueError(f"Unknown split {split!r}.\n Should be one of ['test'].")
        data = Data(rows)
        data.features = {key: ClassLabel(names=names) for key, names in features.items()}
        return data

    return SimpleNamespace(load_dataset=load_dataset, ClassLabel=ClassLabel)


def test_class_labels_go_by_their_names(monkeypatch):
    rows = [{"text": "fine", "label": 1}, {"text": "bad", "label": 0}]
    monkeypatch.setitem(sys.modules, "datasets", fake_datasets(rows, {"label": ["neg", "pos"]}))
    dataset = read_examples("hub:owner/name:test")
    assert [record.label for record in dataset] == ["pos", "neg"]
    assert dataset.sources[0].format == "hub"
    assert str(dataset[1].place) == "hub:owner/name:test: row 2"


def test_minus_one_is_an_unlabelled_row(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", fake_datasets([{"text": "x", "label": -1}], {"label": ["a"]}))
    assert read_examples("hub:owner/name:test")[0].label is None


def test_an_unknown_split_is_told_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", fake_datasets([], {}))
    with pytest.raises(MissingDataError, match=r"split 'train', cannot be loaded: ValueError: Unknown split") as caught:
        read_examples("hub:owner/name")
    assert "\n" not in caught.value.found


@pytest.mark.filterwarnings("ignore")  # what datasets and its dependencies warn of is theirs
def test_a_local_folder_through_datasets(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    record = {"id": "7", "question": "Who?", "context": "Ada.", "answers": {"text": ["Ada"], "answer_start": [0]}}
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps(record))
    (example,) = read_examples(f"hub:{folder}")
    assert (example.id, example.answers[0].start) == ("7", 0)
