"""Do the unit tests of the four parts on which everything hangs notice small mistakes in them?

Each mutant (mutants.py) is compiled in the place of the source and linked with the part's unit test, which has to fail. Those that
survive are missing tests; those that nobody can tell from the program are in equivalent.txt, each with the reason.

    mutate.py --build build/dev [--sample N] [--seed S] [PART...]
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import resource
import shlex
import subprocess
import sys
import tempfile

from mutants import mutants_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
EQUIVALENT = pathlib.Path(__file__).with_name("equivalent.txt")
LIBRARIES = ("cmocka", "libuv", "libcurl", "libcares", "libmicrohttpd", "sqlite3", "libcjson", "libcrypto", "smartcols")
CPU_SECONDS = 10  # of a test that takes a fraction of one: the mutant does not end

# part: source, unit test, what else its linking needs (tests/CMakeLists.txt)
PARTS = {
    "target": ("daemon/domain/target.c", "test_target", ["-Wl,--wrap=http_url_parse"]),
    "signer": ("daemon/deliver/signer.c", "test_signer", []),
    "schedule": ("daemon/deliver/schedule.c", "test_schedule", []),
    "detector": ("daemon/detect/detector.c", "test_detector", []),
}


def compile_command(build, source):
    """How the build compiles it, but for input and output, optimisation and warnings."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if pathlib.Path(entry["file"]) == source:
            words = shlex.split(entry["command"])
            words = words[1:] if pathlib.Path(words[0]).name == "ccache" else words
            return words[:words.index("-o")] + ["-O0", "-g0", "-w"]
    sys.exit(f"{build} does not compile {source}")


@dataclasses.dataclass(frozen=True)
class Bench:
    """Where mutants of one part are built and tried."""
    source: pathlib.Path
    compile: list
    link: list

    @staticmethod
    def of(part, build):
        path, test, options = PARTS[part]
        command = compile_command(build, ROOT / path)
        sanitizers = [word for word in command if word.startswith("-fsanitize")]
        libraries = subprocess.run(["pkg-config", "--libs", *LIBRARIES], capture_output=True, text=True, check=True).stdout.split()
        return Bench(ROOT / path, command, [
            command[0], *sanitizers, *options, str(build / f"tests/CMakeFiles/{test}.dir/unit/{test}.c.o"),
            "-Wl,--start-group", *map(str, sorted(build.glob("libgolived_*.a"))), "-Wl,--end-group",
            "-Wl,--as-needed", *libraries, "-lm", "-pthread"])

    def notices(self, text):
        """Does the unit test fail with this text in the place of the source? None: it does not compile."""
        with tempfile.TemporaryDirectory(prefix="golived-mutant-") as folder:
            mutant, program = pathlib.Path(folder, self.source.name), pathlib.Path(folder, "test")
            mutant.write_text(text)
            made = subprocess.run([*self.compile, "-o", f"{mutant}.o", "-c", mutant], capture_output=True, check=False)
            if made.returncode != 0:
                return None
            # Before the libraries, so that theirs is not taken.
            subprocess.run([self.link[0], f"{mutant}.o", *self.link[1:], "-o", program], check=True)
            return subprocess.run([program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                                  preexec_fn=limit_test).returncode != 0


def limit_test():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_equivalent():
    """(part, before, after) of each mutant that no test can tell. Each has its reason, some together."""
    known, part, before, waiting = set(), None, None, []
    for number, line in enumerate(EQUIVALENT.read_text().splitlines(), 1):
        kind, _, text = line.partition(" ")
        if line == "" or kind == "#":
            continue
        if kind == "part":
            part = text
        elif kind == "-":
            before = text
        elif kind == "+":
            waiting.append((part, before, text))
        elif kind == "why" and text:
            known.update(waiting)
            waiting = []
        else:
            sys.exit(f"{EQUIVALENT}:{number}: part, -, + or why, and a text")
    if waiting:
        sys.exit(f"{EQUIVALENT}: why is {waiting[0]} equivalent?")
    return known


def choose(parts, sample, seed):
    """The mutants to be tried, and those that are known to be equivalent, each with its part."""
    known = read_equivalent()
    every = [(part, mutant) for part in parts for mutant in mutants_of((ROOT / PARTS[part][0]).read_text())]
    equivalent = [(part, mutant) for part, mutant in every if (part, mutant.before, mutant.after) in known]
    found = {(part, mutant.before, mutant.after) for part, mutant in equivalent}
    stale = [entry for entry in known if entry[0] in parts and entry not in found]
    tried = [(part, mutant) for part, mutant in every if (part, mutant.before, mutant.after) not in found]
    if sample is not None:
        tried = random.Random(seed).sample(tried, min(sample, len(tried)))
    return tried, equivalent, stale


def tell(wrong, what, entry):
    """As it happens; in the form that equivalent.txt has."""
    print("{}\npart {}\n- {}\n+ {}\n".format(what, *entry), flush=True)
    wrong.append(entry)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--equivalent", action="store_true", help="try those of equivalent.txt: none may be noticed")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    benches = {part: Bench.of(part, options.build.resolve()) for part in parts}
    sources = {part: benches[part].source.read_text() for part in parts}
    for part in parts:
        if benches[part].notices(sources[part]) is not False:
            sys.exit(f"the unit test of {part} fails without a mutant, too")

    tried, equivalent, stale = choose(parts, options.sample, options.seed)
    if options.equivalent:
        tried = equivalent
    counts = {part: collections.Counter() for part in parts}
    wrong = []

    def attempt(part, mutant):
        return benches[part].notices(mutant.apply_to(sources[part]))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (part, mutant), noticed in zip(tried, pool.map(attempt, *zip(*tried))):
            counts[part]["not compiled" if noticed is None else "killed" if noticed else "survived"] += 1
            if noticed is options.equivalent:
                tell(wrong, f"{PARTS[part][0]}:{mutant.line}: {'noticed' if noticed else 'survived'}", (part, mutant.before, mutant.after))
    for entry in stale:
        tell(wrong, "in equivalent.txt, but there is no such mutant", entry)
    print(f"{'':10}{'killed':>8}{'survived':>10}{'equivalent':>12}")
    for part in parts:
        same = sum(part == one for one, _ in equivalent)
        print(f"{part:10}{counts[part]['killed']:8}{counts[part]['survived']:10}{same:12}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
