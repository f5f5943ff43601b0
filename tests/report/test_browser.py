"""The page in a real browser: quiet, complete, readable on a phone; its controls and players work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from elor.report.findings import Findings
from elor.report.page import Making, report
from tests.report.browser import CHROMIUM, NO_BROWSER, Browser

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER), pytest.mark.long]

PICTURE = "document.querySelector('#map').toDataURL()"
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"


@pytest.fixture(scope="module")
def page(found: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report(found, Making({"seed": 7}, {"elor": {"stride": 8}}, ["numpy==2.4.6"])))
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    """The page, freshly opened; whatever a test does with it, it must stay quiet."""
    browser.open(page)
    yield browser
    assert browser.errors == []
    assert browser.requests == []


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        f"{{ const s = document.querySelector('#{name}'); s.value = '{value}'; "
        "s.dispatchEvent(new Event('change', { bubbles: true })); }"
    )
    browser.run(f"drawing.then(() => {FRAMES})")


def click(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector('{selector}').click()")
    browser.run(FRAMES)


def test_all_charts_are_drawn_and_a_map_fast(opened: Browser) -> None:
    charts = "[...document.querySelectorAll('[data-chart]')]"
    assert opened.run(f"{charts}.length") >= 8
    assert opened.run(f"{charts}.filter(one => !one.querySelector('svg')).map(one => one.dataset.chart)") == []
    assert opened.run("[...document.querySelectorAll('svg')].filter(one => one.innerHTML.includes('NaN')).length") == 0
    best = min(
        float(opened.run("explorer.draw(), document.querySelector('#map').dataset.milliseconds")) for _ in range(5)
    )
    assert best < 500
    assert "r = " in opened.run("document.querySelector('#map-text').textContent")


def test_the_explorer_follows_its_controls(opened: Browser) -> None:
    opened.run(FRAMES)
    seen = {opened.run(PICTURE)}
    for name, value in (("pick-method", "gradient"), ("pick-head", "valence"), ("pick-slice", "1")):
        choose(opened, name, value)
        seen.add(opened.run(PICTURE))
    click(opened, "[data-zoom=in]")
    seen.add(opened.run(PICTURE))
    assert len(seen) == 5
    assert "Shown: 1.50 to 4.50 s" in opened.run("document.querySelector('#map-text').textContent")
    visible = "[...document.querySelectorAll('[data-slice]')].filter(one => !one.hidden).map(one => one.dataset.slice)"
    assert set(opened.run(visible)) == {"1"}
    click(opened, "[data-zoom=all]")
    assert "Shown: 0.00 to 6.00 s" in opened.run("document.querySelector('#map-text').textContent")


def test_the_explorer_obeys_the_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('#map').focus()")
    for key, expected in (
        ("+", "1.50 to 4.50"),
        ("ArrowRight", "2.25 to 5.25"),
        ("-", "0.00 to 6.00"),
        ("0", "0.00 to 6.00"),
    ):
        opened.press(key)
        opened.run(FRAMES)
        assert f"Shown: {expected} s" in opened.run("document.querySelector('#map-text').textContent"), key


def place(browser: Browser, share: float, lane: float = 60) -> tuple[float, float]:
    """Where in the window a share of the map's width is, in its first lane."""
    browser.run("document.querySelector('#map').scrollIntoView({ block: 'center', behavior: 'instant' })")
    browser.run(FRAMES)
    box = browser.run("(({ x, y, width }) => [x, y, width])(document.querySelector('#map').getBoundingClientRect())")
    return box[0] + share * box[2], box[1] + lane


def said(browser: Browser) -> str:
    browser.run(FRAMES)
    return browser.run("document.querySelector('#map-text').textContent")


