"""Reports of hostile texts: nothing of what they show can run, load, steer or compute, and all of it is there as text."""

import html
import re
import unicodedata
from functools import cache

import pytest
from hostile import PAYLOADS, hostile
from reports import Page, check_harmless, check_markdown, read_csv, read_json

from spantune.data import Example, Span, write_text
from spantune.evaluation import judge
from spantune.evaluation.cases import Given
from spantune.evaluation.report import About, Picture, report_csv, report_html, report_json, report_markdown
from spantune.evaluation.report.texts import writable
from spantune.wording import shortened, visible

PAGES = [PAYLOADS[at : at + 30] for at in range(0, len(PAYLOADS), 30)]
every_page = pytest.mark.parametrize("payloads", PAGES, ids=range(len(PAGES)))


def test_the_corpus_is_large():
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS)) == len(PAYLOADS)


def about_of(payloads, **more):
    """What stands beside a judgement, full of payloads too; headings of pictures and columns are never from outside."""
    facts = {payload: payload for payload in payloads}
    picture = Picture("<script>a heading</script>", b"<svg onload='x'><script>1</script></svg>", payloads[-1])
    return About(
        **{
            "title": payloads[0],
            "subtitle": payloads[1],
            "commands": tuple(payloads),
            "versions": facts,
            "settings": facts,
            "data": facts,
            "pictures": (picture, Picture("Wide", b"<svg/>", payloads[2], wide=True)),
            "traces": {payloads[3]: "report-traces/0001.html"},
            "history": ({"<b>epoch": payloads[0], 'x"y': payloads[1]},),
            **more,
        }
    )


@cache
def sliced(values, name="topic"):
    """A judgement whose slices have these values, ten questions each; most answers of the first one are wrong."""
    rows = [
        Example(f"{at}-{n}", "Who?", f"{at}-{n} Ada met Bob.", (Span("Ada", len(f"{at}-{n} ")),), fields=((name, value),))
        for at, value in enumerate(values)
        for n in range(10)
    ]
    return judge(rows, [Given(row.id, "Bob" if row.id.endswith("-0") or row.id.startswith("0-") else "Ada") for row in rows])


# -- as a page


def steering(text):
    return {
        one
        for one in text
        if (unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one != "\n")
        or unicodedata.bidirectional(one) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
    }


@every_page
def test_nothing_from_outside_is_markup(payloads):
    source = report_html(hostile(payloads), about_of(payloads))
    check_harmless(Page(source), ["report-traces/0001.html"])
    assert steering(source) == set()
    assert "url(" not in Page(source).texts("style")[0]
    assert "@import" not in Page(source).texts("style")[0]
    assert source.encode().decode() == source


@every_page
def test_what_is_hostile_is_found_as_text(payloads):
    found = hostile(payloads)
    page = Page(report_html(found, about_of(payloads)))
    assert len(found.mistakes.each) == len(found.suspects) == len(payloads)
    assert set(page.texts("h3")) - {"Settings"} == {visible(shortened(one, 600)) for one in payloads}  # questions
    contexts = {visible(f"{one} then unrelated words. {one}") for one in payloads if len(one) < 130}
    assert contexts <= set(page.texts("div", **{"class": "text"}))
    definitions = page.texts("dd")
    for one in payloads:
        assert visible(shortened(f"{one} | unrelated", 400)) in definitions  # labels
        assert visible(shortened(f"{one} is what it says", 400)) in definitions  # answers
        assert definitions.count(visible(one)) >= 3  # versions, settings, data
        assert page.texts("span", **{"class": "tag"}).count(visible(shortened(one, 60))) == 3  # id, document, suspect's id
    assert page.texts("title") == page.texts("h1") == [visible(payloads[0])]
    assert page.texts("pre") == ["".join(visible(one) + "\n" for one in payloads)]
    assert [one["alt"] for one in page.all("img")] == [visible(payloads[-1]), visible(payloads[2])]


@pytest.mark.parametrize("at", range(0, len(PAYLOADS), 18))
def test_hostile_values_and_names_of_fields_are_text(at):
    values = PAYLOADS[at : at + 18]
    source = report_html(sliced(("bad", *values), name=values[0]), About("a title"))
    page = Page(source)
    check_harmless(page)
    assert steering(source) == set()
    cells = page.texts("td")
    assert f"{visible(values[0])}: bad surely worse" in cells
    for value in values:
        assert f"{visible(values[0])}: {visible(shortened(value, 80))}" in cells


def test_an_address_with_quotes_stays_an_address():
    address = "a \"quoted\" 'one'<b>&amp;.html"
    page = Page(report_html(hostile(PAYLOADS[:5]), About("t", traces={PAYLOADS[2]: address})))
    check_harmless(page, [address])
    assert [one["href"] for one in page.all("a")] == [address]


