"""Reports: what they say, as a page, as JSON, as CSV and as Markdown."""

import base64
from dataclasses import replace
from itertools import pairwise

import pytest
from reports import NAMES, Page, about_ordinary, check_harmless, check_markdown, ordinary, read_csv, read_json

from spantune.data import Example, Span
from spantune.evaluation import Known, judge
from spantune.evaluation.cases import Given
from spantune.evaluation.report import About, pictures_of, report_csv, report_html, report_json, report_markdown
from spantune.evaluation.report.excerpts import MOST, excerpt
from spantune.evaluation.report.texts import ERRORS


@pytest.fixture(scope="module")
def judged():
    return ordinary()


@pytest.fixture(scope="module")
def described(judged):
    return about_ordinary(judged)


@pytest.fixture(scope="module")
def page(judged, described):
    return Page(report_html(judged, described))


# -- as a page


def test_the_page_is_harmless(page, described):
    check_harmless(page, described.traces.values())


def test_the_verdict_comes_first(page, judged):
    assert page.texts("h2")[0] == "Verdict"
    assert page.texts("p", **{"class": "grade"}) == [judged.verdict.grade]
    sentences = [one["text"] for one in page.all("li")]
    assert sentences == [one.sentence for one in judged.verdict.remarks]
    assert len(page.all("li", **{"class": "alarm"})) == sum(one.alarming for one in judged.verdict.remarks)


def test_scores_stand_beside_those_before_training(page, judged):
    row = next(one["text"] for one in page.all("tr") if one["text"].startswith("F1") and "answerable" not in one["text"])
    for mean in (judged.means["f1"], judged.untuned["f1"]):
        assert f"{100 * mean.value:.1f}" in row
        assert f"{100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f}" in row
    assert "Before training" in page.all("tr")[0]["text"]
    told = next(text for text in page.texts("p") if text.startswith("Against the untuned model"))
    assert f"F1 +{100 * judged.gain.value:.1f} points" in told
    assert told.endswith(": better.")


def test_a_loss_has_a_true_minus_sign():
    rows = [Example(str(n), "Who?", f"{n} Ada met Bob.", (Span("Ada", len(f"{n} ")),)) for n in range(40)]
    untuned = [Given(row.id, "Ada") for row in rows]
    text = report_html(judge(rows, [Given(row.id, "Bob") for row in rows], known=Known(untuned=untuned)), About("t"))
    assert "F1 −100.0 points" in text
    assert ": worse." in text


def test_every_mistake_shows_label_and_answer_in_its_context(page, judged):
    articles = page.texts("article")
    assert len(articles) == len(judged.mistakes.each)
    assert page.texts("h2")[-3] == f"Answers that do not match: {len(articles)}"
    for one, text in zip(judged.mistakes.each, articles, strict=True):
        assert one.case.record.question in text
        assert one.kind in text
    for kind, key in (("gold", "the label"), ("said", "the answer")):
        marked = page.texts("mark", **{"class": kind})
        assert marked[0] == key
        assert set(marked[1:]) == set(NAMES)


def test_pieces_of_a_context_are_left_out_where_nothing_is_marked(judged):
    for one in judged.mistakes.each:
        pieces = excerpt(one.case)
        assert sum(len(piece.text) + piece.skipped for piece in pieces) == len(one.case.record.context)
        assert sum(len(piece.text) for piece in pieces) < 600


def test_only_mistakes_that_have_a_trace_link_to_it(page):
    assert [one["href"] for one in page.all("a")] == ["report-traces/0001.html"]
    assert [text.count("every step") for text in page.texts("article") if "entry 0?" in text] == [1]


def test_pictures_are_told_in_words(page, judged):
    pictures = page.all("img")
    assert len(pictures) == 2
    for one, picture in zip(pictures, pictures_of(judged), strict=True):
        assert one["alt"].strip() == picture.words
        assert base64.b64decode(one["src"].partition(",")[2]) == picture.svg
        assert b"<script" not in picture.svg


