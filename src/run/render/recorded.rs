//! Films of a data file that holds the robot's states: an episode as it was recorded, beside the simulator under the
//! same actions from the same state.

use super::roll::{Camera, FilmPlan, blank, take};
use super::{Film, Pairing, Track, TrackEnd};
use crate::data::Dataset;
use crate::error::{Error, Result};

/// The film of the `episode`th episode of `data`, counted from 0.
///
/// # Errors
/// Where the file has no states, no such episode, or is another robot's.
pub fn film(plan: &FilmPlan<'_>, data: &Dataset, episode: usize) -> Result<Film> {
    let refused = |problem: String, help: &str| Error::input(&data.source, problem, help);
    let (Some(qpos), Some(qvel)) = (&data.qpos, &data.qvel) else {
        let problem = "has no states of the robot (infos/qpos, infos/qvel)".to_owned();
        let help = "give a file that has them, as D4RL's and those of `h2oplus collect` do";
        return Err(refused(problem, help));
    };
    let (model, _) = plan.task.model(&plan.task.real)?;
    let (nv, nu) = (model.nv(), model.nu());
    if [qpos.len(), qvel.len()] != [nv * data.len(); 2] || data.act_dim != nu {
        let (width, task) = (qpos.len() / data.len().max(1), &plan.task.name);
        let problem = format!(
            "its states have {width} numbers and its actions {}; those of {task} have {nv} and {nu}",
            data.act_dim
        );
        return Err(refused(problem, "name the file's own task with --task"));
    }
    let rows = data.episodes().nth(episode).ok_or_else(|| {
        let count = data.episodes().count();
        let problem = format!("has {count} episodes; there is none of number {episode}");
        refused(problem, "count them from 0")
    })?;
    let rows = rows.start..rows.end.min(rows.start + plan.steps);
    let wide = |all: &[f32], row: usize, width: usize| -> Vec<f64> {
        let row = &all[row * width..][..width];
        row.iter().map(|x| f64::from(*x)).collect()
    };
    let mut camera = Camera::new(&model, true)?;
    let frames = rows.clone().map(|row| {
        let state = [qpos, qvel].map(|all| wide(all, row, nv));
        let controls = wide(&data.actions, row, nu);
        camera.frame(
            &state[0],
            &state[1],
            &controls,
            f64::from(data.rewards[row]),
        )
    });
    let last = rows.end.saturating_sub(1);
    let recorded = Track {
        name: "recorded".into(),
        frames: frames.collect(),
        limbs: plan.task.real.edit(&plan.task.spec)?.0.limbs()?,
        gap: plan.task.real.to_string(),
        end: match (data.terminals.get(last), data.timeouts.get(last)) {
            (Some(true), _) => TrackEnd::Fell,
            (_, Some(true)) => TrackEnd::Limit,
            _ => TrackEnd::Cut,
        },
        weight: camera.weight(),
    };
    let mut again = |step: usize, _: &[f32]| {
        let row = rows.start + step;
        (row < rows.end).then(|| {
            let mut action = data.actions[row * nu..][..nu].to_vec();
            plan.task.scale.to_actions(&mut action);
            action
        })
    };
    let start = [qpos, qvel].map(|all| wide(all, rows.start, nv));
    let start = Some([&start[0][..], &start[1][..]]);
    let mut env = plan.simulator()?;
    let simulated = take(env.as_mut(), "simulator", plan.steps, start, &mut again)?;
    Ok(Film {
        about: format!("episode {episode} of {}", data.source),
        tracks: vec![recorded, simulated],
        pairings: vec![Pairing {
            label: "same actions".into(),
            tracks: [0, 1],
        }],
        ..blank(plan.task)?
    })
}
