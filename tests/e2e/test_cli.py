# SPDX-License-Identifier: Apache-2.0
"""The command line as such: help, versions, wrong words, completion, manual pages and the systemd unit."""
import re
import shutil
import subprocess

import harness
import pytest

COMMANDS = ["serve", "exec", "cert", "completion", "manual", "help", "version"]


def coffer(*arguments, **more):
    return subprocess.run([harness.binary(), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **more)


def long_flags(text):
    return set(re.findall(r"^ {2,6}(?:-\w, )?--([a-z-]+)", text, re.M))


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_overview(arguments):
    done = coffer(*arguments)
    assert done.returncode == 0 and done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each(command):
    texts = {coffer(*arguments).stdout for arguments in (["help", command], [command, "--help"], [command, "-h"])}
    assert len(texts) == 1
    text = texts.pop()
    assert text.startswith(f"Usage: coffer {command} ") and "debuggable" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_an_action():
    assert coffer("help", "cert", "issue").stdout == coffer("cert", "--help").stdout == coffer("cert", "issue", "--help").stdout
    assert coffer("help", "completion", "bash").stdout == coffer("completion", "--help").stdout


@pytest.mark.parametrize("flag, values", [("log-level", "error, warning, info, debug or trace"), ("log-format", "auto, text or json"),
                                          ("pod-secret-check", "enforce, warn or off"), ("pod-security-default", "privileged, baseline or restricted")])
def test_help_lists_the_values_of_flags(flag, values):
    """So does the manual, and completion offers them."""
    for text in (coffer("serve", "--help").stdout, coffer("manual", "serve").stdout):
        assert f"; one of {values} (default: " in re.sub(r"\s+", " ", text)
    assert complete("coffer", "serve", f"--{flag}", "") == set(re.split(", | or ", values)) == complete("coffer", "serve", f"--{flag}", "=", "")


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(arguments):
    assert re.fullmatch(r"coffer \d+\.\d+\.\d+\n", coffer(*arguments).stdout)


@pytest.mark.parametrize("arguments, sentence", [
    ([], "Usage: coffer COMMAND [FLAG...]"),
    (["sevre"], "coffer: unknown command sevre; did you mean serve?"),
    (["help", "exce"], "coffer: unknown command exce; did you mean exec?"),
    (["help", "cert", "isue"], "coffer: unknown command cert isue; did you mean issue?"),
    (["help", "serve", "issue"], "coffer: unknown command serve issue\n"),
    (["manual", "cofer"], "coffer: unknown command cofer"),
    (["quite-another"], "coffer: unknown command quite-another\n"),
    (["--quite-another"], "coffer: unknown flag --quite-another\n"),
    (["serve", "--data-dri", "/x"], "coffer serve: unknown flag --data-dri; did you mean --data-dir?"),
    (["serve", "extra"], "coffer serve: unexpected argument extra"),
    (["serve", "--memory-limit", "much"], "coffer serve: flag --memory-limit takes a size"),
    (["serve", "--log-format=xml"], "coffer serve: flag --log-format takes one of: auto, text, json"),
    (["completion"], "coffer completion: an argument is missing"),
    (["cert", "isue"], "coffer cert: there is no action isue; did you mean issue?"),
    (["cert", "issue"], "coffer cert: issue needs --user NAME or --node NAME"),
    (["cert", "issue", "--user", "a", "--node", "b"], "coffer cert: issue takes --user NAME or --node NAME, not both"),
    (["cert", "issue", "--user", "a"], "coffer cert: issue needs --out FILE or --pem FILE"),
    (["cert", "issue", "--node", "a", "--group", "b", "--out", "x"], "coffer cert: a node's group is system:nodes"),
    (["cert", "issue", "--node", "Worker_1", "--out", "x"], "coffer cert: --node: Invalid value: \"Worker_1\": a lowercase RFC 1123 subdomain must"),
    (["cert", "issue", "--user", "a", "-n", "A", "--out", "x"], "coffer cert: --namespace: Invalid value: \"A\": a lowercase RFC 1123 label must"),
    (["cert", "issue", "--user", "a", "-n", "a", "--pem", "x"], "coffer cert: --namespace is for a kubeconfig"),
    (["cert", "renew", "-n", "a", "--pem", "x"], "coffer cert: renew takes no --namespace"),
    (["cert", "list", "-n", "a"], "coffer cert: list takes no --namespace"),
    (["cert", "renew"], "coffer cert: renew needs --out FILE or --pem FILE"),
    (["cert", "list", "--user", "a"], "coffer cert: list takes no --user"),
    (["cert", "issue", "--user", "a", "--out", "x", "--lifetime", "5m"], "coffer cert: --lifetime: at least 10m"),
    (["completion", "fish"], "there is no completion for fish, only for bash"),
])
def test_misuse(arguments, sentence):
    done = coffer(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert sentence in done.stderr and "--help'" in done.stderr


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([harness.binary(), "help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "No space left" in done.stderr


def complete(*words):
    """What bash offers for the last word."""
    script = ('source <("$0" completion bash)\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }\n'
              '_coffer\nprintf "%s\\n" "${COMPREPLY[@]}"\n')
    done = subprocess.run(["bash", "-c", script, harness.binary(), *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    return set(done.stdout.split())


def test_completion(tmp_path):
    assert complete("coffer", "") == set(COMMANDS)
    assert complete("coffer", "he") == {"help"}
    assert complete("coffer", "help", "v") == {"version"}
    assert complete("coffer", "manual", "s") == {"serve"}
    assert complete("coffer", "help", "cert", "") == {"issue", "renew", "list"} and complete("coffer", "help", "cert", "issue", "") == set()
    assert complete("coffer", "help", "serve", "") == set()
    assert complete("coffer", "completion", "b") == {"bash"}
    assert complete("coffer", "serve", "--log-l") == {"--log-level"}
    assert complete("coffer", "serve", "--log-format", "") == {"auto", "text", "json"}
    assert complete("coffer", "serve", "--log-format", "=", "j") == {"json"}
    assert complete("coffer", "exec", "--") == {f"--{name}" for name in long_flags(coffer("exec", "--help").stdout)}
    assert complete("coffer", "cert", "") >= {"issue", "renew", "list"}
    assert complete("coffer", "cert", "re") == {"renew"}
    (tmp_path / "kubeconfig").touch()
    assert complete("coffer", "exec", "--kubeconfig", f"{tmp_path}/") == {f"{tmp_path}/kubeconfig"}
    assert "env" in complete("coffer", "exec", "--clean", "--", "env")


@pytest.mark.parametrize("page", [[], ["exec"], ["serve"], ["cert"], ["completion"], ["manual"]])
def test_manual(page, tmp_path):
    done = coffer("manual", *page)
    assert done.returncode == 0 and "debuggable" not in done.stdout
    file = tmp_path / ("-".join(["coffer", *page]) + ".1")
    file.write_text(done.stdout)
    if not shutil.which("mandoc"):
        pytest.skip("no mandoc")
    checked = subprocess.run(["mandoc", "-Tlint", "-Wwarning", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    if page:
        shown = subprocess.run(["mandoc", "-Tascii", file], capture_output=True, text=True, timeout=60).stdout
        shown = re.sub(".\b", "", shown)
        assert set(re.findall(r"^ {5}(?:-\w, )?--([a-z-]+)", shown, re.M)) == long_flags(coffer(*page, "--help").stdout)


def test_the_manual_of_coffer_itself():
    assert coffer("manual", "coffer").stdout == coffer("manual").stdout


def test_unit_file(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd")
    text = (harness.ROOT / "packaging" / "coffer.service.in").read_text().replace("@bindir@/coffer", "/bin/true")
    unit = tmp_path / "coffer.service"
    # man(1) is asked for the page, which is not installed here
    unit.write_text("".join(line for line in text.splitlines(True) if not line.startswith("Documentation=")))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr
