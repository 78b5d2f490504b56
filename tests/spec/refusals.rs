//! What the loader refuses: by line, with what is supported instead.

use h2oplus::model::Spec;

const CHEETAH: &str = include_str!("../../assets/half_cheetah.xml");
const HEAD: &str =
    r#"<geom name="head" pos="0.6 0 0.1" axisangle="0 1 0 0.87" size="0.046 0.15"/>"#;
const BSHIN: &str = r#"<joint name="bshin" range="-0.785 0.785" stiffness="180" damping="4.5"/>"#;

/// The message when `from` in half-cheetah reads `to`.
fn error(from: &str, to: &str) -> String {
    assert!(CHEETAH.contains(from), "{from}");
    let text = CHEETAH.replacen(from, to, 1);
    Spec::parse("robot.xml", &text)
        .and_then(|s| s.compile())
        .expect_err(to)
        .to_string()
}

/// Line on which `needle` stands in half-cheetah.
fn line(needle: &str) -> usize {
    CHEETAH.lines().position(|l| l.contains(needle)).unwrap() + 1
}

#[test]
fn by_line() {
    let head = format!("robot.xml:{}: ", line("\"head\""));
    let bshin = format!("robot.xml:{}: ", line("joint name=\"bshin\""));
    let rooty = format!("robot.xml:{}: ", line("rooty"));
    let option = format!("robot.xml:{}: ", line("<option"));
    let compiler = format!("robot.xml:{}: ", line("<compiler"));
    let floor = format!("robot.xml:{}: ", line("\"floor\""));
    let geom = |add: &str| HEAD.replace("/>", &format!(" {add}/>"));
    let joint = |add: &str| BSHIN.replace("/>", &format!(" {add}/>"));
    for (from, to, place, problem) in [
        (
            HEAD,
            geom("gap=\"0.1\"").as_str(),
            &head,
            "attribute `gap` of <geom> is not supported",
        ),
        (
            HEAD,
            &geom("type=\"box\""),
            &head,
            "type=\"box\" of <geom> is not supported",
        ),
        (
            HEAD,
            &geom("euler=\"0 1 0\""),
            &head,
            "two rotations at once",
        ),
        (
            HEAD,
            &HEAD.replace("0 1 0 0.87", "1 0 0 0.87"),
            &head,
            "`axisangle` leaves the x-z plane",
        ),
        (
            HEAD,
            &HEAD.replace("0.6 0 0.1", "0.6 0.1 0.1"),
            &head,
            "`pos` leaves the x-z plane (y = 0.1)",
        ),
        (
            HEAD,
            &HEAD.replace("0.6 0 0.1", "0.6 0 x"),
            &head,
            "`x` in pos=\"0.6 0 x\" is no finite number",
        ),
        (
            HEAD,
            &HEAD.replace("0.6 0 0.1", "0.6 0"),
            &head,
            "pos=\"0.6 0\" has 2 numbers",
        ),
        (
            HEAD,
            &HEAD.replace("0.046 0.15", "0.046"),
            &head,
            "capsule `head` has 1 numbers in `size`",
        ),
        (
            HEAD,
            &HEAD.replace("0.046 0.15", "0.046 0"),
            &head,
            "half-length 0",
        ),
        (
            HEAD,
            &HEAD.replace("0.046 0.15", "-0.046 0.15"),
            &head,
            "radius -0.046",
        ),
        (
            HEAD,
            &geom("class=\"soft\""),
            &head,
            "there is no default class `soft`",
        ),
        (HEAD, &geom("condim=\"5\""), &head, "condim 5"),
        (
            HEAD,
            &geom("condim=\"round\""),
            &head,
            "condim=\"round\" is no whole number",
        ),
        (
            HEAD,
            &geom("solref=\"0.05 1\""),
            &head,
            "`torso` and `head` differ in solref",
        ),
        (
            HEAD,
            &geom("margin=\"0.001\""),
            &head,
            "differ in solref, solimp or margin",
        ),
        (
            HEAD,
            &geom("friction=\"-1\""),
            &head,
            "friction of geom `head` is -1",
        ),
        (
            HEAD,
            &geom("conaffinity=\"1\""),
            &format!("robot.xml:{}: ", line("geom name=\"bshin\"")),
            "contact of geoms `head` and `bshin` has condim 3",
        ),
        (
            HEAD,
            &HEAD.replace("head", "torso"),
            &head,
            "a second geom is called `torso`",
        ),
        (
            HEAD,
            "<inertial mass=\"1\" pos=\"0 0 0\"/>",
            &head,
            "element <inertial> in <body> is not supported",
        ),
        (
            BSHIN,
            &joint("frictionloss=\"1\""),
            &bshin,
            "attribute `frictionloss` of <joint> is not supported",
        ),
        (BSHIN, &joint("type=\"ball\""), &bshin, "type=\"ball\""),
        (
            BSHIN,
            &joint("type=\"slide\""),
            &bshin,
            "joint `bshin` of body `bshin` is not a hinge along y",
        ),
        (
            BSHIN,
            &joint("axis=\"0 1 0.1\""),
            &bshin,
            "is not a hinge along y",
        ),
        (
            BSHIN,
            &joint("ref=\"0.1\""),
            &bshin,
            "hinge `bshin` has ref 0.1",
        ),
        (
            BSHIN,
            &joint("solreflimit=\"0.1 1\""),
            &bshin,
            "`bthigh` and `bshin` differ in solreflimit",
        ),
        (
            BSHIN,
            &joint("solreflimit=\"-100 -1\""),
            &bshin,
            "solref -100 -1 is not a time constant",
        ),
        (
            BSHIN,
            &joint("armature=\"-1\""),
            &bshin,
            "armature of joint `bshin` is -1",
        ),
        (
            BSHIN,
            &BSHIN.replace("-0.785 0.785", "0.785 -0.785"),
            &bshin,
            "range of joint `bshin` is 0.785 -0.785",
        ),
        (
            BSHIN,
            &BSHIN.replace("range=\"-0.785 0.785\"", ""),
            &bshin,
            "`limited` is true but there is no `range`",
        ),
        (
            BSHIN,
            &format!("{BSHIN}{}", BSHIN.replace("bshin", "knee")),
            &format!("robot.xml:{}: ", line("body name=\"bshin\"")),
            "body `bshin` has 2 joints, not 1",
        ),
        (
            "<joint name=\"rooty\" class=\"root\"/>",
            "<freejoint/>",
            &rooty,
            "element <freejoint> in <body>",
        ),
        (
            "name=\"rooty\" class=\"root\"",
            "name=\"rooty\" class=\"root\" type=\"slide\"",
            &rooty,
            "joint `rooty` of body `torso` is not a hinge along y",
        ),
        (
            "timestep=\"0.01\"",
            "timestep=\"0\"",
            &option,
            "timestep is 0",
        ),
        (
            "timestep=\"0.01\"",
            "integrator=\"implicit\"",
            &option,
            "integrator=\"implicit\"",
        ),
        (
            "timestep=\"0.01\"",
            "cone=\"elliptic\"",
            &option,
            "cone=\"elliptic\"",
        ),
        (
            "timestep=\"0.01\"",
            "impratio=\"10\"",
            &option,
            "`impratio` is not 1",
        ),
        (
            "timestep=\"0.01\"",
            "viscosity=\"0.1\"",
            &option,
            "attribute `viscosity`",
        ),
        (
            "0 0 -9.81",
            "1 0 -9.81",
            &option,
            "gravity is [1.0, 0.0, -9.81]",
        ),
        (
            "angle=\"radian\"",
            "angle=\"grad\"",
            &compiler,
            "angle=\"grad\"",
        ),
        (
            "angle=\"radian\"",
            "coordinate=\"polar\"",
            &compiler,
            "coordinate=\"polar\"",
        ),
        (
            "angle=\"radian\"",
            "inertiafromgeom=\"false\"",
            &compiler,
            "inertiafromgeom=\"false\"",
        ),
        (
            "size=\"40 40 40\"",
            "size=\"40 40 40\" pos=\"0 0 1\"",
            &floor,
            "the plane is not at z = 0",
        ),
        (
            "<geom name=\"floor\" type=\"plane\"",
            "<geom name=\"floor\"",
            &floor,
            "a capsule fixed to the world",
        ),
        (
            "<actuator>",
            "<tendon/><actuator>",
            &format!("robot.xml:{}: ", line("<actuator>")),
            "element <tendon> in <mujoco>",
        ),
        (
            "<motor name=\"bthigh\"",
            "<position name=\"bthigh\"",
            &format!("robot.xml:{}: ", line("motor name=\"bthigh\"")),
            "element <position> in <actuator>",
        ),
        (
            "joint=\"bthigh\"",
            "joint=\"knee\"",
            &format!("robot.xml:{}: ", line("motor name=\"bthigh\"")),
            "<motor> drives `knee`, which is no joint",
        ),
    ] {
        let message = error(from, to);
        assert!(message.starts_with(place.as_str()), "{to}: {message}");
        assert!(message.contains(problem), "{to}: {message}");
        assert!(message.contains("\n  help: "), "{message}");
    }
}

