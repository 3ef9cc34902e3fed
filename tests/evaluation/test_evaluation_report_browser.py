"""Reports in a real browser: nothing runs there, and a page can be read at any width."""

import html
import json
import re
import shutil
import subprocess

import pytest
from hostile import PAYLOADS, RUN, hostile
from reports import Page, about_ordinary, check_harmless, ordinary

from spantune.evaluation.report import About, report_html

CHROMIUM = shutil.which("chromium")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page is opened in a browser")


def browse(folder, source, *, width=1200, height=1000, shot=None):
    """The page as a browser has it after everything ran that may run; a picture of it is written to `shot`."""
    file = folder / "page.html"
    file.write_text(source, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        *([f"--screenshot={shot}"] if shot else []),
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def attacked():
    """A page with every payload that would run something, and long words that would make a page wide."""
    running = [one for one in PAYLOADS if RUN in one][:: max(sum(RUN in one for one in PAYLOADS) // 29, 1)][:29]
    found = hostile((*running, "W" * 2000))
    return report_html(found, About("a title", running[0], commands=tuple(running), data={one: one for one in running[:3]}))


def spliced(source, *, policy):
    """The page as it would be if nothing were escaped; without its policy too."""
    if not policy:
        source = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", source)
    unescaped = [f'<img src="x" onerror="{RUN}">', f"<svg onload={RUN}></svg>", f"<script>{RUN}</script>"]
    return source.replace("</main>", f"{''.join(unescaped)}</main>")


@in_a_browser
def test_nothing_runs_in_a_browser(attacked, tmp_path):
    seen = Page(browse(tmp_path, attacked))
    check_harmless(seen)
    assert seen.texts("title") == ["a title"]
    assert len(seen.all("article")) == len(Page(attacked).all("article")) == 30
    words = [[one["text"].split() for one in page.elements] for page in (seen, Page(attacked))]
    assert words[0] == words[1]


FRAMES = {"narrow": 400, "wide": 1200, "narrow, attacked": 400, "wide, attacked": 1200, "not escaped": 400, "no policy": 400}
HEIGHT = 1000


@pytest.fixture(scope="module")
def opened(attacked, tmp_path_factory):
    """Pages in frames of a window, which say what became of them, and a picture of the window.

    A frame may be narrower than a window, and its media queries are about the frame.
    """
    judged = ordinary()
    ours, small = report_html(judged, about_ordinary(judged)), report_html(hostile(PAYLOADS[:1]), About("a title"))
    pages = (ours, ours, attacked, attacked, spliced(small, policy=True), spliced(small, policy=False))
    frames = "".join(
        f'<iframe id="{name}" srcdoc="{html.escape(source)}" style="width:{width}px;height:{HEIGHT}px;border:0"></iframe>'
        for source, (name, width) in zip(pages, FRAMES.items(), strict=True)
    )
    tell = (
        "onload = () => document.getElementById('told').textContent = JSON.stringify(Object.fromEntries("
        "[...document.querySelectorAll('iframe')].map(one => [one.id, {title: one.contentDocument.title, "
        "across: one.contentDocument.documentElement.scrollWidth, width: one.contentWindow.innerWidth}])))"
    )
    folder = tmp_path_factory.mktemp("browser")
    source = (
        f"<!doctype html><meta charset=utf-8><title>window</title><script>{tell}</script>"
        f'<body style="margin:0"><div style="display:flex;width:9000px">{frames}</div><pre id=told></pre>'
    )
    seen = browse(folder, source, width=1700, shot=folder / "shot.png")
    assert "<title>window</title>" in seen
    return json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', seen)[1])), folder / "shot.png"


@in_a_browser
def test_the_policy_stops_what_would_run_if_nothing_were_escaped(opened):
    told, _ = opened
    assert told["no policy"]["title"] == "owned"  # this browser does run what it may
    assert told["not escaped"]["title"] == "a title"
    assert told["narrow, attacked"]["title"] == told["wide, attacked"]["title"] == "a title"


@in_a_browser
@pytest.mark.parametrize("name", ["narrow", "wide", "narrow, attacked", "wide, attacked"])
def test_a_page_is_no_wider_than_its_window(opened, name):
    told, _ = opened
    assert told[name]["width"] == FRAMES[name]
    assert told[name]["across"] <= FRAMES[name]


@in_a_browser
@pytest.mark.parametrize("name", ["narrow", "wide"])
def test_a_page_can_be_seen_at_any_width(opened, name):
    pictures = pytest.importorskip("PIL.Image")
    left = {"narrow": 0, "wide": 400}[name]
    with pictures.open(opened[1]) as window:
        assert window.size == (1700, HEIGHT)
        picture = window.convert("RGB").crop((left, 0, left + FRAMES[name], HEIGHT))
    colours = {colour: count for count, colour in picture.getcolors(1 << 24)}
    assert len(colours) > 50
    assert max(colours.values()) < 0.97 * FRAMES[name] * HEIGHT
    assert {(0xF6, 0xF7, 0xF9), (0xFF, 0xFF, 0xFF)} <= colours.keys()  # the style sheet is one that its policy allows
