"""In: records and a path. Out: tasks for Label Studio, and the labeling configuration that shows them.

Does not know: where the records came from, Label Studio's server.

The id of a record stands in `data`, since Label Studio gives its tasks ids of its own. Each reference is an annotation of its
own, an unanswerable question one with an empty result, an unlabelled one has none.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from spantune.data.atomic import write_chunks, write_text
from spantune.data.problems import Flaw, excerpt
from spantune.data.records import Record, Span, TextExample
from spantune.data.writing.carrying import record_flaw
from spantune.data.writing.plain import compressed, fields, json_text
from spantune.errors import OutputError

CONFIG_SUFFIX = ".config.xml"
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
KEEP_SPACES = "<Style>.htx-text{ white-space: pre-wrap; }</Style>"  # else Label Studio shows a text without its line ends


def write_tasks(records: Iterable[Record], path: Path) -> None:
    """Write one task a record, and beside it the labeling configuration to paste into the project.

    Raises `OutputError`, also where a file of the configuration's name says something else; then nothing is written.
    """
    labels: dict[str, None] = {}
    kinds: set[type] = set()

    def config() -> str:
        return _text_config(sorted(labels)) if TextExample in kinds else _question_config()

    def noted() -> Iterator[Record]:
        for record in records:
            kinds.add(type(record))
            if isinstance(record, TextExample) and record.label is not None:
                labels[record.label] = None
            yield record
        _check_free(config_path(path), config())  # before the tasks, which appear when the last one is made

    write_chunks(path, compressed(_listed(noted()), path))
    write_text(config_path(path), config())


def config_path(path: Path) -> Path:
    """Where the labeling configuration of a file of tasks stands.

    >>> config_path(Path("out/tasks.json.gz")).name
    'tasks.config.xml'
    """
    stem = path.name
    for suffix in (".gz", ".json"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    return path.with_name(stem + CONFIG_SUFFIX)


def _check_free(path: Path, config: str) -> None:
    """Raise `OutputError` where the place of a configuration, which nobody named, is taken by something else."""
    try:
        if not path.exists() or path.read_text(encoding="utf-8") == config:
            return
    except (OSError, UnicodeDecodeError):
        pass  # it is there, and is none of ours
    raise OutputError(
        f"{path}, where the labeling configuration belongs, is there already and says something else",
        expected="a place for it, or the same configuration",
        next_move="move that file, or delete it if nobody changed it; or write to another name",
    )


def task_flaw(record: Record) -> Flaw | None:
    """What a task cannot carry: an answer without a place in its context, a label that XML has no letters for."""
    flaw = record_flaw(record)
    if flaw is not None:
        return flaw
    if isinstance(record, TextExample):
        return _label_flaw(record.label)
    length = len(record.context)
    for span in record.answers or ():
        if span.start is None or span.start < 0 or not span.text.strip() or span.end > length:
            return Flaw(
                "answer_without_place",
                "dropped",
                f"the answer {span.text[:40]!r} has {'no start' if span.start is None else f'the start {span.start}'}",
                f"a start and an end inside the {length} characters of the context",
                "run spantune check --fix first: it finds the places of answers",
            )
    return None


def _label_flaw(label: str | None) -> Flaw | None:
    if label is None or not NOT_IN_XML.search(label):
        return None
    return Flaw(
        "label_not_xml",
        "dropped",
        f"the label {excerpt(label)} holds a control character",
        "a label that the labeling configuration, which is XML, can name",
        "rename the label",
    )


def _listed(records: Iterable[Record]) -> Iterator[str]:
    before = "[\n"
    for record in records:
        yield before + json_text(_task(record))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _task(record: Record) -> dict[str, Any]:
    if isinstance(record, TextExample):
        data = {"id": record.id, "text": record.text} | _document(record) | fields(record.fields)
        choice = [] if record.label is None else [_choice(record.label)]
        return {"data": data} | ({"annotations": [{"result": choice}]} if choice else {})
    data = {"id": record.id, "question": record.question, "text": record.context} | _document(record) | fields(record.fields)
    if record.answers is None:
        return {"data": data}
    results = [[_region(span, number)] for number, span in enumerate(record.answers, start=1)] or [[]]
    return {"data": data, "annotations": [{"result": result} for result in results]}


def _document(record: Record) -> dict[str, str]:
    return {} if record.document is None else {"document": record.document}


def _region(span: Span, number: int) -> dict[str, Any]:
    value = {"start": span.start, "end": span.end, "text": span.text, "labels": ["Answer"]}
    return {"id": f"answer-{number}", "from_name": "answer", "to_name": "text", "type": "labels", "value": value}


def _choice(label: str) -> dict[str, Any]:
    return {"id": "label-1", "from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}


def _question_config() -> str:
    return f"""<View>
  {KEEP_SPACES}
  <Text name="question" value="$question"/>
  <Labels name="answer" toName="text">
    <Label value="Answer" maxUsages="1"/>
  </Labels>
  <Text name="text" value="$text" granularity="symbol"/>
</View>
"""


def _text_config(labels: Iterable[str]) -> str:
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return f"""<View>
  {KEEP_SPACES}
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single">
{choices}
  </Choices>
</View>
"""
