//! Gaps: parsing, canonical text, what they change, and edits that change nothing.

use h2oplus::env::Task;
use h2oplus::model::{Gap, GapTable};

fn gap(text: &str) -> Gap {
    text.parse().unwrap()
}

fn fails(text: &str) -> String {
    text.parse::<Gap>().unwrap_err().to_string()
}

#[test]
fn canonical_text() {
    for (text, canonical) in [
        ("none", "none"),
        ("gravity", "gravity=2"),
        ("gravity=2.0", "gravity=2"),
        ("gravity=1.50", "gravity=1.5"),
        ("joint-noise , friction = 0.5", "friction=0.5,joint-noise=1"),
        ("soft-feet=-0", "soft-feet=0"),
        ("gravity=1e300", "gravity=1e300"),
    ] {
        assert_eq!(gap(text).to_string(), canonical);
        assert_eq!(gap(canonical), gap(text));
    }
    assert_eq!(gap("friction,gravity"), gap("gravity,friction"));
    assert_ne!(gap("gravity"), gap("gravity=2.02"));
    assert_eq!(Gap::default(), Gap::none());
    assert!(Gap::none().is_none() && !gap("gravity").is_none());
}

#[test]
fn refused_text() {
    assert!(fails("gravty").contains("there is no gap `gravty`"));
    assert!(fails("gravty").contains("flexible-thigh"));
    for several in ["gravity=0.5..2.0", "none/gravity"] {
        assert!(fails(several).contains("one gap of fixed strength is wanted here"));
    }
    assert!(fails("gravity,gravity=3").contains("twice"));
    assert!(fails("gravity=fast").contains("`fast`"));
    assert!(fails("gravity=inf").contains("no finite number"));
    assert!(fails("").contains("there is no gap"));
}

#[test]
fn fields_that_change() {
    let changed = |task: &str, text: &str| -> Vec<(String, Vec<f64>, Vec<f64>)> {
        let task = Task::load(task).unwrap();
        let changes = gap(text).changes(&task.spec).unwrap();
        changes
            .spec
            .into_iter()
            .map(|c| (c.field, c.old, c.new))
            .collect()
    };
    let row =
        |field: &str, old: &[f64], new: &[f64]| (field.to_owned(), old.to_vec(), new.to_vec());
    assert_eq!(
        changed("halfcheetah", "gravity"),
        [row(
            "option gravity",
            &[0.0, 0.0, -9.81],
            &[0.0, 0.0, -19.62]
        )]
    );
    assert_eq!(
        changed("halfcheetah", "big-thigh"),
        [
            row("geom bthigh size", &[0.046, 0.145], &[0.092, 0.29]),
            row("geom fthigh size", &[0.046, 0.133], &[0.092, 0.266]),
        ]
    );
    // Walker's thighs run from end to end: only the radius scales.
    assert_eq!(
        changed("walker2d", "small-thigh"),
        [
            row("geom thigh_geom size", &[0.05], &[0.025]),
            row("geom thigh_left_geom size", &[0.05], &[0.025]),
        ]
    );
    assert_eq!(
        changed("halfcheetah", "broken-thigh"),
        [
            row("joint bthigh range", &[-0.52, 1.05], &[-0.26, 0.525]),
            row("joint fthigh range", &[-1.0, 0.7], &[-0.5, 0.35]),
        ]
    );
    assert_eq!(
        changed("halfcheetah", "long-torso"),
        [row(
            "geom torso fromto",
            &[-0.5, 0.0, 0.0, 0.5, 0.0, 0.0],
            &[-2.0, 0.0, 0.0, 2.0, 0.0, 0.0]
        )]
    );
    assert_eq!(
        changed("halfcheetah", "soft-feet"),
        [
            row("joint bfoot stiffness", &[120.0], &[0.0]),
            row("joint ffoot stiffness", &[60.0], &[0.0]),
        ]
    );
    assert_eq!(
        changed("walker2d", "joint-noise=0.5"),
        [row("action noise", &[0.0], &[0.5])]
    );
    assert_eq!(
        changed(
            "walker2d",
            "delay=3,dead-zone=0.2,sensor-noise,sensor-bias=-1"
        ),
        [
            row("action delay", &[0.0], &[3.0]),
            row("action dead-zone", &[0.0], &[0.2]),
            row("observation noise", &[0.0], &[0.05]),
            row("observation bias", &[0.0], &[-1.0]),
        ]
    );
    let friction = changed("walker2d", "friction");
    assert_eq!(friction.len(), 8, "seven limbs and the floor");
    assert_eq!(friction[0].0, "geom floor friction");
}