# -- as JSON


@every_page
def test_json_has_every_text_as_it_was(payloads):
    told = read_json(report_json(hostile(payloads), about_of(payloads)))
    assert told["title"] == payloads[0]
    assert told["commands"] == list(payloads)
    assert [one["id"] for one in told["errors"]] and {one["id"] for one in told["errors"]} == set(payloads)
    assert {one["prediction"] for one in told["errors"]} == {f"{one} is what it says" for one in payloads}
    assert {one["question"] for one in told["labels_to_look_at"]} == set(payloads)
    assert told["data"] == told["settings"] == told["versions"] == {one: one for one in payloads}


# -- as CSV

STEERS = ("=", "+", "-", "@", "\t", "\r")
# Before 3.13 the csv module leaves carriage returns without quotation marks, and takes them for the end of a row.
RETURNS = tuple(one for one in PAYLOADS if "\r" in one)
OTHERS = tuple(one for one in PAYLOADS if "\r" not in one)


@pytest.mark.parametrize("payloads", [OTHERS, pytest.param(RETURNS)], ids=["others", "returns"])
def test_no_cell_begins_a_formula(payloads):
    rows = read_csv(report_csv(hostile(payloads)))
    assert len(rows) == len(payloads)
    assert [value for row in rows for value in row.values() if value.startswith(STEERS)] == []


@pytest.mark.parametrize("payloads", [OTHERS, pytest.param(RETURNS)], ids=["others", "returns"])
def test_every_cell_has_its_text(payloads):
    for row, payload in zip(read_csv(report_csv(hostile(payloads))), map(writable, payloads), strict=True):
        safe = f"'{payload}" if payload.startswith(STEERS) or payload.lstrip().startswith(STEERS) else payload
        assert [row["id"], row["question"], row["document"]] == [safe] * 3
        assert row["references"] == f"{safe} | unrelated"
        assert row["prediction"] == f"{safe} is what it says"


def test_a_row_does_not_end_within_a_question():
    rows = [Example("1", "Who?\r=1+1", "Ada met Bob.", (Span("Ada", 0),))]
    assert [row["question"] for row in read_csv(report_csv(judge(rows, [Given("1", "Bob")])))] == ["Who?\r=1+1"]


# -- as Markdown


def read_back(text):
    """What a reader of Markdown sees of a text without markup."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


@every_page
def test_nothing_from_outside_is_markup_of_markdown(payloads):
    found = hostile(payloads)
    text = report_markdown(found, About(payloads[0], "A subtitle."))
    *_, labels = check_markdown(text)
    assert len(labels) == len(payloads) + 2
    told = {(read_back(row[0]), read_back(row[1])) for row in labels[2:]}
    assert told == {
        tuple(" ".join(visible(shortened(" ".join(one.split()), 160)).split()) for one in (payload, f"{payload} | unrelated"))
        for payload in payloads
    }
    assert read_back(text.splitlines()[0]) == f"# {' '.join(visible(payloads[0]).split())}"
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == [
        "## Verdict",
        "## Scores",
        "## Mistakes",
        "## Labels to look at",
    ]


@pytest.mark.parametrize("at", range(0, len(PAYLOADS), 18))
def test_hostile_fields_are_no_markup_of_markdown(at):
    values = PAYLOADS[at : at + 18]
    check_markdown(report_markdown(sliced(("bad", *values), name=values[0]), About("t")))


@pytest.mark.parametrize("subtitle", ["<img src=x onerror=1>", "[a](javascript:alert(1))", "a\n\n# heading"])
def test_a_subtitle_is_no_markup_of_markdown(subtitle):
    """It names the model, which is whatever folder or address the user gave."""
    text = report_markdown(hostile(PAYLOADS[:3]), About("t", subtitle))
    check_markdown(text)
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# t"]


def test_a_command_does_not_close_its_fence():
    """`shlex.join` keeps line feeds of a file's name."""
    text = report_markdown(hostile(PAYLOADS[:3]), About("t", commands=("spantune report 'a\n```\n<b>.json'",)))
    check_markdown(text)


# -- what can be written

WRITTEN = {
    "html": lambda found: report_html(found, About("t")),
    "md": lambda found: report_markdown(found, About("t")),
    "json": lambda found: report_json(found, About("t")),
    "csv": report_csv,
}


@pytest.mark.parametrize("kind", ["html", "md", "json", "csv"])
def test_halves_of_surrogate_pairs_can_be_written(kind, tmp_path):
    """JSON files may hold them, as escapes: a report of such data is one all the same."""
    write_text(tmp_path / f"report.{kind}", WRITTEN[kind](hostile(("\ud800 alone", "alone \udfff"))))
    assert (tmp_path / f"report.{kind}").stat().st_size > 100
