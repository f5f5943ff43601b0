"""What the slow methods say, on the slices of the sample: beside chance, untrained networks, and other orders."""

import pandas as pd

from elor.evaluation.intervals import speaker_interval
from elor.evaluation.units import over_units
from elor.explain.correlation import estimate, tested
from elor.explain.erasure import MEASURES, points
from elor.explain.integrated import TOLERANCE
from elor.explain.occlusion import band_hertz
from elor.explain.saliency.control_networks import TRAINED


def integrals(table: pd.DataFrame) -> dict:
    """How complete the trained networks' integrated gradients were, per head."""
    return {
        head: {
            "maps": len(rows),
            "median_error": float(rows["error"].median()),
            "incomplete": int((rows["error"] >= TOLERANCE).sum()),
            "most_steps": int(rows["steps"].max()),
        }
        for head, rows in (table[table["model"] == TRAINED].groupby("head") if len(table) else ())
    }


def masks(table: pd.DataFrame, confidence: float) -> dict:
    """By method and head, r of the maps by silence with those by noise at -60 dBFS, trained networks."""
    found: dict = {}
    for (method, head), rows in table.groupby(["method", "head"]) if len(table) else ():
        found.setdefault(method, {})[head] = estimate(rows["r"], rows["speaker"], confidence, rows["fold"])
    return found


def bands(table: pd.DataFrame, confidence: float) -> dict:
    """By head what each mel band carries: the fall of the logit without it, as a share of all bands' absolute falls.

    Logits of untrained networks have a scale of their own; shares can be set beside each other.

    Returns:
        By head `edges_hz` (bands + 1,), and per band `trained`, its t-interval `low` and `high`, and `initial`.
    """
    found: dict = {}
    if len(table):
        falls = table.groupby(["slice", "model", "head"])["drop"].transform(lambda drop: drop.abs().sum())
        table = table.assign(drop=(table["drop"] / falls).where(falls > 0))
    for head, part in table.groupby("head") if len(table) else ():
        known = {
            model: [over_units(one["drop"], one["speaker"], one["fold"]) for _, one in rows.groupby("band")]
            for model, rows in part.groupby(part["model"].str.split().str[0])
        }
        limits = [speaker_interval(values, confidence) for values in known[TRAINED]]
        found[head] = {
            "edges_hz": band_hertz(len(limits)).tolist(),
            "trained": [float(values.mean()) for values in known[TRAINED]],
            "low": [low for low, _ in limits],
            "high": [high for _, high in limits],
            "initial": [float(values.mean()) for values in known["initial"]],
        }
    return found


def overlaps(table: pd.DataFrame, confidence: float) -> dict:
    """Jaccard index of two heads' top occlusion windows beside chance and untrained networks, over folds.

    That untrained networks, too, overlap more than chance is why the difference to them is what counts.
    """
    if not len(table):
        return {}
    table = table[~table["model"].str.startswith("heads")]
    found = {}
    for model, rows in table.groupby(table["model"].str.split().str[0]):
        excess = over_units(rows["overlap"] - rows["chance"], rows["speaker"], rows["fold"])
        means = {name: float(rows[name].mean()) for name in ("overlap", "chance")}
        found[model] = means | {"slices": rows["slice"].nunique(), "over chance": tested(excess, "chance", confidence)}
    by_slice = table.pivot(index="slice", columns="model", values="overlap")
    own = table[table["model"] == TRAINED].set_index("slice")
    beyond = own["overlap"] - by_slice.filter(like="initial").mean(axis=1).reindex(own.index)
    excess = over_units(beyond, own["speaker"], own["fold"])
    found[TRAINED]["over initial"] = tested(excess, "initial", confidence)
    return found


def erasures(table: pd.DataFrame, confidence: float) -> dict:
    """By head, order and measure (`erasure.MEASURES`): the mean, the curve, and the random and loudest-first orders.

    Loudest-first stands beside untrained networks too. Their logits have another scale, so what is compared is the
    share of slices (`wins`) in which it beats the random order, mean over them.
    """
    found: dict = {}
    for head, part in table.groupby("head") if len(table) else ():
        for measure in MEASURES:
            whole = part.pivot(index=["model", "fold", "speaker", "slice"], columns="order", values=measure)
            wide = whole.loc[TRAINED]
            speakers, folds = wide.index.get_level_values("speaker"), wide.index.get_level_values("fold")
            named = points(measure)
            curves = part[part["model"] == TRAINED].groupby("order")[list(named.values())].mean()
            for order in wide:
                entry: dict = {"mean": float(wide[order].mean()), "slices": len(wide)}
                entry["curve"] = dict(zip(named, curves.loc[order].tolist(), strict=True))
                for baseline in sorted({"loudest", "random"} - {order}):
                    excess = over_units(wide[order] - wide[baseline], speakers, folds)
                    entry[f"over {baseline}"] = tested(excess, f"{baseline} order", confidence)
                found.setdefault(head, {}).setdefault(order, {})[measure] = entry
            won = (whole["loudest"] > whole["random"]).astype(float)
            names = [name for name in whole.index.unique("model") if name.startswith("initial")]
            own, control = won.loc[TRAINED], pd.concat([won.loc[n] for n in names], axis=1).mean(axis=1)
            control = control.reindex(wide.index)
            entry = found[head]["loudest"][measure]
            entry |= {"wins": float(own.mean()), "initial wins": float(control.mean())}
            entry["over initial"] = tested(over_units(own - control, speakers, folds), "initial", confidence)
    return found
