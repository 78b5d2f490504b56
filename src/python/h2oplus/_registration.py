"""The tasks in Gymnasium's registry."""

import gymnasium

ROBOTS = ("HalfCheetah", "Hopper", "Walker2d")
VERSIONS = (2, 4, 5)


def register() -> None:
    """Registers every robot in every version as ``h2oplus/<robot>-v<version>``."""
    for robot in ROBOTS:
        for version in VERSIONS:
            task = f"{robot}-v{version}"
            gymnasium.register(
                id=f"h2oplus/{task}",
                entry_point="h2oplus:RobotEnv",
                vector_entry_point="h2oplus:RobotVectorEnv",
                max_episode_steps=1000,
                kwargs={"task": task},
            )
