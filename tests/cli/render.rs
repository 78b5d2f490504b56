//! Films: a run leaves a player, and what is drawn differs where the worlds do.

use std::path::Path;

use serde_json::Value;

use super::{command, json, only_run, printed, small, stderr};

/// The film in the page at `path`.
fn film(path: &Path) -> Value {
    let html = std::fs::read_to_string(path).unwrap();
    for address in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!html.contains(address), "the page needs {address}");
    }
    let (_, rest) = html.split_once("id=\"film\">").expect("a film");
    let (text, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(text).expect("JSON")
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let out = command(dir, args).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{args:?}");
    stderr(&out)
}

#[test]
fn a_run_leaves_a_player_and_renders() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let out = printed(
        dir,
        &small(&[
            "--updates",
            "40",
            "--vary",
            "gap=gravity,none",
            "--seeds",
            "0..1",
        ]),
    );
    let run = only_run(dir);
    assert!(out.contains("player.html and 1 more beside it"), "{out}");
    // One for each gap, not for each seed.
    assert!(run.join("player.html").is_file() && run.join("player-2.html").is_file());
    assert!(!run.join("player-1.html").exists());
    let [doubled, plain] = ["player.html", "player-2.html"].map(|name| film(&run.join(name)));
    assert_eq!(doubled["tracks"][1]["gap"], "gravity=2");
    assert_eq!(doubled["motors"].as_array().unwrap().len(), 6);
    let track = |film: &Value, n: usize| film["tracks"][n].clone();
    for key in ["poses", "rewards", "torques", "touches"] {
        assert_ne!(track(&doubled, 0)[key], track(&doubled, 1)[key], "{key}");
        // Without a gap both worlds are one, whoever chooses the actions.
        assert_eq!(track(&plain, 0)[key], track(&plain, 1)[key], "{key}");
        assert_eq!(track(&plain, 0)[key], track(&plain, 2)[key], "{key}");
    }
    // Under the same actions the torques are the same, and the robots not.
    assert_eq!(track(&doubled, 0)["torques"], track(&doubled, 2)["torques"]);
    assert_ne!(track(&doubled, 0)["poses"], track(&doubled, 2)["poses"]);
    let report = printed(
        dir,
        &["report", "runs", "--out", "report", "--resamples", "50"],
    );
    assert!(report.contains("report.html"));
    let html = std::fs::read_to_string(dir.join("report/report.html")).unwrap();
    let address = format!(
        "../runs/{}/player",
        run.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .replace('=', "%3D")
    );
    let links = html.matches(&address).count();
    assert!(
        links >= 4,
        "each cell and each folder: {links} of {address}"
    );
    let markdown = std::fs::read_to_string(dir.join("report/report.md")).unwrap();
    assert_eq!(markdown.matches(&format!("]({address}")).count(), 2);

    let run = run.to_str().unwrap();
    let late = ["--gap", "delay=2", "--steps", "20", "--out", "late.html"];
    printed(dir, &[&["render", run][..], &late].concat());
    let late = film(&dir.join("late.html"));
    let torques = |track: usize| -> Vec<i64> {
        let knee = late["tracks"][track]["torques"][1].as_array().unwrap();
        let mut now = 0;
        let shown = knee.iter().map(|step| {
            now += step.as_i64().unwrap();
            now
        });
        shown.collect()
    };
    // A motor that is two steps late does then what the real one did before.
    let (real, same) = (torques(0), torques(2));
    assert_eq!(same[2..], real[..18]);
    assert_ne!(same[..18], real[..18]);
    let said = json(dir, &["render", run, "--out", "a.gif", "--steps", "30"]);
    assert_eq!(said["tracks"][0]["steps"], 30);
    printed(dir, &["render", run, "--out", "a.png", "--steps", "30"]);
    printed(dir, &["render", run, "--out", "still.gif", "--steps", "1"]);
    let [gif, still, png] =
        ["a.gif", "still.gif", "a.png"].map(|name| std::fs::read(dir.join(name)).unwrap());
    assert_eq!((&gif[..6], &png[1..4]), (&b"GIF89a"[..], &b"PNG"[..]));
    assert!(
        gif.len() > 4 * still.len(),
        "it moves: {} and {}",
        gif.len(),
        still.len()
    );

    let mut decoder = gif::DecodeOptions::new().read_info(&gif[..]).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (641, 190));
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        // An env step of half-cheetah takes 0.05 s.
        assert_eq!(frame.delay, 5);
        frames += 1;
    }
    assert_eq!(frames, 30);
    let picture = tiny_skia::Pixmap::decode_png(&png).unwrap();
    // Six moments of the real robot over six of the simulated one: blue above, orange below, but for ghosts.
    let width = picture.width() as usize;
    let count = |[r, g, b]: [u8; 3], rows: std::ops::Range<usize>| {
        let pixels = &picture.pixels()[rows.start * width..rows.end * width];
        pixels
            .iter()
            .filter(|p| [p.red(), p.green(), p.blue()] == [r, g, b])
            .count()
    };
    let (blue, orange) = ([0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00]);
    assert_eq!(picture.height(), 340);
    assert!(count(blue, 0..170) > 3000 && count(orange, 170..340) > 3000);
    assert_eq!((count(orange, 0..170), count(blue, 170..340)), (0, 0));

    let error = refused(dir, &["render", run, "--out", "a.mp4"]);
    assert!(error.contains(".html, .gif or .png"), "{error}");
    let error = refused(dir, &["render", run, "--out", "a.html", "--policy", "4"]);
    assert!(error.contains("holds 4 policies"), "{error}");
    let bare =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/formats/d4rl_no_next.hdf5");
    let error = refused(dir, &["render", bare.to_str().unwrap(), "--out", "a.html"]);
    assert!(
        error.contains("neither states") && error.contains("nor a behaviour policy"),
        "{error}"
    );
    let error = refused(dir, &["render", "nowhere", "--out", "a.html"]);
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn recorded_states_are_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    printed(
        dir,
        &[
            "collect", "--task", "hopper", "--from", "random", "--rows", "400", "--out", "data",
        ],
    );
    let data = "data/hopper-v2-random.hdf5";
    let said = json(dir, &["render", data, "--out", "a.html", "--episode", "3"]);
    assert_eq!(said["tracks"][0]["world"], "recorded");
    assert_eq!(said["tracks"][0]["end"], "fell");
    let same = film(&dir.join("a.html"));
    // The same robot under the same actions does the same, up to float32.
    let column = |film: &Value, n: usize| -> Vec<i64> {
        let mut at = 0;
        let steps = film["tracks"][n]["poses"][1].as_array().unwrap().iter();
        steps
            .map(|d| {
                at += d.as_i64().unwrap();
                at
            })
            .collect()
    };
    let apart = |film: &Value| {
        let pairs = column(film, 0).into_iter().zip(column(film, 1));
        pairs.map(|(a, b)| (a - b).abs()).max().unwrap()
    };
    assert!(apart(&same) <= 1, "{} mm", apart(&same));
    printed(
        dir,
        &[
            "render",
            data,
            "--out",
            "b.html",
            "--episode",
            "3",
            "--gap",
            "gravity=2",
        ],
    );
    let other = film(&dir.join("b.html"));
    assert!(apart(&other) > 5, "{} mm", apart(&other));
    let error = refused(
        dir,
        &["render", data, "--out", "a.html", "--episode", "999"],
    );
    assert!(error.contains("there is none of number 999"), "{error}");
    let error = refused(
        dir,
        &["render", data, "--out", "a.html", "--task", "walker2d"],
    );
    assert!(error.contains("the file's own task"), "{error}");
}
