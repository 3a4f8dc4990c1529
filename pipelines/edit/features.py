"""Sharing attention values between the way there and the way back, under one byte budget.

Three policies give the same picture at different prices:

- ``cache`` keeps the values of every shared call.
- ``recompute`` keeps no values. With a symmetric rule it keeps one solver state and walks the source's path a second
  time, step by step beside the edit; with any other rule it keeps the latent of each call and runs the source again.
- ``paired`` keeps latents and velocities and runs source and target in one batch, handing values from row to row.

Values are keyed by (step, stage) and mirrored for the way back, never by a rounded time: rounding merges levels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from pipelines.errors import OutOfBudget, SettingsError
from pipelines.flow.guidance import conditioned
from pipelines.flow.rules import Rule, State
from pipelines.flow.solver import Step, solve
from pipelines.flow.types import Call, FlowModel, Tap, Velocity

Policy = Literal["recompute", "cache", "paired"]
Values = dict[int, Tensor]  # by site index
Kept = dict[tuple[int, int], tuple[Tensor, ...]]  # by (step, stage) of the way there


@dataclass(frozen=True)
class Sharing:
    """Which values an edit shares.

    Attributes:
        steps: first steps of the way back that reuse the source's values; 0 shares nothing.
        sites: indices of the attention sites; None is all.
        rows: ``grid`` leaves the text rows their own, ``all`` replaces them too (as RF-Solver-Edit does).
        policy: how the values get from one way to the other.
        budget: bytes that sharing may hold.
    """

    steps: int = 0
    sites: tuple[int, ...] | None = None
    rows: Literal["grid", "all"] = "grid"
    policy: Policy = "recompute"
    budget: int = 2**31


class Features:
    """Common part of the policies: which calls share, taps, and the count of bytes held."""

    def __init__(self, model: FlowModel, source: Any, sigmas: Tensor, rule: Rule, sharing: Sharing) -> None:
        """``sigmas`` is the rising grid of the inversion."""
        self.model, self.source, self.rule, self.sharing = model, source, rule, sharing
        self.sigmas = sigmas
        self.total = sigmas.shape[0] - 1
        self.sites = frozenset(s.index for s in model.sites if sharing.sites is None or s.index in sharing.sites)
        self.context = {s.index: 0 if sharing.rows == "all" else s.context for s in model.sites}
        self.held = self.peak = 0

    def predict(self, x: Tensor) -> int:
        """Most bytes that this policy will hold at once for a signal like ``x``."""
        raise NotImplementedError

    def recording(self, velocity: Velocity) -> Velocity:
        """The velocity of the inversion, recorded."""
        return velocity

    def turned(self, state: State) -> None:
        """Told the inversion's last state before the way back starts."""

    def injecting(self, condition: Any) -> Velocity:
        """The velocity of the way back under ``condition``, with the source's values where they are shared."""

        def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            tap = self._writer(self._values(x, call)) if call.step < self.sharing.steps else None
            return self.model.velocity(x, sigma, condition, tap)

        return velocity

    def _values(self, x: Tensor, call: Call) -> Values:
        raise NotImplementedError

    def _hold(self, byte_change: int) -> None:
        self.held += byte_change
        self.peak = max(self.peak, self.held)

    def _mirror(self, call: Call) -> tuple[int, int]:
        # The way back's first step undoes the inversion's last: steps mirror, stages keep their place.
        return self.total - 1 - call.step, call.stage

    def _is_shared_inversion(self, call: Call) -> bool:
        return self.total - 1 - call.step < self.sharing.steps

    def _value_bytes(self, x: Tensor) -> int:
        """Bytes of one site's shared rows."""
        batch, rows, width = self.model.value_shape(x)
        context = max((self.context[s] for s in self.sites), default=0)
        return batch * (rows - context) * width * self.model.value_dtype.itemsize

    def _latent_bytes(self, x: Tensor) -> int:
        """Bytes of one latent as the solver hands it out: float64 under the fixed-point rule."""
        return x.numel() * (8 if self.rule.fixed_point else x.element_size())

    def _call_count(self) -> int:
        return min(self.sharing.steps, self.total) * self.rule.calls

    def _reader(self, into: Values) -> Tap:
        def tap(site: int, values: Tensor) -> Tensor:
            if site in self.sites:
                into[site] = values[:, self.context[site] :].clone()
            return values

        return tap

    def _writer(self, values_by_site: Values) -> Tap:
        def tap(site: int, values: Tensor) -> Tensor:
            if site not in self.sites:
                return values
            if site not in values_by_site:
                raise RuntimeError(f"no shared values for site {site}: the model did not call every tap")
            return torch.cat([values[:, : self.context[site]], values_by_site[site].to(values)], dim=1)

        return tap


