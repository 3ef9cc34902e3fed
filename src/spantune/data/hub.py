"""In: `hub:owner/name[:split]`. Out: the raw rows of that data set. Does not know: what the rows mean."""

from collections.abc import Iterator, Mapping
from typing import Any

from spantune.data.files import RawFile, numbered
from spantune.errors import MissingDataError, MissingExtraError

PREFIX = "hub:"
DEFAULT_SPLIT = "train"


def open_hub(source: str) -> RawFile:
    """Load a data set of the Hugging Face Hub, or a local folder of data files, through `datasets`.

    Raises `MissingExtraError` without `datasets`, and `MissingDataError` when there is no such data set or split, or no
    network to fetch it.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtraError(
            f"{source!r} is a Hub data set, and 'datasets' is not installed",
            expected="the extra 'hub'",
            next_move="pip install 'spantune[hub]'",
        ) from None
    name, split = split_name(source)
    try:
        data = datasets.load_dataset(name, split=split)
    except Exception as error:  # dozens of kinds, of datasets, huggingface_hub, fsspec and the network below
        reason = " ".join(str(error).split())[:300]
        raise MissingDataError(
            f"the data set {name!r}, split {split!r}, cannot be loaded: {type(error).__name__}: {reason}",
            expected="hub:owner/name or hub:owner/name:split, of a data set on the Hub, and a network",
            next_move="check the name and the split, or download its files and name them",
        ) from error
    return RawFile(source, "hub", numbered(_named_labels(data, datasets.ClassLabel)))


def split_name(source: str) -> tuple[str, str]:
    """The data set's name and split.

    >>> split_name("hub:squad:validation"), split_name("hub:deepset/covid_qa_deepset")
    (('squad', 'validation'), ('deepset/covid_qa_deepset', 'train'))
    """
    name = source.removeprefix(PREFIX)
    head, colon, tail = name.rpartition(":")
    if colon and head and tail and not set(tail) & {"/", "\\"}:
        return head, tail
    return name, DEFAULT_SPLIT


def _named_labels(data: Any, class_label: Any) -> Iterator[dict[str, Any]]:
    """The rows, with the names of their labels in place of the numbers; -1 marks an unlabelled row."""
    names: Mapping[str, list[str]] = {
        column: feature.names for column, feature in data.features.items() if isinstance(feature, class_label)
    }
    for row in data:
        for column, labels in names.items():
            number = row[column]
            row[column] = labels[number] if number is not None and number >= 0 else None
        yield row
