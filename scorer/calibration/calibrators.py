"""Probability calibrators: scikit-learn classifiers that map a judge's p_flagged to a calibrated one.

All take X of shape (n, 1) with probabilities and y with two classes. Values outside (0, 1) are clipped into it; where X
has several columns (several judges) their logits are averaged first, a logarithmic opinion pool (Genest & Zidek, 1986,
Statistical Science 1, 114-135). Maps never fall as p rises. Targets are Platt's (1999, "Probabilistic outputs for
support vector machines", section 2.2): (N+ + 1) / (N+ + 2) and 1 / (N- + 2) instead of 1 and 0, so that no number of
labels makes a calibrator certain.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

Floats = NDArray[np.float64]
Json = dict[str, Any]

EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""


class Calibrator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What the calibrators share; each adds `_fit` and `_map` on the logit of p, and the numbers it has fitted."""

    kind: ClassVar[str]
    _numbers: ClassVar[tuple[str, ...]] = ()

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on probabilities X (n, 1), labels y (n,) of two classes (the larger is flagged), weights (n,).

        Raises ValueError where y does not have exactly two classes or no label of one of them has weight.
        """
        p, labels = validate_data(self, X, y, dtype=np.float64)
        weight = _check_sample_weight(sample_weight, p, dtype=np.float64, ensure_non_negative=True)
        check_classification_targets(labels)
        kind = type_of_target(labels, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        used = weight > 0
        self.classes_ = np.unique(labels[used])
        if len(self.classes_) != 2:
            raise ValueError(f"labels of both classes are needed, got one class: {self.classes_.tolist()}")
        self._fit(_logits(p[used]), labels[used] == self.classes_[1], weight[used])
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """(n, 2) calibrated probabilities, in the order of `classes_`."""
        check_is_fitted(self)
        p = self._map(_logits(validate_data(self, X, dtype=np.float64, reset=False)))
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(n,) the more probable class."""
        flagged = self.predict_proba(X)[:, 1] > 0.5
        labels: NDArray[Any] = self.classes_[flagged.astype(int)]
        return labels

    def to_json(self) -> Json:
        """Plain numbers that `from_json` makes the same calibrator of."""
        check_is_fitted(self)
        numbers = {name: np.asarray(getattr(self, name)).tolist() for name in self._numbers}
        return {"kind": self.kind, "classes": self.classes_.tolist(), "columns": self.n_features_in_, **numbers}

    @classmethod
    def from_json(cls, saved: Json) -> Self:
        """The fitted calibrator that `to_json` saved; ValueError where it is of another kind or lacks a number."""
        if saved.get("kind") != cls.kind:
            raise ValueError(f"a calibrator of kind {saved.get('kind')!r} where {cls.kind!r} was expected")
        missing = [name for name in ("classes", "columns", *cls._numbers) if name not in saved]
        if missing:
            raise ValueError(f"a saved {cls.kind} calibrator without {', '.join(missing)}")
        made = cls()
        made.classes_, made.n_features_in_ = np.asarray(saved["classes"]), int(saved["columns"])
        for name in cls._numbers:
            value = np.asarray(saved[name], dtype=np.float64)
            if not np.all(np.isfinite(value)):
                raise ValueError(f"a saved {cls.kind} calibrator whose {name} is not finite")
            setattr(made, name, value if value.ndim else float(value))
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        # The contract suite scores on data that are no probabilities.
        tags.classifier_tags.poor_score = True
        return tags

    def _fit(self, z: Floats, flagged: NDArray[np.bool_], weight: Floats) -> None:
        raise NotImplementedError

    def _map(self, z: Floats) -> Floats:
        raise NotImplementedError


class IdentityCalibrator(Calibrator):
    """Leaves probabilities as they are: what the others must beat."""

    kind = "identity"

    def _fit(self, z: Floats, flagged: NDArray[np.bool_], weight: Floats) -> None:
        pass

    def _map(self, z: Floats) -> Floats:
        return _expit(z)


