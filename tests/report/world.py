"""An invented run: every file that the report reads, in the shapes that the stages write, with drawn numbers."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from elor.evidence.agreement import Agreement
from elor.evidence.claims import Claim, Claims, Family, Piece
from elor.evidence.comparisons import Comparisons
from elor.evidence.corpus import Corpus
from elor.evidence.interventions import Interventions
from elor.evidence.model import write
from elor.evidence.names import Case, Control, Role, Verdict
from elor.evidence.protocol import Protocol
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.evidence.scores import Scores
from elor.evidence.words import Words
from elor.explain.correlation import READINGS
from elor.explain.erasure import MEASURES
from elor.explain.occlusion import starts
from elor.files import write_json
from elor.report.series import DESCRIPTOR_NAMES
from elor.tables import write_table
from elor.targets import EMOTIONS

NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
SPEAKERS = ("Ses01F", "Ses01M", "Ses02F")
SAMPLES, SUPPORT = 96_000, 70_000
METHODS = ("guided", "gradient", "integrated")
ORDERS = (*METHODS, "occlusion", "loudest", "random")
LABELS = range(5)


class World:
    """A folder with metrics, data and plots/data of an invented run.

    Args:
        folder: where to write.
        heads: of the networks.
        values: whether heads answer with values instead of classes.
        analysed: whether prototypes, interventions and claims were run.
    """

    def __init__(
        self, folder: Path, heads: tuple[str, ...] = ("arousal", "valence"), values: bool = False, analysed: bool = True
    ) -> None:
        self.metrics, self.data, self.plots = folder / "metrics", folder / "data", folder / "plots" / "data"
        self.heads, self.values = heads, values
        self.classes = len(EMOTIONS) if heads == ("emotion",) else len(LABELS)
        self.rng = np.random.default_rng(0)
        self._scores()
        self._slices()
        self._saliency()
        if analysed:
            self._prototypes()
            self._interventions()
            self._claims()
            self._words()

    def draw(self, low: float = 0.2, high: float = 0.8) -> float:
        return round(float(self.rng.uniform(low, high)), 4)

    def estimate(self, key: str = "r") -> dict[str, Any]:
        value = self.draw(-0.2, 0.8)
        return {key: value, "low": value - 0.1, "high": value + 0.1, "speakers": 3, "slices": 6, "undefined": 0}

    def _scores(self) -> None:
        name = "ccc" if self.values else "uar"
        for head in self.heads:
            for network in NETWORKS:
                value = self.draw(0.3, 0.6)
                scores = {"count": 6, "speakers": 3, "permutation_p": 0.002}
                scores |= {f"utterance_{key}": number for key, number in scores.items()} | {name: value}
                scores |= {"ci_low": value - 0.1, "ci_high": value + 0.1}
                scores |= {"rmse": 1.1} if self.values else {"war": self.draw(), "macro_f1": self.draw()}
                if not self.values:
                    scores |= {f"recall_{label}": self.draw() for label in range(self.classes)}
                    scores |= {
                        f"baseline_{g}_{s}": 0.2 for g in ("uniform", "prior", "majority") for s in ("uar", "war")
                    }
                write(self.metrics / head / f"{network}.json", Scores.of(scores))
        write_json(self.metrics / "uar.json", {f"{h}.{n}": self.draw() for h in self.heads for n in NETWORKS})
        none = Comparisons(test="sign flip", correction="Holm", comparisons=())
        write(self.metrics / "comparisons.json", none)
        others = {"uar": 0.5, "war": 0.5, "ccc": 0.5, "rmse": 0.9, "kappa": 0.5, "ci_low": 0.4, "ci_high": 0.6}
        others |= {"ratings": 9, "utterances": 6}
        agreement = {head: {"others": others, "alpha": 0.6} for head in self.heads if head != "emotion"}
        people = Agreement.of(agreement, exact=0.2, exact_utterances=6, rater="E-2", reference="E-2")
        write(self.metrics / "agreement.json", people)
        write(self.metrics / "protocol.json", Protocol(confidence=0.95))
        corpus = {
            "utterances": 6,
            "minutes": 1.5,
            "speakers": 3,
            "ratings": 12,
            "by_speaker": dict.fromkeys(SPEAKERS, 2),
        }
        labels = {"utterances": 6, "classes": 5, "rater": "E-2"}
        write(self.metrics / "corpus.json", Corpus.of(corpus, labels=labels, deviations=[]))
        self._plots(name)

    def _plots(self, name: str) -> None:
        rows = [(n, h, "speaker", s, 2, 1, self.draw()) for n in NETWORKS for h in self.heads for s in SPEAKERS]
        names = ["network", "dimension", "factor", "group", "slices", "speakers", name]
        write_table(pd.DataFrame(rows, columns=names), self.plots / "scores" / "breakdown.csv")
        self._groups(name)
        folds = [(n, h, s, 2, self.draw()) for n in NETWORKS for h in self.heads for s in SPEAKERS]
        columns = ["network", "dimension", "fold", "slices", name]
        write_table(pd.DataFrame(folds, columns=columns), self.plots / "scores" / "folds.csv")
        for network in NETWORKS:
            curve = [(s, epoch, int(epoch == 2), self.draw()) for s in SPEAKERS for epoch in range(4)]
            frame = pd.DataFrame(curve, columns=["fold", "epoch", "selected", "score"])
            for head in self.heads:
                frame = frame.assign(**{f"loss_{head}": 1.5 - frame["score"], f"validation_{head}": frame["score"]})
            write_table(frame, self.plots / "curves" / f"{network}.csv")
            for head in () if self.values else self.heads:
                pairs = pd.DataFrame(self.rng.integers(0, self.classes, (6, 2)), columns=["actual", "predicted"])
                write_table(pairs, self.plots / "scores" / "confusion" / head / f"{network}.csv")

    def _groups(self, name: str) -> None:
        """Breakdowns by more than the speaker, and reliability: a group without interval, an empty bin."""
        path = self.plots / "scores" / "breakdown.csv"
        rows = []
        for network, head in ((network, head) for network in NETWORKS for head in self.heads):
            for factor, group in (("gender", "F"), ("gender", "M"), ("length", "1.0-2.0 s"), ("agreement", "1 apart")):
                about = {"network": network, "dimension": head, "factor": factor, "group": group}
                value = self.draw()
                limits = {} if group == "M" else {"ci_low": value - 0.1, "ci_high": value + 0.1}
                rows.append(about | {"slices": 3, "speakers": 2, "classes": 4, name: value} | limits)
        write_table(pd.concat([pd.read_csv(path), pd.DataFrame(rows)]), path)
        bins = [
            {"network": network, "dimension": head, "low": low, "high": low + 0.25, "count": count}
            | ({"confidence": low + 0.1, "accuracy": self.draw()} if count else {})
            for network in NETWORKS
            for head in self.heads
            for low, count in ((0.0, 0), (0.25, 2), (0.5, 4))
        ]
        if not self.values:
            write_table(pd.DataFrame(bins), self.plots / "scores" / "reliability.csv")

    def _slices(self) -> None:
        self.names = [f"{speaker}_impro01_F00{k}_0" for speaker in SPEAKERS for k in range(2)]
        table = {"slice": self.names, "speaker": np.repeat(SPEAKERS, 2), "samples": SUPPORT}
        table |= {head: self.rng.integers(0, self.classes, 6) for head in self.heads}
        write_table(pd.DataFrame(table), self.data / "slices.csv")
        sound = self.rng.normal(0, 3000, (6, SAMPLES)).astype(np.int16)
        sound[:, SUPPORT:] = 0
        np.save(self.data / "slices.npy", sound)

    def _saliency(self) -> None:
        (self.data / "saliency").mkdir(parents=True)
        count, rows = len(self.heads), []
        for name in self.names[:2]:
            maps = {method: self.rng.normal(0, 1, (count, SAMPLES)).astype(np.float32) for method in METHODS}
            maps["stft"] = self.rng.normal(0, 1, (count, 601, 201)).astype(np.float32)
            maps["occlusion"] = self.rng.normal(0, 1, (count, len(starts(SAMPLES)))).astype(np.float32)
            np.savez(self.data / "saliency" / f"{name}.npz", **maps, target=np.zeros(count, dtype=int))
            for head in self.heads:
                for model in ("trained", "initial 0", "initial 1"):
                    pair = {"method": "guided", "model": model, "pair": f"{head}~input", "control": ""}
                    rows.append({"slice": name, "role": "own", **pair, "signed": self.draw(), "envelope": self.draw()})
        write_table(pd.DataFrame(rows), self.data / "saliency" / "correlations.csv")
        pairs = [f"{head}~input" for head in self.heads] + ["~".join(self.heads)] * (count > 1)
        own = {method: {pair: self._pair(method) for pair in pairs} for method in (*METHODS, "occlusion")}
        if count > 1:
            own["gradient"]["flattened"] = self._pair("gradient")
        exemplary = {method: {pair: self._pair(method) for pair in pairs} for method in METHODS[:2]}
        said = "Every p here is exploratory."
        found = Saliency.of(self._erasure(), own=own, exemplary=exemplary, exploratory=said)
        write(self.metrics / "saliency.json", found)

    def _erasure(self) -> dict[str, Any]:
        def beyond() -> dict[str, Any]:
            value = self.draw()
            return {"difference": value, "low": value - 0.1, "high": value + 0.1, "p": 0.0312, "verdict": "higher"}

        def order(name: str) -> dict[str, Any]:
            entry = {"mean": self.draw(), "slices": 6} | {f"over {o}": beyond() for o in ORDERS[-2:] if o != name}
            won = {"wins": self.draw(), "initial wins": self.draw(), "over initial": beyond()}
            curves = {measure: {"curve": {"5": self.draw(), "60": self.draw()}} for measure in MEASURES}
            return {measure: entry | curves[measure] | (won if name == "loudest" else {}) for measure in MEASURES}

        edges = np.concatenate([[0.0], np.geomspace(60, 8_000, 26)])
        band = {name: self.rng.normal(0, 1, 26) for name in ("trained", "initial")}
        band |= {"low": band["trained"] - 0.3, "high": band["trained"] + 0.3, "edges_hz": edges}
        overlap = {"overlap": self.draw(), "chance": 0.0526, "slices": 6, "over chance": beyond()}
        return {
            "erasure": {head: {name: order(name) for name in ORDERS} for head in self.heads},
            "bands": dict.fromkeys(self.heads, band),
            "overlap": {"trained": overlap | {"over initial": beyond()}, "initial": overlap},
        }

    def _pair(self, method: str) -> dict[str, Any]:
        readings = ("envelope",) if method == "occlusion" else tuple(READINGS)
        names = ("initial", "class swap", "heads") if method == "guided" else ("initial",)
        said = "not distinguishable from initial"
        contrast = {"difference": 0.1, "low": -0.1, "high": 0.3, "p": 0.2, "units": 3, "verdict": said}
        return {
            "paper": 0.5 if method == "guided" else None,
            "readings": {name: {"trained": self.estimate(), "contrast": contrast} for name in readings},
            "controls": {name: {"readings": {r: self.estimate() for r in readings}} for name in names},
            "decisive": readings[-1] if method == "occlusion" else "signed",
            "text": f"{method}: what may be said.",
        }

    def _prototypes(self) -> None:
        named = EMOTIONS if self.heads == ("emotion",) else tuple(map(str, LABELS))
        labels = ("low", "high") if self.values else named
        ways, signals, table = ("level.fourier", "paper.time"), {}, {}
        spectra = {"hertz": np.linspace(62.5, 8_000, 509)}
        for way, head, label in product(ways, self.heads, labels):
            signals[f"{way}.{head}.{label}"] = self.rng.normal(0, 0.1, (2, SAMPLES)).astype(np.float16)
            spectra[f"{way}.{head}.{label}"] = self.rng.uniform(-60, 0, (3, 509)).astype(np.float16)
            table.setdefault(way, {}).setdefault(head, {})[label] = self._label(first=label == labels[0])
        (self.data / "prototypes").mkdir(parents=True)
        np.savez(self.data / "prototypes" / "signals.npz", **signals)
        np.savez(self.data / "prototypes" / "spectra.npz", **spectra)
        said = {"finding": "varies with the label", "verdict": "varies with the label", "text": "It rises."}
        trend = {"monotone": {"per": {}, "direction": "up", **said}}
        found = {"speaker": "Ses01F", "settings": {"steps": 9}, "table": table, "exemplars": self._exemplars(labels)}
        found["trends"] = {head: {"centroid_hz": trend} for head in self.heads}
        write(self.metrics / "prototypes.json", Prototypes.of(found, exploratory="Other trends are exploratory."))

    def _label(self, first: bool) -> dict[str, Any]:
        """One label in one way of making; the first one's best restart has not converged, and has no pauses."""
        names = ("logit", "percentile", "calibrated_logit", "calibrated_percentile")
        entry = {name: self.draw(1, 99) for name in names}
        entry |= {"converged": 3 - first, "restarts": 3, "converged_best_first": [not first, True, True]}
        entry["descriptors"] = {name: self._described(self.draw(1, 9)) for name in DESCRIPTOR_NAMES}
        if first:
            entry["descriptors"]["pause_mean_s"] = {"points": [], "mean": None, "ci_low": None, "ci_high": None}
        return entry

    def _described(self, mean: float) -> dict[str, Any]:
        return {"points": [mean - 1, mean, mean + 1], "mean": mean, "ci_low": mean - 2.484, "ci_high": mean + 2.484}

    def _exemplars(self, labels: tuple[str, ...]) -> dict[str, Any]:
        """Writes the table with the slices' names; returns what stands in the JSON, which has none."""
        rows = [
            {"head": head, "label": label, "rank": rank, "slice": name, "logit": self.draw(), "rated": rank % 5}
            for head, label in product(self.heads, labels)
            for rank, name in enumerate(self.rng.permutation(self.names)[:5], start=1)
        ]
        write_table(pd.DataFrame(rows), self.data / "prototypes" / "exemplars.csv")
        found: dict[str, Any] = {}
        for row in rows:
            kept = {key: row[key] for key in ("rank", "logit")}
            found.setdefault(row["head"], {}).setdefault(row["label"], []).append(kept)
        return found

    def _interventions(self) -> None:
        def dose() -> dict[str, Any]:
            value = self.draw(-0.2, 0.8)
            return {"change": value, "low": value - 0.1, "high": value + 0.1, "p": 0.25, "speakers": 3, "slices": 6}

        def measured() -> dict[str, Any]:
            slope = {"per_unit": self.draw(), "low": 0.1, "high": 0.9, "p": 0.25, "units": 3, "calibrated": [-0.1, 0.1]}
            doses = {d: dose() for d in ("-12", "-6", "0", "6")}
            return {"doses": doses, "slope": slope, "finding": "raises", "verdict": "raises"}

        def network() -> dict[str, Any]:
            return {
                name: {"unit": "dB", "what": "it changes", "heads": {head: measured() for head in self.heads}}
                for name in ("gain", "pause_insertion", "pitch")
            }

        found = Interventions.of(networks={"elor": network(), "ftr": network()})
        write(self.metrics / "interventions.json", found)

    def _words(self) -> None:
        """What words add to one head's scores, and how networks hear with them and without."""
        test = {"difference": self.draw(), "p": 0.0286, "patterns": 35}
        keys = ("told", "plain", "difference", "ci_low", "ci_high", "p")
        one = {"part": "improvised", "slices": 4, "speakers": 3, "score": "ccc" if self.values else "uar"}
        row = {"intervention": "gain", "answer": self.heads[0], "plain": 0.1, "told": 0.2, "spread": 0.05}
        maps = test | {"slices": 3, "plain": self.draw(), "told": self.draw(), "between": self.draw()}
        found = Words.of(
            {"unit": "words", "terms": 40, "fold": "Ses01F", "seeds": 4},
            leak={"improvised": {"slices": 4, "heard_before": 0.0}, "scripted": {"slices": 2, "heard_before": 0.5}},
            added=[{"head": head} | one | {key: self.draw() for key in keys} for head in self.heads],
            maps=dict.fromkeys(self.heads, maps),
            effects=test | {"p": 0.4, "rows": [row]},
        )
        write(self.metrics / "words.json", found)

    def _claims(self) -> None:
        """One claim per verdict, each with a piece that decides, one that could not be had, and one told beside it."""
        rows = []
        for k, verdict in enumerate(Verdict):
            numbers = {"ours": self.draw(), "unit": "labels per dB", "control": Control.calibrated, "p": 0.0312}
            numbers |= {"control_value": self.draw()} if k else {"control_low": -0.125, "control_high": 0.375}
            whole = {"what": f"what {k} was looked at", "role": Role.decides, "points": 1, "low": 0.1, "high": 0.2}
            piece = Piece.of(whole, **numbers)
            missing = Piece(what="another", role=Role.conditions, missing="it was not measured")
            claim = Claim.of(
                numbers,
                id=str(k),
                group=("saliency", "scores")[k // 3],
                claim=f"claim number {k}",
                where="Table 5",
                paper=(0.5, "in the paper's words")[k % 2],
                test="a test",
                verdict=verdict,
                case=Case.agree if verdict.asserts else Case.chance,
                deciding=0,
                p_holm=None if k else 0.1248,
                confirmatory=not k,
                nulled=True,
                evidence=[one.tree() for one in (piece, missing, piece.model_copy(update={"role": Role.illustrates}))],
            )
            rows.append(claim)
        family = Family(claims=1, method="Holm", level=0.05)
        found = Claims(claims=tuple(rows), counts=dict.fromkeys(Verdict, 1), family=family)
        write(self.metrics / "claims.json", found)
