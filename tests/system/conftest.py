"""Fixtures: the programs, each stopped when its test ends; what they said is shown when it fails."""

import pytest

from golived import Golived, Receiver, Upstream


@pytest.fixture
def upstream(tmp_path):
    with Upstream(tmp_path) as program:
        yield program


@pytest.fixture
def receiver(tmp_path):
    with Receiver(tmp_path) as program:
        yield program


@pytest.fixture
def start_golived(tmp_path, upstream, request):
    """start_golived(settings) starts a daemon against the upstream; all that were started are killed in the end."""
    started = []

    def start(settings=None, **options):
        program = Golived(tmp_path, upstream, settings, **options)
        started.append(program)
        return program.start()

    yield start
    for program in started:
        program.ended_with = program.process.poll()  # None: it was still running
        program.kill()
    if getattr(request.node, "has_failed", False):
        for program in started:
            print(f"--- {program.log}, exit status {program.ended_with}\n{program.output()[-20000:]}")


@pytest.fixture
def golived(start_golived):
    return start_golived()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call":
        item.has_failed = report.failed