def test_the_explorer_obeys_the_mouse(opened: Browser) -> None:
    at = "document.querySelector('.players [data-slice=\"0\"] audio').currentTime"
    middle = place(opened, 0.5)
    opened.wheel(*middle, -120)
    assert "Shown: 0.00 to 6.00 s" in said(opened)  # not clicked yet: the wheel is the page's
    opened.drag([place(opened, 0.5)])
    assert opened.run(at) == pytest.approx(3.0, abs=0.02)
    opened.wheel(*place(opened, 0.5), -120)
    assert "Shown: 0.60 to 5.40 s" in said(opened)
    opened.drag([place(opened, 0.25), place(opened, 0.4), place(opened, 0.5)], shift=True)
    assert "Region: 1.80 to 3.00 s" in said(opened)
    assert opened.run(at) == pytest.approx(1.8, abs=0.02)
    opened.drag([place(opened, 0.5), place(opened, 0.6), place(opened, 0.625)])
    assert "Shown: 0.00 to 4.80 s" in said(opened)  # moved, and the region stays
    opened.press("Escape")
    assert "Region" not in said(opened)


def test_a_region_plays_in_a_loop(opened: Browser) -> None:
    audio = "document.querySelector('.players [data-slice=\"0\"] audio')"
    first = "document.querySelector('#found button')"
    begin, end = map(float, opened.run(f"{first}.dataset.span").split(","))
    assert 0 <= begin < end <= 70_000 / 16_000
    click(opened, "#found button")
    assert opened.run(f"{first}.getAttribute('aria-pressed')") == "true"
    long = 1000 * (end - begin) + 400
    opened.run(f"new Promise(done => setTimeout(done, {long}))")
    assert opened.run(f"{audio}.paused") is False  # it would have gone on behind the region, or ended
    assert begin - 0.1 <= opened.run(f"{audio}.currentTime") <= end + 0.15
    click(opened, "#loop")
    assert opened.run(f"{audio}.paused") is True


def test_what_is_chosen_stands_in_the_address(opened: Browser, page: Path) -> None:
    choose(opened, "pick-slice", "1")
    choose(opened, "pick-method", "gradient")
    click(opened, "[data-zoom=in]")
    click(opened, "#found button")
    click(opened, "#loop")
    chosen, before = opened.run("location.hash"), said(opened)
    assert chosen.startswith(
        "#maps?slice=Ses01F_impro01_F001_0&method=gradient&head=arousal&from=1.500&to=4.500&region="
    )
    opened.open(page)
    opened.run(f"location.hash = {chosen!r}")
    assert said(opened) == before


def test_zooming_far_in_draws_columns_of_single_bins(opened: Browser) -> None:
    for _ in range(12):
        click(opened, "[data-zoom=in]")
    text = opened.run("document.querySelector('#map-text').textContent")
    low, high = text.split("Shown: ")[1].split(" s;")[0].split(" to ")
    assert float(high) - float(low) == pytest.approx(0.06, abs=0.02)


def test_charts_follow_their_controls(opened: Browser) -> None:
    pairs = (
        ("pick-role", "exemplary", "controls"),
        ("pick-reading", "level", "controls"),
        ("pick-factor", "length", "groups"),
        ("pick-curves", "ftr", "curves"),
        ("pick-prototypes", "level.fourier", "prototypes"),
        ("pick-prototypes", "paper.time", "prototypes"),
        ("pick-prototypes", "level.fourier", "descriptors"),
        ("pick-prototypes", "paper.time", "descriptors"),
        ("pick-mask", "noise", "erasure"),
        ("pick-intervened", "ftr", "interventions"),
    )
    for name, value, chart in pairs:
        drawn = f"document.querySelector('[data-table={chart}]').innerHTML"
        before = opened.run(drawn)
        choose(opened, name, value)
        assert opened.run(drawn) != before, name
    heard = "[...document.querySelectorAll('[data-prototype]')].filter(one => one.offsetParent)"
    assert opened.run(f"new Set({heard}.map(one => one.dataset.prototype)).size") == 1
    assert opened.run(f"{heard}.length") == 10


