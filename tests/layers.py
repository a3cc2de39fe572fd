#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The house's rule: a file of src/LAYER may include only from its own layer and those above it in the list of docs/architecture.md.

layers.py [ROOT]: checks ROOT/src (the project's own by default). The last line is `N passed, N failed`: one for each file, and for each
case of the check's own test, which shows it trees that break the rule."""
import re
import sys
import tempfile
from pathlib import Path

LAYERS = ["base", "text", "crypt", "net", "store", "atrest", "api", "access", "kinds", "serve", "client", "providers", "engine", "control", "node",
          "cmd"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def broken(path, layer, text):
    """What is wrong with the includes of one file."""
    if layer not in LAYERS:
        return [f"{path}: {layer} is not a layer"]
    found = []
    for include in INCLUDE.findall(text):
        target = include.split("/")[0]
        if "/" not in include or ".." in include:
            found.append(f'{path}: "{include}" does not name its layer')
        elif target not in LAYERS:
            found.append(f'{path}: "{include}" is in no layer')
        elif LAYERS.index(target) > LAYERS.index(layer):
            found.append(f'{path}: {layer} may not include "{include}"')
    return found


def check(root):
    """(files that keep the rule, sentences about those that do not)"""
    files = sorted(path for path in (root / "src").rglob("*") if path.suffix in (".c", ".h", ".inc"))
    results = [broken(path.relative_to(root), path.relative_to(root / "src").parts[0], path.read_text()) for path in files]
    return sum(not r for r in results), [sentence for r in results for sentence in r]


CASES = [  # file, its include, whether the rule allows it
    ("base/a.h", "base/b.h", True),
    ("serve/a.c", "base/b.h", True),
    ("store/a.c", "store/b.h", True),
    ("base/a.c", "text/json.h", False),
    ("api/a.h", "kinds/secret.h", False),
    ("client/a.c", "cmd/command.h", False),
    ("net/a.c", "b.h", False),
    ("net/a.c", "net/../cmd/b.h", False),
    ("net/a.c", "elsewhere/b.h", False),
    ("other/a.c", "base/b.h", False),
]


def own_test():
    """Sentences about cases that the check gets wrong."""
    wrong = []
    for name, include, allowed in CASES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "src" / name
            file.parent.mkdir(parents=True)
            file.write_text(f'/* x */\n#include <stdio.h>\n #  include "{include}"\n')
            if (not check(Path(folder))[1]) != allowed:
                wrong.append(f"own test: {name} that includes {include} should be {'allowed' if allowed else 'refused'}")
    return wrong


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    passed, sentences = check(root)
    sentences += own_test()
    print("\n".join(sentences + [f"{passed + len(CASES)} passed, {len(sentences)} failed"]))
    return 1 if sentences or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
