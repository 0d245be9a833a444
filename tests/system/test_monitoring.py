"""What is watched: /metrics, its documentation, the alert rules and the dashboard, each held against a scrape of the daemon."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from golived import request

SOURCES = pathlib.Path(__file__).resolve().parents[2]
RULES = SOURCES / "docs/prometheus/golived.rules.yml"
DASHBOARD = SOURCES / "docs/prometheus/golived-dashboard.json"
REFERENCE = SOURCES / "docs/metrics.md"
GUIDE = SOURCES / "docs/operating.md"
# What Prometheus adds by itself to what it scrapes.
LABELS_OF_A_TARGET = {"job", "instance"}
METRICS_OF_A_TARGET = {"up": set()}
WORDS = {"by", "on", "and", "or", "unless", "without", "ignoring", "group_left", "group_right", "bool", "offset"}


class Scrape:
    """families: {name: (type, help)}; series: {name: [labels, …]}; values: {(name, labels as sorted pairs): text}."""

    def __init__(self, text):
        self.text, self.families, self.series, self.values = text, {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, what = line[7:].split(" ", 1)
                self.families[name] = (None, what)
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                self.families[name] = (kind, self.families[name][1])
            else:
                name, labels, value = re.fullmatch(r"([a-z_:]+)(?:\{(.*)\})? (\S+)", line).groups()
                labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
                self.series.setdefault(name, []).append(labels)
                self.values[name, tuple(sorted(labels.items()))] = value

    def labels(self, name):
        return {label for labels in self.series[name] for label in labels}


@pytest.fixture(scope="module")
def scrape(tmp_path_factory):
    """Of a daemon that has just started: every series must be there before anything happens."""
    from golived import Golived, Upstream
    folder = tmp_path_factory.mktemp("scrape")
    with Upstream(folder) as upstream, Golived(folder, upstream) as golived:
        answer = request("GET", golived.base + "/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Scrape(answer.body.decode())


def rules():
    """[(alert, expression, whole text)] of the rules; every expression is one line."""
    found = re.findall(r"- alert: (\w+)\n\s+expr: (.+)\n((?:(?!\s+- alert).*\n?)*)", RULES.read_text())
    assert len(found) == RULES.read_text().count("alert:") > 10
    return found


def queries():
    """[(where, expression)] of the rules and the dashboard."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [(alert, expression) for alert, expression, _ in rules()]
    found += [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", ())]
    found += [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]
    found += [(item["name"], item["query"]["query"]) for item in dashboard["templating"]["list"] if item["type"] == "query"]
    return found


def selectors(expression):
    """[(metric, {label: (operator, value)})] of an expression in PromQL, and the labels it groups by."""
    text = re.sub(r"\[[^\]]*\]", "", expression)
    grouped = set()
    for names in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", text):
        grouped |= {name.strip() for name in names.split(",")}
    text = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", text)
    found = []
    for name, matchers in re.findall(r"\b([a-z_:][a-z0-9_:]*)\b(?!\s*\()(?:\{([^}]*)\})?", re.sub(r"label_values\((\w+), \w+\)", r"\1", text)):
        if name not in WORDS and not re.search(rf'[{{,]{name}[=!]', text):
            found.append((name, {label: (operator, value) for label, operator, value in
                                 re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers)}))
    return found, grouped


@pytest.mark.parametrize("where, expression", queries())
def test_a_query_asks_for_what_the_daemon_has(scrape, where, expression):
    found, grouped = selectors(expression)
    assert found, f"no metric in {expression}"
    for name, matchers in found:
        if name in METRICS_OF_A_TARGET:
            continue
        assert name in scrape.series, f"{where}: there is no {name}"
        assert grouped <= scrape.labels(name) | LABELS_OF_A_TARGET, f"{where}: {name} has no {grouped}"
        for label, (operator, value) in matchers.items():
            if label in LABELS_OF_A_TARGET:
                continue
            has = {labels[label] for labels in scrape.series[name] if label in labels}
            for one in value.split("|") if operator in ("=~", "!~") else [value]:
                assert one in has, f'{where}: {name} has no {label}="{one}", but {sorted(has)}'


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert(scrape):
    asked = {name for _, expression in queries() for name, _ in selectors(expression)[0]}
    asked = {re.sub(r"_bucket$", "", name) for name in asked}
    unwatched = {name for name in scrape.families if name.startswith("golived_")} - asked
    assert unwatched <= {"golived_admin_request_seconds"}


def reference_rows(scrape):
    for name, (kind, what) in scrape.families.items():
        series = next(name + end for end in ("", "_count") if name + end in scrape.series)
        labels = {label: [row[label] for row in scrape.series[series]] for label in sorted(scrape.labels(series))}
        if name == "golived_build_info":
            labels = {"version": []}
        shown = "; ".join(f"`{label}`" + (": " + ", ".join(values) if values else "") for label, values in labels.items())
        yield f"| `{name}` | {kind} | {shown} | {what} |"


def test_the_reference_is_that_of_the_daemon(scrape):
    documented = [line for line in REFERENCE.read_text().splitlines() if line.startswith("| `")]
    assert documented == list(reference_rows(scrape)), "docs/metrics.md must have these rows"


def test_everything_counts_from_zero(scrape):
    for (name, labels), value in scrape.values.items():
        kind = scrape.families.get(name, ("",))[0]
        if name.startswith("golived_") and kind == "counter" and "store" not in name and "upstream" not in name:
            assert value == "0", f"{name}{dict(labels)} is {value}"


@pytest.mark.parametrize("alert, expression, text", rules())
def test_an_alert_says_what_it_means_and_has_its_page_in_the_guide(alert, expression, text):
    assert re.search(r"severity: (critical|warning|info)\n", text)
    assert 'summary: "' in text and 'description: "' in text
    assert f"\n### {alert}\n" in GUIDE.read_text(), f"docs/operating.md has nothing about {alert}"


def test_the_guide_tells_of_no_alert_that_is_not_there():
    told = set(re.findall(r"^### (Golived\w+)$", GUIDE.read_text(), flags=re.M))
    assert told == {alert for alert, _, _ in rules()}


def test_panels_do_not_overlap():
    taken = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing(scrape):
    for arguments, text in (["check", "metrics"], scrape.text), (["check", "rules", str(RULES)], ""):
        done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
