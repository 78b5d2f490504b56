"""`RobotVectorEnv`: the robots behind `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from h2oplus._core import Robots
from h2oplus._infos import Infos, shown
from h2oplus._policy import Policy

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

#: Height and width of a picture, pixels.
PICTURE = 240, 320


class RobotVectorEnv(VectorEnv[Floats, Floats, npt.NDArray[Any]]):
    """Many robots of one task, each with its own dynamics gap, stepped in SIMD lanes.

    Observations, rewards and flags are views of the engine's memory: what a ``step`` or ``reset`` returned stays as
    it is until the second ``step`` or ``reset`` after it. So ``obs`` and ``next_obs`` of a learning loop are both
    there when they are stored, and nothing is copied; who keeps them longer copies them, or says ``copy=True``.
    DLPack exchanges them without a copy too: ``torch.from_dlpack(obs)``, ``jax.dlpack.from_dlpack(obs)``.

    An environment whose state breaks (not finite, or beyond 1e10) is truncated, paid 0, and shows a new episode's
    first observation.
    """

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        *,
        gap: str = "none",
        gap_rows: int | None = None,
        gap_redraw: bool = False,
        seed: int | None = None,
        physics: str = "planar",
        device: str = "cpu",
        threads: int = 0,
        dtype: npt.DTypeLike = "float32",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Builds ``num_envs`` robots; see :func:`make_vec`."""
        super().__init__()
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode {render_mode!r}: there is none of this name\n  help: take rgb_array, or None")
        mode = AutoresetMode(autoreset_mode)
        self._robots = Robots(
            task,
            num_envs=num_envs,
            gap=gap,
            gap_rows=gap_rows,
            gap_redraw=gap_redraw,
            seed=secrets.randbits(32) if seed is None else seed,
            physics=physics,
            device=device,
            precision=np.dtype(dtype).name,
            threads=threads,
            max_episode_steps=max_episode_steps,
            autoreset=mode.value,
        )
        self._places = self._robots.views()
        self._turn = 0
        self._copy = copy
        # A GPU does not say what an info needs.
        self._infos = Infos.of(self._robots.task) if "terms" in self._places[0] else Infos({}, {})
        self._no_terms = np.empty((num_envs, 0))
        self._all = np.ones(num_envs, dtype=np.bool_)
        self._none = np.zeros(num_envs, dtype=np.bool_)
        self._over = self._none
        self._mode = mode
        fps = round(1 / self._robots.dt)
        self.metadata = {"autoreset_mode": mode, "render_modes": ["rgb_array"], "render_fps": fps}
        self.render_mode = render_mode
        self.num_envs = num_envs
        obs, act = self._robots.obs_dim, self._robots.act_dim
        self.single_observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (obs,), np.float32)
        self.single_action_space = gymnasium.spaces.Box(-1.0, 1.0, (act,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Floats, dict[str, Any]]:
        """Starts a new episode everywhere, or where ``options["reset_mask"]`` (bool ``[n]``) says so.

        Args:
            seed: Keys the draws of the environments that are reset: one for all (each environment still draws its
                own), or one each. None: they go on with the one that they have. Which gap an environment has is
                drawn by the seed of :func:`make_vec` alone.
            options: ``reset_mask``, as Gymnasium has it.

        Returns:
            Observations, float32 ``[n, obs_dim]``, and infos.
        """
        mask = self._all
        if options is not None and "reset_mask" in options:
            mask = _reset_mask(options["reset_mask"], self.num_envs)
        seeds: list[int | None] | None = None
        if seed is not None:
            one = isinstance(seed, (int, np.integer))
            seeds = [int(seed)] * self.num_envs if one else list(seed)  # type: ignore[arg-type]
            if len(seeds) != self.num_envs:
                raise ValueError(f"seed: {len(seeds)} seeds for {self.num_envs} environments\n  help: give one each")
        self._robots.reset(mask, seeds)
        self._began(mask)
        place = self._turned()
        obs = place["obs"]
        infos = {}
        if "terms" in place:
            infos = dict(shown(np.where(mask[:, None], place["terms"], 0), self._infos.reset, mask.copy()))
        return (obs.copy(), _copied(infos)) if self._copy else (obs, infos)

    def step(self, actions: Floats) -> tuple[Floats, Floats, Flags, Flags, dict[str, Any]]:
        """One env step of every environment.

        Args:
            actions: ``[n, act_dim]``; float32 in C order is read without a copy. -1 to 1 is a motor's whole range;
                what is beyond it is clamped, but costs what was asked for.

        Returns:
            Observations, float32 ``[n, obs_dim]``; rewards, float32 ``[n]``; terminations and truncations, bool
            ``[n]``; infos, float64 ``[n]`` each. With ``SAME_STEP``, ``infos["final_obs"]`` and ``["final_info"]``
            tell how the episodes ended that did.

        Raises:
            ValueError: Where an action is not finite, the shape is another, or, with ``DISABLED``, an environment
                whose episode has ended was not reset.
        """
        ended = self._robots.step(np.ascontiguousarray(actions, dtype=np.float32))
        place = self._turned()
        terms, due = place.get("terms", self._no_terms), self._over
        infos: dict[str, Any]
        if self._mode is AutoresetMode.SAME_STEP:
            infos = self._same_step_infos(place) if ended else dict(shown(terms, self._infos.step, self._all))
        elif due is self._none:
            infos = dict(shown(terms, self._infos.step, self._all))
        else:
            infos = self._infos_beside_resets(terms, due)
        if self._mode is not AutoresetMode.SAME_STEP:
            self._over = place["terminated"] | place["truncated"] if ended else self._none
        out = (place["obs"], place["reward"], place["terminated"], place["truncated"])
        if self._copy:
            obs, reward, terminated, truncated = (array.copy() for array in out)
            return obs, reward, terminated, truncated, _copied(infos)
        return (*out, infos)

    def _began(self, mask: Flags) -> None:
        """New episodes began where `mask` says so."""
        over = self._over & ~mask
        self._over = over if over.any() else self._none

    def _turned(self) -> dict[str, npt.NDArray[Any]]:
        """The place that was written to now."""
        self._turn ^= 1
        return self._places[self._turn]

    def _infos_beside_resets(self, terms: npt.NDArray[np.float64], due: Flags) -> dict[str, Any]:
        """Infos of a step that reset the environments ``due``."""
        went = ~due
        of_steps = {key: column for key, column in self._infos.step.items() if key not in self._infos.reset}
        infos = dict(shown(terms, of_steps, went)) if went.any() else {}
        for key, column in self._infos.reset.items():
            infos[key], infos[f"_{key}"] = terms[:, column], self._all
        return infos

    def _same_step_infos(self, place: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
        """Infos of a step that ended episodes and began new ones."""
        terms, over = place.get("terms", self._no_terms), place["terminated"] | place["truncated"]
        final_obs = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(over):
            final_obs[env] = place["next_obs"][env].copy()
        final_info = {
            key: np.where(over, value, 0) for key, value in shown(terms, self._infos.step, over)
        }
        infos = self._infos_beside_resets(terms, over)
        for key in infos.keys() & (self._infos.step.keys() - self._infos.reset.keys()):
            infos[key] = np.where(over, 0, infos[key])
        return {
            **infos,
            "final_obs": final_obs,
            "_final_obs": over,
            "final_info": final_info,
            "_final_info": over,
        }

    def rollout(
        self, policy: Policy, steps: int, *, deterministic: bool = False, seed: int | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """``steps`` env steps of every environment with the actions of ``policy``, inside the engine.

        A new episode follows in the step that ended one, whatever the autoreset mode, so that every row is a
        transition; whoever waits for a reset gets it first.

        Args:
            policy: Of this robot's sizes.
            steps: How many.
            deterministic: Whether it takes its means in place of samples.
            seed: Keys the samples; None: from the system's entropy.

        Returns:
            ``observations``, ``actions``, ``next_observations`` (true successors), float32 ``[steps, n, …]``;
            ``rewards``, float32, ``terminations`` and ``truncations``, bool, ``[steps, n]``.

        Raises:
            ValueError: Where the policy is another robot's, or the transitions do not fit the memory.
        """
        if deterministic:
            seed = None
        elif seed is None:
            seed = secrets.randbits(32)
        transitions = self._robots.rollout(policy._core, steps, seed)
        self._turned()
        self._over = self._none
        return transitions

    def gap_params(self) -> npt.NDArray[np.void]:
        """Each environment's own strength of every gap that is in force somewhere: a structured array ``[n]`` with a
        float64 field a gap, NaN where it is not in force. ``env.gap_params()["gravity"]``."""
        strengths = self._robots.gap_strengths()
        params = np.empty(self.num_envs, dtype=[(name, np.float64) for name in strengths])
        for name, values in strengths.items():
            params[name] = values
        return params

    def set_gap(self, mask: npt.ArrayLike | None, gap: str, *, seed: int | None = None) -> None:
        """Gives the environments of ``mask`` (bool ``[n]``; None: all) another gap. It is in force from now on: their
        states and episodes go on in other dynamics.

        Args:
            mask: Which environments.
            gap: As in :func:`make_vec`; a range is drawn, one strength an environment.
            seed: What strengths are drawn with; None: the environment's own seed.

        Raises:
            ValueError: Where the gap does not exist or does not fit the robot.
        """
        self._robots.set_gap(self._mask(mask), gap, seed)

    def state(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Positions ``qpos`` and velocities ``qvel``, float64 ``[n, nv]`` each, a row an environment; m and rad."""
        qpos, qvel = self._robots.state()
        return qpos, qvel

    def set_state(
        self, qpos: npt.ArrayLike, qvel: npt.ArrayLike, mask: npt.ArrayLike | None = None
    ) -> Floats:
        """Puts the environments of ``mask`` (bool ``[n]``; None: all) at the start of an episode in their rows of
        ``qpos`` and ``qvel``, ``[n, nv]`` each; all present observations, ``[n, obs_dim]``.

        Raises:
            ValueError: Where a shape is another, or a number is not finite.
        """
        rows = [np.ascontiguousarray(part, dtype=np.float64) for part in (qpos, qvel)]
        self._robots.set_state(self._mask(mask), *rows)
        self._began(self._mask(mask))
        return self._observed()

    def snapshot(self) -> bytes:
        """Everything that the future of the environments depends on: states, the solver's warm starts, episodes,
        draws. With the same actions, a vector that is restored goes on in the same bits."""
        return self._robots.snapshot()

    def restore(self, snapshot: bytes) -> Floats:
        """Goes back to a :meth:`snapshot` of this vector, or of one that was made with the same arguments; all
        present observations, ``[n, obs_dim]``.

        Raises:
            ValueError: Where it is of another task or number of environments, or was taken under other gaps.
        """
        self._robots.restore(snapshot)
        self._over = self._robots.over()
        self._began(self._none)
        return self._observed()

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Pictures of all environments, uint8 ``[240, 320, 3]`` each, where ``render_mode`` is ``rgb_array``."""
        if self.render_mode is None:
            return None
        return tuple(self._robots.render(env, *PICTURE) for env in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the engine's threads. Arrays that were returned stay."""
        self._robots.close()

    def _observed(self) -> Floats:
        obs = self._turned()["obs"]
        return obs.copy() if self._copy else obs

    def _mask(self, mask: npt.ArrayLike | None) -> Flags:
        return self._all if mask is None else np.ascontiguousarray(mask, dtype=np.bool_)


def _reset_mask(mask: Any, num_envs: int) -> Flags:
    """Refuses what Gymnasium refuses as ``options["reset_mask"]``."""
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"`options['reset_mask']` must be a numpy array, got {type(mask)}")
    if mask.dtype != np.bool_:
        raise TypeError(f"`options['reset_mask']` must have `dtype=np.bool_`, got {mask.dtype}")
    if mask.shape != (num_envs,):
        raise ValueError(f"`options['reset_mask']` must have shape `({num_envs},)`, got {mask.shape}")
    if not mask.any():
        raise ValueError("`options['reset_mask']` must have at least one True value")
    return np.ascontiguousarray(mask)


def _copied(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value.copy() for key, value in infos.items()}


def make_vec(
    task: str,
    num_envs: int = 1,
    *,
    gap: str = "none",
    gap_rows: int | None = None,
    gap_redraw: bool = False,
    seed: int | None = None,
    physics: str = "planar",
    device: str = "cpu",
    threads: int = 0,
    dtype: npt.DTypeLike = "float32",
    max_episode_steps: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    copy: bool = False,
    render_mode: str | None = None,
) -> RobotVectorEnv:
    """Builds ``num_envs`` robots that step together.

    Args:
        task: ``HalfCheetah-v5``, ``walker2d-v2``, … or a path to a TOML file of your own.
        num_envs: How many.
        gap: What differs from the task: ``gravity=1.5``; several at once, ``gravity=1.5,friction=0.3``; several in
            turn, ``none/gravity``; drawn, one strength an environment, ``gravity=0.5..2.0``; a benchmark's shift,
            ``morph_torso_easy``; a robot's own file, ``file:robot.xml``; a TOML file of distributions.
        gap_rows: How many strengths are drawn (at most one an environment unless they are redrawn; 1,024 otherwise).
        gap_redraw: Whether an environment draws its gap anew at every reset.
        seed: Keys all draws: gaps, first states, noise. None: from the system's entropy.
        physics: ``planar``, which follows MuJoCo, or ``rapier``.
        device: ``cpu``, ``gpu`` (whatever poses as one), or ``auto``: a GPU if there is one. A GPU gives no infos but
            of ends.
        threads: Worker threads; 0: one a core. Results do not depend on it.
        dtype: What the physics computes in: ``float32`` in SIMD lanes, or ``float64``, the slower oracle. Observations
            and rewards are float32 either way.
        max_episode_steps: Env steps after which an episode is truncated; None: as the task says.
        autoreset_mode: When a new episode follows one that has ended: ``gymnasium.vector.AutoresetMode``.
        copy: Whether each call returns arrays of its own; see :class:`RobotVectorEnv` for how long views hold.
        render_mode: ``rgb_array``: ``render`` draws every environment; or None.

    Returns:
        The vector environment.

    Raises:
        ValueError: Where the task or the gap does not exist, or a number is out of range.
    """
    return RobotVectorEnv(
        task,
        num_envs,
        gap=gap,
        gap_rows=gap_rows,
        gap_redraw=gap_redraw,
        seed=seed,
        physics=physics,
        device=device,
        threads=threads,
        dtype=dtype,
        max_episode_steps=max_episode_steps,
        autoreset_mode=autoreset_mode,
        copy=copy,
        render_mode=render_mode,
    )