class TemperatureCalibrator(Calibrator):
    """p -> sigmoid(logit(p) / temperature_): Guo et al. (2017), "On calibration of modern neural networks", 4.2."""

    kind = "temperature"
    _numbers = ("temperature_",)
    temperature_: float

    def _fit(self, z: Floats, flagged: NDArray[np.bool_], weight: Floats) -> None:
        target = _targets(flagged, weight)

        def loss(log_temperature: float) -> float:
            return _log_loss(z * np.exp(-log_temperature), target, weight)

        # Loss is convex in 1 / temperature, so it has one minimum in its logarithm too.
        found = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-9})
        self.temperature_ = float(np.exp(found.x))

    def _map(self, z: Floats) -> Floats:
        return _expit(z / self.temperature_)


class BetaCalibrator(Calibrator):
    """p -> sigmoid(a log p - b log(1 - p) + c) with a, b >= 0: Kull, Silva Filho & Flach (2017), EJS 11, section 3."""

    kind = "beta"
    _numbers = ("a_", "b_", "c_")
    a_: float
    b_: float
    c_: float

    def _fit(self, z: Floats, flagged: NDArray[np.bool_], weight: Floats) -> None:
        target, features = _targets(flagged, weight), _beta_features(z)

        def loss(x: Floats) -> tuple[float, Floats]:
            s = features @ x
            gradient: Floats = features.T @ (weight * (expit(s) - target)) / weight.sum()
            return _log_loss(s, target, weight), gradient

        bounds = [(0.0, None), (0.0, None), (None, None)]
        options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
        found = minimize(loss, [1.0, 1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        self.a_, self.b_, self.c_ = (float(v) for v in found.x)

    def _map(self, z: Floats) -> Floats:
        return _expit(_beta_features(z) @ np.array([self.a_, self.b_, self.c_]))


class IsotonicCalibrator(Calibrator):
    """A rising step function, linear between its steps: Zadrozny & Elkan (2002), KDD, section 3.

    Steps are those of pool-adjacent-violators on the labels and two more, one flagged at the lowest p and one not
    flagged at the highest: Laplace's rule for the end blocks, which keeps them off 0 and 1 and all steps in order.
    """

    kind = "isotonic"
    _numbers = ("logits_", "values_")
    logits_: Floats
    values_: Floats

    def _fit(self, z: Floats, flagged: NDArray[np.bool_], weight: Floats) -> None:
        at, label = np.r_[z, z.min(), z.max()], np.r_[flagged, True, False].astype(float)
        model = IsotonicRegression(out_of_bounds="clip").fit(at, label, np.r_[weight, 1.0, 1.0])
        self.logits_, self.values_ = model.X_thresholds_, model.y_thresholds_

    def _map(self, z: Floats) -> Floats:
        return np.interp(z, self.logits_, self.values_)


CALIBRATORS: tuple[type[Calibrator], ...] = (
    IdentityCalibrator,
    TemperatureCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
)
"""From the simplest to the most flexible."""


def load(saved: Json) -> Calibrator:
    """The calibrator of any kind that `to_json` saved; ValueError where there is no such kind."""
    for each in CALIBRATORS:
        if each.kind == saved.get("kind"):
            return each.from_json(saved)
    raise ValueError(f"kind {saved.get('kind')!r} is none of {', '.join(c.kind for c in CALIBRATORS)}")


def _logits(X: Floats) -> Floats:
    z: Floats = logit(np.clip(X, EDGE, 1 - EDGE)).mean(axis=1)
    return z


def _expit(z: Floats) -> Floats:
    p: Floats = np.clip(expit(z), EDGE, 1 - EDGE)
    return p


def _targets(flagged: NDArray[np.bool_], weight: Floats) -> Floats:
    positive, negative = weight[flagged].sum(), weight[~flagged].sum()
    target: Floats = np.where(flagged, (positive + 1) / (positive + 2), 1 / (negative + 2))
    return target


def _log_loss(z: Floats, target: Floats, weight: Floats) -> float:
    return float(np.average(np.logaddexp(0, z) - target * z, weights=weight))


def _beta_features(z: Floats) -> Floats:
    return np.stack([-np.logaddexp(0, -z), np.logaddexp(0, z), np.ones(len(z))], axis=1)