def test_a_chart_draws_what_the_run_found(opened: Browser, found: Findings) -> None:
    """Marks are counted, and one is read as a screen reader would."""
    marks = 'document.querySelectorAll(\'[data-table="{}"] [aria-roledescription="{}"]\').length'
    networks, heads = len(found.results.scores["arousal"]), len(found.results.scores)
    assert opened.run(marks.format("scores", "point")) == heads * (networks + 3 + 1)  # three guesses, people
    assert opened.run(marks.format("reliability", "point")) == heads * networks * 2
    elor = found.results.scores["valence"]["elor"]
    points = """'[data-title="UAR of valence"] [aria-label*="ELoR;"]'"""
    said = f"[...document.querySelectorAll({points})].map(one => one.ariaLabel)"
    assert any(f"{elor['uar']:.4g}" in label or f"{elor['uar']:.3f}" in label for label in opened.run(said))


def test_a_chart_is_saved_with_its_colours(opened: Browser) -> None:
    caught = "HTMLAnchorElement.prototype.click = function () { globalThis.saved = [this.download, this.href]; }"
    opened.run(caught)
    click(opened, '[data-save="UAR of arousal"]')
    name, address = opened.run("saved")
    assert name == "UAR of arousal.svg"
    drawn = ElementTree.fromstring(unquote(address.partition(",")[2]))
    assert drawn.tag.endswith("svg")
    assert "#0072b2" in address.replace("%23", "#")
    assert "var(" not in unquote(address)


def test_claims_can_be_filtered_by_verdict(opened: Browser) -> None:
    shown = "[...document.querySelectorAll('.claim')].filter(one => !one.hidden).map(one => one.dataset.verdict)"
    assert len(opened.run(shown)) == 6
    click(opened, "[data-verdict-filter=contradicted]")
    assert opened.run(shown) == ["contradicted"]
    click(opened, "[data-verdict-filter=contradicted]")
    assert len(opened.run(shown)) == 6
    click(opened, "[data-verdict-link=holds]")
    assert opened.run(shown) == ["holds"]
    assert opened.run("document.querySelector(location.hash).dataset.verdict") == "holds"
    click(opened, '.answers a[href="#claim-1"]')  # a link to another claim must not lead to a hidden card
    assert len(opened.run(shown)) == 6


def test_every_player_decodes_and_is_as_loud_as_the_others(opened: Browser) -> None:
    heard = opened.run(
        """(async () => {
          const context = new OfflineAudioContext(1, 1, 16000), found = [];
          for (const audio of document.querySelectorAll('audio')) {
            await new Promise(done => audio.readyState ? done() : (audio.onloadedmetadata = audio.onerror = done));
            const text = atob(audio.src.split(',')[1]), bytes = Uint8Array.from(text, c => c.charCodeAt(0));
            const samples = (await context.decodeAudioData(bytes.buffer)).getChannelData(0);
            found.push([audio.readyState, audio.error && audio.error.code, audio.duration, samples.length / 16000,
              Math.max(...samples.map(Math.abs))]);
          }
          return found;
        })()"""
    )
    assert len(heard) == 46
    for state, error, duration, seconds, peak in heard:
        assert state >= 1
        assert error is None
        assert duration == pytest.approx(seconds, abs=0.01)
        assert 0.05 < peak < 0.9