#[test]
fn compiled_fields_that_change() {
    let task = Task::load("halfcheetah").unwrap();
    let fields = |text: &str| -> Vec<String> {
        gap(text)
            .changes(&task.spec)
            .unwrap()
            .model
            .into_iter()
            .map(|c| c.field)
            .collect()
    };
    assert_eq!(fields("gravity"), ["gravity"]);
    assert_eq!(
        fields("soft-feet"),
        ["dof bfoot stiffness", "dof ffoot stiffness"]
    );
    assert_eq!(
        fields("flexible-thigh"),
        ["dof bthigh range", "dof fthigh range"]
    );
    assert!(fields("joint-noise").is_empty());
    let friction = fields("friction");
    assert_eq!(friction.len(), 32, "friction and row scale of 16 points");
    // The total mass is fixed: heavier thighs make every other body lighter.
    let (model, channel) = task.model(&gap("big-thigh,joint-noise")).unwrap();
    let total: f64 = model.bodies.iter().map(|b| b.mass).sum();
    assert!((total - 14.0).abs() < 1e-13 && channel.noise == 1.0);
    assert!(fields("big-thigh").contains(&"body torso mass".to_owned()));
}

#[test]
fn edits_that_change_nothing() {
    let fails = |task: &str, gap: &str| {
        let task = Task::load(task).unwrap();
        task.model(&task.gap(gap).unwrap()).unwrap_err().to_string()
    };
    assert!(fails("walker2d", "gravity=1").contains("gravity=1: changes nothing"));
    assert!(fails("walker2d", "joint-noise=0").contains("changes nothing"));
    assert!(fails("halfcheetah", "gravity=2,friction=1").contains("friction=1: changes nothing"));
    assert!(fails("halfcheetah", "big-thigh=2,small-thigh=0.5").contains("undo each other"));
    assert!(fails("walker2d", "long-torso").contains("no edit for the robot `walker2d`"));
    assert!(
        fails("halfcheetah", "big-thigh=0")
            .contains("assets/half_cheetah.xml:32: capsule `bthigh` has radius 0")
    );
    assert!(fails("halfcheetah", "broken-thigh=-1").contains("range of joint `bthigh`"));
    assert!(fails("halfcheetah", "joint-noise=-1").contains("cannot be negative"));
    assert!(fails("halfcheetah", "delay=9").contains("a delay of 9 env steps"));
    assert!(fails("halfcheetah", "delay=1.5").contains("delay=1.5: a delay of 1.5 env steps"));
    assert!(fails("halfcheetah", "delay=0").contains("changes nothing"));
    assert!(fails("halfcheetah", "friction=-1").contains("friction of geom"));
    assert!(fails("halfcheetah", "gravity=1e308").contains("option gravity holds -inf"));
}

/// A gap table of the user's own: density on half-cheetah, whose total mass is fixed, changes nothing.
#[test]
fn own_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(
        r#"
[density]
doc = "density x k"
default = 2.0
edits = [{ element = "geom", attribute = "density" }]

[weak-thigh]
doc = "thigh motors x k"
default = 0.5
edits = [{ robot = "cheetah", element = "motor", names = ["bthigh", "fthigh"], attribute = "gear" }]

[stiffer]
doc = "armature + k"
default = 0.05
edits = [{ element = "joint", names = ["bthigh"], attribute = "armature", op = "add" }]

[wrong-name]
doc = "no such joint"
default = 0.5
edits = [{ element = "joint", names = ["knee"], attribute = "range" }]
"#,
    );
    let table = GapTable::load(&path).unwrap();
    let (cheetah, walker) = (
        Task::load("halfcheetah").unwrap(),
        Task::load("walker2d").unwrap(),
    );
    let density = table.gap("density").unwrap();
    let error = cheetah.model(&density).unwrap_err().to_string();
    assert!(
        error.contains("density=2: changes nothing in the compiled `cheetah`"),
        "{error}"
    );
    let heavy = walker.model(&density).unwrap().0;
    let light = walker.model(&Gap::none()).unwrap().0;
    assert!((heavy.bodies[3].mass / light.bodies[3].mass - 2.0).abs() < 1e-14);
    let weak = cheetah.model(&table.gap("weak-thigh").unwrap()).unwrap().0;
    assert_eq!(
        (weak.actuators[0].gear, weak.actuators[1].gear),
        (60.0, 90.0)
    );
    let stiff = cheetah.model(&table.gap("stiffer").unwrap()).unwrap().0;
    assert!((stiff.dofs[3].armature - 0.15).abs() < 1e-15);
    let error = cheetah
        .model(&table.gap("wrong-name").unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no `joint knee` with attribute `range`"),
        "{error}"
    );

    for (text, problem) in [
        (
            "[a]\ndoc = \"\"\ndefault = 1.0\nedits = []",
            "gap `a`: no edits",
        ),
        (
            "[a]\ndoc = \"\"\ndefault = 1.0\nstrength = 1\nedits = []",
            "own.toml:4: unknown field `strength`",
        ),
        (
            "[none]\ndoc = \"\"\ndefault = 1.0\nedits = []",
            "no fit name",
        ),
        (
            "[a]\ndoc = \"\"\ndefault = nan\nedits = []",
            "no finite number",
        ),
        (
            "[a]\ndoc = \"\"\ndefault = 1.0\nedits = [{ element = \"action\", attribute = \"late\" }]",
            "the action's attributes are noise, delay, dead-zone, without `names`",
        ),
        (
            "[a]\ndoc = \"\"\ndefault = 1.0\nedits = [{ element = \"observation\", names = [\"x\"], attribute = \"bias\" }]",
            "the observation's attributes are noise, bias, without `names`",
        ),
    ] {
        write(text);
        let error = GapTable::load(&path).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