def test_regions_have_names_and_tables_heads(page):
    ids = [one["id"] for one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    assert all(one["aria-labelledby"] in ids for one in page.all("section"))
    assert len(page.all("thead")) == len(page.all("table"))
    assert all(one.get("scope") in {"col", "row"} for one in page.all("th"))
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("html")[0]["lang"] == "en"
    assert all(one.get("aria-hidden") == "true" for one in page.all("svg"))
    levels = [int(one["tag"][1]) for one in page.elements if one["tag"] in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_same_judgement_gives_the_same_page(judged, described):
    again = replace(described, pictures=pictures_of(judged))
    assert report_html(judged, again) == report_html(judged, described)


def test_where_all_is_right_there_are_no_mistakes_to_show():
    rows = [Example(str(n), "Who?", f"{n} Ada.", (Span("Ada", len(f"{n} ")),)) for n in range(30)]
    page = Page(report_html(judge(rows, [Given(row.id, "Ada") for row in rows]), About("t")))
    assert page.texts("h2") == ["Verdict", "Scores", "Data", "To make it again"]
    assert page.all("img") == page.all("article") == page.all("pre") == []


def test_one_question_alone_has_a_page():
    rows = [Example("1", "Who?", "Ada met Bob.", (Span("Ada", 0),))]
    page = Page(report_html(judge(rows, [Given("1", "Bob")]), About("t")))
    check_harmless(page)
    assert "unknown" in page.texts("table")[0]


def test_arabic_runs_from_right_to_left():
    context = "باريس هي عاصمة فرنسا وليون مدينة كبيرة"
    rows = [Example("1", "ما هي عاصمة فرنسا؟", context, (Span("باريس", 0),))]
    page = Page(report_html(judge(rows, [Given("1", "ليون")]), About("t")))
    assert [one["dir"] for one in page.all("div", **{"class": "text"})] == ["rtl"]
    assert page.texts("mark", **{"class": "gold"})[1:] == ["باريس"]


# -- excerpts


def pieces_of(context, spans, answer, start=None):
    (case,) = judge([Example("1", "Who?", context, spans)], [Given("1", answer, start)]).cases.each
    return [(piece.text, piece.kind) for piece in excerpt(case)]


def test_what_is_label_and_answer_is_both():
    spans = (Span("Ada Lovelace", 7),)
    assert pieces_of("It was Ada Lovelace.", spans, "Lovelace.") == [
        ("It was ", ""),
        ("Ada ", "gold"),
        ("Lovelace", "both"),
        (".", "said"),
    ]


def test_of_a_question_without_label_and_answer_the_beginning_is_shown():
    assert "".join(text for text, _ in pieces_of("word " * 400, (), "")) == ("word " * 400)[:320]


def test_an_answer_that_is_not_in_the_context_marks_nothing():
    assert pieces_of("It was Ada.", (Span("Ada", 7),), "Bob") == [("It was ", ""), ("Ada", "gold"), (".", "")]


def test_an_excerpt_of_a_long_label_stays_short():
    context = "word " * 20_000
    assert sum(len(text) for text, _ in pieces_of(context, (Span(context.strip(), 0),), "word")) <= 2 * MOST


def test_the_place_that_is_marked_is_the_one_the_mistake_is_named_after():
    context = "Ada came. " + "Nothing of note. " * 40 + "Ada Lovelace wrote it."
    spans = (Span("Ada Lovelace", context.index("Ada Lovelace")),)
    assert ("Ada", "both") in pieces_of(context, spans, "Ada")


# -- the size


@pytest.mark.parametrize(
    ("count", "long"), [(2000, False), (200, True)], ids=["short labels", "labels and answers of half a context"]
)
def test_a_page_of_many_long_questions_stays_small(count, long):
    rows, said = [], []
    for n in range(count):
        context = (f"Entry {n} " + "some words \x00 of <markup> & ‘quotes’ " * 150)[:4900] + f" Ada met Bob {n}."
        label = context[:2400] if long else "Ada"
        rows.append(Example(f"q{n}", f"Who met Bob {n}?", context, (Span(label, context.index(label)),), f"d{n // 10}"))
        said.append(Given(f"q{n}", context[2500:4900] if long else "nobody", probability=0.97))
    source = report_html(judge(rows, said), About("t"))
    assert len(source.encode()) <= 1_000_000
    assert Page(source).texts("h2")[-3] == f"Answers that do not match: the worst {ERRORS} of {count:,}"
    assert len(Page(source).all("article")) == ERRORS


# -- as JSON, CSV and Markdown


def test_json_says_what_the_page_says(judged, described):
    told = read_json(report_json(judged, described))
    assert told["verdict"] == judged.verdict.as_dict()
    assert told["intervals"]["f1"]["value"] == pytest.approx(100 * judged.means["f1"].value)
    assert [one["id"] for one in told["errors"]] == [one.case.record.id for one in judged.mistakes.each]
    assert [one["mistake"] for one in told["errors"]] == [one.kind for one in judged.mistakes.each]


def test_a_row_for_every_question(judged):
    rows = read_csv(report_csv(judged))
    assert [row["id"] for row in rows] == [case.record.id for case in judged.cases.each]
    kinds = {one.case.record.id: one.kind for one in judged.mistakes.each}
    for row, case in zip(rows, judged.cases.each, strict=True):
        assert float(row["f1"]) == pytest.approx(case.score.f1, abs=1e-4)
        assert float(row["exact_match"]) == case.score.exact_match
        assert row["mistake"] == kinds.get(row["id"], "")
        assert row["confidence"] == ""
    sure = ordinary(9, confidence=[0.25] * 9)
    assert {row["confidence"] for row in read_csv(report_csv(sure))} == {"0.2500"}


def test_markdown_says_what_the_page_says(judged, described):
    text = report_markdown(judged, described)
    scores, mistakes, *_ = check_markdown(text)
    row = next(row for row in scores if row[0] == "F1")
    assert row[1] == f"{100 * judged.means['f1'].value:.1f}"
    assert row[3] == f"{100 * judged.untuned['f1'].value:.1f}"
    assert {row[0]: row[1] for row in mistakes[2:]} == {kind: str(n) for kind, n in judged.mistakes.counts.items()}
    assert "```\nspantune train a.json\nspantune report run data.json --out report.html\n```" in text
    assert text.startswith("# run on data.json\n\nTrained on 100 questions.\n\n## Verdict\n\n")
