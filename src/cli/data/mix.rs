//! `h2oplus data mix`: one data set of parts of several, by shares or by rows.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{check_out, write};
use crate::cli::Format;
use crate::data::{Dataset, Part, mix};
use crate::error::{Error, Result};
use crate::range::Range;
use crate::run::data::same_robot;

/// Flags of `data mix`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is written: .hdf5 is D4RL's layout, .safetensors that; a name without an ending is a Minari folder
    to: PathBuf,
    /// Data sets, each with its share of the rows (`medium.hdf5:0.3`, `:30%`) or its rows (`:5000`); those
    /// without take what shares leave in equal parts, or all their rows
    #[arg(required = true, value_name = "FROM[:SHARE|:ROWS]")]
    from: Vec<String>,
    /// Rows of the mix (default: as many as shares allow, or all rows)
    #[arg(long, value_name = "N", value_parser = Range::SOME.parser::<usize>())]
    rows: Option<usize>,
    /// Which episodes are taken; each is whole, but for one of each data set
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How much of a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    /// What is left.
    Rest,
    Rows(usize),
    /// Of the whole mix, above 0.
    Share(f64),
}

/// Reads, mixes and writes.
///
/// # Errors
/// Where a data set cannot be read, has too few rows, or is of another robot than the first.
pub fn run(args: Args) -> Result<ExitCode> {
    let asked: Vec<(PathBuf, Amount)> = args
        .from
        .iter()
        .map(|text| amount(text))
        .collect::<Result<_>>()?;
    let paths: Vec<&Path> = asked.iter().map(|(path, _)| path.as_path()).collect();
    check_out(&args.to, &paths)?;
    let sets: Vec<Dataset> = paths.iter().map(Dataset::read).collect::<Result<_>>()?;
    let robots = || {
        paths
            .iter()
            .zip(&sets)
            .map(|(path, data)| same_robot::robot_of(path, data))
    };
    let first = robots().flatten().next();
    if let Some(other) = robots().position(|robot| robot.is_some() && robot != first) {
        let problem = format!("is of another robot than `{}`", first.unwrap_or_default());
        let help = "mix data sets of one robot";
        return Err(Error::input(paths[other].display(), problem, help));
    }
    let amounts: Vec<Amount> = asked.iter().map(|(_, amount)| *amount).collect();
    let have: Vec<usize> = sets.iter().map(Dataset::len).collect();
    let rows = rows_of(&amounts, &have, args.rows)?;
    let part = |(data, rows)| Part { data, rows };
    let mut mixed = mix(sets.into_iter().zip(rows).map(part).collect(), args.seed)?;
    mixed.source = args.to.display().to_string();
    write(&args.to, &mixed, args.format)
}

/// `file:0.3` → the file and the share; a file whose own name ends so is taken for what it is.
fn amount(text: &str) -> Result<(PathBuf, Amount)> {
    let all = || (PathBuf::from(text), Amount::Rest);
    let Some((path, amount)) = text.rsplit_once(':').filter(|_| !Path::new(text).exists()) else {
        return Ok(all());
    };
    let refused = |problem: &str| {
        let help =
            "write a share above 0 and up to 1 (`:0.3`, `:30%`), or rows from 1 on (`:5000`)";
        Err(Error::input(text, format!("`{amount}` {problem}"), help))
    };
    let share = match amount.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None if amount.contains('.') => amount.parse(),
        None => match amount.parse::<usize>() {
            Ok(0) => return refused("is no number of rows"),
            Ok(rows) => return Ok((path.into(), Amount::Rows(rows))),
            Err(_) if amount.is_empty() || amount.starts_with('-') => {
                return refused("is neither a share nor a number of rows");
            }
            // A colon of the path's own.
            Err(_) => return Ok(all()),
        },
    };
    match share {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok((path.into(), Amount::Share(share))),
        Ok(_) => refused("is no share"),
        Err(_) => Ok(all()),
    }
}

