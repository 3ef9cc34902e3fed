"""The commands of a report: typed again, they make the same run and the same report."""

import csv
import json
import shlex
import sys
from dataclasses import replace

import pytest
from conftest import made_examples

from spantune.cli import main as entry
from spantune.road.commands import train_command
from spantune.runs import read_facts
from spantune.runs.facts import data_name


@pytest.fixture
def typed(monkeypatch):
    """Type a command line in the current folder."""

    def type_in(line):
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as leaving:
            entry.main()
        assert not leaving.value.code, line

    return type_in


def csv_of(rows, file):
    with file.open("w", encoding="cp1252", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["Number", "Frage", "Text", "Antwort"])
        writer.writerows([row.id, row.question, f"Maß. {row.context}", row.answers[0].text] for row in rows)


def test_the_commands_of_a_report_make_the_run_and_the_report_again(typed, tiny_model_folder, tmp_path, monkeypatch):
    """Previously held-out files were among the data of the training's command, and no command said how files are read."""
    monkeypatch.chdir(tmp_path)
    csv_of(made_examples(30), tmp_path / "our data.csv")
    csv_of(made_examples(12, seed=5), tmp_path / "other.csv")
    (tmp_path / "names.json").write_text('{"note": ["remark"]}', encoding="utf-8")
    read = "--columns id=Number,question=Frage,context=Text,answers=Antwort --shape records --encoding cp1252"
    first = (
        f"spantune train 'our data.csv' --eval-data other.csv --out first --model {tiny_model_folder} {read} --set "
        "windows.length=64 --set windows.stride=16 --set training.epochs=2 --set training.batch_size=8 "
        "--set training.precision=fp32 --set training.seed=7 --set training.method=lora"
    )
    typed(first)
    report = f"spantune report first other.csv --out again.json --no-traces --language de --aliases names.json {read}"
    typed(report)
    train, again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))["commands"]
    assert sorted(shlex.split(again)) == sorted(shlex.split(report))
    assert train == train_command("first", read_facts("first"))

    typed(train.replace("--out first", "--out second"))
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("first", "second")]
    assert weights[0] == weights[1]
    typed(again.replace("report first", "report second"))
    assert read_facts("second").config == read_facts("first").config


def test_a_run_of_an_older_version_has_a_command_too(reader_run):
    facts = read_facts(reader_run)
    old = {key: value for key, value in facts.data.items() if key not in ("eval_names", "read_as")}
    facts = type(facts)(**{**{name: getattr(facts, name) for name in facts.__slots__}, "data": old})
    assert shlex.split(train_command("out", facts))[:3] == ["spantune", "train", "questions.json"]


def test_data_of_the_hub_keeps_its_whole_name(reader_run):
    """Previously the command to make a run of Hub data again named the last part of it alone, as if it were a file."""
    facts = read_facts(reader_run)
    names = [data_name("hub:deepset/germanquad:test"), data_name("a/held-out.json")]
    facts = replace(facts, data={**facts.data, "names": names, "eval_names": names[1:]})
    words = shlex.split(train_command("out", facts))
    assert words[2:5] == ["hub:deepset/germanquad:test", "--eval-data", "held-out.json"]
