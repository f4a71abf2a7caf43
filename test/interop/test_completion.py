"""`samsa completion bash`, read by a real bash."""

import subprocess

import pytest

import peers

SCRIPTS = {path.name for path in peers.servers.samsa_bin_dir().glob("zk*.sh")}


def samsa():
    """The program behind the scripts."""
    shell = f'SAMSA_SCRIPT={peers.servers.samsa_bin_dir()}/x; . "{peers.servers.samsa_bin_dir()}/samsa-env.sh"'
    return subprocess.run(
        ["bash", "-c", f'{shell}; echo "$SAMSA"'], capture_output=True, text=True, check=True
    ).stdout.strip()


def complete(*words):
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"source <({samsa()} completion bash); COMP_WORDS=({quoted}); "
        f'COMP_CWORD={len(words) - 1}; _samsa; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    "words, expected",
    [
        (("samsa", "zkTx"), {"zkTxnLogToolkit"}),
        (("samsa", "zkServer", "sta"), {"start", "start-foreground", "status"}),
        (("/opt/bin/zkServer.sh", "re"), {"restart"}),
        (("zkSnapShotToolkit.sh", "/etc/pass"), {"/etc/passwd"}),
        (("samsa", "completion", ""), {"bash", "zsh"}),
        (("kafka-topics.sh", "--bootst"), {"--bootstrap-server"}),
        (("samsa", "kafka-cluster", "clus"), {"cluster-id"}),
    ],
)
def test_words(words, expected):
    assert expected <= complete(*words)
    assert len(complete(*words)) <= len(expected) + 1


def test_every_script_is_a_tool():
    named = complete("samsa", "zk")
    assert {f"{name}.sh" for name in named} == SCRIPTS


def test_other_shells_are_refused():
    ended = subprocess.run([samsa(), "completion", "fish"], capture_output=True, check=False)
    assert ended.returncode == 2
    assert b"Usage" in ended.stderr
