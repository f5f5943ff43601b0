"""An invented run: every file that the report reads, in the shapes that the stages write, with drawn numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from elor.explain.occlusion import starts
from elor.files import write_json
from elor.report.series import DESCRIPTOR_NAMES
from elor.tables import write_table

NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
SPEAKERS = ("Ses01F", "Ses01M", "Ses02F")
SAMPLES, SUPPORT = 96_000, 70_000
METHODS = ("guided", "gradient", "integrated")
LABELS = range(5)
VERDICTS = ("holds", "not distinguishable from untrained", "contradicted", "undecided")


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
        self.rng = np.random.default_rng(0)
        self._scores()
        self._slices()
        self._saliency()
        if analysed:
            self._prototypes()
            self._interventions()
            self._claims()

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
                scores = {"count": 6, "utterance_count": 6, "speakers": 3, name: value, "permutation_p": 0.002}
                scores |= {"ci_low": value - 0.1, "ci_high": value + 0.1}
                scores |= {"rmse": 1.1} if self.values else {"war": self.draw(), "macro_f1": self.draw()}
                if not self.values:
                    scores |= {f"recall_{label}": self.draw() for label in LABELS}
                    scores |= {
                        f"baseline_{g}_{s}": 0.2 for g in ("uniform", "prior", "majority") for s in ("uar", "war")
                    }
                write_json(self.metrics / head / f"{network}.json", scores)
        write_json(self.metrics / "uar.json", {f"{h}.{n}": self.draw() for h in self.heads for n in NETWORKS})
        write_json(self.metrics / "comparisons.json", {"comparisons": []})
        others = {"uar": 0.5, "war": 0.5, "ci_low": 0.4, "ci_high": 0.6, "ratings": 9, "utterances": 6}
        agreement = {head: {"others": others, "alpha": 0.6} for head in self.heads if head != "emotion"}
        write_json(self.metrics / "agreement.json", agreement | {"exact": 0.2, "exact_utterances": 6, "rater": "E-2"})
        write_json(self.metrics / "protocol.json", {"confidence": 0.95})
        corpus = {
            "utterances": 6,
            "minutes": 1.5,
            "speakers": 3,
            "ratings": 12,
            "by_speaker": dict.fromkeys(SPEAKERS, 2),
        }
        labels = {"utterances": 6, "classes": 5, "rater": "E-2"}
        write_json(self.metrics / "corpus.json", corpus | {"labels": labels, "deviations": []})
        self._plots(name)

    def _plots(self, name: str) -> None:
        rows = [(n, h, "speaker", s, 2, 1, self.draw()) for n in NETWORKS for h in self.heads for s in SPEAKERS]
        names = ["network", "dimension", "factor", "group", "slices", "speakers", name]
        write_table(pd.DataFrame(rows, columns=names), self.plots / "scores" / "breakdown.csv")
        folds = [(n, h, s, 2, self.draw()) for n in NETWORKS for h in self.heads for s in SPEAKERS]
        columns = ["network", "dimension", "fold", "slices", name]
        write_table(pd.DataFrame(folds, columns=columns), self.plots / "scores" / "folds.csv")
        for network in NETWORKS:
            curve = [(s, epoch, int(epoch == 2), self.draw()) for s in SPEAKERS for epoch in range(4)]
            frame = pd.DataFrame(curve, columns=["fold", "epoch", "selected", "score"])
            write_table(frame, self.plots / "curves" / f"{network}.csv")
            for head in () if self.values else self.heads:
                pairs = pd.DataFrame(self.rng.integers(0, 5, (6, 2)), columns=["actual", "predicted"])
                write_table(pairs, self.plots / "scores" / "confusion" / head / f"{network}.csv")

    def _slices(self) -> None:
        self.names = [f"{speaker}_impro01_F00{k}_0" for speaker in SPEAKERS for k in range(2)]
        table = {"slice": self.names, "speaker": np.repeat(SPEAKERS, 2), "samples": SUPPORT}
        table |= {head: self.rng.integers(0, 5, 6) for head in self.heads}
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
                for model in ("trained", "untrained 0", "untrained 1"):
                    pair = {"method": "guided", "model": model, "pair": f"{head}~input", "control": ""}
                    rows.append({"slice": name, "role": "own", **pair, "signed": self.draw(), "envelope": self.draw()})
        write_table(pd.DataFrame(rows), self.data / "saliency" / "correlations.csv")
        pairs = [f"{head}~input" for head in self.heads] + ["~".join(self.heads)] * (count > 1)
        own = {method: {pair: self._pair(method) for pair in pairs} for method in (*METHODS, "occlusion")}
        if count > 1:
            own["gradient"]["flattened"] = self._pair("gradient")
        exemplary = {method: {pair: self._pair(method) for pair in pairs} for method in METHODS[:2]}
        write_json(self.metrics / "saliency.json", {"own": own, "exemplary": exemplary})

    def _pair(self, method: str) -> dict[str, Any]:
        readings = ("envelope",) if method == "occlusion" else ("padded", "signed", "magnitude", "envelope", "level")
        names = ("untrained", "class swap", "heads untrained") if method == "guided" else ("untrained",)
        contrast = {"difference": 0.1, "verdict": "not distinguishable from untrained"}
        return {
            "paper": 0.5 if method == "guided" else None,
            "readings": {name: {"trained": self.estimate(), "contrast": contrast} for name in readings},
            "controls": {name: {"readings": {r: self.estimate() for r in readings}} for name in names},
            "decisive": readings[-1] if method == "occlusion" else "signed",
            "text": f"{method}: what may be said.",
        }

    def _prototypes(self) -> None:
        labels = ("low", "high") if self.values else tuple(map(str, LABELS))
        ways, signals, rows, table = ("paper.time", "level.fourier"), {}, [], {}
        for way in ways:
            for head in self.heads:
                for label in labels:
                    signals[f"{way}.{head}.{label}"] = self.rng.normal(0, 0.1, (3, SAMPLES)).astype(np.float32)
                    entry = {
                        "logit": self.draw(),
                        "percentile": 99.0,
                        "untrained_logit": 0.1,
                        "converged": 3,
                        "restarts": 3,
                    }
                    table.setdefault(way, {}).setdefault(head, {})[label] = entry
                    mode, parametrisation = way.split(".")
                    tag = {
                        "mode": mode,
                        "parametrisation": parametrisation,
                        "head": head,
                        "label": label,
                        "converged": 1,
                    }
                    for network in (*SPEAKERS, "untrained 0"):
                        drawn = {name: self.draw(1, 9) for name in DESCRIPTOR_NAMES}
                        if label == labels[0]:
                            drawn["pause_mean_s"] = None  # no pauses, no mean
                        rows += [{"network": network, "restart": restart, **tag, **drawn} for restart in range(2)]
        (self.data / "prototypes").mkdir(parents=True)
        np.savez(self.data / "prototypes" / "signals.npz", **signals)
        write_table(pd.DataFrame(rows), self.data / "prototypes" / "descriptors.csv")
        trend = {"monotone": {"direction": "up", "verdict": "varies with the label", "text": "It rises."}}
        trends = {head: {"centroid_hz": trend} for head in self.heads}
        found = {"speaker": "Ses01F", "settings": {"steps": 9}, "table": table, "trends": trends}
        write_json(self.metrics / "prototypes.json", found)

    def _interventions(self) -> None:
        def dose() -> dict[str, Any]:
            entry = self.estimate("change")
            return entry | {"p": 0.25}

        def measured() -> dict[str, Any]:
            slope = {"per_unit": self.draw(), "low": 0.1, "high": 0.9, "p": 0.25, "untrained": [-0.1, 0.1]}
            return {"doses": {d: dose() for d in ("-12", "-6", "0", "6")}, "slope": slope, "verdict": "raises"}

        def network() -> dict[str, Any]:
            return {
                name: {"unit": "dB", "what": "it changes", "heads": {head: measured() for head in self.heads}}
                for name in ("gain", "pause_insertion", "pitch")
            }

        write_json(self.metrics / "interventions.json", {"networks": {"elor": network(), "ftr": network()}})

    def _claims(self) -> None:
        claims = [
            {
                "id": str(k),
                "group": ("saliency", "scores")[k // 2],
                "claim": f"claim number {k}",
                "where": "Table 5",
                "paper": (0.5, "in the paper's words")[k % 2],
                "ours": self.draw(),
                "control": "untrained networks",
                "control_value": self.draw(),
                "test": "a test",
                "p": 0.0312,
                "p_holm": None if k else 0.1248,
                "confirmatory": not k,
                "verdict": verdict,
                "text": "One sentence.",
            }
            for k, verdict in enumerate(VERDICTS)
        ]
        family = {"claims": 1, "method": "Holm", "level": 0.05}
        found = {"claims": claims, "counts": dict.fromkeys(VERDICTS, 1), "family": family}
        write_json(self.metrics / "claims.json", found)