/// Rows that each data set gives, `have` being those that it holds.
fn rows_of(amounts: &[Amount], have: &[usize], rows: Option<usize>) -> Result<Vec<usize>> {
    let count = |of: fn(&Amount) -> bool| amounts.iter().filter(|amount| of(amount)).count();
    let rest = count(|amount| *amount == Amount::Rest);
    let counted = count(|amount| matches!(amount, Amount::Rows(_)));
    let refused = |problem: String, help: &str| Err(Error::input("data mix", problem, help));
    if counted > 0 {
        if counted + rest < amounts.len() || rows.is_some() {
            let problem = "has rows of a data set beside shares or `--rows`".into();
            return refused(problem, "say all of it in rows, or all of it in shares");
        }
        let given = |(amount, have): (&Amount, &usize)| match amount {
            Amount::Rows(rows) => *rows,
            _ => *have,
        };
        return Ok(amounts.iter().zip(have).map(given).collect());
    }
    if rest == amounts.len() && rows.is_none() {
        return Ok(have.to_vec());
    }
    let share = |amount: &Amount| {
        if let Amount::Share(share) = amount {
            *share
        } else {
            0.0
        }
    };
    let said: f64 = amounts.iter().map(share).sum();
    let left = 1.0 - said;
    if (rest == 0 && left.abs() > 1e-6) || (rest > 0 && left <= 1e-9) {
        let problem = format!("its shares add up to {said:.4}");
        let help = "let them add up to 1, or leave some for the data sets without one";
        return refused(problem, help);
    }
    let shares = amounts.iter().map(|amount| match amount {
        Amount::Share(share) => *share,
        _ => left / rest as f64,
    });
    let most = || {
        shares
            .clone()
            .zip(have)
            .map(|(share, have)| *have as f64 / share)
    };
    let total = rows.unwrap_or_else(|| (most().fold(f64::INFINITY, f64::min) + 1e-6) as usize);
    let (mut until, mut end) = (0.0, 0);
    let part = |share: f64| {
        until += share;
        let start = std::mem::replace(&mut end, (until * total as f64).round() as usize);
        end - start
    };
    Ok(shares.clone().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_from_behind_the_colon() {
        for (text, path, due) in [
            ("a.hdf5", "a.hdf5", Amount::Rest),
            ("a.hdf5:5000", "a.hdf5", Amount::Rows(5000)),
            ("a.hdf5:0.25", "a.hdf5", Amount::Share(0.25)),
            ("a:b:1.0", "a:b", Amount::Share(1.0)),
            ("a.hdf5:30%", "a.hdf5", Amount::Share(0.3)),
            ("C:\\a.hdf5", "C:\\a.hdf5", Amount::Rest),
        ] {
            assert_eq!(amount(text).unwrap(), (path.into(), due), "{text}");
        }
        for text in ["a:0", "a:", "a:-3", "a:0.0", "a:1.5", "a:200%", "a:-1.0"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rows_follow_from_shares() {
        use Amount::{Rest, Rows, Share};
        for (amounts, have, rows, due) in [
            (&[Rest, Rest][..], &[7, 9][..], None, &[7, 9][..]),
            (&[Rest, Rest], &[70, 90], Some(21), &[11, 10]),
            (&[Rows(3), Rest], &[7, 9], None, &[3, 9]),
            (&[Share(0.25), Share(0.75)], &[100, 60], None, &[20, 60]),
            (&[Share(0.1), Rest], &[100, 900], None, &[100, 900]),
            (&[Share(0.1), Rest, Rest], &[9, 9, 9], Some(10), &[1, 5, 4]),
            (&[Share(1.0)], &[5], Some(5), &[5]),
        ] {
            assert_eq!(rows_of(amounts, have, rows).unwrap(), due, "{amounts:?}");
        }
        for (amounts, rows) in [
            (&[Rows(3), Share(0.5)][..], None),
            (&[Rows(3), Rest], Some(5)),
            (&[Share(0.5), Share(0.4)], None),
            (&[Share(0.5), Share(0.5), Rest], None),
        ] {
            let have = vec![9; amounts.len()];
            assert!(rows_of(amounts, &have, rows).is_err(), "{amounts:?}");
        }
    }
}