class CachedFeatures(Features):
    """Keep the values of every shared call; each is freed after its last use."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.store: dict[tuple[int, int], Values] = {}

    def predict(self, x: Tensor) -> int:
        """Every shared call holds every shared site."""
        return self._call_count() * len(self.sites) * self._value_bytes(x)

    def recording(self, velocity: Velocity) -> Velocity:
        """Record while inverting; ``velocity`` must be the source's own, unguided."""

        def recorded(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            if not self._is_shared_inversion(call):
                return velocity(x, sigma, call)
            values: Values = {}
            result = self.model.velocity(x, sigma, self.source, self._reader(values))
            # A first call before the first step has the same key as the step's own, which comes later and wins.
            self._release((call.step, call.stage))
            self.store[call.step, call.stage] = values
            self._hold(_bytes(values))
            return result

        return recorded

    def _values(self, x: Tensor, call: Call) -> Values:
        key = self._mirror(call)
        for old in [k for k in self.store if k[0] > key[0]]:
            self._release(old)
        if key not in self.store:
            raise RuntimeError(f"no shared values for step {key[0]}, stage {key[1]}: the grids do not mirror")
        return self.store[key]

    def _release(self, key: tuple[int, int]) -> None:
        self._hold(-_bytes(self.store.pop(key, {})))


class LatentFeatures(Features):
    """Keep the latent of every shared call; run the source again for its values."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.latents: Kept = {}  # with their noise levels
        self.current: tuple[tuple[int, int], Values] | None = None

    def predict(self, x: Tensor) -> int:
        """A latent per shared call, and the values of the call at hand."""
        return self._call_count() * self._latent_bytes(x) + len(self.sites) * self._value_bytes(x)

    def recording(self, velocity: Velocity) -> Velocity:
        """Keep the latents that the source is asked about."""

        def recorded(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            if self._is_shared_inversion(call):
                self._keep(self.latents, call, x.clone(), sigma)
            return velocity(x, sigma, call)

        return recorded

    def _keep(self, store: Kept, call: Call, *held: Tensor) -> None:
        """Keep ``held``, of which the first counts, for the call that mirrors this one."""
        key = call.step, call.stage
        self._hold(held[0].nbytes - (store[key][0].nbytes if key in store else 0))
        store[key] = held

    def _kept(self, store: Kept, call: Call) -> tuple[Tensor, ...]:
        """What was kept for this call; what no later one asks for is let go."""
        key = self._mirror(call)
        for old in [k for k in store if k[0] > key[0]]:
            self._hold(-store.pop(old)[0].nbytes)
        return store[key]

    def _values(self, x: Tensor, call: Call) -> Values:
        key = call.step, call.stage
        if self.current is None or self.current[0] != key:  # guided branches of one call share one run
            self._forget()
            values: Values = {}
            latent, sigma = self._kept(self.latents, call)
            self.model.velocity(latent, sigma, self.source, self._reader(values))
            self._remember(key, values)
        assert self.current is not None
        return self.current[1]

    def _remember(self, key: tuple[int, int], values: Values) -> None:
        self.current = key, values
        self._hold(_bytes(values))

    def _forget(self) -> None:
        if self.current is not None:
            self._hold(-_bytes(self.current[1]))
            self.current = None


class ReplayedFeatures(LatentFeatures):
    """Keep one solver state; a symmetric rule retraces the source's path exactly beside the edit."""

    def predict(self, x: Tensor) -> int:
        """One state of the rule, and the values of the call at hand."""
        return 2 * self._latent_bytes(x) + len(self.sites) * self._value_bytes(x)

    def recording(self, velocity: Velocity) -> Velocity:
        """Nothing is kept on the way there."""
        return velocity

    def turned(self, state: State) -> None:
        """Keep the state from which the source's path is retraced."""
        self._hold(state.x.nbytes + sum(m.nbytes for m in state.memory))
        self.latest: Values = {}

        def taps(call: Call) -> Tap:
            self.latest = {}
            return self._reader(self.latest)

        velocity = conditioned(self.model, self.source, taps)
        self.replay: Iterator[Step] = solve(velocity, state, self.sigmas.flip(0), self.rule)

    def _values(self, x: Tensor, call: Call) -> Values:
        key = call.step, call.stage
        if self.current is None or self.current[0] != key:
            self._forget()
            next(self.replay)
            self._remember(key, self.latest)
        assert self.current is not None
        return self.current[1]


class PairedFeatures(LatentFeatures):
    """Run source and target as one batch; values go from the source's rows to the target's inside the call.

    Kernels round by the size of a batch. So the target's velocity is that which the source had on its own, and what
    the two rows of the pair differ by: between equal descriptions nothing, to the bit.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.alone: Kept = {}

    def predict(self, x: Tensor) -> int:
        """A latent and a velocity per shared call, and one site's values."""
        return 2 * self._call_count() * self._latent_bytes(x) + self._value_bytes(x)

    def recording(self, velocity: Velocity) -> Velocity:
        """Keep the latents that the source is asked about, and what it answers."""
        keeping = super().recording(velocity)

        def recorded(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            result = keeping(x, sigma, call)
            if self._is_shared_inversion(call):
                self._keep(self.alone, call, result.clone())
            return result

        return recorded

    def injecting(self, condition: Any) -> Velocity:
        """One call of twice the batch wherever values are shared."""

        def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            if call.step >= self.sharing.steps:
                return self.model.velocity(x, sigma, condition)
            latent, level = self._kept(self.latents, call)
            (alone,) = self._kept(self.alone, call)
            both = self.model.join([self.source, condition])
            result = self.model.velocity(torch.cat([latent, x]), torch.cat([level, sigma]), both, self._hand_over)
            source, target = result.chunk(2)
            return alone + (target - source)

        return velocity

    def _hand_over(self, site: int, values: Tensor) -> Tensor:
        if site not in self.sites:
            return values
        source, target = values.chunk(2)
        context = self.context[site]
        return torch.cat([source, torch.cat([target[:, :context], source[:, context:]], dim=1)])


def open_features(
    model: FlowModel, source: Any, x: Tensor, sigmas: Tensor, rule: Rule, sharing: Sharing
) -> Features | None:
    """The policy that ``sharing`` asks for, or None when nothing is shared.

    Raises:
        OutOfBudget: the policy would hold more than its budget; says how much, and what a thriftier policy needs.
        SettingsError: a site does not exist in this model.
    """
    if sharing.steps == 0 or sharing.sites == ():
        return None
    known = {site.index for site in model.sites}
    if sharing.sites is not None and not set(sharing.sites) <= known:
        raise SettingsError(f"sites: the model has sites {sorted(known)}, got {sorted(sharing.sites)}")
    lean = ReplayedFeatures if rule.symmetric else LatentFeatures
    kinds: dict[str, type[Features]] = {"cache": CachedFeatures, "recompute": lean, "paired": PairedFeatures}
    features = kinds[sharing.policy](model, source, sigmas, rule, sharing)
    needed = features.predict(x)
    if needed > sharing.budget:
        offers = {name: kind(model, source, sigmas, rule, sharing).predict(x) for name, kind in kinds.items()}
        name, least = min(offers.items(), key=lambda offer: offer[1])
        advice = f"policy {name!r} needs {least:,} bytes" if name != sharing.policy else "no policy needs less"
        raise OutOfBudget(
            f"shared values: {sharing.policy!r} would hold {needed:,} bytes, the budget is {sharing.budget:,}; "
            f"{advice}; or share fewer steps, or raise the budget"
        )
    return features


def _bytes(values: Values) -> int:
    return sum(v.nbytes for v in values.values())
