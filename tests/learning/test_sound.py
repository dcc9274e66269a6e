"""Sounds of machines from files: what is read, what is refused, and the way from a folder to the
band and the time at which a machine sounds other than usual."""

from __future__ import annotations

import json
import re
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError, GemelError, Refused
from gemel.core.sound import Sound
from gemel.doors.cli.main import app
from gemel.parts.listeners.base import Clips, Heard
from gemel.parts.listeners.gaussian import Gaussian, shrunk
from gemel.runtime.sounds import read_sound, read_sounds
from gemel.runtime.waveforms import read_wav
from gemel.testing.listeners import KNOCK, SQUEAL, Fault, fan
from gemel.twin.learning.evaluation.scores import partial_roc_area
from gemel.twin.learning.tasks import read_task
from gemel.twin.learning.tasks.sound import SoundTask


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    if isinstance(result.exception, GemelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def save(path: Path, value: np.ndarray, rate: int = 8000, channels: int = 1) -> None:
    """As 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(value, -1, 1) * 32767).astype("<i2").tobytes())


def recorded(machine: int, number: int, fault: Fault | None = None) -> np.ndarray:
    """Machines differ: the second one is quieter, and what is above 2 kHz is damped."""
    value = fan(10_000 * machine + number, fault).value
    if machine:
        spectrum = np.fft.rfft(value)
        spectrum[len(spectrum) // 2 :] *= 0.3
        value = 0.5 * np.fft.irfft(spectrum, len(value))
    return value


FAULTS: tuple[Fault, ...] = ("squeal", "knock", "blade")


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fans, 20 normal sounds of each, two in a session, and 3 of each fault."""
    folder = tmp_path_factory.mktemp("hall")
    lines = ["file,fan,take,verdict"]
    for machine in range(2):
        for number in range(20):
            name = f"fan {machine}/normal/{number:02}.wav"
            save(folder / name, recorded(machine, number))
            lines.append(f"{name},fan {machine},{number // 2},ok")
        for fault in FAULTS:
            for number in range(3):
                name = f"fan {machine}/{fault}/{number}.wav"
                save(folder / name, recorded(machine, 100 + number, fault))
                lines.append(f"{name},fan {machine},{20 + number},{fault}")
    (folder / "takes.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_from_a_folder_to_what_is_wrong_where_and_when(hall: Path, tmp_path: Path) -> None:
    found = json.loads(run("backtest", str(hall), "--task", "sound", "--json"))
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert figures["ROC area"]["value"] > 0.95
    assert figures["partial ROC area"]["value"] > 0.9
    assert figures["misses"]["value"] < 0.2
    assert figures["false alarms"]["value"] <= 0.25
    assert figures["false alarms"]["low"] <= figures["false alarms"]["high"]
    assert [row["machine"] for row in found["tables"]["by machine"]] == ["fan 0", "fan 1"]
    assert {row["label"] for row in found["tables"]["by label"]} == {"normal", *FAULTS}
    assert found["protocol"]["split"] == (
        "up to 5 folds of whole sessions of each machine; learned from normal only"
    )
    assert found["protocol"]["units"] == 2

    model = tmp_path / "fans.model"
    said = run("train", str(hall), "--task", "sound", "-o", str(model))
    assert "fan 1: sounds: 20" in said
    assert "fan 0: limit: exceeded by 0.05 of normal sounds, set on held-out sessions" in said

    new = tmp_path / "new"
    for name, value in {
        "fan 0/a.wav": recorded(0, 500),
        "fan 0/b.wav": recorded(0, 501, "squeal"),
        "fan 1/c.wav": recorded(1, 502, "knock"),
        "fan 1/d.wav": recorded(0, 503),
        "fan 2/e.wav": recorded(0, 504),
    }.items():
        save(new / name, value)
    told = json.loads(run("score", str(model), str(new), "--format", "json"))
    answers = [row["answer"] for row in told]
    assert answers == ["normal", "abnormal", "abnormal", "abnormal", "not judged"], (
        "the fourth is a normal sound of another machine"
    )
    assert told[4]["why"] == "no model of machine 'fan 2'; there are 'fan 0', 'fan 1'"
    assert told[4]["score"] is None

    squeal = json.loads(run("explain", str(model), str(new), "--row", "2", "--json"))
    assert re.match(r"fan 0/b.wav: abnormal \(score .*\); most of all \d+ to", squeal["answer"])
    band = re.fullmatch(r"(\d+) to (\d+) Hz throughout", squeal["shares"][0]["column"])
    assert band is not None
    assert float(band[1]) <= SQUEAL <= float(band[2])
    assert squeal["shares"][0]["value"].startswith("+")

    knock = json.loads(run("explain", str(model), str(new), "--row", "3", "--json"))
    when = [re.search(r"at (\d+\.\d+) s", share["column"]) for share in knock["shares"]]
    assert any(w is not None and abs(float(w[1]) - KNOCK) < 0.1 for w in when)


def test_from_a_table_with_sessions(hall: Path, tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    words = {
        "task": "sound", "sound": "file", "unit": "fan", "session": "take", "label": "verdict",
        "good": ["ok"], "model": {"kind": "nearest", "false_alarms": 0.1},
    }  # fmt: skip
    task.write_text(json.dumps(words))
    table = hall / "takes.csv"
    found = json.loads(run("backtest", str(table), "--task", str(task), "--json"))
    figures = {figure["name"]: figure["value"] for figure in found["figures"]}
    assert figures["ROC area"] > 0.9
    assert found["protocol"]["model"].startswith("nearest ")
    run("train", str(table), "--task", str(task), "-o", str(tmp_path / "m"))
    told = json.loads(run("score", str(tmp_path / "m"), str(table), "--format", "json"))
    assert [row["fan"] for row in told[::29]] == ["fan 0", "fan 1"]
    assert np.mean([row["answer"] == "normal" for row in told[:20]]) > 0.8


def test_what_was_recorded_together_is_never_on_both_sides(
    hall: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fold is judged by a model of sounds of other sessions."""
    words = {"task": "sound", "unit": "fan", "session": "take", "label": "verdict", "good": ["ok"]}
    sounds = read_sounds(hall / "takes.csv")
    of = {
        str(hall / name): (fan_, take, verdict)
        for name, fan_, take, verdict in zip(
            *(sounds[c].tolist() for c in ("file", "fan", "take", "verdict")), strict=True
        )
    }
    judged: list[str] = []

    class Spy(Gaussian):
        def fit(self, normal: Clips) -> Any:
            known = [of[normal.sound(place).name] for place in range(len(normal))]
            assert {verdict for _, _, verdict in known} == {"ok"}
            assert len({fan_ for fan_, _, _ in known}) == 1
            return SpyModel(super().fit(normal), {take[:2] for take in known})

    class SpyModel:
        def __init__(self, model: Any, known: set[Any]) -> None:
            self.model, self.known = model, known

        def hear(self, sound: Sound) -> Heard:
            fan_, take, _ = of[sound.name]
            assert (fan_, take) not in self.known
            assert {name for name, _ in self.known} == {fan_}
            judged.append(sound.name)
            told: Heard = self.model.hear(sound)
            return told

    monkeypatch.setattr(SoundTask, "_part", lambda _: Spy())
    read_task(words).backtest(sounds, lambda _: None)
    assert sorted(judged) == sorted(of), "each once"
    with pytest.raises(Refused, match="whole sessions of each machine"):
        read_task({**words, "split": {"by": "row"}}).backtest(sounds, lambda _: None)


def test_one_sound_given_as_two_is_refused_or_held_together(tmp_path: Path) -> None:
    lines = ["sound,take,label"]
    for number in range(12):
        save(tmp_path / f"{number}.wav", recorded(0, number % 11))
        lines.append(f"{number}.wav,{number},normal")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    sounds = read_sounds(tmp_path / "t.csv")
    with pytest.raises(Refused, match=r"'0.wav' and '11.wav' hold the same sound .* session each"):
        read_task({"task": "sound", "session": "take"}).fit(sounds, lambda _: None)
    fitted = read_task({"task": "sound"}).fit(sounds, lambda _: None)
    assert fitted.evidence["sessions"] == 11


def test_sounds_that_cannot_be_judged_are_said_to_be_so(hall: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    run("train", str(hall / "fan 0"), "--task", "sound", "-o", str(model))
    new = tmp_path / "new" / "x"
    good = recorded(0, 700)
    save(new / "0 good.wav", good)
    save(new / "1 silent.wav", np.zeros(16_000))
    save(new / "2 short.wav", good[:500])
    save(new / "3 slow.wav", good[::2], 4000)
    save(new / "4 stereo.wav", np.repeat(good, 2), channels=2)
    save(new / "5 cut.wav", good)
    cut = new / "5 cut.wav"
    cut.write_bytes(cut.read_bytes()[:20_000])
    (new / "6 empty.wav").write_bytes(b"")
    save(new / "7 none.wav", np.zeros(0))
    (new / "8 text.wav").write_text("this is no sound, and longer than a header would be")
    told = json.loads(run("score", str(model), str(new), "--format", "json"))
    assert [row["answer"] for row in told] == ["normal"] + ["not judged"] * 8
    for row, why in zip(
        told[1:],
        (
            "silent, all of its 16,000 samples are the same",
            "too short, 0.0625 s; at least",
            "4000 samples per second reach to 2000 Hz, and the model listens up to 4000 Hz",
            "has 2 channels; say which under `channel`",
            "not whole: 19,956 bytes of sound, and its header says 32,000",
            "not a WAV file",
            "0 bytes of sound",
            "not a WAV file",
        ),
        strict=True,
    ):
        assert why in row["why"], row["sound"]
        assert row["sound"] in row["why"], "which file it is"
    with pytest.raises(DataError, match=r"2 short\.wav: too short"):
        run("explain", str(model), str(new), "--row", "3")


def test_bad_files_stop_the_training_and_are_named(tmp_path: Path) -> None:
    for number in range(15):
        save(tmp_path / f"normal/{number:02}.wav", recorded(0, number))
    save(tmp_path / "normal/07.wav", np.zeros(16_000))
    with pytest.raises(DataError, match=r"the machine: .*07\.wav: silent"):
        run("train", str(tmp_path), "--task", "sound", "-o", str(tmp_path / "m"))
    save(tmp_path / "normal/07.wav", np.repeat(recorded(0, 7), 2), channels=2)
    with pytest.raises(DataError, match=r"07\.wav: has 2 channels; say which"):
        run("backtest", str(tmp_path), "--task", "sound")


def test_what_is_too_little_or_wrongly_named(hall: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sounds in this folder"):
        read_sounds(tmp_path)
    save(tmp_path / "ok/1.wav", recorded(0, 1))
    with pytest.raises(ConfigurationError, match=r"labelled normal or good .* has 'ok'; say which"):
        run("train", str(tmp_path), "--task", "sound", "-o", str(tmp_path / "m"))
    (tmp_path / "task.yaml").write_text("task: sound\ngood: [ok]\n")
    words = (str(tmp_path), "--task", str(tmp_path / "task.yaml"))
    with pytest.raises(DataError, match="the machine: 1 normal sounds of 1 sessions; at least 10"):
        run("train", *words, "-o", str(tmp_path / "m"))
    with pytest.raises(DataError, match="1 sessions, at least 3 are needed"):
        run("backtest", *words)
    (tmp_path / "t.csv").write_text("sound\n../outside.wav\n")
    with pytest.raises(DataError, match="lies outside"):
        read_sounds(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("sound\nmissing.wav\n")
    with pytest.raises(DataError, match=r"there is no sound 'missing\.wav'"):
        read_sounds(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("a\nx\n")
    with pytest.raises(ConfigurationError, match="no column names sounds"):
        read_sounds(tmp_path / "t.csv")


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "step"),
    [("uint8", 1 / 128), ("int16", 2**-15), ("int32", 2**-31), ("float32", 0), ("float64", 0)],
)
def test_files_of_another_writer_are_read(tmp_path: Path, type_: str, step: float) -> None:
    value = np.clip(fan(3).value, -1, 1)
    raw = value.astype(type_) if not step else np.round(value / step)
    raw = (raw + 128 * (type_ == "uint8")).astype(type_)
    wavfile.write(tmp_path / "a.wav", 16_000, np.stack([raw, raw[::-1]], axis=1))
    told, rate = read_wav(tmp_path / "a.wav")
    assert (told.shape, rate) == ((len(value), 2), 16_000)
    assert told[:, 0] == pytest.approx(value, abs=max(step, 1e-7))
    assert read_sound(tmp_path / "a.wav", 2).value.tolist() == told[:, 1].tolist()
    with pytest.raises(DataError, match="none of number 3"):
        read_sound(tmp_path / "a.wav", 3)


def test_24_bits_in_an_extensible_file_are_read(tmp_path: Path) -> None:
    """As measuring amplifiers write them: the kind stands behind, and chunks before the sound."""
    whole = np.array([0x400000, -0x400000, 1, -1])
    raw = b"".join(int(v).to_bytes(3, "little", signed=True) for v in whole)
    kind = struct.pack("<HHIIHH", 0xFFFE, 1, 51_200, 153_600, 3, 24)
    kind += struct.pack("<HHIH", 22, 24, 4, 1) + bytes.fromhex("000000001000800000aa00389b71")
    chunks = b"bext" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"fmt " + struct.pack("<I", len(kind)) + kind
    chunks += b"data" + struct.pack("<I", len(raw)) + raw
    head = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE"
    (tmp_path / "a.wav").write_bytes(head + chunks)
    told, rate = read_wav(tmp_path / "a.wav")
    assert (told[:, 0].tolist(), rate) == ([0.5, -0.5, 2**-23, -(2**-23)], 51_200)
    other = (head + chunks).replace(
        bytes.fromhex("0100000000001000"), b"\x55" + b"\0" * 5 + b"\x10\0"
    )
    (tmp_path / "b.wav").write_bytes(other)
    with pytest.raises(DataError, match="of kind 85 with 24 bits; PCM"):
        read_wav(tmp_path / "b.wav")
    (tmp_path / "c.wav").write_bytes((head + chunks)[: -len(raw) - 8])
    with pytest.raises(DataError, match="no sound behind its header"):
        read_wav(tmp_path / "c.wav")


def test_a_float_that_is_no_number_is_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.array([0, np.nan, 1], np.float32))
    with pytest.raises(DataError, match="not numbers"):
        read_wav(tmp_path / "a.wav")


# --- figures against another implementation ----------------------------------------------------


def test_the_partial_area_is_that_of_another_implementation() -> None:
    random = np.random.default_rng(0)
    for count in (20, 200):
        truth = random.random(count) < 0.4
        score = np.round(random.normal(0, 1, count) + truth, 1)  # with equal scores
        for most in (0.05, 0.1, 0.5):
            expected = roc_auc_score(truth, score, max_fpr=most)
            assert partial_roc_area(truth, score, most) == pytest.approx(expected)
    assert np.isnan(partial_roc_area(np.ones(3, bool), np.arange(3.0)))
    assert partial_roc_area(np.array([False, True]), np.array([0.0, 1.0])) == 1


def test_the_covariance_is_that_of_another_implementation() -> None:
    random = np.random.default_rng(1)
    for n, k in ((10, 40), (200, 8)):
        z = random.normal(0, 1, (n, k)) @ random.normal(0, 1, (k, k))
        expected, _ = ledoit_wolf(z)
        assert shrunk(z) == pytest.approx(expected, rel=1e-6, abs=1e-6)