def test_only_one_player_plays(opened: Browser) -> None:
    playing = "[...document.querySelectorAll('audio')].filter(one => !one.paused).length"
    opened.run("document.querySelectorAll('audio')[0].play()")
    opened.run("document.querySelectorAll('audio')[1].play()")
    opened.run(FRAMES)
    assert opened.run(playing) == 1
    opened.run("document.querySelectorAll('audio')[1].pause()")


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width, height=780)
    assert browser.run("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, nav, defs, title') &&
      one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
    assert browser.run(outside) == []
    assert browser.errors == []


def test_a_phone_sees_all_sections_and_the_headline_columns(browser: Browser, page: Path) -> None:
    browser.open(page, width=390, height=844)
    right = "Math.max(...[...document.querySelectorAll('nav a')].map(one => one.getBoundingClientRect().right))"
    assert browser.run(right) <= 390
    table = "document.querySelector('#results .scroll')"
    assert browser.run(f"{table}.scrollWidth") <= browser.run(f"{table}.clientWidth")
    chart = "document.querySelector('[data-table=controls]')"  # its rows have the longest names
    plot = f"{chart}.querySelector('svg path.background').getBoundingClientRect().width"
    assert browser.run(plot) > 0.5 * browser.run(f"{chart}.clientWidth")
    cut = """[...document.querySelectorAll('svg .role-title-subtitle text')].filter(one =>
      one.getBoundingClientRect().right > one.closest('.chart').getBoundingClientRect().right + 1)
      .map(one => one.textContent)"""
    assert browser.run(cut) == []
    assert browser.errors == browser.requests == []


def test_dark_mode_follows_the_system_and_the_button(browser: Browser, page: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.run(ground)
    click(browser, "#theme")
    dark = browser.run(ground)
    assert dark != light
    assert "dark" in browser.run("document.querySelector('#theme').textContent")
    for _ in range(2):  # light, then the system's again
        click(browser, "#theme")
        assert browser.run(ground) == light
    browser.open(page, dark=True)
    assert browser.run(ground) == dark
    click(browser, "#theme")
    click(browser, "#theme")
    assert browser.run(ground) == light  # chosen against the system
    click(browser, "#theme")
    assert browser.errors == []


def test_contrast_of_text_is_enough_in_both_themes(browser: Browser, page: Path) -> None:
    ratio = """(() => {
      const style = getComputedStyle(document.documentElement);
      const long = hex => hex.length === 3 ? [...hex].map(digit => digit + digit).join('') : hex;
      const linear = part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      const light = name => {
        const number = parseInt(long(style.getPropertyValue(name).trim().slice(1)), 16);
        const [red, green, blue] = [16, 8, 0].map(shift => linear(((number >> shift) & 255) / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
      const least = {"--ink": 7, "--soft": 4.5, "--accent": 4.5, "--h1": 4.5, "--h2": 4.5, "--h3": 4.5, "--h0": 3};
      return Object.entries({...least, "--h4": 3, "--h6": 3}).flatMap(([name, ratio]) => ["--card", "--page"]
        .map(ground => [name + ground, contrast(name, ground), ratio])).filter(([, found, ratio]) => found < ratio);
    })()"""
    for dark in (False, True):
        browser.open(page, dark=dark)
        assert browser.run(ratio) == []


def test_a_screen_reader_finds_its_way(opened: Browser) -> None:
    nameless = """[...document.querySelectorAll('button, select, input, audio, canvas, svg[role=img], [role=region]')]
      .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).length"""
    assert opened.run(nameless) == 0
    assert opened.run("document.querySelectorAll('main, header, nav, footer').length") == 4
    assert opened.run("document.querySelectorAll('h1').length") == 1
    levels = opened.run("[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))")
    assert max(b - a for a, b in pairwise(levels)) <= 2
    assert opened.run("[...document.querySelectorAll('table')].every(one => one.caption)") is True
    opened.press("Tab")
    assert opened.run("document.activeElement.textContent") == "Skip to the content"


def test_print_shows_tables_and_charts_without_controls(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, dark=True)
    browser.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print")  # and no longer the choice of dark colours
    browser.resize(700)  # as wide as a sheet
    shown = (
        "[...document.querySelectorAll('nav, .zoom, .choices, audio, .screen')].filter(one => one.offsetParent).length"
    )
    assert browser.run(shown) == 0
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    heights = "[...document.querySelectorAll('[data-chart] svg')].map(one => one.getBoundingClientRect())"
    assert browser.run(f"Math.max(...{heights}.map(one => one.height))") < 900  # a sheet's height, in pixels
    assert browser.run(f"Math.max(...{heights}.map(one => one.right))") <= 700
    bare = """[...document.querySelectorAll('h2, h3')].filter(one => one.offsetParent).filter(one => {
      let next = one.nextElementSibling;
      while (next && !next.offsetHeight) next = next.nextElementSibling;
      return !next || (next.tagName.match(/^H[23]$/) && next.tagName <= one.tagName);
    }).map(one => one.textContent)"""
    assert browser.run(bare) == []
    browser.call("Emulation.setEmulatedMedia", media="")
    assert browser.errors == []