#[test]
fn supported_is_named() {
    let message = error(HEAD, &HEAD.replace("/>", " gap=\"0.1\"/>"));
    for word in [
        "fromto",
        "solimp",
        "accepted without effect: rgba, material",
    ] {
        assert!(message.contains(word), "{message}");
    }
    assert!(
        error("<actuator>", "<tendon/><actuator>")
            .contains("worldbody, contact, actuator; accepted without effect: asset, visual")
    );
    assert!(
        error("<joint name=\"rooty\" class=\"root\"/>", "")
            .contains("slide x (axis 1 0 0), slide z (axis 0 0 1), hinge y")
    );
}

/// An unused default is checked too: it may be a misspelt one.
#[test]
fn defaults_are_checked() {
    let message = error(
        "<default class=\"root\">",
        "<default class=\"idle\"><joint dampin=\"1\"/></default><default class=\"root\">",
    );
    assert!(
        message.contains("attribute `dampin` of <joint>"),
        "{message}"
    );
}

#[test]
fn harmless_is_ignored() {
    let plain = Spec::parse("robot.xml", CHEETAH)
        .unwrap()
        .compile()
        .unwrap();
    let decorated = CHEETAH
        .replace(HEAD, &HEAD.replace("/>", " rgba=\"1 0 0 1\" material=\"skin\" group=\"1\"/><camera name=\"track\"/><light/><site/>"))
        .replace("<worldbody>", "<asset><material name=\"skin\"/></asset><visual/><statistic/><worldbody><light/>")
        .replace("timestep=", "iterations=\"3\" solver=\"CG\" timestep=");
    assert_eq!(
        plain,
        Spec::parse("robot.xml", &decorated)
            .unwrap()
            .compile()
            .unwrap()
    );
}

#[test]
fn no_mjcf() {
    let message = |text: &str| Spec::parse("robot.xml", text).unwrap_err().to_string();
    assert!(message("").starts_with("robot.xml:"), "{}", message(""));
    assert!(
        message("<mujoco>\n<worldbody>\n</mujoco>").starts_with("robot.xml:3: not well-formed XML")
    );
    assert!(message("<robot name=\"x\"/>").contains("the root element is <robot>"));
    // A file cut short anywhere is an error, never a smaller robot.
    for end in (0..CHEETAH.trim_end().len()).step_by(97) {
        assert!(Spec::parse("robot.xml", &CHEETAH[..end]).is_err());
    }
    let empty = Spec::parse("robot.xml", "<mujoco/>")
        .unwrap()
        .compile()
        .unwrap_err()
        .to_string();
    assert!(empty.contains("there is no body"), "{empty}");
    assert!(
        Spec::load("no/such.xml")
            .unwrap_err()
            .to_string()
            .starts_with("no/such.xml: ")
    );
}
