"""Thousands of planar robots with dynamics gaps, behind Gymnasium's vector interface.

>>> import h2oplus
>>> envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=64, gap="gravity=0.5..2.0", seed=0)
>>> observations, infos = envs.reset()
>>> observations.shape
(64, 17)

Importing it registers the tasks with Gymnasium: ``gymnasium.make("h2oplus/Walker2d-v5")`` and
``gymnasium.make_vec("h2oplus/Walker2d-v5", num_envs=64)``.
"""

from h2oplus._command import collect, command, gaps, measure_gap
from h2oplus._dataset import Dataset
from h2oplus._policy import Policy, load_policy
from h2oplus._registration import register
from h2oplus._single import RobotEnv
from h2oplus._vector import RobotVectorEnv, make_vec

__all__ = [
    "Dataset",
    "Policy",
    "RobotEnv",
    "RobotVectorEnv",
    "collect",
    "command",
    "gaps",
    "load_policy",
    "make_vec",
    "measure_gap",
]

register()
